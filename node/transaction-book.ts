import { LRUCache } from 'lru-cache'
import { toHex } from '../primitives/bytes.ts'
import type { ExecutedBlock } from './executed-block.ts'

/** What this node saw happen to a transaction since it started. What is older is found in the indexes. */
export type SeenStatus =
  | { readonly status: 'pending' }
  | { readonly status: 'included' | 'committed' | 'failed'; readonly height: number; readonly position: number; readonly code: string }
  | { readonly status: 'expired' }

/** Transactions remembered after they left the mempool; older committed ones are in the index. */
const REMEMBERED_MAX = 50_000

type Listener = () => void

/** Follows transactions from the door to finality and wakes whoever waits for one. */
export class TransactionBook {
  readonly #seen = new LRUCache<string, SeenStatus>({ max: REMEMBERED_MAX })
  readonly #listeners = new Map<string, Set<Listener>>()
  /** Committed blocks that are not final yet, ascending. */
  #unfinal: { readonly height: number; readonly ids: readonly string[] }[] = []

  get(id: Uint8Array): SeenStatus | undefined {
    return this.#seen.get(toHex(id))
  }

  pending(id: Uint8Array): void {
    this.#set(toHex(id), { status: 'pending' })
  }

  included(block: ExecutedBlock): void {
    block.receipts.forEach(({ tx, position, code }) => this.#set(toHex(tx), { status: 'included', height: block.height, position, code }))
  }

  /** The block was dropped before it was committed. */
  dropped(block: ExecutedBlock): void {
    for (const { tx } of block.receipts) this.#set(toHex(tx), { status: 'pending' })
  }

  committed(block: ExecutedBlock): void {
    const ids = block.receipts.map(({ tx, position, code }) => {
      const id = toHex(tx)
      this.#set(id, { status: code === 'OK' ? 'committed' : 'failed', height: block.height, position, code })
      return id
    })
    this.#unfinal.push({ height: block.height, ids })
  }

  final(height: number): void {
    while (this.#unfinal.length > 0 && this.#unfinal[0]!.height <= height) for (const id of this.#unfinal.shift()!.ids) this.#wake(id)
  }

  expired(id: Uint8Array): void {
    this.#set(toHex(id), { status: 'expired' })
  }

  /** Calls `listener` at each change of the transaction, its finality included, until the returned function is called. */
  watch(id: Uint8Array, listener: Listener): () => void {
    const key = toHex(id)
    const listeners = this.#listeners.get(key) ?? new Set()
    listeners.add(listener)
    this.#listeners.set(key, listeners)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(key)
    }
  }

  #set(id: string, status: SeenStatus): void {
    this.#seen.set(id, status)
    this.#wake(id)
  }

  #wake(id: string): void {
    const listeners = this.#listeners.get(id)
    if (listeners !== undefined) for (const listener of [...listeners]) listener()
  }
}
