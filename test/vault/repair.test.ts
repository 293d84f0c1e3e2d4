import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { toHex } from '../../primitives/bytes.ts'
import { BLOB_LIMITS } from '../../privacy/blob.ts'
import { createCluster } from './cluster.ts'
import { filesBelow, makeBlob, putAll, random } from './fixtures.ts'

const large = makeBlob(2, 100)
const small = makeBlob(0, 60)
const record = random.bytes(32)

function damage(directory: string, blob: Uint8Array, ...positions: number[]): void {
  const path = filesBelow(directory).find((name) => basename(name) === toHex(blob))!
  const content = readFileSync(path)
  for (const at of positions) content[at]! ^= 0xff
  writeFileSync(path, content)
}

t.test('damaged chunks and hash lists are fetched from another member; what nobody has is named', async (t) => {
  const cluster = await createCluster(t.testdir({}), 3)
  t.teardown(() => cluster.stop())
  const [first] = cluster.vaults
  for (const blob of [large, small]) await putAll(first!.store, blob)
  await first!.replicator.replicate(record, 1, [large.ref])
  t.same(await first!.repair.scrub(), { blobs: 2, repaired: [], unrepaired: [] })

  damage(first!.directory, large.ref.blob, 5, BLOB_LIMITS.chunkBytes + 5, Number(large.ref.size) + 1)
  damage(first!.directory, small.ref.blob, 5)
  cluster.down.add(2)
  const report = await first!.repair.scrub()
  t.same(report.repaired.map(({ blob, index }) => [toHex(blob), index]), [-1, 0, 1].map((index) => [toHex(large.ref.blob), index]))
  t.match(report.unrepaired, [{ blob: small.ref.blob, index: 0, reason: 'VAULT_UNREPAIRED' }])
  t.same(await first!.store.verify(large.ref.blob), [])
  t.equal(await first!.store.has(large.ref.blob), true)
  await t.rejects(first!.store.getChunk(small.ref.blob, 0), { code: 'VAULT_DAMAGED' }, 'still never served')

  damage(first!.directory, large.ref.blob, 5)
  t.ok(Buffer.from(large.chunks[0]!).equals(await first!.reader.chunk(large.ref.blob, 0)), 'a reader gets the sound copy of another member')
})

t.test('a copy that was damaged signs no receipt', async (t) => {
  const cluster = await createCluster(t.testdir({}), 2)
  t.teardown(() => cluster.stop())
  const [first, second] = cluster.vaults
  await putAll(first!.store, large)
  await first!.replicator.replicate(record, 1, [large.ref])
  damage(second!.directory, large.ref.blob, 9)
  t.same(await second!.store.verify(large.ref.blob), [0])
  await t.rejects(first!.replicator.replicate(record, 2, [large.ref]), { code: 'VAULT_TOO_FEW_COPIES', details: { failures: { 2: 'VAULT_DAMAGED' } } })
  t.equal((await second!.repair.scrub()).repaired.length, 1)
  t.equal((await first!.replicator.replicate(record, 2, [large.ref])).length, 2)
})
