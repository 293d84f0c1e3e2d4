import { statfs } from 'node:fs/promises'
import { SteleError } from '../primitives/error.ts'

/** Bytes a process without privileges may still write to the disk of `directory`. */
export async function freeBytesOf(directory: string): Promise<bigint> {
  const { bavail, bsize } = await statfs(directory, { bigint: true })
  return bavail * bsize
}

/** A reading of the free space is trusted for this many reservations or bytes; others fill the disk too, but asking costs as much as a small write. */
const TRUSTED_RESERVATIONS = 64
const TRUSTED_BYTES = 64n * 1024n * 1024n

/** Keeps the store inside its quota and clear of the end of the disk. Counts file bytes, not disk blocks. */
export class DiskSpace {
  #usedBytes = 0n
  #reading: { readonly freeBytes: bigint; taken: bigint; reservations: number } | undefined
  readonly #quotaBytes: bigint
  readonly #freeBytesMin: bigint
  readonly #freeBytes: () => Promise<bigint>

  constructor(options: { readonly quotaBytes: bigint; readonly freeBytesMin: bigint }, freeBytes: () => Promise<bigint>) {
    this.#quotaBytes = options.quotaBytes
    this.#freeBytesMin = options.freeBytesMin
    this.#freeBytes = freeBytes
  }

  get usedBytes(): bigint { return this.#usedBytes }

  /** Starts counting anew. */
  reset(bytes: bigint): void { this.#usedBytes = bytes }

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
      const free = await this.#freeFor(bytes)
      if (free < bytes + this.#freeBytesMin) {
        this.#reading = undefined
        throw new SteleError({ code: 'VAULT_DISK_FULL', message: 'the disk has no room left', details: { bytes, freeBytes: free, freeBytesMin: this.#freeBytesMin }, retryable: true })
      }
    } catch (error) {
      this.#usedBytes -= bytes
      throw error
    }
  }

  /** Free bytes, as far as known. */
  async #freeFor(bytes: bigint): Promise<bigint> {
    if (this.#reading === undefined || this.#reading.reservations >= TRUSTED_RESERVATIONS || this.#reading.taken > TRUSTED_BYTES) {
      this.#reading = { freeBytes: await this.#freeBytes(), taken: 0n, reservations: 0 }
    }
    const free = this.#reading.freeBytes - this.#reading.taken
    this.#reading.taken += bytes
    this.#reading.reservations++
    return free
  }

  release(bytes: bigint): void { this.#usedBytes -= bytes }
}
