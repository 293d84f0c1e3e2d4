// Goal: a node whose ledger is gone while other files tell that it ran never begins a new one under its old number; with any other loss it starts, or names what stops it.
// Method: a whole node in this process; from copies of its data folder every combination of what a node keeps is taken away, then it is started.
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { SteleNode } from '../../node/stele-node.ts'
import { errorCode, SteleError } from '../../primitives/error.ts'
import { createCluster, until } from '../helpers/cluster.ts'
import type { TestCluster } from '../helpers/cluster.ts'
import { testDirectory } from '../helpers/directory.ts'

const SEGMENT_BYTES = 16_384 + 8_192
const PARTS = ['ledger', 'state', 'presence.json'] as const

/** A network of one that has committed a few blocks, stopped; and a copy of what it kept. */
async function ran(t: Parameters<typeof testDirectory>[0]): Promise<{ cluster: TestCluster; data: string; kept: string; height: number }> {
  const cluster = await createCluster(testDirectory(t), 1, { config: { ledger: { segmentBytes: SEGMENT_BYTES } } })
  t.teardown(() => cluster.stop())
  await cluster.startNode(0)
  const { parts } = await cluster.leader()
  for (let count = 0; count < 3; count++) {
    const { height } = parts.store
    await parts.admission.admit(cluster.enrolment().bytes)
    parts.driver.kick()
    await until(() => parts.store.height > height && parts.finality.finalHeight > height)
  }
  const { height } = parts.store
  const data = parts.config.dataDir
  await cluster.stopNode(0)
  // A node that heard of no other writes none.
  writeFileSync(join(data, 'presence.json'), '[]')
  const kept = `${data}.kept`
  cpSync(data, kept, { recursive: true })
  return { cluster, data, kept, height }
}

/** Starts node 1 and tells how that ended. */
async function start(cluster: TestCluster): Promise<SteleNode | SteleError> {
  try {
    return await cluster.startNode(0)
  } catch (error) {
    await cluster.stopNode(0)
    if (error instanceof SteleError) return error
    throw error
  }
}

t.test('whatever of ledger, state and presence is gone: the node goes on from its ledger, begins as a new one where nothing is left, or refuses', async (t) => {
  const { cluster, data, kept, height } = await ran(t)
  for (let mask = 0; mask < 2 ** PARTS.length; mask++) {
    const gone = PARTS.filter((_, i) => (mask >> i & 1) === 1)
    rmSync(data, { recursive: true })
    cpSync(kept, data, { recursive: true })
    for (const part of gone) rmSync(join(data, part), { recursive: true })
    const told = gone.length === 0 ? 'nothing is gone' : `${gone.join(', ')} gone`
    const found = PARTS.filter((part) => part !== 'ledger' && !gone.includes(part)).sort()
    const before = readdirSync(data).sort()
    const outcome = await start(cluster)
    if (gone.includes('ledger') && found.length > 0) {
      t.match(outcome, { code: 'LEDGER_LOST', details: { dataDir: data, found, node: 1 } }, told)
      t.same(readdirSync(data).sort(), before, `${told}: nothing was made`)
      t.match(await start(cluster), { code: 'LEDGER_LOST' }, `${told}: the next start refuses as well`)
    } else if (outcome instanceof SteleError) t.fail(`${told}: ${outcome.code}`)
    else {
      t.equal(outcome.parts.store.height, gone.includes('ledger') ? 0 : height, told)
      t.equal(outcome.parts.ledger.recovered.bootCounter, gone.includes('ledger') ? 1 : 2, told)
      await cluster.stopNode(0)
    }
  }
})

t.test('every other thing that only a node with a ledger writes refuses a new one; what may be brought along does not', async (t) => {
  const cluster = await createCluster(testDirectory(t), 1, { config: { ledger: { segmentBytes: SEGMENT_BYTES } } })
  t.teardown(() => cluster.stop())
  const data = join(cluster.files.members[0]!.folder, 'data')
  const put = (path: string): void => {
    mkdirSync(join(data, path, '..'), { recursive: true })
    writeFileSync(join(data, path), path === 'ledger/lock' ? '' : '{}')
  }
  for (const trace of ['state/CURRENT', 'state.damaged-20260101T000000000Z/CURRENT', 'state.replaced/CURRENT', 'ledger.replaced/00000001.segment', 'snapshots/0000000000000016/manifest', 'join/parts/manifest', 'presence.json', 'hold-7.json', 'recovery-1.json']) {
    for (const ledger of [undefined, 'ledger/lock', 'ledger/00000001.spare']) {
      put(trace)
      if (ledger !== undefined) put(ledger)
      t.match(await start(cluster), { code: 'LEDGER_LOST', details: { found: [trace.split('/')[0]] } }, `${trace}, ${ledger ?? 'no folder'}`)
      rmSync(data, { recursive: true })
    }
  }
  for (const path of ['vault/blobs/00/x', 'archive/x', 'state/lost+found/x', 'ledger/lock', 'evidence.ndjson']) put(path)
  rmSync(join(data, 'state', 'lost+found', 'x'))
  const node = await start(cluster)
  if (node instanceof SteleError) throw node
  t.equal(node.parts.ledger.recovered.bootCounter, 1, 'an old vault, an archive, evidence, and the folders of fresh disks')
})

t.test('a start that was killed before its ledger was whole begins again; of one that was, what is left is damage', async (t) => {
  const { cluster, data, kept } = await ran(t)
  const started = async (): Promise<unknown> => {
    const outcome = await start(cluster)
    if (outcome instanceof SteleError) return errorCode(outcome)
    await cluster.stopNode(0)
    return 'started'
  }
  const startWith = (isKept: (name: string) => boolean): Promise<unknown> => {
    rmSync(data, { recursive: true })
    cpSync(kept, data, { recursive: true })
    for (const name of readdirSync(join(data, 'ledger'))) if (!isKept(name)) rmSync(join(data, 'ledger', name))
    return started()
  }
  t.equal(await startWith((name) => !name.endsWith('.segment')), 'LEDGER_UNREPAIRABLE', 'the file for what comes next tells that the newest one was begun')
  t.equal(await startWith((name) => name === 'lock'), 'LEDGER_LOST')
  t.equal(await startWith(() => true), 'started')
  rmSync(data, { recursive: true })
  mkdirSync(join(data, 'ledger'), { recursive: true })
  writeFileSync(join(data, 'ledger', '00000001.spare'), new Uint8Array(100))
  t.equal(await started(), 'started')
})
