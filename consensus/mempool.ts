import { SteleError } from '../primitives/error.ts'
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
  #bytes = 0

  constructor(options: MempoolOptions = DEFAULT_MEMPOOL) {
    this.#options = options
  }

  get size(): number { return this.#waiting.size + this.#cut.size + this.#held.size }
  get waiting(): number { return this.#waiting.size }
  get bytes(): number { return this.#bytes }

  has(key: string): boolean {
    return this.#waiting.has(key) || this.#cut.has(key) || this.#held.has(key)
  }

  /** Adds a verified transaction. Returns false when it is already here. Throws `CONSENSUS_BUSY` when full: nothing is evicted. */
  add(transaction: Transaction): boolean {
    const { key } = transaction
    if (this.has(key)) return false
    if (this.size >= this.#options.transactionsMax || this.#bytes + transaction.bytes.length > this.#options.bytesMax) {
      throw new SteleError({ code: 'CONSENSUS_BUSY', message: 'too many transactions wait for their block', details: { waiting: this.size, transactionsMax: this.#options.transactionsMax }, retryable: true })
    }
    this.#waiting.set(key, transaction)
    this.#bytes += transaction.bytes.length
    return true
  }

  /** The oldest waiting transactions, up to `countMax` and `bytesMax`. They stay until `markCut` or `remove`. */
  *peek(countMax: number, bytesMax: number): Generator<Transaction> {
    let count = 0
    let bytes = 0
    for (const transaction of this.#waiting.values()) {
      bytes += transaction.bytes.length
      if (count++ >= countMax || bytes > bytesMax) return
      yield transaction
    }
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
  }

  /** Removes every waiting transaction whose last valid time lies before `timeMs`; returns their keys. Looks at all of them, so it is called now and then, not for every block. */
  expire(timeMs: bigint): string[] {
    const expired = [...this.#waiting.values(), ...this.#held.values()].filter(({ body }) => body.validUntil < timeMs).map(({ key }) => key)
    for (const key of expired) this.remove(key)
    return expired
  }
}
