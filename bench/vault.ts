/**
 * What do encryption and the vault cost, against bare AES-256-GCM and a bare write + fdatasync in the same run, and does memory stay bounded?
 * Run: `node bench/vault.ts [MiB]` (default 128). Ratios are to the bare loop; memory is resident bytes above the start.
 */
import { createCipheriv, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../primitives/ports.ts'
import { createSealKeyPair, openSectionKey, sealSectionKey } from '../privacy/seal.ts'
import { encryptSection } from '../privacy/encrypt-section.ts'
import { openSection } from '../privacy/decrypt-section.ts'
import { createSectionSecret } from '../privacy/section-format.ts'
import { EncryptedFiles } from '../vault/encrypted-files.ts'
import { KeyStore } from '../vault/key-store.ts'
import { LocalBlobStore } from '../vault/local-store.ts'
import { BLOB_STORE_DEFAULTS } from '../vault/options.ts'
import { putSection } from '../vault/put-section.ts'

const MIB = 1024 * 1024
const mebibytes = Number(process.argv[2] ?? 128)
const random = { bytes: (length: number): Uint8Array => new Uint8Array(randomBytes(length)) }
const place = { record: random.bytes(32), version: 1, section: 0 }
const directory = mkdtempSync(join(tmpdir(), 'stele-bench-vault-'))
const store = new LocalBlobStore({ ...BLOB_STORE_DEFAULTS, directory: join(directory, 'vault') }, { clock: { nowMs: () => Date.now() }, logger: silentLogger })

try {
  await store.start()
  await large()
  await small()
  await keys()
} finally {
  await store.stop()
  rmSync(directory, { recursive: true })
}

function print(what: string, ...figures: string[]): void { console.log([what.padEnd(44), ...figures].join('  ')) }

/** Seconds of `task`, and the most resident memory above its start, sampled every 5 ms. */
async function measure(task: () => Promise<void>): Promise<{ readonly seconds: number; readonly peakMiB: number }> {
  const before = process.memoryUsage.rss()
  let peak = before
  const sampler = setInterval(() => { peak = Math.max(peak, process.memoryUsage.rss()) }, 5)
  const start = performance.now()
  await task()
  const seconds = (performance.now() - start) / 1000
  clearInterval(sampler)
  return { seconds, peakMiB: (Math.max(peak, process.memoryUsage.rss()) - before) / MIB }
}

async function large(): Promise<void> {
  const piece = random.bytes(MIB)
  async function* plaintext(): AsyncGenerator<Uint8Array> { for (let i = 0; i < mebibytes; i++) yield piece }
  const bare = await measure(async () => {
    const file = await open(join(directory, 'bare'), 'w')
    const cipher = createCipheriv('aes-256-gcm', random.bytes(32), random.bytes(12))
    for (let i = 0; i < mebibytes; i++) await file.write(cipher.update(piece))
    await file.datasync()
    await file.close()
  })
  let section: Awaited<ReturnType<typeof putSection>> | undefined
  const put = await measure(async () => { section = await putSection(store, encryptSection(place, createSectionSecret(random), plaintext())) })
  const { blob, sectionKey, ...rest } = section!
  const get = await measure(async () => {
    const opened = await openSection(place, { blob, ...rest }, sectionKey, await store.chunkHashes(blob))
    async function* chunks(): AsyncGenerator<Uint8Array> { for (let i = 0; i < opened.chunkCount; i++) yield store.getChunk(blob, i) }
    for await (const plain of opened.decrypt(chunks())) if (plain.length > MIB) throw new Error('a chunk is too long')
  })
  const scrub = await measure(async () => { if ((await store.verify(blob)).length > 0) throw new Error('the blob is damaged') })
  for (const [what, { seconds, peakMiB }] of [['bare cipher, write, fdatasync', bare], ['encrypt, hash, put', put], ['get, check twice, decrypt', get], ['verify', scrub]] as const) {
    print(`${mebibytes} MiB: ${what}`, `${Math.round(mebibytes / seconds)} MiB/s`, `ratio ${(bare.seconds / seconds).toFixed(2)}`, `memory +${Math.round(peakMiB)} MiB`)
  }
}

async function small(): Promise<void> {
  const count = 300
  const plaintext = random.bytes(3_000)
  const bare = await measure(async () => {
    for (let i = 0; i < count; i++) {
      const file = await open(join(directory, `bare-${i}`), 'w')
      await file.write(plaintext)
      await file.datasync()
      await file.close()
    }
  })
  const put = await measure(async () => { for (let i = 0; i < count; i++) await putSection(store, encryptSection(place, createSectionSecret(random), [plaintext])) })
  print('sections of 3 kB, one after the other', `${Math.round(count / put.seconds)}/s`, `bare files ${Math.round(count / bare.seconds)}/s`, `ratio ${(bare.seconds / put.seconds).toFixed(2)}`)
}

async function keys(): Promise<void> {
  const count = 200
  const keyStore = new KeyStore(new EncryptedFiles({ directory: join(directory, 'keys') }, random.bytes(32)))
  await keyStore.start()
  const key = { key: random.bytes(32), salt: random.bytes(32), plaintextDigest: random.bytes(32) }
  const put = await measure(async () => { for (let i = 0; i < count; i++) await keyStore.put(random.bytes(32), 1, [{ section: 0, key }, { section: 1, key }]) })
  print('versions put into the key store', `${Math.round(count / put.seconds)}/s`)
  const reader = createSealKeyPair(random)
  const context = { chain: random.bytes(32), request: random.bytes(32), record: random.bytes(32), version: 1, section: 0, readerKey: reader.publicKey }
  const sealed = await sealSectionKey(context, key)
  const seal = await measure(async () => { for (let i = 0; i < count; i++) await sealSectionKey(context, key) })
  const open = await measure(async () => { for (let i = 0; i < count; i++) await openSectionKey(reader.secretKey, context, sealed) })
  print('section keys sealed and opened (HPKE)', `${(1000 * seal.seconds / count).toFixed(2)} ms`, `${(1000 * open.seconds / count).toFixed(2)} ms`)
}
