import { LRUCache } from 'lru-cache'
import { toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { chunkLength } from '../privacy/blob.ts'
import type { BlobRef } from '../privacy/blob.ts'
import type { VaultPeerClient } from './peer-client.ts'
import type { BlobStore } from './ports.ts'

/** Hashes of remote blobs held in memory at most, over all blobs. */
const CACHED_HASHES_MAX = 65_536

interface RemoteBlob { readonly ref: BlobRef; readonly hashes: readonly Uint8Array[] }

/** Reads blobs wherever they are: from the own vault, else from another member's, every byte proved by the blob's id. Keeps no copy. */
export class BlobReader {
  readonly #store: BlobStore
  readonly #client: VaultPeerClient
  readonly #remote = new LRUCache<string, RemoteBlob>({ maxSize: CACHED_HASHES_MAX, sizeCalculation: (blob) => blob.hashes.length })

  constructor({ store, client }: { readonly store: BlobStore; readonly client: VaultPeerClient }) {
    this.#store = store
    this.#client = client
  }

  /** Size and chunk hashes; they give the blob's id. `VAULT_NOT_FOUND` when no reachable vault has the blob whole. */
  async hashes(blob: Uint8Array, signal?: AbortSignal): Promise<RemoteBlob> {
    const local = await this.#local(async () => {
      const hashes = await this.#store.chunkHashes(blob)
      const found = await this.#store.stat(blob)
      return found === undefined ? undefined : { ref: { blob, size: found.size }, hashes }
    })
    return local ?? this.#remoteHashes(blob, signal)
  }

  /** One chunk, from here or elsewhere; a damaged local chunk is read elsewhere. `VAULT_NOT_FOUND`. */
  async chunk(blob: Uint8Array, index: number, signal?: AbortSignal): Promise<Uint8Array> {
    const local = await this.#local(() => this.#store.getChunk(blob, index))
    if (local !== undefined) return local
    const { ref, hashes } = await this.#remoteHashes(blob, signal)
    const hash = hashes[index]
    if (hash === undefined || chunkLength(ref.size, index) === 0) {
      throw new SteleError({ code: 'VAULT_NOT_FOUND', message: 'the blob has no such chunk', details: { blob: toHex(blob), index } })
    }
    return this.#client.anyNode('VAULT_NOT_FOUND', blob, (node) => this.#client.read(node, blob, index, hash, signal), signal)
  }

  async #remoteHashes(blob: Uint8Array, signal: AbortSignal | undefined): Promise<RemoteBlob> {
    const name = toHex(blob)
    const cached = this.#remote.get(name)
    if (cached !== undefined) return cached
    const found = await this.#client.anyNode('VAULT_NOT_FOUND', blob, (node) => this.#client.hashes(node, blob, signal), signal)
    this.#remote.set(name, found)
    return found
  }

  /** Undefined when the own vault has not got it, or not whole. */
  async #local<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read()
    } catch (error) {
      if (error instanceof SteleError && (error.code === 'VAULT_NOT_FOUND' || error.code === 'VAULT_DAMAGED')) return undefined
      throw error
    }
  }
}
