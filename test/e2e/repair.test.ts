// Goal: a node that finds damage in what it stores votes and serves nothing, names the height, fetches intact copies and goes on (REQUIREMENTS L3, DESIGN §5.8).
// Method: four whole nodes in one process; one is stopped, a bit of its files is flipped, and it is started again: first alone, then with the others.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { equalBytes } from '../../primitives/bytes.ts'
import { SLOT_OFFSETS } from '../../state/ledger-format.ts'
import type { SteleNode } from '../../node/stele-node.ts'
import { verifyData } from '../../node/verify-data.ts'
import { createCluster, until } from '../helpers/cluster.ts'
import { flipBit, recordsIn } from '../helpers/flip.ts'
import type { StoredRecord } from '../helpers/flip.ts'
import { keepingLogger } from '../helpers/log-lines.ts'
import { testDirectory } from '../helpers/directory.ts'

t.setTimeout(290_000)
const SICK = 3
const BLOCKS = 12
const log = keepingLogger()
const cluster = await createCluster(testDirectory(t), 4, { loggerOf: (i) => (i === SICK ? log.logger : { debug() {}, info() {}, warn() {}, error() {} }) })
t.teardown(() => cluster.stop())
const dataDir = join(cluster.files.members[SICK]!.folder, 'data')
const others = cluster.nodes.map((_, i) => i).filter((i) => i !== SICK)

const height = (i: number): number => cluster.nodes[i]!.parts.world.height
const running = (): number[] => cluster.nodes.flatMap((node, i) => (node?.mode === 'normal' ? [i] : []))

/** Writes `count` blocks through any node that takes part, and waits until all that take part have them. */
async function write(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const at = running()[0]!
    const { admission, relay, driver, store } = cluster.nodes[at]!.parts
    const transaction = cluster.enrolment(at)
    await admission.admit(transaction.bytes)
    relay.relay(transaction)
    driver.kick()
    await until(() => store.locate(transaction.id) !== undefined)
  }
  const newest = Math.max(...running().map(height))
  await until(() => running().every((i) => height(i) === newest))
}

/** Stops the node, lets `spoil` change its files, and starts it again; resolves once it takes part. */
async function startSpoilt(spoil: () => Promise<void> | void): Promise<void> {
  await cluster.stopNode(SICK)
  await spoil()
  log.lines.length = 0
  await cluster.startNode(SICK)
}

async function mustBeWhole(t: Test): Promise<void> {
  const sick = cluster.nodes[SICK]!
  await until(() => sick.parts.world.height === height(others[0]!))
  const healthy = cluster.nodes[others[0]!]!.parts
  t.same(sick.parts.world.root, healthy.world.root, 'the same state')
  for (let index = 1; index <= healthy.driver.status.committedIndex; index++) {
    const [own, theirs] = [sick.parts.ledger.entry(index), healthy.ledger.entry(index)]
    if (own === undefined || theirs === undefined || own.term !== theirs.term || !equalBytes(own.data, theirs.data)) return void t.fail(`entry ${index} differs`)
  }
  await cluster.stopNode(SICK)
  const { sound, findings } = await verifyData({ dataDir, genesis: cluster.files.genesis, threads: 0 })
  t.same(findings, [], 'verify finds nothing')
  t.ok(sound)
  await cluster.startNode(SICK)
}

const damaged = (): Record<string, unknown>[] => log.lines.filter(({ phrase }) => phrase === 'ledger damaged').map(({ fields }) => fields)
const repairedFrom = (): unknown[] => log.lines.flatMap(({ phrase, level, fields }) => (level === 'info' && /^repaired from node \d/.test(phrase) ? [fields['node']] : []))

t.before(async () => {
  await Promise.all(cluster.nodes.map((_, i) => cluster.startNode(i)))
  await cluster.leader()
  await write(BLOCKS)
})

const blockAt = (records: readonly StoredRecord[], wanted: number): StoredRecord => records.find(({ record }) => record.type === 'entry' && record.entry.height === wanted)!

for (const [where, wanted, place] of [
  ['the payload of a block', 5, ({ payloadOffset }: StoredRecord) => payloadOffset + 300],
  ['the header of a record', 7, ({ offset }: StoredRecord) => offset + 20],
  ['the first block', 1, ({ payloadOffset }: StoredRecord) => payloadOffset + 130],
  ['the newest block', BLOCKS, ({ payloadOffset }: StoredRecord) => payloadOffset + 200],
] as const) {
  t.test(`one bit flipped in ${where}: the node names the height, takes no part, fetches the block from another, and goes on`, async (t) => {
    const starting = await startSpoiltAlone(async () => {
      const record = blockAt(await recordsIn(dataDir), wanted)
      flipBit(record.path, place(record), 3)
    })
    const sick = cluster.nodes[SICK]!
    t.equal(sick.mode, 'repair')
    t.equal(sick.repairReason, `repair: height ${wanted} damaged`)
    t.throws(() => sick.parts, { code: 'NODE_NOT_STARTED' }, 'there is no consensus that could vote, no store that could serve')
    t.match(damaged()[0], { height: wanted, segment: 1, fix: 'copy' })
    t.type(damaged()[0]!['offset'], 'number')
    await startOthers()
    await starting.done
    t.equal(sick.mode, 'normal')
    t.ok(repairedFrom().length > 0 && repairedFrom().every((node) => typeof node === 'number' && node !== SICK + 1), `repaired from node ${String(repairedFrom())}`)
    await write(1)
    await mustBeWhole(t)
  })
}

/** As `startSpoilt`, with nobody else there; resolves once the node is in repair mode. */
async function startSpoiltAlone(spoil: () => Promise<void>): Promise<{ readonly done: Promise<unknown> }> {
  await Promise.all(others.map((i) => cluster.stopNode(i)))
  const done = startSpoilt(spoil)
  await until(() => cluster.nodes[SICK]?.mode === 'repair')
  return { done }
}

async function startOthers(): Promise<void> {
  await Promise.all(others.map((i) => cluster.startNode(i)))
}

t.test('the others go on while one repairs, and count no acknowledgement of it', async (t) => {
  await cluster.stopNode(SICK)
  const record = blockAt(await recordsIn(dataDir), 3)
  flipBit(record.path, record.payloadOffset + 150, 1)
  log.lines.length = 0
  // The copies are kept from it, so that it stays in repair mode.
  const silent = (): Promise<Uint8Array> => Promise.resolve(new Uint8Array(0))
  for (const i of others) cluster.nodes[i]!.parts.network.sync.handle('ledger-entries', silent)
  const done = cluster.startNode(SICK)
  await until(() => cluster.nodes[SICK]?.mode === 'repair')
  const leading = (): SteleNode | undefined => others.map((i) => cluster.nodes[i]!).find(({ parts }) => parts.driver.status.role === 'leader')
  await until(() => leading() !== undefined)
  const leader = leading()!
  const matched = (): number => leader.parts.driver.status.peers.find(({ id }) => id === SICK + 1)?.match ?? 0
  const before = matched()
  await until(() => leader.parts.network.raft.reachable().includes(SICK + 1))
  await write(3)
  t.equal(matched(), before, 'nothing was acknowledged')
  t.equal(cluster.nodes[SICK]!.mode, 'repair')
  for (const i of others) {
    await cluster.stopNode(i)
    await cluster.startNode(i)
  }
  await done
  await write(1)
  await mustBeWhole(t)
})

t.test('many records lost at once are replaced by what a majority has committed', async (t) => {
  await startSpoilt(async () => {
    const records = await recordsIn(dataDir)
    const [first, last] = [blockAt(records, 4), blockAt(records, 6)]
    const bytes = readFileSync(first.path)
    bytes.fill(0xee, first.offset, last.payloadOffset)
    writeFileSync(first.path, bytes)
  })
  t.ok(damaged().some(({ fix }) => fix === 'committed'))
  await write(1)
  await mustBeWhole(t)
})

t.test('a flipped bit in a slot heals by itself', async (t) => {
  await startSpoilt(() => flipBit(join(dataDir, 'ledger', readdirSync(join(dataDir, 'ledger')).find((name) => name.endsWith('.segment'))!), SLOT_OFFSETS[0] + 9))
  t.same(damaged(), [])
  await write(1)
  await mustBeWhole(t)
})

t.test('a flipped bit in any file of the state database: it is set aside and rebuilt from the ledger before anything is served', async (t) => {
  const state = join(dataDir, 'state')
  for (const pattern of [/\.ldb$/, /\.log$/, /^MANIFEST/, /^CURRENT$/]) {
    await t.test(String(pattern), async (t) => {
      for (let batch = 0; batch < 3; batch++) await write(1) // Each is one record in the log of this run.
      await cluster.stopNode(SICK)
      const name = readdirSync(state).filter((each) => pattern.test(each)).sort().at(-1)
      if (name === undefined) return void t.comment(`no file like ${String(pattern)}`)
      const size = readFileSync(join(state, name)).length
      await startSpoilt(() => flipBit(join(state, name), Math.min(60, Math.floor(size / 3)), 2))
      const aside = log.lines.find(({ phrase }) => phrase.startsWith('state damaged, set aside'))
      t.ok(aside !== undefined && existsSync(String(aside.fields['aside'])), `${name} of ${size} bytes`)
      await write(1)
      await mustBeWhole(t)
    })
  }
})

t.test('a table that a killed process left half written is no damage', async (t) => {
  await startSpoilt(() => writeFileSync(join(dataDir, 'state', '099999.ldb'), new Uint8Array(1000).fill(7)))
  t.notOk(log.lines.some(({ phrase }) => phrase.startsWith('state damaged')))
  await mustBeWhole(t)
})

t.test('a missing state is rebuilt from the ledger', async (t) => {
  await startSpoilt(() => rmSync(join(dataDir, 'state'), { recursive: true }))
  await write(1)
  await mustBeWhole(t)
})
