import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { equalBytes, fromHex, toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import type { Clock, Logger } from '../primitives/ports.ts'
import { BLOB_LIMITS, blobIdOfHashes, chunkCount, chunkHash, chunkLength } from '../privacy/blob.ts'
import type { BlobRef } from '../privacy/blob.ts'
import { blobFileBytes, indexFits, readIndex, writeIndex } from './blob-file.ts'
import type { BlobIndex } from './blob-file.ts'
import { diskError, isMissing, namesIn, readExactly, syncDirectory, withFile, writeFully } from './disk.ts'
import { DiskSpace, freeBytesOf } from './disk-space.ts'
import type { VaultErrorCode } from './errors.ts'
import { KeyedLock } from './keyed-lock.ts'
import type { BlobStoreOptions } from './options.ts'
import type { BlobStage, BlobStat, BlobStore } from './ports.ts'
import { LocalStage } from './local-stage.ts'
import { missingRanges, Uploads } from './uploads.ts'
import type { Upload } from './uploads.ts'

/** Hashes of complete blobs held in memory at most, over all blobs (about 64 bytes each). */
const CACHED_HASHES_MAX = 65_536

export interface LocalBlobStoreCollaborators {
  readonly clock: Pick<Clock, 'nowMs'>
  readonly logger: Logger
  /** Free bytes of the disk; by default the file system is asked. */
  readonly freeBytes?: () => Promise<bigint>
}

/**
 * Blobs on a local disk: `partial/<id>` while they grow, `blobs/<first byte>/<id>` once complete; a blob moves by rename after its bytes are
 * synced, so a complete blob is whole after any crash. Every read is hashed; a damaged chunk is named, never served.
 */
export class LocalBlobStore implements BlobStore {
  readonly #options: BlobStoreOptions
  readonly #logger: Logger
  readonly #space: DiskSpace
  readonly #uploads: Uploads
  readonly #locks = new KeyedLock()
  readonly #indexes = new LRUCache<string, BlobIndex>({ maxSize: CACHED_HASHES_MAX, sizeCalculation: (index) => index.hashes.length })
  readonly #damaged = new Map<string, Set<number>>()
  #sweeper: NodeJS.Timeout | undefined
  #running = false

  constructor(options: BlobStoreOptions, { clock, logger, freeBytes }: LocalBlobStoreCollaborators) {
    this.#options = options
    this.#logger = logger
    this.#space = new DiskSpace(options, freeBytes ?? (() => freeBytesOf(options.directory)))
    this.#uploads = new Uploads({ ...options, directory: join(options.directory, 'partial') }, { space: this.#space, clock })
  }

  get usedBytes(): bigint { return this.#space.usedBytes }

  async start(): Promise<void> {
    if (this.#running) return
    await this.#disk('open the store', async () => {
      await mkdir(join(this.#options.directory, 'partial'), { recursive: true, mode: 0o700 })
      await mkdir(this.#root, { recursive: true, mode: 0o700 })
      await syncDirectory(this.#options.directory)
      for (const bucket of await namesIn(this.#root)) {
        for (const name of await namesIn(join(this.#root, bucket))) {
          this.#space.count((await stat(join(this.#root, bucket, name), { bigint: true })).size)
        }
      }
      await this.#uploads.start()
    })
    this.#running = true
    await this.expireUploads()
    this.#sweeper = setInterval(() => {
      this.expireUploads().catch((error: unknown) => this.#logger.error({ error }, 'expired uploads could not be removed'))
    }, this.#options.sweepIntervalMs)
    this.#sweeper.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeper)
    this.#running = false
  }

  async begin(ref: BlobRef, chunkHashes?: readonly Uint8Array[]): Promise<BlobStat> {
    if (chunkCount(ref.size) === 0 || ref.blob.length !== 32) throw this.#error('VAULT_INPUT_INVALID', 'no blob has this id or size', ref.blob, { size: ref.size })
    if (chunkHashes !== undefined) requireFit(ref, chunkHashes)
    return this.#exclusive(ref.blob, 'begin an upload', async () => {
      const complete = await this.#statComplete(ref.blob)
      if (complete !== undefined) return complete
      let upload = await this.#uploads.open(ref.blob)
      // An upload announced without hashes could hold anything; with the right ones at hand it is safer to start over.
      if (upload !== undefined && (upload.size !== ref.size || (chunkHashes !== undefined && !upload.pinned))) {
        await this.#uploads.remove(ref.blob)
        upload = undefined
      }
      upload ??= await this.#uploads.create(ref, chunkHashes)
      return statOf(upload)
    })
  }

  async has(blob: Uint8Array): Promise<boolean> {
    if (this.#damaged.has(toHex(blob))) return false
    return this.#disk('look for a blob', async () => (await this.#fileBytes(blob)) !== undefined)
  }

  async stat(blob: Uint8Array): Promise<BlobStat | undefined> {
    return this.#exclusive(blob, 'look at a blob', async () => {
      const complete = await this.#statComplete(blob)
      if (complete !== undefined) return complete
      const upload = await this.#uploads.open(blob)
      return upload === undefined ? undefined : statOf(upload)
    })
  }

  async putChunk(blob: Uint8Array, index: number, chunk: Uint8Array): Promise<void> {
    await this.#exclusive(blob, 'write a chunk', async () => {
      if ((await this.#fileBytes(blob)) !== undefined) return
      const upload = await this.#uploads.open(blob)
      if (upload === undefined) throw this.#error('VAULT_NOT_FOUND', 'this blob was not announced', blob)
      await this.#uploads.put(upload, index, chunk)
    })
  }

  async finish(blob: Uint8Array): Promise<BlobRef> {
    return this.#exclusive(blob, 'complete a blob', async () => {
      const complete = await this.#statComplete(blob)
      if (complete !== undefined) return { blob, size: complete.size }
      const upload = await this.#uploads.open(blob)
      if (upload === undefined) throw this.#error('VAULT_NOT_FOUND', 'this blob was not announced', blob)
      const missing = missingRanges(upload.present)
      if (missing.length > 0) throw this.#error('VAULT_INCOMPLETE', 'chunks are missing', blob, { ranges: missing.length, first: missing[0] })
      if (!indexFits(upload, blob)) {
        await this.#uploads.remove(blob)
        throw this.#error('VAULT_ROOT_MISMATCH', 'the chunks do not give the id of the blob', blob)
      }
      try {
        await withFile(this.#uploads.pathOf(blob), 'r+', async (file) => file.datasync())
      } catch (error) {
        // After a failed sync nobody knows which pages reached the disk: nothing of this upload counts any more.
        await this.#uploads.remove(blob)
        throw error
      }
      await this.#publish(this.#uploads.pathOf(blob), blob)
      this.#uploads.forget(blob)
      return { blob, size: upload.size }
    })
  }

  async getChunk(blob: Uint8Array, index: number): Promise<Uint8Array> {
    return this.#disk('read a chunk', async () => {
      const found = await this.#index(blob)
      const length = chunkLength(found.size, index)
      if (length === 0) throw this.#error('VAULT_NOT_FOUND', 'the blob has no such chunk', blob, { index })
      const chunk = await this.#read(blob, (file) => readExactly(file, index * BLOB_LIMITS.chunkBytes, length))
      if (chunk === undefined || !equalBytes(chunkHash(chunk), found.hashes[index]!)) throw this.#markDamaged(blob, index)
      return chunk
    })
  }

  async chunkHashes(blob: Uint8Array): Promise<readonly Uint8Array[]> {
    return this.#disk('read the hashes of a blob', async () => (await this.#index(blob)).hashes)
  }

  async delete(blob: Uint8Array): Promise<boolean> {
    return this.#exclusive(blob, 'delete a blob', async () => {
      const bytes = await this.#fileBytes(blob)
      this.#indexes.delete(toHex(blob))
      this.#damaged.delete(toHex(blob))
      if (bytes === undefined) return this.#uploads.remove(blob)
      await rm(this.#pathOf(blob), { force: true })
      await syncDirectory(dirname(this.#pathOf(blob)))
      this.#space.release(bytes)
      return true
    })
  }

  async *list(): AsyncGenerator<Uint8Array> {
    for (const bucket of await this.#disk('list blobs', () => namesIn(this.#root))) {
      for (const name of await this.#disk('list blobs', () => namesIn(join(this.#root, bucket)))) {
        if (/^[0-9a-f]{64}$/.test(name)) yield fromHex(name)
      }
    }
  }

  async stage(): Promise<BlobStage> {
    return this.#disk('begin a stage', async () => LocalStage.create(this.#uploads.stagePath(), {
      space: this.#space,
      adopt: (path, ref) => this.#exclusive(ref.blob, 'complete a stage', async () => {
        if ((await this.#fileBytes(ref.blob)) !== undefined) return false
        await this.#uploads.remove(ref.blob)
        await this.#publish(path, ref.blob)
        return true
      }),
    }))
  }

  async verify(blob: Uint8Array, signal?: AbortSignal): Promise<number[]> {
    return this.#disk('verify a blob', async () => {
      this.#indexes.delete(toHex(blob))
      const damaged: number[] = []
      let count = 0
      try {
        count = (await this.#index(blob)).hashes.length
      } catch (error) {
        if (!isDamage(error)) throw error
        return [-1]
      }
      for (let index = 0; index < count; index++) {
        signal?.throwIfAborted()
        try {
          await this.getChunk(blob, index)
        } catch (error) {
          if (!isDamage(error)) throw error
          damaged.push(index)
        }
      }
      if (damaged.length === 0) this.#damaged.delete(toHex(blob))
      return damaged
    })
  }

  async repairChunk(blob: Uint8Array, index: number, chunk: Uint8Array): Promise<void> {
    await this.#exclusive(blob, 'repair a chunk', async () => {
      const found = await this.#index(blob)
      const expected = found.hashes[index]
      if (expected === undefined || chunk.length !== chunkLength(found.size, index) || !equalBytes(chunkHash(chunk), expected)) {
        throw this.#error('VAULT_CHUNK_REFUSED', 'the chunk is not the one the blob demands here', blob, { index })
      }
      await withFile(this.#pathOf(blob), 'r+', async (file) => {
        await writeFully(file, index * BLOB_LIMITS.chunkBytes, chunk)
        await file.datasync()
      })
      this.#unmarkDamaged(blob, index)
    })
  }

  async repairHashes(ref: BlobRef, chunkHashes: readonly Uint8Array[]): Promise<void> {
    requireFit(ref, chunkHashes)
    await this.#exclusive(ref.blob, 'repair the hashes of a blob', async () => {
      const before = await this.#fileBytes(ref.blob)
      if (before === undefined) throw this.#error('VAULT_NOT_FOUND', 'this vault has no such blob', ref.blob)
      await withFile(this.#pathOf(ref.blob), 'r+', async (file) => {
        await file.truncate(Number(ref.size))
        await writeIndex(file, ref.size, chunkHashes)
        await file.datasync()
      })
      this.#space.release(before)
      this.#space.count(blobFileBytes(ref.size))
      this.#indexes.delete(toHex(ref.blob))
      this.#unmarkDamaged(ref.blob, -1)
    })
  }

  /** Removes uploads that got nothing for longer than allowed; returns how many. */
  async expireUploads(): Promise<number> {
    const names = await this.#disk('look for expired uploads', () => this.#uploads.expired())
    for (const name of names) {
      const blob = fromHex(name)
      await this.#exclusive(blob, 'remove an expired upload', () => this.#uploads.remove(blob))
    }
    if (names.length > 0) this.#logger.info({ count: names.length }, 'expired uploads removed')
    return names.length
  }

  get #root(): string { return join(this.#options.directory, 'blobs') }

  #pathOf(blob: Uint8Array): string {
    const name = toHex(blob)
    return join(this.#root, name.slice(0, 2), name)
  }

  /** Size of the complete blob's file; undefined when there is none. */
  async #fileBytes(blob: Uint8Array): Promise<bigint | undefined> {
    try {
      return (await stat(this.#pathOf(blob), { bigint: true })).size
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async #publish(path: string, blob: Uint8Array): Promise<void> {
    const target = this.#pathOf(blob)
    if ((await mkdir(dirname(target), { recursive: true, mode: 0o700 })) !== undefined) await syncDirectory(this.#root)
    await rename(path, target)
    await syncDirectory(dirname(target))
  }

  async #statComplete(blob: Uint8Array): Promise<BlobStat | undefined> {
    if ((await this.#fileBytes(blob)) === undefined) return undefined
    try {
      const { size, hashes } = await this.#index(blob)
      return { blob, size, chunkCount: hashes.length, complete: true, missing: [], damaged: this.#damagedOf(blob) }
    } catch (error) {
      if (!isDamage(error)) throw error
      return { blob, size: 0n, chunkCount: 0, complete: true, missing: [], damaged: [-1] }
    }
  }

  async #read<T>(blob: Uint8Array, task: Parameters<typeof withFile<T>>[2]): Promise<T> {
    try {
      return await withFile(this.#pathOf(blob), 'r', task)
    } catch (error) {
      if (isMissing(error)) throw this.#error('VAULT_NOT_FOUND', 'this vault has no such blob', blob)
      throw error
    }
  }

  async #index(blob: Uint8Array): Promise<BlobIndex> {
    const name = toHex(blob)
    const cached = this.#indexes.get(name)
    if (cached !== undefined) return cached
    const index = await this.#read(blob, readIndex)
    if (index === undefined || !indexFits(index, blob)) throw this.#markDamaged(blob, -1)
    this.#indexes.set(name, index)
    return index
  }

  #damagedOf(blob: Uint8Array): number[] { return [...(this.#damaged.get(toHex(blob)) ?? [])].sort((a, b) => a - b) }

  #markDamaged(blob: Uint8Array, index: number): SteleError {
    const name = toHex(blob)
    const known = this.#damaged.get(name) ?? new Set<number>()
    if (!known.has(index)) this.#logger.error({ blob: name, index }, 'a stored blob is damaged')
    this.#damaged.set(name, known.add(index))
    return this.#error('VAULT_DAMAGED', 'stored bytes do not have their hash', blob, { index })
  }

  #unmarkDamaged(blob: Uint8Array, index: number): void {
    const known = this.#damaged.get(toHex(blob))
    known?.delete(index)
    if (known?.size === 0) this.#damaged.delete(toHex(blob))
  }

  #error(code: VaultErrorCode, message: string, blob: Uint8Array, details: Readonly<Record<string, unknown>> = {}): SteleError {
    return new SteleError({ code, message, details: { blob: toHex(blob), ...details } })
  }

  async #exclusive<T>(blob: Uint8Array, operation: string, task: () => Promise<T>): Promise<T> {
    return this.#locks.run(toHex(blob), () => this.#disk(operation, task))
  }

  async #disk<T>(operation: string, task: () => Promise<T>): Promise<T> {
    if (!this.#running && operation !== 'open the store') throw new SteleError({ code: 'VAULT_STOPPED', message: 'the vault is not running' })
    try {
      return await task()
    } catch (error) {
      throw diskError(error, operation)
    }
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof SteleError && error.code === 'VAULT_DAMAGED'
}

function statOf({ blob, size, present }: Upload): BlobStat {
  return { blob, size, chunkCount: present.length, complete: false, missing: missingRanges(present), damaged: [] }
}

function requireFit(ref: BlobRef, chunkHashes: readonly Uint8Array[]): void {
  if (chunkHashes.length === chunkCount(ref.size) && chunkHashes.every((hash) => hash.length === 32) && equalBytes(blobIdOfHashes(chunkHashes, ref.size), ref.blob)) return
  throw new SteleError({ code: 'VAULT_INPUT_INVALID', message: 'the chunk hashes do not give the id of the blob', details: { blob: toHex(ref.blob), count: chunkHashes.length } })
}
