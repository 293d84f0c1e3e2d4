// Goal: a stored block that no longer executes to its root is never cut and never vouched for: repair mode, height and both roots named; only what the cluster has committed may replace it (DESIGN §5.6).
// Method: three whole nodes in one process. One starts with a program that alters a write ("changed binary"); then one starts with a block in its log that no program executes.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { silentLogger } from '../../primitives/ports.ts'
import { Executor } from '../../node/executor.ts'
import { systemRandom } from '../../node/system.ts'
import { openLedger } from '../../state/ledger-open.ts'
import { nodeFileSystem, nodeTimers } from '../../state/node-file-system.ts'
import type { Layer, TransactionStore } from '../../state/overlay.ts'
import { createCluster, until } from '../helpers/cluster.ts'
import { keepingLogger } from '../helpers/log-lines.ts'
import { testDirectory } from '../helpers/directory.ts'

t.setTimeout(290_000)
const SICK = 2
const log = keepingLogger()

/** A program that writes something else than the others. */
class ChangedExecutor extends Executor {
  protected override store(layer: Layer): TransactionStore {
    const store = super.store(layer)
    return { ...store, put: (key, value) => store.put(key, value.map((byte, i) => (i === value.length - 1 ? byte ^ 1 : byte))) }
  }
}
let changed = false
const cluster = await createCluster(testDirectory(t), 3, { loggerOf: (i) => (i === SICK ? log.logger : silentLogger), executorOf: (i) => (i === SICK && changed ? ChangedExecutor : Executor) })
t.teardown(() => cluster.stop())
const healthy = () => cluster.nodes[0]!.parts
const sick = () => cluster.nodes[SICK]!

async function write(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const { admission, relay, driver, store } = healthy()
    const transaction = cluster.enrolment(0)
    await admission.admit(transaction.bytes)
    relay.relay(transaction)
    driver.kick()
    await until(() => store.locate(transaction.id) !== undefined)
  }
}

t.before(async () => {
  await Promise.all([0, 1, 2].map((i) => cluster.startNode(i)))
  await cluster.leader()
  await write(4)
  await until(() => sick().parts.world.height === healthy().world.height)
})

t.test('a program that computes other roots stays in repair mode and names height and both roots; the right one goes on from there', async (t) => {
  await cluster.stopNode(SICK)
  // Something is left to execute at the start: as after a crash before the state was written.
  rmSync(join(cluster.files.members[SICK]!.folder, 'data', 'state'), { recursive: true })
  changed = true
  log.lines.length = 0
  const starting = t.rejects(cluster.startNode(SICK), { code: 'NODE_STOPPING' })
  await until(() => cluster.nodes[SICK]?.mode === 'repair' && log.lines.some(({ phrase }) => phrase.startsWith('the cluster has committed this very block')))
  const told = log.lines.find(({ phrase }) => phrase.startsWith('a stored block no longer executes'))!
  t.match(told.fields, { code: 'ROOT_MISMATCH', height: 1, ours: /^[0-9a-f]{64}$/, theirs: /^[0-9a-f]{64}$/ })
  t.not(told.fields['ours'], told.fields['theirs'])
  t.match(sick().repairReason, new RegExp(`height 1 .*${String(told.fields['ours'])}.*${String(told.fields['theirs'])}`))
  t.throws(() => sick().parts, { code: 'NODE_NOT_STARTED' }, 'it takes no part')
  await write(1)
  t.equal(sick().mode, 'repair')
  await cluster.stopNode(SICK)
  await starting
  changed = false
  await cluster.startNode(SICK)
  await until(() => sick().parts.world.height === healthy().world.height)
  t.same(sick().parts.world.root, healthy().world.root)
})

t.test('a stored block that nobody can execute waits until the cluster has committed another in its place, and gives way to that', async (t) => {
  await cluster.stopNode(SICK)
  const opened = await openLedger({ directory: join(cluster.files.members[SICK]!.folder, 'data', 'ledger'), chainId: cluster.files.chain }, { fileSystem: nodeFileSystem, timers: nodeTimers, logger: silentLogger, random: systemRandom, failed: (error) => { throw error } })
  if (opened.status !== 'normal') throw new Error('damaged before its time')
  const { ledger } = opened
  const index = ledger.lastIndex() + 1
  const term = ledger.hardState().term
  await ledger.append({ entries: [{ index, term, kind: 'normal', height: 0, data: new Uint8Array(40).fill(0x80) }] })
  await ledger.close()
  log.lines.length = 0
  const starting = cluster.startNode(SICK)
  await until(() => cluster.nodes[SICK]?.mode === 'repair' && log.lines.some(({ phrase }) => phrase.startsWith('a stored block no longer executes')))
  t.match(log.lines.find(({ phrase }) => phrase.startsWith('a stored block no longer executes'))!.fields, { index })
  await write(2)
  await starting
  t.equal(sick().mode, 'normal')
  await write(1)
  await until(() => sick().parts.world.height === healthy().world.height)
  t.same(sick().parts.world.root, healthy().world.root)
  t.same(sick().parts.ledger.entry(index)!.data, healthy().ledger.entry(index)!.data)
})
