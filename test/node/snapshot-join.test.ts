// Goal: a node that comes late joins by a snapshot while the others go on, and is then as good as any.
// Method: whole nodes in this process with a snapshot every few blocks; the last one starts when the others are far ahead.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { verifyData } from '../../node/verify-data.ts'
import { toHex } from '../../primitives/bytes.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import type { SteleNode } from '../../node/stele-node.ts'
import { createCluster, lead, until } from '../helpers/cluster.ts'
import type { TestCluster } from '../helpers/cluster.ts'
import { testDirectory } from '../helpers/directory.ts'
import { decide, officeOf } from '../helpers/governance.ts'

t.setTimeout(290_000)

const PARAMETERS = { snapshotBlocks: 8 }
const CONFIG = { snapshots: { joinBehindBlocks: 12 } }

async function send(node: SteleNode, transaction: Transaction): Promise<void> {
  const { admission, relay, driver } = node.parts
  await admission.admit(transaction.bytes)
  relay.relay(transaction)
  driver.kick()
}

/** One block after the other, until the leader stands at `height`. */
async function grow(cluster: TestCluster, height: number, lifetimeMs?: number): Promise<void> {
  await cluster.leader()
  const node = cluster.nodes[0]!
  while (node.parts.store.height < height) {
    const before = node.parts.store.height
    await send(node, cluster.enrolment(0, lifetimeMs))
    await until(() => node.parts.store.height > before)
    // A machine under load may be slower at writing a snapshot than at cutting eight blocks.
    const boundary = Math.floor(node.parts.store.height / PARAMETERS.snapshotBlocks) * PARAMETERS.snapshotBlocks
    await until(() => [0, 1].every((i) => cluster.nodes[i]!.parts.maker.newestHeight >= boundary))
  }
}

t.test('a late node takes a snapshot from two members, follows, and serves what it took', async (t) => {
  const cluster = await createCluster(testDirectory(t), 3, { parameters: PARAMETERS, config: CONFIG })
  t.teardown(() => cluster.stop())
  await Promise.all([cluster.startNode(0), cluster.startNode(1)])
  await grow(cluster, 30)
  const [first, second] = cluster.nodes
  await until(() => first!.parts.maker.newestHeight === 24 && second!.parts.maker.newestHeight === 24)
  t.same((await first!.parts.snapshots.manifest(24)).id, (await second!.parts.snapshots.manifest(24)).id, 'both made the same snapshot')
  t.same(await first!.parts.snapshots.heights(), [16, 24], 'older ones are gone')

  await cluster.startNode(2, 'behind')
  const late = (): SteleNode => cluster.nodes[2]!
  t.equal(late().parts.ledger.firstHeight(), 24, 'its ledger begins with the snapshot')
  await grow(cluster, 34)
  await until(() => late().parts.store.height === 34)
  t.same(late().parts.world.root, first!.parts.world.root, 'the same state')
  t.same(late().parts.store.block(34)!.hash, first!.parts.store.block(34)!.hash)
  t.equal((await late().parts.world.verifyAll()).height, 34)
  t.throws(() => late().parts.store.block(23), { code: 'BLOCK_PRUNED' })
  await until(() => late().parts.store.finalHeight === 34)
  t.ok(late().parts.store.finality(30), 'it proves that blocks after the snapshot are final')
  await until(() => late().parts.maker.newestHeight === 32 && first!.parts.maker.newestHeight === 32)
  t.same((await late().parts.snapshots.manifest(32)).id, (await first!.parts.snapshots.manifest(32)).id, 'it makes snapshots itself, the same as the others')

  await cluster.stopNode(2)
  const again = await cluster.startNode(2)
  t.equal(again.parts.ledger.firstHeight(), 24, 'and starts again from where it began')
  await grow(cluster, 36)
  await until(() => again.parts.store.height === 36)
  t.same(again.parts.world.root, first!.parts.world.root)
  t.notOk(existsSync(join(again.parts.config.dataDir, 'join')))
})

t.test('a node that was away during a change of members joins by the snapshot after it, proved from genesis on', async (t) => {
  const cluster = await createCluster(testDirectory(t), 4, { parameters: PARAMETERS, config: CONFIG })
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2].map((i) => cluster.startNode(i)))
  const leader = await lead(cluster, 0)
  const offices = await Promise.all([1, 2, 3].map((member) => officeOf(cluster, member)))
  await decide(leader, cluster.files.chain, offices, { kind: 'remove', value: { member: 3 } })
  await until(() => [0, 1].every((i) => cluster.nodes[i]!.parts.rules.members.voters.length === 3 && cluster.nodes[i]!.parts.finality.uncertifiedChange === undefined))
  await cluster.stopNode(2)
  await grow(cluster, 26)
  await until(() => [0, 1].every((i) => cluster.nodes[i]!.parts.maker.newestHeight === 24))
  t.ok(leader.parts.rules.changeHeights.every((height) => height < 24), 'the change stands in blocks that the newcomer never sees')
  const late = await cluster.startNode(3, 'behind')
  t.equal(late.parts.ledger.firstHeight(), 24)
  t.same(late.parts.rules.memberSet, leader.parts.rules.memberSet, 'it knows the voters of now')
  await grow(cluster, 28)
  await until(() => late.parts.store.finalHeight === 28)
  t.same(late.parts.world.root, leader.parts.world.root)
  // Of three voters two must agree: without the other one the newcomer's word counts.
  await cluster.stopNode(1)
  await send(leader, cluster.enrolment(0))
  await until(() => late.parts.store.finalHeight > 28)
})

t.test('a node that replays notices by itself that a snapshot is far ahead', async (t) => {
  const cluster = await createCluster(testDirectory(t), 3, { parameters: PARAMETERS, config: CONFIG })
  t.teardown(() => cluster.stop())
  await Promise.all([cluster.startNode(0), cluster.startNode(1)])
  await grow(cluster, 10)
  // Node 3 was there at the beginning, and then away.
  await cluster.startNode(2)
  await until(() => cluster.nodes[2]!.parts.store.height === 10)
  const attested = cluster.nodes[2]!.parts.ledger.recovered.bootCounter
  await cluster.stopNode(2)
  await grow(cluster, 30)
  await until(() => cluster.nodes[0]!.parts.maker.newestHeight === 24)
  await cluster.startNode(2, 'behind')
  const late = cluster.nodes[2]!
  t.ok(late.parts.ledger.firstHeight() >= 24, `ledger begins at ${late.parts.ledger.firstHeight()}`)
  t.ok(late.parts.ledger.recovered.bootCounter > attested, 'its count of starts went on')
  await until(() => late.parts.store.height >= 30)
  const id = toHex(late.parts.rules.chain)
  t.equal(id, toHex(cluster.files.chain))
})

t.test('a folder that began with a snapshot verifies, and a damaged snapshot in it is found', async (t) => {
  const cluster = await createCluster(testDirectory(t), 3, { parameters: PARAMETERS, config: CONFIG })
  t.teardown(() => cluster.stop())
  await Promise.all([cluster.startNode(0), cluster.startNode(1)])
  await grow(cluster, 20)
  await cluster.startNode(2, 'behind')
  await grow(cluster, 22)
  const { dataDir } = cluster.nodes[2]!.parts.config
  await until(() => cluster.nodes[2]!.parts.store.finalHeight === 22)
  await cluster.stopNode(2)
  const verify = () => verifyData({ dataDir, genesis: cluster.files.genesis, threads: 0 })
  const report = await verify()
  t.same(report.findings, [])
  t.match(report, { sound: true, blocks: { checked: 7, executedHeight: 22 }, state: { height: 22 } })
  t.ok(report.skipped.some(({ why }) => why.includes('above height 16')))
  // The state is lost: it comes back from the node's own snapshot and ledger, with no one to ask.
  rmSync(join(dataDir, 'state'), { recursive: true })
  const again = await cluster.startNode(2)
  t.equal(again.parts.world.height, 22)
  t.same(again.parts.world.root, cluster.nodes[0]!.parts.world.root)
  await cluster.stopNode(2)
  const aside = `${dataDir}.snapshots`
  renameSync(join(dataDir, 'snapshots'), aside)
  await t.rejects(cluster.startNode(2), { code: 'SNAPSHOT_NOT_FOUND' }, 'the ids still in force stand in the snapshot alone')
  rmSync(join(dataDir, 'state'), { recursive: true })
  await t.rejects(cluster.startNode(2), { code: 'SNAPSHOT_NOT_FOUND' }, 'and so does the state')
  rmSync(join(dataDir, 'snapshots'), { recursive: true, force: true })
  renameSync(aside, join(dataDir, 'snapshots'))
  const part = join(dataDir, 'snapshots', '0000000000000016', '000000.part')
  const bytes = readFileSync(part)
  bytes[100]! ^= 1
  writeFileSync(part, bytes)
  t.match((await verify()).findings, [{ code: 'SNAPSHOT_CHUNK_CORRUPT', height: 16 }])
})

t.test('below what was pruned a node answers by name, and who needs more is sent to a snapshot', async (t) => {
  const lifetimeMsMax = 3_500 // Longer than a block takes on any machine.
  // Segments of a few blocks, so that whole ones go.
  const config = { snapshots: { joinBehindBlocks: 1_000_000 }, prune: { keepBlocks: 4 }, ledger: { segmentBytes: 16_384 + 8_192 } }
  const cluster = await createCluster(testDirectory(t), 3, { parameters: { ...PARAMETERS, lifetimeMsMax, permitMsMax: lifetimeMsMax }, config })
  t.teardown(() => cluster.stop())
  await Promise.all([cluster.startNode(0), cluster.startNode(1), cluster.startNode(2)])
  await grow(cluster, 4, 3_000)
  await until(() => cluster.nodes[2]!.parts.store.height === 4)
  await cluster.stopNode(2)
  await grow(cluster, 16, 3_000)
  await new Promise((resolve) => setTimeout(resolve, lifetimeMsMax + 100))
  await grow(cluster, 24, 3_000)
  await until(() => [0, 1].every((i) => cluster.nodes[i]!.parts.ledger.firstHeight() > 4))
  const { store, world, ledger } = cluster.nodes[0]!.parts
  t.equal(store.floor, 16)
  t.throws(() => store.block(15), { code: 'BLOCK_PRUNED', details: { height: 15, firstHeight: 16 } })
  t.throws(() => store.finality(15), { code: 'BLOCK_PRUNED' })
  t.equal((await store.receipts(16)).length, 1)
  t.ok(ledger.firstHeight() > 4, `the first block in the files is ${ledger.firstHeight()}`)
  t.equal((await world.verifyAll()).height, store.height, 'the state is whole')
  // The older one goes as soon as the blocks and receipts below it are gone.
  const { snapshots } = cluster.nodes[0]!.parts
  while ((await snapshots.heights()).includes(8)) await new Promise((resolve) => setTimeout(resolve, 5))
  t.same(await snapshots.heights(), [16, 24], 'with the snapshot that the kept blocks go on from')

  // The node that was away needs block 5. Nobody has it any more.
  await cluster.startNode(2)
  await until(() => cluster.nodes[2]?.mode === 'normal' && (cluster.nodes[2]?.parts.store.height ?? 0) >= 24)
  t.equal(cluster.nodes[2]!.parts.ledger.firstHeight(), 24)
  await grow(cluster, 26, 3_000)
  await until(() => cluster.nodes[2]!.parts.store.height >= 26)
  t.same(cluster.nodes[2]!.parts.world.root, world.root)

  // A view of the database shows deleted rows until the next block is in it.
  t.same(await store.receipts(15), [], 'receipts are gone')

  // And a pruned folder verifies.
  const { dataDir } = cluster.nodes[1]!.parts.config
  await until(() => cluster.nodes[1]!.parts.store.finalHeight === 26)
  await cluster.stopNode(1)
  t.match(await verifyData({ dataDir, genesis: cluster.files.genesis, threads: 0 }), { sound: true, findings: [], blocks: { executedHeight: 26 } })
})
