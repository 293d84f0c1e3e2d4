import { compareBytes, concatBytes, toHex, u32Bytes } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { sha256 } from '../primitives/hash.ts'
import { noMetrics } from '../primitives/ports.ts'
import type { Logger } from '../primitives/ports.ts'
import { chunkCount } from '../privacy/blob.ts'
import type { BlobRef } from '../privacy/blob.ts'
import { forEachBounded } from './bounded.ts'
import { VAULT_WIRE } from './messages.ts'
import { createVaultMetrics } from './metrics.ts'
import type { VaultMetrics } from './metrics.ts'
import type { ReplicationOptions } from './options.ts'
import { reasonOf } from './peer-client.ts'
import type { VaultPeerClient } from './peer-client.ts'
import type { BlobStore, ChunkRange, VaultNode } from './ports.ts'
import type { StorageReceipt, StorageReceipts } from './storage-receipts.ts'

/** Brings a record's blobs into the vaults of R members and gathers their signed receipts. */
export class Replicator {
  readonly #options: ReplicationOptions & { readonly node: number; readonly member: number }
  readonly #store: BlobStore
  readonly #client: VaultPeerClient
  readonly #receipts: StorageReceipts
  readonly #logger: Logger
  readonly #metrics: VaultMetrics

  /** `node` and `member` are this node's own. */
  constructor(options: ReplicationOptions & { readonly node: number; readonly member: number }, collaborators: { readonly store: BlobStore; readonly client: VaultPeerClient; readonly receipts: StorageReceipts; readonly logger: Logger; readonly metrics?: VaultMetrics }) {
    this.#options = options
    this.#store = collaborators.store
    this.#client = collaborators.client
    this.#receipts = collaborators.receipts
    this.#logger = collaborators.logger
    this.#metrics = collaborators.metrics ?? createVaultMetrics(noMetrics)
  }

  /** Receipts that `replicate` gathers: one per member, R or all members if fewer. */
  get needed(): number {
    const members = new Set([this.#options.member, ...this.#client.nodes().map(({ member }) => member)])
    return Math.min(this.#options.copies, members.size)
  }

  /**
   * Receipts of `needed` nodes of different members, this node's first, for blobs that are complete here (in the order of the sections).
   * A member that fails is replaced by another; calling again goes on where the last attempt ended, and gives the same signatures.
   * Throws `VAULT_TOO_FEW_COPIES` (retryable), or what `StorageReceipts.sign` throws for this node's own copy.
   */
  async replicate(record: Uint8Array, version: number, refs: readonly BlobRef[], signal?: AbortSignal): Promise<StorageReceipt[]> {
    const blobs: Copying = { refs, chunks: isSmall(refs) ? lazily(() => Promise.all(refs.map(({ blob }) => this.#store.getChunk(blob, 0)))) : undefined }
    const own = { node: this.#options.node, member: this.#options.member, signature: await this.#receipts.sign(record, version, refs) }
    const receipts: StorageReceipt[] = [own]
    const failures: Record<number, string> = {}
    const needed = this.needed
    const members = this.#membersByPreference(record)
    await forEachBounded(Array.from({ length: needed - 1 }), Math.max(1, needed - 1), async () => {
      for (let nodes = members.shift(); nodes !== undefined; nodes = members.shift()) {
        const receipt = await this.#toMember(nodes, record, version, blobs, failures, signal)
        if (receipt === undefined) continue
        receipts.push(receipt)
        return
      }
    })
    signal?.throwIfAborted()
    if (receipts.length < needed) {
      throw new SteleError({ code: 'VAULT_TOO_FEW_COPIES', message: 'too few members keep the record', details: { record: toHex(record), version, copies: receipts.length, needed, failures }, retryable: true })
    }
    return receipts.sort((a, b) => Number(b === own) - Number(a === own) || a.node - b.node)
  }

  /** Other members' nodes, one list per member, in an order that differs from record to record, so that load spreads. */
  #membersByPreference(record: Uint8Array): VaultNode[][] {
    const ranked = this.#client.nodes().filter(({ member }) => member !== this.#options.member)
      .map((node) => ({ node, rank: sha256(concatBytes(record, u32Bytes(node.node))) }))
      .sort((a, b) => compareBytes(a.rank, b.rank))
    const members = new Map<number, VaultNode[]>()
    for (const { node } of ranked) members.set(node.member, [...(members.get(node.member) ?? []), node])
    return [...members.values()]
  }

  async #toMember(nodes: readonly VaultNode[], record: Uint8Array, version: number, blobs: Copying, failures: Record<number, string>, signal: AbortSignal | undefined): Promise<StorageReceipt | undefined> {
    for (const node of nodes) {
      try {
        const receipt = await this.#toNode(node, record, version, blobs, signal)
        this.#metrics.copies.inc({ outcome: 'made' })
        return receipt
      } catch (error) {
        signal?.throwIfAborted()
        failures[node.node] = reasonOf(error)
        this.#metrics.copies.inc({ outcome: 'failed' })
        this.#logger.warn({ node: node.node, reason: reasonOf(error), record: toHex(record), version }, 'a record could not be copied to a member')
      }
    }
    return undefined
  }

  async #toNode(node: VaultNode, record: Uint8Array, version: number, { refs, chunks }: Copying, signal: AbortSignal | undefined): Promise<StorageReceipt> {
    const { signature } = chunks === undefined
      ? await this.#inChunks(node.node, record, version, refs, signal)
      : await this.#client.ask(node.node, { kind: 'pack', value: { record, version, chunks: await chunks() } }, 'receipt', signal)
    if (!this.#receipts.isValid(node, record, version, refs, signature)) {
      throw new SteleError({ code: 'VAULT_MESSAGE_INVALID', message: 'the storage receipt is not signed by the node', details: { node: node.node } })
    }
    return { node: node.node, member: node.member, signature }
  }

  async #inChunks(node: number, record: Uint8Array, version: number, blobs: readonly BlobRef[], signal: AbortSignal | undefined): Promise<{ readonly signature: Uint8Array }> {
    await forEachBounded(blobs, this.#options.blobsInFlight, (ref) => this.#push(node, ref, signal))
    return this.#client.ask(node, { kind: 'receipt', value: { record, version, blobs: blobs.map(({ blob, size }) => ({ blob, size })) } }, 'receipt', signal)
  }

  /** Sends what of a blob the node lacks. */
  async #push(node: number, { blob, size }: BlobRef, signal: AbortSignal | undefined): Promise<void> {
    const hashes = [...(await this.#store.chunkHashes(blob))]
    const { complete, missing } = await this.#client.ask(node, { kind: 'offer', value: { blob, size, hashes } }, 'status', signal)
    if (complete) return
    await forEachBounded(indexesOf(missing, hashes.length), this.#options.chunksInFlight, async (index) => {
      await this.#client.ask(node, { kind: 'chunk', value: { blob, index, bytes: await this.#store.getChunk(blob, index) } }, 'done', signal)
    })
    await this.#client.ask(node, { kind: 'finish', value: { blob } }, 'done', signal)
  }
}

/** What is copied: the blobs, and their bytes, read once for all members, when they go in one message. */
interface Copying { readonly refs: readonly BlobRef[]; readonly chunks: (() => Promise<Uint8Array[]>) | undefined }

/** Does the work at the first call; a failed attempt is made again. */
function lazily<T>(work: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | undefined
  return () => {
    done ??= work().catch((error: unknown) => {
      done = undefined
      throw error
    })
    return done
  }
}

/** Whether all blobs go in one message. */
function isSmall(blobs: readonly BlobRef[]): boolean {
  return blobs.every(({ size }) => chunkCount(size) === 1) && blobs.reduce((sum, { size }) => sum + size, 0n) <= BigInt(VAULT_WIRE.packBytesMax)
}

/** Indexes in the ranges, each below `count` and once: a peer's answer must not make us work for more than the blob has. */
function* indexesOf(ranges: readonly ChunkRange[], count: number): Generator<number> {
  let next = 0
  for (const { first, last } of ranges) {
    for (let index = Math.max(first, next); index <= Math.min(last, count - 1); index++) yield index
    next = Math.max(next, Math.min(last, count - 1) + 1)
  }
}
