import { SteleError } from '../primitives/error.ts'
import { FairShares } from './fair-shares.ts'
import type { Transaction } from '../primitives/transaction.ts'

/** Bounds of the mempool, in transactions and bytes. Too small refuses bursts; too large lets one burst delay everyone. */
export interface MempoolOptions { readonly transactionsMax: number; readonly bytesMax: number }
export const DEFAULT_MEMPOOL: MempoolOptions = { transactionsMax: 10_000, bytesMax: 32 * 1024 * 1024 }

/** A transaction and the member whose room it takes. */
interface Entry { readonly transaction: Transaction; readonly member: number }

/**
 * Admitted transactions that wait for a block, in order of arrival. Everything in here has verified signatures.
 * Transactions are named by `key`, the hex of their id. A transaction is `waiting`, or `cut` into a block that is not yet committed; a block that is dropped gives its transactions back.
 * One that the present state forbids and a later block may allow is `held`, out of the way of the others, until the next block is committed.
 */
export class Mempool {
  readonly #options: MempoolOptions
  readonly #waiting = new Map<string, Entry>()
  readonly #cut = new Map<string, Entry>()
  readonly #held = new Map<string, Entry>()
  readonly #counts: FairShares
  readonly #sizes: FairShares
  #bytes = 0

  /** `members`: how many members share the room. */
  constructor(options: MempoolOptions = DEFAULT_MEMPOOL, members: () => number = () => 1) {
    this.#options = options
    this.#counts = new FairShares(options.transactionsMax, members)
    this.#sizes = new FairShares(options.bytesMax, members)
  }

  get size(): number { return this.#waiting.size + this.#cut.size + this.#held.size }
  get waiting(): number { return this.#waiting.size }
  get bytes(): number { return this.#bytes }

  get(key: string): Transaction | undefined {
    return (this.#waiting.get(key) ?? this.#cut.get(key) ?? this.#held.get(key))?.transaction
  }

  has(key: string): boolean {
    return this.#waiting.has(key) || this.#cut.has(key) || this.#held.has(key)
  }

  /**
   * Adds a verified transaction of an account of `member`. Returns false when it is already here. Throws `CONSENSUS_BUSY` when there is no room, or only what the other members
   * have a right to: nothing is evicted.
   */
  add(transaction: Transaction, member = 0): boolean {
    const { key } = transaction
    if (this.has(key)) return false
    if (this.size >= this.#options.transactionsMax || this.#bytes + transaction.bytes.length > this.#options.bytesMax) {
      throw new SteleError({ code: 'CONSENSUS_BUSY', message: 'too many transactions wait for their block', details: { waiting: this.size, transactionsMax: this.#options.transactionsMax }, retryable: true })
    }
    if (!this.#counts.allows(member, 1) || !this.#sizes.allows(member, transaction.bytes.length)) {
      throw new SteleError({ code: 'CONSENSUS_BUSY', message: 'too many transactions of this member wait for their block; what is left is for the others', details: { member, waiting: this.#counts.used(member), transactionsMax: this.#options.transactionsMax }, retryable: true })
    }
    this.#waiting.set(key, { transaction, member })
    this.#counts.change(member, 1)
    this.#sizes.change(member, transaction.bytes.length)
    this.#bytes += transaction.bytes.length
    return true
  }

  /**
   * The oldest waiting transactions, up to `countMax` and `bytesMax`, in order of arrival. When more wait than fit and they are of several members, every member gets as many places as
   * another before anybody gets more. They stay until `markCut` or `remove`.
   */
  *peek(countMax: number, bytesMax: number): Generator<Transaction> {
    const fair = this.#waiting.size > countMax && this.#counts.users > 1 ? this.#fairChoice(countMax) : undefined
    let count = 0
    let bytes = 0
    for (const { transaction } of fair ?? this.#waiting.values()) {
      bytes += transaction.bytes.length
      if (count++ >= countMax || bytes > bytesMax) return
      yield transaction
    }
  }

  /** Looks through what waits until every member that can has its places; then fills up with the oldest others. */
  #fairChoice(countMax: number): Entry[] {
    const places = Math.ceil(countMax / this.#counts.users)
    const taken = new Map<number, number>()
    const chosen = new Set<string>()
    for (const [key, { member }] of this.#waiting) {
      const own = taken.get(member) ?? 0
      if (own >= places) continue
      taken.set(member, own + 1)
      chosen.add(key)
      if (chosen.size >= countMax) break
    }
    for (const key of this.#waiting.keys()) {
      if (chosen.size >= countMax) break
      chosen.add(key)
    }
    const inOrder: Entry[] = []
    for (const [key, entry] of this.#waiting) {
      if (chosen.has(key)) inOrder.push(entry)
      if (inOrder.length === chosen.size) break
    }
    return inOrder
  }

  markCut(key: string): void {
    const entry = this.#waiting.get(key) ?? this.#held.get(key)
    if (entry === undefined) return
    this.#waiting.delete(key)
    this.#held.delete(key)
    this.#cut.set(key, entry)
  }

  /** Takes back what a dropped block had cut; it goes to the end of the queue. */
  restore(key: string): void {
    const entry = this.#cut.get(key)
    if (entry === undefined) return
    this.#cut.delete(key)
    this.#waiting.set(key, entry)
  }

  /** Keeps a waiting transaction back until `releaseHeld`. */
  hold(key: string): void {
    const entry = this.#waiting.get(key)
    if (entry === undefined) return
    this.#waiting.delete(key)
    this.#held.set(key, entry)
  }

  /** Lets what was held wait again, behind the others. */
  releaseHeld(): void {
    for (const [key, entry] of this.#held) this.#waiting.set(key, entry)
    this.#held.clear()
  }

  /** Whether something that is held has expired by `timeMs`. */
  holdsExpired(timeMs: bigint): boolean {
    for (const { transaction: { body } } of this.#held.values()) if (body.validUntil < timeMs) return true
    return false
  }

  /** Forgets a transaction: committed, expired or no longer includable. */
  remove(key: string): void {
    // Mostly it is cut.
    const from = [this.#cut, this.#waiting, this.#held].find((map) => map.has(key))
    const entry = from?.get(key)
    if (from === undefined || entry === undefined) return
    from.delete(key)
    const { transaction, member } = entry
    this.#bytes -= transaction.bytes.length
    this.#counts.change(member, -1)
    this.#sizes.change(member, -transaction.bytes.length)
  }

  /** Removes every waiting transaction whose last valid time lies before `timeMs`; returns their keys. Looks at all of them, so it is called now and then, not for every block. */
  expire(timeMs: bigint): string[] {
    const expired = [...this.#waiting.values(), ...this.#held.values()].filter(({ transaction }) => transaction.body.validUntil < timeMs).map(({ transaction }) => transaction.key)
    for (const key of expired) this.remove(key)
    return expired
  }
}
