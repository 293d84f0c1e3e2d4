// Goal: a database built from a snapshot is the one it was made of, whatever the sizes; no part that was changed is taken.
// Method: a world of random keys on classic-level, cut into parts of few bytes so that they end at every depth, written with and without spilling, installed in random order.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { encodeHeader } from '../../primitives/block.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { leafHash, MerkleAccumulator } from '../../primitives/merkle.ts'
import { openDatabase } from '../../state/database.ts'
import { orderedWrite } from '../../state/indexes.ts'
import { memoryDatabase } from '../../state/memory-database.ts'
import { SnapshotFolder, checkChunk, chunkName } from '../../state/snapshot-folder.ts'
import { encodeManifest, readManifest, stateChunkSchema, packRows, unpackRows } from '../../state/snapshot-format.ts'
import type { Manifest, ReadManifest } from '../../state/snapshot-format.ts'
import { SnapshotInstall, checkStateChunk } from '../../state/snapshot-install.ts'
import { writeSnapshot } from '../../state/snapshot-write.ts'
import type { WriteOptions } from '../../state/snapshot-write.ts'
import { openWorldState } from '../../state/world-state.ts'
import { chooser } from '../helpers/choose.ts'

const CHAIN = new Uint8Array(32).fill(1)
const HEIGHT = 5

/** A world with `count` keys and some rows of lists, and the head of a snapshot of it. */
async function createWorld(directory: string, count: number, seed: number) {
  const choose = chooser(seed)
  const random = (length: number): Uint8Array => Uint8Array.from({ length }, () => choose(256))
  const world = openWorldState(await openDatabase(directory), { chain: CHAIN })
  const layer = world.newLayer()
  const store = layer.store()
  for (let i = 0; i < count; i++) store.put(random(1 + choose(40)), random(choose(120)))
  layer.seal()
  const history = new MerkleAccumulator()
  for (let i = 0; i < HEIGHT; i++) history.append(random(32))
  const header = encodeHeader({
    v: 1, chain: CHAIN, epoch: 0, height: BigInt(HEIGHT), term: 1, parent: random(32), txRoot: random(32), eventRoot: random(32), historyRoot: history.root(), stateRoot: layer.root,
    memberSet: random(32), parameters: random(32), timeMs: 1n, proposer: 1, count: 1,
  })
  const lists = Array.from({ length: Math.ceil(count / 10) }, (_, i) => orderedWrite('auditBySubject', random(32), { height: 1, position: i, ordinal: 0 }, random(50)))
  await world.flush([layer], { height: HEIGHT, appliedIndex: 7, blockHash: leafHash(header) }, lists)
  const head: Omit<Manifest, 'chunks'> = { v: 1, chain: CHAIN, height: BigInt(HEIGHT), index: 7n, header, previous: { term: 1, noop: false }, change: false, peaks: [...history.peaks] }
  return { world, head }
}

type Made = Awaited<ReturnType<typeof createWorld>>

async function write({ world, head }: Made, path: string, options: Partial<WriteOptions>): Promise<{ folder: SnapshotFolder; read: ReadManifest }> {
  const folder = new SnapshotFolder(path, CHAIN)
  const { rows, root, release } = world.hold()
  await writeSnapshot(folder, { view: rows, databaseBytes: 0, stateRoot: root, head, window: [{ rows: 1, bytes: packRows([{ key: new Uint8Array(40), value: new Uint8Array(0) }]) }], block: { data: Uint8Array.of(1), receipts: [] } }, { pace: async () => {}, ...options })
  await release()
  return { folder, read: await folder.manifest(HEIGHT) }
}

t.test('every world comes back with its root, its values and its lists, in any order of parts', async (t) => {
  for (const [count, chunkBytes, bucketBits, spillBytes] of [[1, 100, 3, 1e6], [2, 10, 0, 1e6], [40, 10, 2, 1e6], [300, 400, 0, 1e6], [300, 400, 5, 2000], [1000, 3000, 4, 20_000]] as const) {
    const directory = t.testdir()
    const made = await createWorld(join(directory, 'db'), count, 7 + count)
    const { folder, read } = await write(made, join(directory, `s`), { chunkBytes, bucketBits, spillBytes })
    const { chunks } = read.manifest
    const order = chunks.map((_, n) => n)
    const choose = chooser(count)
    order.sort(() => choose(3) - 1)
    const database = memoryDatabase()
    for (const [i, n] of order.entries()) {
      // Killed and begun again after each third part.
      const install = await SnapshotInstall.open(database, read)
      if (install.has(n)) throw new Error('not yet')
      await install.take(n, await folder.chunk(HEIGHT, n, chunks[n]!))
      if (i % 3 === 0 && i + 1 < order.length) await t.rejects((await SnapshotInstall.open(database, read)).finish(), { code: 'SNAPSHOT_INVALID' })
    }
    await (await SnapshotInstall.open(database, read)).finish()
    const copy = openWorldState(database, { chain: CHAIN })
    t.same(copy.root, made.world.root, `${count} keys, ${chunks.length} parts`)
    t.same(copy.position, { ...made.world.position, blockHash: read.block })
    const report = await copy.verifyAll()
    t.same(report, await made.world.verifyAll())
    const rowsOf = async (world: typeof copy): Promise<string[]> => world.read(async (rows) => {
      const found = []
      for await (const { key, value } of rows.range({ from: Uint8Array.of(2), to: Uint8Array.of(255) })) found.push(`${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`)
      return found
    })
    t.same(await rowsOf(copy), await rowsOf(made.world), 'row for row')
    await copy.close()
    await made.world.close()
  }
})

t.test('parts depend on the state alone, not on how it was sorted', async (t) => {
  const directory = t.testdir()
  const made = await createWorld(join(directory, 'db'), 800, 3)
  const manifests = []
  for (const [i, options] of [{ bucketBits: 0 }, { bucketBits: 3 }, { bucketBits: 7, spillBytes: 1000 }].entries()) manifests.push(Buffer.from((await write(made, join(directory, `s${i}`), { chunkBytes: 900, ...options })).read.bytes).toString('hex'))
  t.equal(new Set(manifests).size, 1)
  await made.world.close()
})

t.test('a changed part, a forged part and a mended manifest are refused by name', async (t) => {
  const directory = t.testdir()
  const made = await createWorld(join(directory, 'db'), 200, 9)
  const { folder, read } = await write(made, join(directory, 's'), { chunkBytes: 1500 })
  await made.world.close()
  const [entry] = read.manifest.chunks
  const bytes = await folder.chunk(HEIGHT, 0, entry!)
  const bad = bytes.slice()
  bad[bytes.length - 1]! ^= 1
  t.throws(() => checkChunk(entry!, bad, {}), { code: 'SNAPSHOT_CHUNK_CORRUPT' })
  t.throws(() => checkChunk(entry!, bytes.subarray(1), {}), { code: 'SNAPSHOT_CHUNK_CORRUPT' })
  // A manifest that names the digest of a forged part convinces nobody: the part does not lead to the certified root.
  const rows = unpackRows(decode(stateChunkSchema, bytes).leaves)
  for (const forged of [rows.slice(1), rows.with(0, { key: rows[0]!.key, value: Uint8Array.of(9) }), [...rows].reverse(), []]) {
    const chunk = encode(stateChunkSchema, { siblings: decode(stateChunkSchema, bytes).siblings, leaves: packRows(forged) })
    t.throws(() => checkStateChunk({ ...entry!, rows: forged.length }, chunk, read.header.stateRoot), { code: 'SNAPSHOT_INVALID' })
  }
  const install = await SnapshotInstall.open(memoryDatabase(), read)
  await t.rejects(install.take(0, bad), { code: 'SNAPSHOT_INVALID' })
  t.notOk(install.has(0))
  writeFileSync(join(folder.of(HEIGHT), chunkName(0)), bad)
  await t.rejects(folder.chunk(HEIGHT, 0, entry!), { code: 'SNAPSHOT_CHUNK_CORRUPT' })
  const manifest = readFileSync(join(folder.of(HEIGHT), 'manifest'))
  t.throws(() => readManifest(CHAIN, manifest.subarray(0, -1)), { code: 'SNAPSHOT_INVALID' })
  t.throws(() => readManifest(new Uint8Array(32), manifest), { code: 'SNAPSHOT_WRONG_CHAIN' })
  t.throws(() => readManifest(CHAIN, encodeManifest({ ...read.manifest, v: 2 })), { code: 'SNAPSHOT_VERSION_UNSUPPORTED' })
  const { chunks } = read.manifest
  for (const wrong of [chunks.slice(1), [...chunks].reverse(), chunks.filter(({ kind }) => kind !== 'block'), chunks.with(0, { ...entry!, bits: entry!.bits + 1 })]) t.throws(() => readManifest(CHAIN, encodeManifest({ ...read.manifest, chunks: wrong })), { code: 'SNAPSHOT_INVALID' })
  t.throws(() => readManifest(CHAIN, encodeManifest({ ...read.manifest, peaks: read.manifest.peaks.slice(1) })), { code: 'SNAPSHOT_INVALID' })
  t.throws(() => readManifest(CHAIN, encodeManifest({ ...read.manifest, height: 6n })), { code: 'SNAPSHOT_INVALID' })
  await t.rejects(SnapshotInstall.open(await begunWith(read), { ...read, id: new Uint8Array(32) }), { code: 'SNAPSHOT_OTHER_BEGUN' })
})

async function begunWith(read: ReadManifest) {
  const database = memoryDatabase()
  await SnapshotInstall.open(database, read)
  return database
}
