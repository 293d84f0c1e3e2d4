import { RecentCache } from '../state/recent-cache.ts'
import type { ExecutedBlock } from './executed-block.ts'

/** What this node saw happen to a transaction since it started. What is older is found in the indexes. */
export type SeenStatus =
  | { readonly status: 'pending' }
  | { readonly status: 'included' | 'committed' | 'failed'; readonly height: number; readonly position: number; readonly code: string }
  | { readonly status: 'expired' }

/** Transactions remembered; older committed ones are in the index. */
const REMEMBERED_MAX = 50_000

type Listener = () => void

/** Follows transactions, named by the hex of their id, from the door to finality and wakes whoever waits for one. */
export class TransactionBook {
  readonly #seen = new RecentCache<SeenStatus>(REMEMBERED_MAX, () => 1)
  readonly #listeners = new Map<string, Set<Listener>>()
  /** Committed blocks that are not final yet, ascending. */
  #unfinal: { readonly height: number; readonly keys: readonly string[] }[] = []

  get(key: string): SeenStatus | undefined {
    return this.#seen.get(key)
  }

  pending(key: string): void {
    this.#set(key, { status: 'pending' })
  }

  included({ height, transactions, receipts }: ExecutedBlock): void {
    transactions.forEach(({ key }, position) => this.#set(key, { status: 'included', height, position, code: receipts[position]!.code }))
  }

  /** An old block was committed, its transactions unknown to nearly everybody who asks here: told only to those who wait, and found in the indexes once they are durable. */
  committedLate({ height, transactions, receipts }: ExecutedBlock): void {
    transactions.forEach(({ key }, position) => {
      if (this.#listeners.has(key) || this.#seen.get(key) !== undefined) this.#committed(key, height, position, receipts[position]!.code)
    })
    // Who asks before it is final waits for that.
    this.#unfinal.push({ height, keys: transactions.map(({ key }) => key) })
  }

  #committed(key: string, height: number, position: number, code: string): void {
    this.#set(key, { status: code === 'OK' ? 'committed' : 'failed', height, position, code })
  }

  /** The block was dropped before it was committed. */
  dropped({ transactions }: ExecutedBlock): void {
    for (const { key } of transactions) this.#set(key, { status: 'pending' })
  }

  committed({ height, transactions, receipts }: ExecutedBlock): void {
    transactions.forEach(({ key }, position) => this.#committed(key, height, position, receipts[position]!.code))
    this.#unfinal.push({ height, keys: transactions.map(({ key }) => key) })
  }

  final(height: number): void {
    while (this.#unfinal.length > 0 && this.#unfinal[0]!.height <= height) for (const key of this.#unfinal.shift()!.keys) this.#wake(key)
  }

  expired(key: string): void {
    this.#set(key, { status: 'expired' })
  }

  /** Calls `listener` at each change of the transaction, its finality included, until the returned function is called. */
  watch(key: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(key) ?? new Set()
    listeners.add(listener)
    this.#listeners.set(key, listeners)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(key)
    }
  }

  #set(key: string, status: SeenStatus): void {
    this.#seen.set(key, status)
    this.#wake(key)
  }

  #wake(key: string): void {
    const listeners = this.#listeners.get(key)
    if (listeners !== undefined) for (const listener of [...listeners]) listener()
  }
}
