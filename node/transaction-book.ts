import { RecentCache } from '../state/recent-cache.ts'
import type { ExecutedBlock } from './executed-block.ts'

/** What this node saw happen to a transaction since it started. What waits is in the mempool; what is older is found in the indexes. */
export type SeenStatus =
  | { readonly status: 'included' | 'committed' | 'failed'; readonly height: number; readonly position: number; readonly code: string }
  | { readonly status: 'expired' }

/** One for all transactions of a block, so that its commit changes one thing. */
interface SeenBlock { readonly height: number; readonly codes: readonly string[]; state: 'included' | 'committed' | 'dropped' }
type Seen = { readonly block: SeenBlock; readonly position: number } | 'expired'

/** Transactions remembered; older committed ones are in the index. */
const REMEMBERED_MAX = 50_000

type Listener = () => void

/** Follows transactions, named by the hex of their id, from the door to finality and wakes whoever waits for one. */
export class TransactionBook {
  readonly #seen = new RecentCache<Seen>(REMEMBERED_MAX, () => 1)
  readonly #blocks = new WeakMap<ExecutedBlock, SeenBlock>()
  readonly #listeners = new Map<string, Set<Listener>>()
  /** Committed blocks that are not final yet, ascending. */
  #unfinal: ExecutedBlock[] = []

  get(key: string): SeenStatus | undefined {
    const seen = this.#seen.get(key)
    if (seen === undefined || seen === 'expired') return seen && { status: seen }
    const { block: { height, codes, state }, position } = seen
    if (state === 'dropped') return undefined
    const code = codes[position]!
    return { status: state === 'included' ? state : code === 'OK' ? 'committed' : 'failed', height, position, code }
  }

  included(executed: ExecutedBlock): void {
    const block = seenBlock(executed, 'included')
    this.#blocks.set(executed, block)
    executed.transactions.forEach(({ key }, position) => this.#seen.set(key, { block, position }))
    this.#wakeAll(executed)
  }

  /** The block was dropped before it was committed; its transactions wait again. */
  dropped(executed: ExecutedBlock): void {
    const block = this.#blocks.get(executed)
    if (block !== undefined) block.state = 'dropped'
    this.#wakeAll(executed)
  }

  committed(executed: ExecutedBlock): void {
    const block = this.#blocks.get(executed)
    if (block === undefined) return this.committedLate(executed)
    block.state = 'committed'
    this.#wakeAll(executed)
    this.#unfinal.push(executed)
  }

  /** An old block was committed, its transactions unknown to nearly everybody who asks here: told only to those who wait, and found in the indexes once they are durable. */
  committedLate(executed: ExecutedBlock): void {
    const block = seenBlock(executed, 'committed')
    executed.transactions.forEach(({ key }, position) => {
      if (this.#listeners.has(key) || this.#seen.get(key) !== undefined) this.#seen.set(key, { block, position })
    })
    this.#wakeAll(executed)
    // Who asks before it is final waits for that.
    this.#unfinal.push(executed)
  }

  final(height: number): void {
    while (this.#unfinal.length > 0 && this.#unfinal[0]!.height <= height) this.#wakeAll(this.#unfinal.shift()!)
  }

  expired(key: string): void {
    this.#seen.set(key, 'expired')
    this.#wake(key)
  }

  /** This node does not hold it any more and knows nothing of it. */
  forget(key: string): void {
    this.#seen.delete(key)
    this.#wake(key)
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

  #wakeAll({ transactions }: ExecutedBlock): void {
    if (this.#listeners.size > 0) for (const { key } of transactions) this.#wake(key)
  }

  #wake(key: string): void {
    const listeners = this.#listeners.get(key)
    if (listeners !== undefined) for (const listener of [...listeners]) listener()
  }
}

function seenBlock({ height, receipts }: ExecutedBlock, state: SeenBlock['state']): SeenBlock {
  return { height, codes: receipts.map(({ code }) => code), state }
}
