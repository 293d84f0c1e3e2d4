import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { equalBytes, fromHex, toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import { BLOB_LIMITS, chunkHash, chunkLength } from '../privacy/blob.ts'
import type { BlobRef } from '../privacy/blob.ts'
import { indexFits, readIndex, writeIndex } from './blob-file.ts'
import type { BlobIndex } from './blob-file.ts'
import { isMissing, namesIn, readExactly, syncDirectory, withFile, writeFully } from './disk.ts'
import type { VaultErrorCode } from './errors.ts'
import type { VaultMetrics } from './metrics.ts'

/** Hashes of complete blobs held in memory at most, over all blobs (about 64 bytes each). */
const CACHED_HASHES_MAX = 65_536

/** Blobs that are whole, as files `<first byte>/<id>` below one folder. Every read is hashed. The caller holds the blob's lock around changes. */
export class CompleteBlobs {
  readonly #root: string
  readonly #logger: Logger
  readonly #metrics: VaultMetrics
  readonly #indexes = new LRUCache<string, BlobIndex>({ maxSize: CACHED_HASHES_MAX, sizeCalculation: (index) => index.hashes.length })
  /** Folders known to be there and on disk; at most 256. */
  readonly #buckets = new Set<string>()
  readonly #damaged = new Map<string, Set<number>>()

  constructor(directory: string, { logger, metrics }: { readonly logger: Logger; readonly metrics: VaultMetrics }) {
    this.#root = directory
    this.#logger = logger
    this.#metrics = metrics
  }

  /** Makes the folder; returns the bytes of all files in it. */
  async start(): Promise<bigint> {
    let bytes = 0n
    await mkdir(this.#root, { recursive: true, mode: 0o700 })
    await syncDirectory(dirname(this.#root))
    for (const bucket of await namesIn(this.#root)) {
      for (const name of await namesIn(join(this.#root, bucket))) bytes += (await stat(join(this.#root, bucket, name), { bigint: true })).size
    }
    return bytes
  }

  /** Bytes of the blob's file; undefined when there is none. */
  async fileBytes(blob: Uint8Array): Promise<bigint | undefined> {
    try {
      return (await stat(this.#pathOf(blob), { bigint: true })).size
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  /** Moves a synced file into place; the blob is complete once this returns, also after a power failure. `index`, where the caller just wrote it, spares reading it back. */
  async adopt(path: string, blob: Uint8Array, index?: BlobIndex): Promise<void> {
    const target = this.#pathOf(blob)
    if (!this.#buckets.has(dirname(target))) {
      await mkdir(dirname(target), { recursive: true, mode: 0o700 })
      await syncDirectory(this.#root)
      this.#buckets.add(dirname(target))
    }
    await rename(path, target)
    await syncDirectory(dirname(target))
    if (index !== undefined) this.#indexes.set(toHex(blob), index)
  }

  async remove(blob: Uint8Array): Promise<void> {
    this.#indexes.delete(toHex(blob))
    this.#damaged.delete(toHex(blob))
    await rm(this.#pathOf(blob), { force: true })
    await syncDirectory(dirname(this.#pathOf(blob)))
  }

  /** Size and hashes, proved by the id. `VAULT_NOT_FOUND`, `VAULT_DAMAGED` with index -1. */
  async index(blob: Uint8Array): Promise<BlobIndex> {
    const name = toHex(blob)
    const cached = this.#indexes.get(name)
    if (cached !== undefined) return cached
    const index = await this.#read(blob, readIndex)
    if (index === undefined || !indexFits(index, blob)) throw this.#damage(blob, -1)
    this.#indexes.set(name, index)
    return index
  }

  async chunk(blob: Uint8Array, index: number): Promise<Uint8Array> {
    const { size, hashes } = await this.index(blob)
    const length = chunkLength(size, index)
    if (length === 0) throw blobError('VAULT_NOT_FOUND', 'the blob has no such chunk', blob, { index })
    const chunk = await this.#read(blob, (file) => readExactly(file, index * BLOB_LIMITS.chunkBytes, length))
    if (chunk === undefined || !equalBytes(chunkHash(chunk), hashes[index]!)) throw this.#damage(blob, index)
    return chunk
  }

  /** Reads everything anew: indexes of damaged chunks, -1 for the hashes themselves. */
  async verify(blob: Uint8Array, signal: AbortSignal | undefined): Promise<number[]> {
    this.#indexes.delete(toHex(blob))
    const index = await unlessDamaged(this.index(blob))
    if (index === undefined) return [-1]
    const damaged: number[] = []
    for (let i = 0; i < index.hashes.length; i++) {
      signal?.throwIfAborted()
      if ((await unlessDamaged(this.chunk(blob, i))) === undefined) damaged.push(i)
    }
    if (damaged.length === 0) this.#damaged.delete(toHex(blob))
    return damaged
  }

  async repairChunk(blob: Uint8Array, index: number, chunk: Uint8Array): Promise<void> {
    const { size, hashes } = await this.index(blob)
    const expected = hashes[index]
    if (expected === undefined || chunk.length !== chunkLength(size, index) || !equalBytes(chunkHash(chunk), expected)) {
      throw blobError('VAULT_CHUNK_REFUSED', 'the chunk is not the one the blob demands here', blob, { index })
    }
    await withFile(this.#pathOf(blob), 'r+', async (file) => {
      await writeFully(file, index * BLOB_LIMITS.chunkBytes, chunk)
      await file.datasync()
    })
    this.#mended(blob, index)
  }

  /** Writes the hashes anew; they were checked against the id. */
  async repairIndex({ blob, size }: BlobRef, hashes: readonly Uint8Array[]): Promise<void> {
    await withFile(this.#pathOf(blob), 'r+', async (file) => {
      await file.truncate(Number(size))
      await writeIndex(file, size, hashes)
      await file.datasync()
    })
    this.#indexes.delete(toHex(blob))
    this.#mended(blob, -1)
  }

  /** Places found damaged and not mended since, ascending. */
  damagedOf(blob: Uint8Array): number[] { return [...(this.#damaged.get(toHex(blob)) ?? [])].sort((a, b) => a - b) }

  /** Ids in byte order. */
  async *list(): AsyncGenerator<Uint8Array> {
    for (const bucket of await namesIn(this.#root)) {
      for (const name of await namesIn(join(this.#root, bucket))) if (/^[0-9a-f]{64}$/.test(name)) yield fromHex(name)
    }
  }

  #pathOf(blob: Uint8Array): string {
    const name = toHex(blob)
    return join(this.#root, name.slice(0, 2), name)
  }

  async #read<T>(blob: Uint8Array, task: Parameters<typeof withFile<T>>[2]): Promise<T> {
    try {
      return await withFile(this.#pathOf(blob), 'r', task)
    } catch (error) {
      if (isMissing(error)) throw blobError('VAULT_NOT_FOUND', 'this vault has no such blob', blob)
      throw error
    }
  }

  #damage(blob: Uint8Array, index: number): SteleError {
    const name = toHex(blob)
    const known = this.#damaged.get(name) ?? new Set<number>()
    if (!known.has(index)) {
      this.#logger.error({ blob: name, index }, 'a stored blob is damaged')
      this.#metrics.damage.inc({ part: index < 0 ? 'hashes' : 'chunk' })
    }
    this.#damaged.set(name, known.add(index))
    return blobError('VAULT_DAMAGED', 'stored bytes do not have their hash', blob, { index })
  }

  #mended(blob: Uint8Array, index: number): void {
    const known = this.#damaged.get(toHex(blob))
    known?.delete(index)
    if (known?.size === 0) this.#damaged.delete(toHex(blob))
  }
}

export function blobError(code: VaultErrorCode, message: string, blob: Uint8Array, details: Readonly<Record<string, unknown>> = {}): SteleError {
  return new SteleError({ code, message, details: { blob: toHex(blob), ...details } })
}

/** Undefined in place of `VAULT_DAMAGED`; every other failure goes on. */
export async function unlessDamaged<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof SteleError && error.code === 'VAULT_DAMAGED') return undefined
    throw error
  }
}
