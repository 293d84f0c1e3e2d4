import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { silentLogger } from '../../primitives/ports.ts'
import { blobIdOfHashes, BLOB_LIMITS, chunkHash } from '../../privacy/blob.ts'
import type { BlobRef } from '../../privacy/blob.ts'
import { LocalBlobStore } from '../../vault/local-store.ts'
import { BLOB_STORE_DEFAULTS } from '../../vault/options.ts'
import type { BlobStoreOptions } from '../../vault/options.ts'

export const random = { bytes: (length: number): Uint8Array => new Uint8Array(randomBytes(length)) }

/** A clock that stands still until it is moved. */
export function createClock(nowMs = Date.now()): { nowMs(): number; advance(ms: number): void } {
  let now = nowMs
  return { nowMs: () => now, advance: (ms) => { now += ms } }
}

/** A blob of `whole` full chunks and one of `rest` bytes (0: none). Its bytes are random: vaults do not look inside. */
export function makeBlob(whole: number, rest: number): { readonly ref: BlobRef; readonly chunks: Uint8Array[]; readonly hashes: Uint8Array[] } {
  const chunks = Array.from({ length: whole }, () => random.bytes(BLOB_LIMITS.chunkBytes))
  if (rest > 0) chunks.push(random.bytes(rest))
  const size = BigInt(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  const hashes = chunks.map(chunkHash)
  return { ref: { blob: blobIdOfHashes(hashes, size), size }, chunks, hashes }
}

export async function createStore(directory: string, options: Partial<BlobStoreOptions> = {}, clock = createClock(), freeBytes = async () => 2n ** 40n): Promise<LocalBlobStore> {
  const store = new LocalBlobStore({ ...BLOB_STORE_DEFAULTS, directory, ...options }, { clock, logger: silentLogger, freeBytes })
  await store.start()
  return store
}

export async function putAll(store: LocalBlobStore, blob: ReturnType<typeof makeBlob>): Promise<void> {
  await store.begin(blob.ref, blob.hashes)
  for (const [i, chunk] of blob.chunks.entries()) await store.putChunk(blob.ref.blob, i, chunk)
  await store.finish(blob.ref.blob)
}

/** Paths of all files below a folder. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

/** Files below `directory` that hold `canary` as text, hex or base64. */
export function filesWith(directory: string, canary: string): string[] {
  const forms = [canary, Buffer.from(canary).toString('hex'), Buffer.from(canary).toString('base64').replace(/=+$/, '')]
  return filesBelow(directory).filter((path) => {
    const content = readFileSync(path)
    return forms.some((form) => content.includes(form))
  })
}
