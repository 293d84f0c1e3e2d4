import { toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import type { TxStatus } from '../../rpc/shapes/transaction.ts'
import { callRpc } from '../helpers/dev.ts'

/** What became of a transaction as far as its client knows: agreed code, certainly nothing, or nobody knows. */
export type Fate = { readonly kind: 'agreed'; readonly code: string } | { readonly kind: 'none' | 'unknown' }

/** A node is asked this long before the client turns to another. */
const WAIT_MS = 2000
const ANSWER_MS = 3500

/** Sends transactions as a careful client does, and remembers which were acknowledged. */
export class Sender {
  /** Ids that some node reported as committed, with effect or without. */
  readonly acknowledged = new Set<string>()
  /** Ids that some node reported as expired: they may never stand in the chain. */
  readonly expired = new Set<string>()
  /** Ids of everything sent; of the rest nobody knows. */
  readonly sent = new Set<string>()
  failures = 0
  readonly #choose: (below: number) => number
  readonly #urls: readonly string[]

  constructor(urls: readonly string[], choose: (below: number) => number) {
    this.#urls = urls
    this.#choose = choose
  }

  anyUrl(): string { return this.#urls[this.#choose(this.#urls.length)]! }

  /** The same bytes go to one node after the other until one knows what became of them or `patienceMs` have passed. */
  async send(transaction: Transaction, patienceMs: number): Promise<Fate> {
    this.sent.add(toHex(transaction.id))
    const deadlineMs = performance.now() + patienceMs
    let onlyRefused = true
    do {
      const status = await this.#ask(transaction)
      if (status === 'failed') onlyRefused = false
      if (typeof status === 'string') continue
      onlyRefused = false
      const fate = this.#fateOf(status)
      if (fate !== undefined) return fate
    } while (performance.now() < deadlineMs)
    return { kind: onlyRefused ? 'none' : 'unknown' }
  }

  #fateOf({ id, status, code }: TxStatus): Fate | undefined {
    if (status === 'committed' || status === 'final' || status === 'failed') {
      this.acknowledged.add(id)
      return { kind: 'agreed', code: code ?? 'OK' }
    }
    if (status !== 'expired') return undefined
    this.expired.add(id)
    return { kind: 'none' }
  }

  /** `refused`: this node certainly did not take it. `failed`: it may have. */
  async #ask(transaction: Transaction): Promise<TxStatus | 'refused' | 'failed'> {
    try {
      return await callRpc(this.anyUrl(), 'tx_send', { transaction: toHex(transaction.bytes), wait: 'committed', timeoutMs: WAIT_MS }, ANSWER_MS)
    } catch (error) {
      // Dead, stopped and cut off nodes are what this is for: whatever goes wrong on the way, another node is asked.
      if (!(error instanceof Error)) throw error
      this.failures++
      await new Promise((resolve) => setTimeout(resolve, 50))
      return error instanceof SteleError && !REFUSED_LATE.has(error.code) ? 'refused' : 'failed'
    }
  }
}

/** Errors of an answer that do not say that the transaction was not taken before. */
const REFUSED_LATE: ReadonlySet<string> = new Set(['RPC_TIMED_OUT', 'RPC_INTERNAL', 'NODE_STOPPING', 'TX_REPLAYED'])
