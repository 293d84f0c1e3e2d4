// Goal: a node that comes late joins by a snapshot while the others go on, and is then as good as any.
// Method: whole nodes in this process with a snapshot every few blocks; the last one starts when the others are far ahead.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import type { SteleNode } from '../../node/stele-node.ts'
import { createCluster, until } from '../helpers/cluster.ts'
import type { TestCluster } from '../helpers/cluster.ts'

const PARAMETERS = { snapshotBlocks: 8 }
const CONFIG = { snapshots: { joinBehindBlocks: 12 } }

async function send(node: SteleNode, transaction: Transaction): Promise<void> {
  const { admission, relay, driver } = node.parts
  await admission.admit(transaction.bytes)
  relay.relay(transaction)
  driver.kick()
}

/** One block after the other, until the leader stands at `height`. */
async function grow(cluster: TestCluster, height: number): Promise<void> {
  await cluster.leader()
  const node = cluster.nodes[0]!
  while (node.parts.store.height < height) {
    const before = node.parts.store.height
    await send(node, cluster.enrolment())
    await until(() => node.parts.store.height > before)
    // A machine under load may be slower at writing a snapshot than at cutting eight blocks.
    const boundary = Math.floor(node.parts.store.height / PARAMETERS.snapshotBlocks) * PARAMETERS.snapshotBlocks
    await until(() => [0, 1].every((i) => cluster.nodes[i]!.parts.maker.newestHeight >= boundary))
  }
}

t.test('a late node takes a snapshot from two members, follows, and serves what it took', async (t) => {
  const cluster = await createCluster(t.testdir(), 3, { parameters: PARAMETERS, config: CONFIG })
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

t.test('a node that replays notices by itself that a snapshot is far ahead', async (t) => {
  const cluster = await createCluster(t.testdir(), 3, { parameters: PARAMETERS, config: CONFIG })
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
