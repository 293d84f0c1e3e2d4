import t from 'tap'
import { closeSync, mkdirSync, openSync, readSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../../primitives/bytes.ts'
import { BLOB_LIMITS } from '../../privacy/blob.ts'
import type { BlobStore } from '../../vault/ports.ts'
import { createClock, createStore, filesBelow, makeBlob, putAll, random } from './fixtures.ts'

const small = makeBlob(0, 300)
const large = makeBlob(2, 500)
const pathOf = (directory: string, blob: Uint8Array) => join(directory, 'blobs', toHex(blob).slice(0, 2), toHex(blob))

async function listed(store: BlobStore): Promise<Uint8Array[]> {
  const out: Uint8Array[] = []
  for await (const blob of store.list()) out.push(blob)
  return out
}

function flipByte(path: string, at: number): void {
  const file = openSync(path, 'r+')
  const byte = new Uint8Array(1)
  readSync(file, byte, 0, 1, at)
  writeSync(file, Uint8Array.of(byte[0]! ^ 1), 0, 1, at)
  closeSync(file)
}

t.test('nothing is done before start and after stop', async (t) => {
  const store = await createStore(t.testdir({}))
  await store.stop()
  await store.stop()
  await t.rejects(store.begin(small.ref), { code: 'VAULT_STOPPED' })
  await t.rejects(store.getChunk(small.ref.blob, 0), { code: 'VAULT_STOPPED' })
})

t.test('what was never announced is not found', async (t) => {
  const store = await createStore(t.testdir({}))
  t.teardown(() => store.stop())
  await t.rejects(store.putChunk(small.ref.blob, 0, small.chunks[0]!), { code: 'VAULT_NOT_FOUND' })
  await t.rejects(store.finish(small.ref.blob), { code: 'VAULT_NOT_FOUND' })
  await t.rejects(store.getChunk(small.ref.blob, 0), { code: 'VAULT_NOT_FOUND' })
  await t.rejects(store.verify(small.ref.blob), { code: 'VAULT_NOT_FOUND' })
  t.equal(await store.stat(small.ref.blob), undefined)
  t.equal(await store.delete(small.ref.blob), false)
})

t.test('sizes and hash lists that no blob can have are refused', async (t) => {
  const store = await createStore(t.testdir({}))
  t.teardown(() => store.stop())
  for (const size of [0n, 15n, BigInt(BLOB_LIMITS.chunkBytes) + 3n]) await t.rejects(store.begin({ blob: small.ref.blob, size }), { code: 'VAULT_INPUT_INVALID' })
  await t.rejects(store.begin(small.ref, large.hashes), { code: 'VAULT_INPUT_INVALID' })
  await t.rejects(store.begin(small.ref, [random.bytes(32)]), { code: 'VAULT_INPUT_INVALID' })
})

t.test('wrong chunks are refused as they come when the hashes are known', async (t) => {
  const store = await createStore(t.testdir({}))
  t.teardown(() => store.stop())
  await store.begin(large.ref, large.hashes)
  const { blob } = large.ref
  await t.rejects(store.putChunk(blob, 1, large.chunks[0]!), { code: 'VAULT_CHUNK_REFUSED', details: { index: 1 } })
  await t.rejects(store.putChunk(blob, 2, large.chunks[2]!.subarray(1)), { code: 'VAULT_CHUNK_REFUSED' })
  for (const index of [3, -1, 0.5]) await t.rejects(store.putChunk(blob, index, large.chunks[0]!), { code: 'VAULT_CHUNK_REFUSED' })
  t.same((await store.stat(blob))?.missing, [{ first: 0, last: 2 }])
})

t.test('without known hashes a wrong chunk is found at the end, and the upload dropped', async (t) => {
  const store = await createStore(t.testdir({}))
  t.teardown(() => store.stop())
  await store.begin(small.ref)
  await store.putChunk(small.ref.blob, 0, random.bytes(300))
  await t.rejects(store.finish(small.ref.blob), { code: 'VAULT_ROOT_MISMATCH' })
  t.equal(await store.stat(small.ref.blob), undefined)
  await store.begin(small.ref)
  await store.putChunk(small.ref.blob, 0, random.bytes(300))
  await store.putChunk(small.ref.blob, 0, small.chunks[0]!)
  t.same(await store.finish(small.ref.blob), small.ref, 'a chunk may be sent again, rightly')
})

t.test('an unfinished blob is not served and names what is missing', async (t) => {
  const store = await createStore(t.testdir({}))
  t.teardown(() => store.stop())
  const { blob } = large.ref
  await store.begin(large.ref, large.hashes)
  await store.putChunk(blob, 1, large.chunks[1]!)
  t.same((await store.stat(blob))?.missing, [{ first: 0, last: 0 }, { first: 2, last: 2 }])
  await t.rejects(store.finish(blob), { code: 'VAULT_INCOMPLETE' })
  await t.rejects(store.getChunk(blob, 1), { code: 'VAULT_NOT_FOUND' })
  t.equal(await store.has(blob), false)
})

t.test('an upload goes on after the process was killed, and a torn chunk is sent again', async (t) => {
  const directory = t.testdir({})
  const before = await createStore(directory)
  const { blob } = large.ref
  for (const hashes of [large.hashes, undefined]) {
    await before.begin(large.ref, hashes)
    await before.putChunk(blob, 0, large.chunks[0]!)
    await before.putChunk(blob, 1, large.chunks[1]!)
    // A kill leaves what was written, and the chunk being written in part; nothing is told to the store.
    flipByte(join(directory, 'partial', toHex(blob)), BLOB_LIMITS.chunkBytes + 77)
    const after = await createStore(directory)
    t.same((await after.begin(large.ref, hashes)).missing, [{ first: 1, last: 2 }])
    for (const index of [1, 2]) await after.putChunk(blob, index, large.chunks[index]!)
    await after.finish(blob)
    t.same(await after.verify(blob), [])
    t.equal(await after.delete(blob), true)
    t.equal(after.usedBytes, 0n)
    await after.stop()
    await before.delete(blob)
  }
  await before.stop()
})

t.test('a partial file that is wreckage is removed, not trusted', async (t) => {
  const directory = t.testdir({})
  mkdirSync(join(directory, 'partial'))
  for (const content of [new Uint8Array(0), random.bytes(10), random.bytes(400)]) {
    writeFileSync(join(directory, 'partial', toHex(small.ref.blob)), content)
    writeFileSync(join(directory, 'partial', 'stage-1'), content)
    const store = await createStore(directory)
    t.equal(await store.stat(small.ref.blob), undefined)
    t.equal(store.usedBytes, 0n)
    t.same(filesBelow(directory), [])
    await store.stop()
  }
})

t.test('every flipped byte of a stored blob is detected, named and never served', async (t) => {
  const directory = t.testdir({})
  const store = await createStore(directory)
  t.teardown(() => store.stop())
  const tiny = makeBlob(0, 50)
  await putAll(store, tiny)
  const { blob } = tiny.ref
  const path = pathOf(directory, blob)
  for (let at = 0; at < statSync(path).size; at++) {
    flipByte(path, at)
    const index = at < 50 ? 0 : -1
    t.same(await store.verify(blob), [index], `byte ${at}`)
    await t.rejects(store.getChunk(blob, 0), { code: 'VAULT_DAMAGED', details: { blob: toHex(blob), index } })
    t.equal(await store.has(blob), false)
    t.same((await store.stat(blob))?.damaged, [index])
    flipByte(path, at)
    t.same(await store.verify(blob), [])
    t.equal(await store.has(blob), true)
  }
})

t.test('a cut blob file is damage, not a crash', async (t) => {
  const directory = t.testdir({})
  const store = await createStore(directory)
  t.teardown(() => store.stop())
  await putAll(store, small)
  truncateSync(pathOf(directory, small.ref.blob), 200)
  t.same(await store.verify(small.ref.blob), [-1])
})

t.test('a damaged chunk and a damaged list of hashes are repaired in place by the right bytes only', async (t) => {
  const directory = t.testdir({})
  const store = await createStore(directory)
  t.teardown(() => store.stop())
  await putAll(store, large)
  const { blob, size } = large.ref
  flipByte(pathOf(directory, blob), BLOB_LIMITS.chunkBytes + 5)
  t.same(await store.verify(blob), [1])
  await t.rejects(store.repairChunk(blob, 1, large.chunks[0]!), { code: 'VAULT_CHUNK_REFUSED' })
  await store.repairChunk(blob, 1, large.chunks[1]!)
  t.equal(await store.has(blob), true)
  flipByte(pathOf(directory, blob), Number(size) + 3)
  t.same(await store.verify(blob), [-1])
  await t.rejects(store.repairHashes(large.ref, small.hashes), { code: 'VAULT_INPUT_INVALID' })
  await store.repairHashes(large.ref, large.hashes)
  t.same(await store.verify(blob), [])
  t.equal(await store.has(blob), true)
})

t.test('quota, the end of the disk and too many uploads refuse with retryable codes, and nothing stays behind', async (t) => {
  const directory = t.testdir({})
  let free = 2n ** 40n
  const store = await createStore(directory, { quotaBytes: 1_000n, freeBytesMin: 10_000n, uploadsMax: 2 }, createClock(), async () => free)
  t.teardown(() => store.stop())
  await t.rejects(store.begin(large.ref), { code: 'VAULT_QUOTA', retryable: true })
  free = 10_100n
  for (let round = 0; round < 2; round++) await t.rejects(store.begin(small.ref), { code: 'VAULT_DISK_FULL', retryable: true })
  t.equal(store.usedBytes, 0n)
  free = 2n ** 40n
  await store.begin(small.ref)
  await store.begin(makeBlob(0, 16).ref)
  await t.rejects(store.begin(makeBlob(0, 16).ref), { code: 'VAULT_BUSY', retryable: true })
  await store.delete(small.ref.blob)
  await store.begin(makeBlob(0, 16).ref)
  const stage = await store.stage()
  await t.rejects(stage.append(random.bytes(900)), { code: 'VAULT_QUOTA' })
  t.equal(filesBelow(directory).length, 2, 'the stage is gone')
})

t.test('free space is asked again before the vault has filled what it was told', async (t) => {
  let asked = 0
  const store = await createStore(t.testdir({}), { freeBytesMin: 10_000n }, createClock(), async () => { asked++; return 11_000n })
  t.teardown(() => store.stop())
  await store.begin(small.ref)
  await store.begin(makeBlob(0, 200).ref)
  t.equal(asked, 1)
  await t.rejects(store.begin(makeBlob(0, 600).ref), { code: 'VAULT_DISK_FULL' }, 'what was promised to the first two counts')
  t.equal(asked, 1)
  await store.begin(makeBlob(0, 600).ref)
  t.equal(asked, 2, 'after a refusal the disk is asked')
})

t.test('an upload that got nothing for a day is removed; one in use stays', async (t) => {
  const clock = createClock()
  const store = await createStore(t.testdir({}), {}, clock)
  t.teardown(() => store.stop())
  await store.begin(small.ref)
  clock.advance(23 * 3_600_000)
  t.equal(await store.expireUploads(), 0)
  clock.advance(2 * 3_600_000)
  t.equal(await store.expireUploads(), 1)
  t.equal(await store.stat(small.ref.blob), undefined)
  t.equal(store.usedBytes, 0n)
})

t.test('a complete blob survives a restart, is listed, counted and deleted; finishing or sending again is a no-op', async (t) => {
  const directory = t.testdir({})
  const store = await createStore(directory)
  await putAll(store, small)
  await putAll(store, large)
  await store.putChunk(small.ref.blob, 0, random.bytes(5))
  t.same(await store.finish(small.ref.blob), small.ref)
  t.equal((await store.begin(large.ref, large.hashes)).complete, true)
  const used = store.usedBytes
  await store.stop()
  const again = await createStore(directory)
  t.teardown(() => again.stop())
  t.equal(again.usedBytes, used)
  t.same((await listed(again)).map(toHex), [toHex(small.ref.blob), toHex(large.ref.blob)].sort())
  t.same((await again.chunkHashes(large.ref.blob)).map(toHex), large.hashes.map(toHex))
  for (const [i, chunk] of large.chunks.entries()) t.ok(Buffer.from(chunk).equals(await again.getChunk(large.ref.blob, i)))
  await t.rejects(again.getChunk(large.ref.blob, 3), { code: 'VAULT_NOT_FOUND' })
  t.equal(await again.delete(small.ref.blob), true)
  t.equal(await again.has(small.ref.blob), false)
})

t.test('a stage names its blob at the end; out-of-shape chunks abort it; the same content twice is one blob', async (t) => {
  const directory = t.testdir({})
  const store = await createStore(directory)
  t.teardown(() => store.stop())
  for (let round = 0; round < 2; round++) {
    const stage = await store.stage()
    for (const chunk of large.chunks) await stage.append(chunk)
    t.same(await stage.finish(), large.ref)
    await stage.abort()
  }
  t.same(await store.verify(large.ref.blob), [])
  t.equal(filesBelow(directory).length, 1)
  t.equal(store.usedBytes, BigInt(statSync(pathOf(directory, large.ref.blob)).size))
  for (const chunks of [[large.chunks[2]!, large.chunks[0]!], [new Uint8Array(15)], [new Uint8Array(BLOB_LIMITS.chunkBytes + 1)]]) {
    const stage = await store.stage()
    await t.rejects(async () => { for (const chunk of chunks) await stage.append(chunk) }, { code: 'VAULT_INPUT_INVALID' })
    await t.rejects(stage.finish(), { code: 'VAULT_INPUT_INVALID' })
  }
  await t.rejects((await store.stage()).finish(), { code: 'VAULT_INPUT_INVALID' })
  t.equal(filesBelow(directory).length, 1)
})

t.test('many writers of one blob at once leave one whole blob', async (t) => {
  const store = await createStore(t.testdir({}))
  t.teardown(() => store.stop())
  await Promise.all(Array.from({ length: 8 }, async () => {
    await store.begin(large.ref, large.hashes)
    await Promise.all(large.chunks.map((chunk, i) => store.putChunk(large.ref.blob, i, chunk)))
    await store.finish(large.ref.blob)
  }))
  t.same(await store.verify(large.ref.blob), [])
})

t.test('a blob removed behind our back is not found', async (t) => {
  const directory = t.testdir({})
  const store = await createStore(directory)
  t.teardown(() => store.stop())
  await putAll(store, small)
  rmSync(pathOf(directory, small.ref.blob))
  await t.rejects(store.getChunk(small.ref.blob, 0), { code: 'VAULT_NOT_FOUND' })
})
