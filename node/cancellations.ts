import { SteleError } from '../primitives/error.ts'
import { toHex } from '../primitives/bytes.ts'
import type { Transaction } from '../primitives/transaction.ts'

/** Cancellations remembered, of all accounts and of one. A full table refuses: forgetting one early would let in what this node has said it takes no more. */
export const CANCELLATION_LIMITS = { all: 20_000, perAccount: 1_000 } as const

interface Noted { readonly account: string; readonly untilMs: number }

/**
 * What accounts have cancelled, by (account, id): only the account that signed a transaction can stop it, and an id alone stops nobody else's (DESIGN §5.4). In memory: a node that restarts has forgotten.
 */
export class Cancellations {
  readonly #lifetimeMs: number
  /** By account and id; all live equally long, so the oldest come first. */
  readonly #noted = new Map<string, Noted>()
  readonly #counts = new Map<string, number>()

  /** `lifetimeMs`: after so long every transaction that could have been meant has expired. */
  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs
  }

  /** From now on this node takes the transaction no more. `account` and `key` (its id) in hex. `CONSENSUS_BUSY` when there is no room. */
  add(account: string, key: string, nowMs: number): void {
    this.#forget(nowMs)
    const name = `${account} ${key}`
    if (this.#noted.has(name)) return
    const own = this.#counts.get(account) ?? 0
    if (this.#noted.size >= CANCELLATION_LIMITS.all || own >= CANCELLATION_LIMITS.perAccount) {
      throw new SteleError({ code: 'CONSENSUS_BUSY', message: 'too many cancellations are remembered', details: { own, ownMax: CANCELLATION_LIMITS.perAccount }, retryable: true })
    }
    this.#noted.set(name, { account, untilMs: nowMs + this.#lifetimeMs })
    this.#counts.set(account, own + 1)
  }

  has({ key, body }: Transaction): boolean {
    return this.#noted.size > 0 && this.#noted.has(`${toHex(body.account)} ${key}`)
  }

  #forget(nowMs: number): void {
    for (const [name, { account, untilMs }] of this.#noted) {
      if (untilMs > nowMs) return
      this.#noted.delete(name)
      const left = this.#counts.get(account)! - 1
      if (left === 0) this.#counts.delete(account)
      else this.#counts.set(account, left)
    }
  }
}
