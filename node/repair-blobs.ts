import { toHex } from '../primitives/bytes.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { Clock, Logger } from '../primitives/ports.ts'
import type { BlobRef } from '../privacy/blob.ts'
import type { BlobReader } from '../vault/blob-reader.ts'
import type { BlobStore } from '../vault/ports.ts'
import type { VaultRepair } from '../vault/repair.ts'

export interface BlobRepairOptions {
  /** Wait before the first pass after a start, and between passes, in ms. Too short wears the disk, too long finds rot when the other copies rot too. */
  readonly scrubFirstMs: number
  readonly scrubIntervalMs: number
  /** After each blob the scrub rests this many times as long as the blob took, and at least `scrubRestMsMin`: reading back takes one part in so many of a disk. */
  readonly scrubRestFactor: number
  readonly scrubRestMsMin: number
}

export const BLOB_REPAIR_DEFAULTS: BlobRepairOptions = { scrubFirstMs: 5 * 60_000, scrubIntervalMs: 24 * 3_600_000, scrubRestFactor: 20, scrubRestMsMin: 50 }

export interface BlobRepairPorts { readonly store: BlobStore; readonly reader: BlobReader; readonly repair: VaultRepair; readonly clock: Pick<Clock, 'monotonicMs'>; readonly logger: Logger }

/** Reads this node's blobs past their damage: a damaged chunk is read from another member, proved by the blob's id, and mended here. */
export class BlobRepair {
  readonly #options: BlobRepairOptions
  readonly #store: BlobStore
  readonly #reader: BlobReader
  readonly #repair: VaultRepair
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #logger: Logger
  readonly #stop = new AbortController()
  /** Blobs being mended, by id. */
  readonly #mending = new Map<string, Promise<void>>()
  #scrubbing: Promise<void> | undefined

  constructor(options: BlobRepairOptions, { store, reader, repair, clock, logger }: BlobRepairPorts) {
    this.#options = options
    this.#store = store
    this.#reader = reader
    this.#repair = repair
    this.#clock = clock
    this.#logger = logger
  }

  /** Begins scrubbing in the background. */
  start(): void {
    this.#scrubbing ??= this.#scrubForEver()
  }

  /** Resolves when nothing is read or mended any more. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#scrubbing
    await Promise.all(this.#mending.values())
  }

  /** A chunk of a blob that this vault holds; from another member when it is damaged here. `VAULT_NOT_FOUND`; `VAULT_DAMAGED` when no member has it intact. */
  async chunk(blob: Uint8Array, index: number): Promise<Uint8Array> {
    return this.#pastDamage(blob, () => this.#store.getChunk(blob, index), () => this.#reader.chunk(blob, index, this.#stop.signal))
  }

  /** Size and chunk hashes of a blob that this vault holds. Codes as `chunk`. */
  async hashes(blob: Uint8Array): Promise<{ readonly ref: BlobRef; readonly hashes: readonly Uint8Array[] }> {
    return this.#pastDamage(blob, async () => {
      const [hashes, found] = [await this.#store.chunkHashes(blob), await this.#store.stat(blob)]
      return { ref: { blob, size: found?.size ?? 0n }, hashes }
    }, () => this.#reader.hashes(blob, this.#stop.signal))
  }

  async #pastDamage<T>(blob: Uint8Array, here: () => Promise<T>, elsewhere: () => Promise<T>): Promise<T> {
    try {
      return await here()
    } catch (error) {
      if (errorCode(error) !== 'VAULT_DAMAGED') throw error
      try {
        return await elsewhere()
      } catch (cause) {
        if (!(cause instanceof SteleError)) throw cause
        this.#logger.error({ blob: toHex(blob), code: cause.code }, 'a damaged blob is intact at no member that answers')
        throw error
      } finally {
        this.#mend(blob)
      }
    }
  }

  #mend(blob: Uint8Array): void {
    const name = toHex(blob)
    if (this.#mending.has(name) || this.#stop.signal.aborted) return
    const mending = this.#repair.repair(blob, this.#stop.signal).then(
      () => undefined,
      (error: unknown) => this.#told(error, 'a damaged blob could not be mended'),
    ).finally(() => this.#mending.delete(name))
    this.#mending.set(name, mending)
  }

  async #scrubForEver(): Promise<void> {
    const { scrubFirstMs, scrubIntervalMs, scrubRestFactor, scrubRestMsMin } = this.#options
    await this.#rest(scrubFirstMs)
    while (!this.#stop.signal.aborted) {
      let startedMs = this.#clock.monotonicMs()
      try {
        const { blobs, repaired, unrepaired } = await this.#repair.scrub(this.#stop.signal, async () => {
          await this.#rest(Math.max(scrubRestMsMin, scrubRestFactor * (this.#clock.monotonicMs() - startedMs)))
          startedMs = this.#clock.monotonicMs()
        })
        this.#logger.info({ blobs, repaired: repaired.length, unrepaired: unrepaired.length }, 'all blobs were read back')
      } catch (error) {
        this.#told(error, 'the blobs could not be read back')
      }
      await this.#rest(scrubIntervalMs)
    }
  }

  #told(error: unknown, phrase: string): void {
    if (!this.#stop.signal.aborted) this.#logger.error({ error }, phrase)
  }

  /** Ends early when stopped. */
  #rest(ms: number): Promise<void> {
    const { signal } = this.#stop
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done)
    })
  }
}
