import { toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import { reasonOf } from './peer-client.ts'
import type { VaultPeerClient } from './peer-client.ts'
import type { BlobStore } from './ports.ts'

/** One place where stored bytes were wrong; index -1 is the blob's list of hashes. */
export interface Damage { readonly blob: Uint8Array; readonly index: number }

/** What a scrub found. `unrepaired` is what no other member could give. */
export interface ScrubReport {
  readonly blobs: number
  readonly repaired: readonly Damage[]
  readonly unrepaired: readonly (Damage & { readonly reason: string })[]
}

/** Finds damaged blobs by re-hashing them, and fetches what is damaged from other members. */
export class VaultRepair {
  readonly #store: BlobStore
  readonly #client: VaultPeerClient
  readonly #logger: Logger

  constructor({ store, client, logger }: { readonly store: BlobStore; readonly client: VaultPeerClient; readonly logger: Logger }) {
    this.#store = store
    this.#client = client
    this.#logger = logger
  }

  /** Reads and re-hashes every blob once (about 1.5 s per GiB and core), repairing on the way. `pause` is awaited after each blob: for going slowly. */
  async scrub(signal?: AbortSignal, pause: () => Promise<void> = async () => {}): Promise<ScrubReport> {
    let blobs = 0
    const repaired: Damage[] = []
    const unrepaired: (Damage & { readonly reason: string })[] = []
    for await (const blob of this.#store.list()) {
      signal?.throwIfAborted()
      blobs++
      const result = await this.repair(blob, signal)
      repaired.push(...result.repaired)
      unrepaired.push(...result.unrepaired)
      await pause()
    }
    return { blobs, repaired, unrepaired }
  }

  /** Verifies one blob and repairs it. A blob deleted meanwhile is no damage. */
  async repair(blob: Uint8Array, signal?: AbortSignal): Promise<Omit<ScrubReport, 'blobs'>> {
    const repaired: Damage[] = []
    const unrepaired: (Damage & { readonly reason: string })[] = []
    const attempt = async (index: number, mend: () => Promise<void>): Promise<void> => {
      try {
        await mend()
        repaired.push({ blob, index })
        this.#logger.warn({ blob: toHex(blob), index }, 'a damaged blob was repaired from another member')
      } catch (error) {
        signal?.throwIfAborted()
        unrepaired.push({ blob, index, reason: reasonOf(error) })
        this.#logger.error({ blob: toHex(blob), index, reason: reasonOf(error) }, 'a damaged blob could not be repaired')
      }
    }
    let damaged = await this.#verify(blob, signal)
    if (damaged.includes(-1)) {
      await attempt(-1, () => this.#mendHashes(blob, signal))
      if (unrepaired.length > 0) return { repaired, unrepaired }
      damaged = await this.#verify(blob, signal)
    }
    for (const index of damaged) await attempt(index, () => this.#mendChunk(blob, index, signal))
    return { repaired, unrepaired }
  }

  async #verify(blob: Uint8Array, signal: AbortSignal | undefined): Promise<number[]> {
    try {
      return await this.#store.verify(blob, signal)
    } catch (error) {
      if (error instanceof SteleError && error.code === 'VAULT_NOT_FOUND') return []
      throw error
    }
  }

  async #mendHashes(blob: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const { ref, hashes } = await this.#client.anyNode('VAULT_UNREPAIRED', blob, (node) => this.#client.hashes(node, blob, signal), signal)
    await this.#store.repairHashes(ref, hashes)
  }

  async #mendChunk(blob: Uint8Array, index: number, signal: AbortSignal | undefined): Promise<void> {
    const hash = (await this.#store.chunkHashes(blob))[index]
    if (hash === undefined) throw new SteleError({ code: 'VAULT_UNREPAIRED', message: 'the blob has no such chunk', details: { blob: toHex(blob), index } })
    const chunk = await this.#client.anyNode('VAULT_UNREPAIRED', blob, (node) => this.#client.read(node, blob, index, hash, signal), signal)
    await this.#store.repairChunk(blob, index, chunk)
  }
}
