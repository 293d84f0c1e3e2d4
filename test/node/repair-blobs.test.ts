import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { silentLogger } from '../../primitives/ports.ts'
import type { Logger } from '../../primitives/ports.ts'
import { BLOB_REPAIR_DEFAULTS, BlobRepair } from '../../node/repair-blobs.ts'
import type { BlobRepairOptions } from '../../node/repair-blobs.ts'
import { createCluster } from '../vault/cluster.ts'
import type { Vault } from '../vault/cluster.ts'
import { filesBelow, makeBlob, putAll, random } from '../vault/fixtures.ts'
import { keepingLogger } from '../helpers/log-lines.ts'
import { testDirectory } from '../helpers/directory.ts'

const clock = { monotonicMs: () => performance.now() }
const repairOf = ({ store, reader, repair }: Vault, options: Partial<BlobRepairOptions> = {}, logger: Logger = silentLogger): BlobRepair => new BlobRepair({ ...BLOB_REPAIR_DEFAULTS, ...options }, { store, reader, repair, clock, logger })

function flip({ directory }: Vault, blob: Uint8Array, at: number): void {
  const path = filesBelow(directory).find((name) => basename(name) === toHex(blob))!
  const content = readFileSync(path)
  content[at]! ^= 1
  writeFileSync(path, content)
}

t.test('a damaged blob that no other member has is never served, and the damage stays named', async (t) => {
  const cluster = await createCluster(testDirectory(t), 2)
  t.teardown(() => cluster.stop())
  const blob = makeBlob(0, 500)
  await putAll(cluster.vaults[0]!.store, blob)
  flip(cluster.vaults[0]!, blob.ref.blob, 7)
  const blobs = repairOf(cluster.vaults[0]!)
  await t.rejects(blobs.chunk(blob.ref.blob, 0), { code: 'VAULT_DAMAGED' })
  await t.rejects(blobs.chunk(random.bytes(32), 0), { code: 'VAULT_NOT_FOUND' })
  await blobs.stop()
})

t.test('a damaged chunk is served intact from another member and mended here', async (t) => {
  const cluster = await createCluster(testDirectory(t), 3)
  t.teardown(() => cluster.stop())
  const [first] = cluster.vaults
  const blob = makeBlob(1, 500)
  await putAll(first!.store, blob)
  await first!.replicator.replicate(random.bytes(32), 1, [blob.ref])
  flip(first!, blob.ref.blob, 7)
  const blobs = repairOf(first!)
  t.ok(Buffer.from(await blobs.chunk(blob.ref.blob, 0)).equals(blob.chunks[0]!), 'the bytes are the right ones')
  t.same((await blobs.hashes(blob.ref.blob)).hashes, blob.hashes)
  await waitUntilSound(first!, blob.ref.blob)
  await blobs.stop()
})

async function waitUntilSound({ store }: Vault, blob: Uint8Array): Promise<void> {
  while ((await store.verify(blob)).length > 0) await new Promise((resolve) => setImmediate(resolve))
}

t.test('the scrub finds and mends what nobody has read, again and again, and stops when told', async (t) => {
  const cluster = await createCluster(testDirectory(t), 2)
  t.teardown(() => cluster.stop())
  const [first] = cluster.vaults
  const blob = makeBlob(0, 500)
  await putAll(first!.store, blob)
  await first!.replicator.replicate(random.bytes(32), 1, [blob.ref])
  let passed = (): void => {}
  const log = keepingLogger(({ phrase }) => { if (phrase === 'all blobs were read back') passed() })
  const nextPass = (): Promise<void> => new Promise((resolve) => { passed = resolve })
  const blobs = repairOf(first!, { scrubFirstMs: 1, scrubIntervalMs: 1, scrubRestFactor: 1, scrubRestMsMin: 1 }, log.logger)
  const pass = nextPass()
  blobs.start()
  await pass
  flip(first!, blob.ref.blob, 9)
  flip(first!, blob.ref.blob, Number(blob.ref.size) + 1)
  await nextPass()
  await nextPass()
  await blobs.stop()
  t.ok(log.lines.some(({ fields }) => fields['repaired'] === 2))
  t.same(await first!.store.verify(blob.ref.blob), [])
  const { length } = log.lines
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(log.lines.length, length, 'nothing runs after the stop')
})
