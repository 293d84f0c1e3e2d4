import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes, toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import type { Clock } from '../primitives/ports.ts'
import { chunkHash, chunkLength, BLOB_LIMITS } from '../privacy/blob.ts'
import type { BlobRef } from '../privacy/blob.ts'
import { blobFileBytes, hashPosition, indexFits, isKnown, readIndex, unknownHashes, writeIndex } from './blob-file.ts'
import { isMissing, namesIn, readExactly, withFile, writeFully } from './disk.ts'
import type { DiskSpace } from './disk-space.ts'
import type { ChunkRange } from './ports.ts'

const STAGE_PREFIX = 'stage-'

/** A blob not yet complete. `pinned`: all its hashes are known and give its id, so every chunk is checked as it comes. */
interface Upload {
  readonly blob: Uint8Array
  readonly size: bigint
  readonly hashes: Uint8Array[]
  readonly present: boolean[]
  readonly pinned: boolean
}

/**
 * Blobs in the making, each a sparse file named by its id. What is there is found out by hashing, not from notes, so a crash at any moment
 * costs at most the chunk being written. The caller holds the blob's lock around every call.
 */
export class Uploads {
  readonly #options: { readonly directory: string; readonly uploadsMax: number; readonly uploadExpiryMs: number }
  readonly #space: DiskSpace
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #loaded = new Map<string, Upload>()
  readonly #names = new Set<string>()
  #stages = 0

  constructor(options: { readonly directory: string; readonly uploadsMax: number; readonly uploadExpiryMs: number }, collaborators: { readonly space: DiskSpace; readonly clock: Pick<Clock, 'nowMs'> }) {
    this.#options = options
    this.#space = collaborators.space
    this.#clock = collaborators.clock
  }

  /** Counts what an earlier run left; stages cannot be resumed and go. */
  async start(): Promise<void> {
    this.#names.clear()
    this.#loaded.clear()
    for (const name of await namesIn(this.#options.directory)) {
      const path = join(this.#options.directory, name)
      if (!/^[0-9a-f]{64}$/.test(name)) {
        await rm(path, { force: true })
        continue
      }
      this.#names.add(name)
      this.#space.count((await stat(path, { bigint: true })).size)
    }
  }

  pathOf(blob: Uint8Array): string { return join(this.#options.directory, toHex(blob)) }

  /** A name for a stage, unique in this run. */
  stagePath(): string { return join(this.#options.directory, `${STAGE_PREFIX}${++this.#stages}`) }

  get count(): number { return this.#names.size }

  /** The upload of `blob`, read and re-hashed from disk the first time; undefined when there is none, or only wreckage (which is removed). */
  async open(blob: Uint8Array): Promise<Upload | undefined> {
    const name = toHex(blob)
    const loaded = this.#loaded.get(name)
    if (loaded !== undefined || !this.#names.has(name)) return loaded
    const upload = await this.#load(blob)
    if (upload === undefined) await this.remove(blob)
    else this.#loaded.set(name, upload)
    return upload
  }

  async #load(blob: Uint8Array): Promise<Upload | undefined> {
    return withFile(this.pathOf(blob), 'r', async (file) => {
      const index = await readIndex(file)
      if (index === undefined) return undefined
      const present: boolean[] = []
      for (const [i, hash] of index.hashes.entries()) {
        const chunk = isKnown(hash) ? await readExactly(file, i * BLOB_LIMITS.chunkBytes, chunkLength(index.size, i)) : undefined
        present.push(chunk !== undefined && equalBytes(chunkHash(chunk), hash))
      }
      return { blob, size: index.size, hashes: [...index.hashes], present, pinned: indexFits(index, blob) }
    })
  }

  /** Starts an upload. `hashes`, when given, were checked against the id. */
  async create(ref: BlobRef, hashes: readonly Uint8Array[] | undefined): Promise<Upload> {
    if (this.#names.size >= this.#options.uploadsMax) {
      throw new SteleError({ code: 'VAULT_BUSY', message: 'too many uploads in progress', details: { uploadsMax: this.#options.uploadsMax }, retryable: true })
    }
    const bytes = blobFileBytes(ref.size)
    const name = toHex(ref.blob)
    this.#names.add(name)
    try {
      await this.#space.reserve(bytes)
      const list = hashes === undefined ? unknownHashes(ref.size) : [...hashes]
      const upload = { blob: ref.blob, size: ref.size, hashes: list, present: list.map(() => false), pinned: hashes !== undefined }
      try {
        await withFile(this.pathOf(ref.blob), 'w', async (file) => writeIndex(file, ref.size, list))
      } catch (error) {
        await rm(this.pathOf(ref.blob), { force: true })
        this.#space.release(bytes)
        throw error
      }
      this.#loaded.set(name, upload)
      return upload
    } catch (error) {
      this.#names.delete(name)
      throw error
    }
  }

  /** Writes a chunk whose length and, if pinned, hash are right; otherwise `VAULT_CHUNK_REFUSED`. */
  async put(upload: Upload, index: number, chunk: Uint8Array): Promise<void> {
    const hash = chunkHash(chunk)
    if (chunk.length !== chunkLength(upload.size, index) || (upload.pinned && !equalBytes(hash, upload.hashes[index]!))) {
      throw new SteleError({ code: 'VAULT_CHUNK_REFUSED', message: 'the chunk is not the one the blob demands here', details: { blob: toHex(upload.blob), index, length: chunk.length } })
    }
    if (upload.present[index] === true && equalBytes(hash, upload.hashes[index]!)) return
    upload.present[index] = false
    await withFile(this.pathOf(upload.blob), 'r+', async (file) => {
      await writeFully(file, index * BLOB_LIMITS.chunkBytes, chunk)
      if (!upload.pinned) await writeFully(file, hashPosition(upload.size, index), hash)
    })
    upload.hashes[index] = hash
    upload.present[index] = true
  }

  /** The file is somewhere else now: only forget it. */
  forget(blob: Uint8Array): void {
    this.#names.delete(toHex(blob))
    this.#loaded.delete(toHex(blob))
  }

  async remove(blob: Uint8Array): Promise<boolean> {
    if (!this.#names.has(toHex(blob))) return false
    const path = this.pathOf(blob)
    const bytes = await stat(path, { bigint: true }).then((found) => found.size, (error: unknown) => { if (isMissing(error)) return 0n; throw error })
    await rm(path, { force: true })
    this.#space.release(bytes)
    this.forget(blob)
    return true
  }

  /** Ids of uploads that got nothing for longer than allowed. */
  async expired(): Promise<string[]> {
    const limit = this.#clock.nowMs() - this.#options.uploadExpiryMs
    const out: string[] = []
    for (const name of this.#names) {
      const found = await stat(join(this.#options.directory, name)).catch((error: unknown) => { if (isMissing(error)) return undefined; throw error })
      if (found !== undefined && found.mtimeMs < limit) out.push(name)
    }
    return out
  }
}

/** Runs of chunks that are not there. */
export function missingRanges(present: readonly boolean[]): ChunkRange[] {
  const out: { first: number; last: number }[] = []
  for (const [i, there] of present.entries()) {
    if (there) continue
    const open = out.at(-1)
    if (open !== undefined && open.last === i - 1) open.last = i
    else out.push({ first: i, last: i })
  }
  return out
}

export type { Upload }
