import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes, fromHex, toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { noMetrics } from '../primitives/ports.ts'
import type { Clock, Logger } from '../primitives/ports.ts'
import { blobIdOfHashes, chunkCount } from '../privacy/blob.ts'
import type { BlobRef } from '../privacy/blob.ts'
import { blobFileBytes, indexFits } from './blob-file.ts'
import { blobError, CompleteBlobs, unlessDamaged } from './complete-blobs.ts'
import { diskError, withFile } from './disk.ts'
import { DiskSpace, freeBytesOf } from './disk-space.ts'
import { KeyedLock } from './keyed-lock.ts'
import { LocalStage } from './local-stage.ts'
import { createVaultMetrics } from './metrics.ts'
import type { VaultMetrics } from './metrics.ts'
import type { BlobStoreOptions } from './options.ts'
import type { BlobStage, BlobStat, BlobStore } from './ports.ts'
import { missingRanges, Uploads } from './uploads.ts'
import type { Upload } from './uploads.ts'

export interface LocalBlobStoreCollaborators {
  readonly clock: Pick<Clock, 'nowMs'>
  readonly logger: Logger
  readonly metrics?: VaultMetrics
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
  readonly #metrics: VaultMetrics
  readonly #space: DiskSpace
  readonly #uploads: Uploads
  readonly #complete: CompleteBlobs
  readonly #locks = new KeyedLock()
  #sweeper: NodeJS.Timeout | undefined
  #running = false

  constructor(options: BlobStoreOptions, { clock, logger, metrics = createVaultMetrics(noMetrics), freeBytes }: LocalBlobStoreCollaborators) {
    this.#options = options
    this.#logger = logger
    this.#metrics = metrics
    this.#space = new DiskSpace(options, freeBytes ?? (() => freeBytesOf(options.directory)))
    this.#uploads = new Uploads({ ...options, directory: join(options.directory, 'partial') }, { space: this.#space, clock })
    this.#complete = new CompleteBlobs(join(options.directory, 'blobs'), { logger, metrics })
  }

  /** Bytes of all files, uploads at their full size. */
  get usedBytes(): bigint { return this.#space.usedBytes }

  async start(): Promise<void> {
    if (this.#running) return
    this.#running = true
    try {
      await this.#disk('open the store', async () => {
        await mkdir(join(this.#options.directory, 'partial'), { recursive: true, mode: 0o700 })
        this.#space.reset(await this.#complete.start())
        await this.#uploads.start()
      })
      await this.expireUploads()
    } catch (error) {
      this.#running = false
      throw error
    }
    this.#sweeper = setInterval(() => {
      this.expireUploads().catch((error: unknown) => this.#logger.error({ error }, 'expired uploads could not be removed'))
    }, this.#options.sweepIntervalMs).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeper)
    this.#running = false
  }

  async begin(ref: BlobRef, chunkHashes?: readonly Uint8Array[]): Promise<BlobStat> {
    if (chunkCount(ref.size) === 0 || ref.blob.length !== 32) throw blobError('VAULT_INPUT_INVALID', 'no blob has this id or size', ref.blob, { size: ref.size })
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
    return this.#disk('look for a blob', async () => this.#complete.damagedOf(blob).length === 0 && (await this.#complete.fileBytes(blob)) !== undefined)
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
      if ((await this.#complete.fileBytes(blob)) !== undefined) return
      await this.#uploads.put(await this.#announced(blob), index, chunk)
    })
  }

  async finish(blob: Uint8Array): Promise<BlobRef> {
    return this.#exclusive(blob, 'complete a blob', async () => {
      const complete = await this.#statComplete(blob)
      if (complete !== undefined) return { blob, size: complete.size }
      const upload = await this.#announced(blob)
      const missing = missingRanges(upload.present)
      if (missing.length > 0) throw blobError('VAULT_INCOMPLETE', 'chunks are missing', blob, { ranges: missing.length, first: missing[0] })
      if (!indexFits(upload, blob)) {
        await this.#uploads.remove(blob)
        throw blobError('VAULT_ROOT_MISMATCH', 'the chunks do not give the id of the blob', blob)
      }
      try {
        await withFile(this.#uploads.pathOf(blob), 'r+', async (file) => file.datasync())
      } catch (error) {
        // After a failed sync nobody knows which pages reached the disk: nothing of this upload counts any more.
        await this.#uploads.remove(blob)
        throw error
      }
      await this.#complete.adopt(this.#uploads.pathOf(blob), blob)
      this.#uploads.forget(blob)
      return { blob, size: upload.size }
    })
  }

  async getChunk(blob: Uint8Array, index: number): Promise<Uint8Array> {
    return this.#disk('read a chunk', () => this.#complete.chunk(blob, index))
  }

  async chunkHashes(blob: Uint8Array): Promise<readonly Uint8Array[]> {
    return this.#disk('read the hashes of a blob', async () => (await this.#complete.index(blob)).hashes)
  }

  async delete(blob: Uint8Array): Promise<boolean> {
    return this.#exclusive(blob, 'delete a blob', async () => {
      const bytes = await this.#complete.fileBytes(blob)
      if (bytes === undefined) return this.#uploads.remove(blob)
      await this.#complete.remove(blob)
      this.#space.release(bytes)
      return true
    })
  }

  async *list(): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#complete.list()
    } catch (error) {
      throw diskError(error, 'list blobs')
    }
  }

  async stage(): Promise<BlobStage> {
    return this.#disk('begin a stage', async () => LocalStage.create(this.#uploads.stagePath(), {
      space: this.#space,
      adopt: (path, ref, hashes) => this.#exclusive(ref.blob, 'complete a stage', async () => {
        if ((await this.#complete.fileBytes(ref.blob)) !== undefined) return false
        await this.#uploads.remove(ref.blob)
        await this.#complete.adopt(path, ref.blob, { size: ref.size, hashes })
        return true
      }),
    }))
  }

  async verify(blob: Uint8Array, signal?: AbortSignal): Promise<number[]> {
    return this.#disk('verify a blob', () => this.#complete.verify(blob, signal))
  }

  async repairChunk(blob: Uint8Array, index: number, chunk: Uint8Array): Promise<void> {
    await this.#exclusive(blob, 'repair a chunk', () => this.#complete.repairChunk(blob, index, chunk))
  }

  async repairHashes(ref: BlobRef, chunkHashes: readonly Uint8Array[]): Promise<void> {
    requireFit(ref, chunkHashes)
    await this.#exclusive(ref.blob, 'repair the hashes of a blob', async () => {
      const before = await this.#complete.fileBytes(ref.blob)
      if (before === undefined) throw blobError('VAULT_NOT_FOUND', 'this vault has no such blob', ref.blob)
      await this.#complete.repairIndex(ref, chunkHashes)
      this.#space.release(before)
      this.#space.count(blobFileBytes(ref.size))
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

  async #announced(blob: Uint8Array): Promise<Upload> {
    const upload = await this.#uploads.open(blob)
    if (upload === undefined) throw blobError('VAULT_NOT_FOUND', 'this blob was not announced', blob)
    return upload
  }

  async #statComplete(blob: Uint8Array): Promise<BlobStat | undefined> {
    if ((await this.#complete.fileBytes(blob)) === undefined) return undefined
    const index = await unlessDamaged(this.#complete.index(blob))
    const { size, hashes } = index ?? { size: 0n, hashes: [] }
    return { blob, size, chunkCount: hashes.length, complete: true, missing: [], damaged: this.#complete.damagedOf(blob) }
  }

  async #exclusive<T>(blob: Uint8Array, operation: string, task: () => Promise<T>): Promise<T> {
    return this.#locks.run(toHex(blob), () => this.#disk(operation, task))
  }

  async #disk<T>(operation: string, task: () => Promise<T>): Promise<T> {
    if (!this.#running) throw new SteleError({ code: 'VAULT_STOPPED', message: 'the vault is not running' })
    try {
      return await task()
    } catch (error) {
      throw diskError(error, operation)
    } finally {
      this.#metrics.usedBytes.set(Number(this.#space.usedBytes))
    }
  }
}

function statOf({ blob, size, present }: Upload): BlobStat {
  return { blob, size, chunkCount: present.length, complete: false, missing: missingRanges(present), damaged: [] }
}

function requireFit(ref: BlobRef, chunkHashes: readonly Uint8Array[]): void {
  if (chunkHashes.length === chunkCount(ref.size) && chunkHashes.every((hash) => hash.length === 32) && equalBytes(blobIdOfHashes(chunkHashes, ref.size), ref.blob)) return
  throw blobError('VAULT_INPUT_INVALID', 'the chunk hashes do not give the id of the blob', ref.blob, { count: chunkHashes.length })
}
