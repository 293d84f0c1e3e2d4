// Goal: a part that was changed on its way is refused, counts against its sender and is asked of another; what was fetched is not fetched twice; an installation is put in place whole or not at all.
// Method: a real snapshot of a small world, served by functions in place of the network, some of which lie.
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { encodeHeader } from '../../primitives/block.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import { MerkleAccumulator } from '../../primitives/merkle.ts'
import { silentLogger } from '../../primitives/ports.ts'
import type { RequestHandler } from '../../p2p/sync-server.ts'
import { memoryDatabase } from '../../state/memory-database.ts'
import { SnapshotFolder } from '../../state/snapshot-folder.ts'
import { SnapshotInstall } from '../../state/snapshot-install.ts'
import { writeSnapshot } from '../../state/snapshot-write.ts'
import { openWorldState } from '../../state/world-state.ts'
import { commitJoin, completeJoin } from '../../node/join-swap.ts'
import { fetchParts } from '../../node/snapshot-fetch.ts'
import { SNAPSHOT_METHODS, chunkQuery, serveSnapshots } from '../../node/snapshot-server.ts'
import { chooser } from '../helpers/choose.ts'

const CHAIN = new Uint8Array(32).fill(1)

async function makeSnapshot(path: string) {
  const choose = chooser(5)
  const random = (length: number): Uint8Array => Uint8Array.from({ length }, () => choose(256))
  const world = openWorldState(memoryDatabase(), { chain: CHAIN })
  const layer = world.newLayer()
  for (let i = 0; i < 400; i++) layer.store().put(random(20), random(60))
  layer.seal()
  const history = new MerkleAccumulator()
  history.append(random(32))
  const hash = random(32)
  const header = encodeHeader({ v: 1, chain: CHAIN, epoch: 0, height: 1n, term: 1, parent: hash, txRoot: hash, eventRoot: hash, historyRoot: history.root(), stateRoot: layer.root, memberSet: hash, parameters: hash, timeMs: 1n, proposer: 1, count: 1 })
  await world.flush([layer], { height: 1, appliedIndex: 2, blockHash: hash })
  const folder = new SnapshotFolder(path, CHAIN)
  const { rows, root, release } = world.hold()
  const head = { v: 1, chain: CHAIN, height: 1n, index: 2n, header, previous: { term: 1, noop: true }, change: false, peaks: [...history.peaks] }
  await writeSnapshot(folder, { view: rows, databaseBytes: 0, stateRoot: root, head, window: [], block: { data: Uint8Array.of(1), receipts: [] } }, { pace: async () => {}, chunkBytes: 2000 })
  await release()
  return { folder, read: await folder.manifest(1), root }
}

type Answer = (node: number, chunk: number, bytes: Uint8Array) => Uint8Array

async function fetchWith({ folder, read }: Awaited<ReturnType<typeof makeSnapshot>>, directory: string, nodes: readonly number[], answer: Answer, database = memoryDatabase()) {
  const blamed: string[] = []
  const asked: string[] = []
  const install = await SnapshotInstall.open(database, read)
  const request = async (node: number, _method: string, body: Uint8Array): Promise<Uint8Array> => {
    const { chunk } = decode(chunkQuery, body)
    asked.push(`${node}/${chunk}`)
    return answer(node, chunk, await folder.chunk(1, chunk, read.manifest.chunks[chunk]!))
  }
  const done = fetchParts(directory, read, install, { sync: { request }, nodes, logger: silentLogger, signal: new AbortController().signal, blame: (node, code) => blamed.push(`${node} ${code}`), onProgress: () => {} })
  await done.catch((error: unknown) => { throw Object.assign(error as object, { asked, blamed, database }) })
  await install.finish()
  return { blamed, asked, database }
}

t.test('parts come from several members, and not one that a liar changed is taken', async (t) => {
  const made = await makeSnapshot(t.testdir())
  const { chunks } = made.read.manifest
  t.ok(chunks.length > 10, `${chunks.length} parts`)
  const { blamed, asked, database } = await fetchWith(made, join(made.folder.path, 'parts'), [1, 2, 3], (node, _chunk, bytes) => (node === 2 ? bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) : bytes))
  t.same(openWorldState(database, { chain: CHAIN }).root, made.root)
  t.ok(blamed.length > 0)
  t.ok(blamed.every((text) => text === '2 SNAPSHOT_CHUNK_CORRUPT'), 'only the liar is blamed')
  t.ok(asked.some((text) => text.startsWith('1/')) && asked.some((text) => text.startsWith('3/')), 'both honest members were asked')
  t.ok(asked.filter((text) => text.startsWith('2/')).length <= 6, 'the liar is soon left alone')
})

t.test('a part that rots where it is kept is not served, and told there once', async (t) => {
  const { folder, read } = await makeSnapshot(t.testdir())
  const path = join(folder.of(1), '000001.part')
  writeFileSync(path, readFileSync(path).map((byte, i) => (i === 7 ? byte ^ 1 : byte)))
  await folder.writeProof(1, Uint8Array.of(1))
  const handlers = new Map<string, RequestHandler>()
  const told: unknown[] = []
  serveSnapshots({ handle: (method, handler) => { handlers.set(method, handler) } }, folder, { ...silentLogger, error: (fields) => told.push(fields) })
  const ask = async (chunk: number): Promise<unknown> => handlers.get(SNAPSHOT_METHODS.chunk)!(2, encode(chunkQuery, { height: 1n, chunk }), { signal: new AbortController().signal })
  for (let time = 0; time < 2; time++) await t.rejects(ask(1), { code: 'SNAPSHOT_CHUNK_CORRUPT' })
  t.match(told, [{ code: 'SNAPSHOT_CHUNK_CORRUPT', height: 1, chunk: 1 }])
  t.equal(told.length, 1)
  t.match(await ask(0), { length: read.manifest.chunks[0]!.bytes }, 'what is whole is served')
})

t.test('a fetch that was cut off goes on with what is there', async (t) => {
  const made = await makeSnapshot(t.testdir())
  const directory = join(made.folder.path, 'parts')
  const unreachable = new SteleError({ code: 'P2P_UNREACHABLE', message: 'gone' })
  let served = 0
  const failed = await fetchWith(made, directory, [1], (_node, _chunk, bytes) => {
    if (++served > 5) throw unreachable
    return bytes
  }).then(() => undefined, (error: unknown) => error as { code: string; database: ReturnType<typeof memoryDatabase> })
  t.equal(failed?.code, 'SNAPSHOT_UNAVAILABLE')
  // One of the five files was damaged since.
  const [name] = readdirSync(directory)
  writeFileSync(join(directory, name!), readFileSync(join(directory, name!)).subarray(1))
  const { asked, blamed, database } = await fetchWith(made, directory, [1], (_node, _chunk, bytes) => bytes, failed!.database)
  t.equal(asked.length, made.read.manifest.chunks.length - 4)
  t.same(blamed, [])
  t.same(openWorldState(database, { chain: CHAIN }).root, made.root)
})

t.test('a finished installation takes the place of what was there, whatever step a kill meets', async (t) => {
  const kinds = ['state', 'ledger'] as const
  // Each step is what `completeJoin` may have come to before the kill.
  const steps: ((data: string) => void)[] = [
    () => {},
    (data) => { mkdirSync(join(data, 'snapshots')); renameSync(join(data, 'join', 'parts'), join(data, 'snapshots', '0000000000000007')) },
    (data) => renameSync(join(data, 'state'), join(data, 'state.replaced')),
    (data) => renameSync(join(data, 'join', 'state'), join(data, 'state')),
    (data) => renameSync(join(data, 'ledger'), join(data, 'ledger.replaced')),
    (data) => renameSync(join(data, 'join', 'ledger'), join(data, 'ledger')),
    (data) => rmSync(join(data, 'join'), { recursive: true }),
  ]
  for (let count = 0; count <= steps.length; count++) {
    const data = join(t.testdir(), String(count))
    for (const kind of kinds) for (const [folder, text] of [[join(data, kind), 'old'], [join(data, 'join', kind), 'new']] as const) {
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'content'), text)
    }
    mkdirSync(join(data, 'join', 'parts'))
    cpSync(join(data, 'join'), join(data, 'copy'), { recursive: true })
    t.equal(await completeJoin(data, CHAIN), undefined, 'before the commit nothing moves')
    t.equal(readFileSync(join(data, 'state', 'content'), 'utf8'), 'old')
    await commitJoin(data, 7)
    for (const step of steps.slice(0, count)) step(data)
    const height = await completeJoin(data, CHAIN)
    t.equal(height, count === steps.length ? undefined : 7, `after ${count} steps`)
    for (const kind of kinds) t.equal(readFileSync(join(data, kind, 'content'), 'utf8'), 'new')
    t.ok(existsSync(join(data, 'snapshots', '0000000000000007')))
    t.notOk(existsSync(join(data, 'join')))
    t.equal(await completeJoin(data, CHAIN), undefined, 'once more does nothing')
  }
})
