import { statfs } from 'node:fs/promises'
import { SteleError } from '../primitives/error.ts'

/** Bytes a process without privileges may still write to the disk of `directory`. */
export async function freeBytesOf(directory: string): Promise<bigint> {
  const { bavail, bsize } = await statfs(directory, { bigint: true })
  return bavail * bsize
}

/** Keeps the store inside its quota and clear of the end of the disk. Counts file bytes, not disk blocks. */
export class DiskSpace {
  #usedBytes = 0n
  readonly #quotaBytes: bigint
  readonly #freeBytesMin: bigint
  readonly #freeBytes: () => Promise<bigint>

  constructor(options: { readonly quotaBytes: bigint; readonly freeBytesMin: bigint }, freeBytes: () => Promise<bigint>) {
    this.#quotaBytes = options.quotaBytes
    this.#freeBytesMin = options.freeBytesMin
    this.#freeBytes = freeBytes
  }

  get usedBytes(): bigint { return this.#usedBytes }

  /** Counts bytes that are already on disk. */
  count(bytes: bigint): void { this.#usedBytes += bytes }

  /** Takes room for a file. `VAULT_QUOTA` or `VAULT_DISK_FULL`, both retryable; then nothing is taken. */
  async reserve(bytes: bigint): Promise<void> {
    // Counted before the wait, so that two reservations side by side cannot both fit into the same rest.
    this.#usedBytes += bytes
    try {
      if (this.#usedBytes > this.#quotaBytes) {
        throw new SteleError({ code: 'VAULT_QUOTA', message: 'the vault has reached its quota', details: { bytes, quotaBytes: this.#quotaBytes }, retryable: true })
      }
      const free = await this.#freeBytes()
      if (free < bytes + this.#freeBytesMin) {
        throw new SteleError({ code: 'VAULT_DISK_FULL', message: 'the disk has no room left', details: { bytes, freeBytes: free, freeBytesMin: this.#freeBytesMin }, retryable: true })
      }
    } catch (error) {
      this.#usedBytes -= bytes
      throw error
    }
  }

  release(bytes: bigint): void { this.#usedBytes -= bytes }
}
