import { SteleError } from '../primitives/error.ts'
import { FairShares } from './fair-shares.ts'
import type { Transaction } from '../primitives/transaction.ts'

/** Bounds of the mempool, in transactions and bytes. Too small refuses bursts; too large lets one burst delay everyone. */
export interface MempoolOptions { readonly transactionsMax: number; readonly bytesMax: number }
export const DEFAULT_MEMPOOL: MempoolOptions = { transactionsMax: 10_000, bytesMax: 32 * 1024 * 1024 }

/**
 * Admitted transactions that wait for a block, in order of arrival. Everything in here has verified signatures.
 * Transactions are named by `key`, the hex of their id. A transaction is `waiting`, or `cut` into a block that is not yet committed; a block that is dropped gives its transactions back.
 * One that the present state forbids and a later block may allow is `held`, out of the way of the others, until the next block is committed.
 */
export class Mempool {
  readonly #options: MempoolOptions
  readonly #waiting = new Map<string, Transaction>()
  readonly #cut = new Map<string, Transaction>()
  readonly #held = new Map<string, Transaction>()
  readonly #memberOf = new Map<string, number>()
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
    this.#waiting.set(key, transaction)
    this.#memberOf.set(key, member)
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
    for (const transaction of fair ?? this.#waiting.values()) {
      bytes += transaction.bytes.length
      if (count++ >= countMax || bytes > bytesMax) return
      yield transaction
    }
  }

  /** Looks through what waits until every member that can has its places; then fills up with the oldest others. */
  #fairChoice(countMax: number): Transaction[] {
    const places = Math.ceil(countMax / this.#counts.users)
    const taken = new Map<number, number>()
    const chosen = new Set<string>()
    for (const key of this.#waiting.keys()) {
      const member = this.#memberOf.get(key)!
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
    const inOrder: Transaction[] = []
    for (const [key, transaction] of this.#waiting) {
      if (chosen.has(key)) inOrder.push(transaction)
      if (inOrder.length === chosen.size) break
    }
    return inOrder
  }

  markCut(key: string): void {
    const transaction = this.#waiting.get(key) ?? this.#held.get(key)
    if (transaction === undefined) return
    this.#waiting.delete(key)
    this.#held.delete(key)
    this.#cut.set(key, transaction)
  }

  /** Takes back what a dropped block had cut; it goes to the end of the queue. */
  restore(key: string): void {
    const transaction = this.#cut.get(key)
    if (transaction === undefined) return
    this.#cut.delete(key)
    this.#waiting.set(key, transaction)
  }

  /** Keeps a waiting transaction back until `releaseHeld`. */
  hold(key: string): void {
    const transaction = this.#waiting.get(key)
    if (transaction === undefined) return
    this.#waiting.delete(key)
    this.#held.set(key, transaction)
  }

  /** Lets what was held wait again, behind the others. */
  releaseHeld(): void {
    for (const [key, transaction] of this.#held) this.#waiting.set(key, transaction)
    this.#held.clear()
  }

  /** Whether something that is held has expired by `timeMs`. */
  holdsExpired(timeMs: bigint): boolean {
    for (const { body } of this.#held.values()) if (body.validUntil < timeMs) return true
    return false
  }

  /** Forgets a transaction: committed, expired or no longer includable. */
  remove(key: string): void {
    const transaction = this.#waiting.get(key) ?? this.#cut.get(key) ?? this.#held.get(key)
    if (transaction === undefined) return
    this.#waiting.delete(key)
    this.#cut.delete(key)
    this.#held.delete(key)
    this.#bytes -= transaction.bytes.length
    const member = this.#memberOf.get(key) ?? 0
    this.#memberOf.delete(key)
    this.#counts.change(member, -1)
    this.#sizes.change(member, -transaction.bytes.length)
  }

  /** Removes every waiting transaction whose last valid time lies before `timeMs`; returns their keys. Looks at all of them, so it is called now and then, not for every block. */
  expire(timeMs: bigint): string[] {
    const expired = [...this.#waiting.values(), ...this.#held.values()].filter(({ body }) => body.validUntil < timeMs).map(({ key }) => key)
    for (const key of expired) this.remove(key)
    return expired
  }
}
