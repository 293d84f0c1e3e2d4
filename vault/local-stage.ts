import { open, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { SteleError } from '../primitives/error.ts'
import { BLOB_LIMITS, blobIdOfHashes, chunkHash } from '../privacy/blob.ts'
import type { BlobRef } from '../privacy/blob.ts'
import { GCM_TAG_BYTES } from '../privacy/web-crypto.ts'
import { blobFileBytes, writeIndex } from './blob-file.ts'
import { diskError, writeFully } from './disk.ts'
import type { DiskSpace } from './disk-space.ts'
import type { BlobStage } from './ports.ts'

interface StageCollaborators {
  readonly space: DiskSpace
  /** Moves the synced file to its place; false when the blob is there already. */
  readonly adopt: (path: string, ref: BlobRef, hashes: readonly Uint8Array[]) => Promise<boolean>
}

/** A blob written in order to a temporary file, named by its content at the end. One caller, one call at a time. */
export class LocalStage implements BlobStage {
  readonly #path: string
  readonly #file: FileHandle
  readonly #collaborators: StageCollaborators
  readonly #hashes: Uint8Array[] = []
  #size = 0n
  #reserved = 0n
  #full = true
  #open = true

  private constructor(path: string, file: FileHandle, collaborators: StageCollaborators) {
    this.#path = path
    this.#file = file
    this.#collaborators = collaborators
  }

  static async create(path: string, collaborators: StageCollaborators): Promise<LocalStage> {
    return new LocalStage(path, await open(path, 'wx', 0o600), collaborators)
  }

  async append(chunk: Uint8Array): Promise<void> {
    await this.#orAbort('append to a stage', async () => {
      if (!this.#full || chunk.length < GCM_TAG_BYTES || chunk.length > BLOB_LIMITS.chunkBytes || this.#hashes.length >= BLOB_LIMITS.chunksMax) {
        throw new SteleError({ code: 'VAULT_INPUT_INVALID', message: 'a chunk does not fit behind the ones before', details: { index: this.#hashes.length, length: chunk.length } })
      }
      await this.#reserve(BigInt(chunk.length))
      await writeFully(this.#file, Number(this.#size), chunk)
      this.#hashes.push(chunkHash(chunk))
      this.#size += BigInt(chunk.length)
      this.#full = chunk.length === BLOB_LIMITS.chunkBytes
    })
  }

  async finish(): Promise<BlobRef> {
    return this.#orAbort('finish a stage', async () => {
      if (this.#hashes.length === 0) throw new SteleError({ code: 'VAULT_INPUT_INVALID', message: 'a blob has at least one chunk' })
      const ref = { blob: blobIdOfHashes(this.#hashes, this.#size), size: this.#size }
      await this.#reserve(blobFileBytes(this.#size) - this.#reserved)
      await writeIndex(this.#file, this.#size, this.#hashes)
      await this.#file.datasync()
      if (await this.#collaborators.adopt(this.#path, ref, this.#hashes)) {
        this.#open = false
        await this.#file.close()
      } else {
        await this.abort()
      }
      return ref
    })
  }

  async abort(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#file.close()
    await rm(this.#path, { force: true })
    this.#collaborators.space.release(this.#reserved)
  }

  async #reserve(bytes: bigint): Promise<void> {
    await this.#collaborators.space.reserve(bytes)
    this.#reserved += bytes
  }

  async #orAbort<T>(operation: string, task: () => Promise<T>): Promise<T> {
    if (!this.#open) throw new SteleError({ code: 'VAULT_INPUT_INVALID', message: 'this stage is finished or aborted' })
    try {
      return await task()
    } catch (error) {
      await this.abort()
      throw diskError(error, operation)
    }
  }
}
