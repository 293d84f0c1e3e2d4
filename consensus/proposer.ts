import type { Raft } from './core/raft.ts'
import type { Execution } from './ports.ts'

export interface ProposerOptions {
  /** Blocks on their way to commitment at most. Too small: the line idles; too large: blocks stay small under load. */
  readonly inflightBlocksMax: number
  /** While blocks are on their way, the next one is cut once this many transactions wait: blocks grow with the load. */
  readonly growTransactions: number
}
export const DEFAULT_PROPOSER: ProposerOptions = { inflightBlocksMax: 8, growTransactions: 128 }

/** Decides when a leader cuts its next block: at once when nothing is on its way, else when enough waits (self-clocking batches). */
export class Proposer {
  readonly #options: ProposerOptions
  readonly #execution: Execution
  readonly #waiting: () => number

  constructor(options: ProposerOptions, ports: { readonly execution: Execution; readonly waiting: () => number }) {
    this.#options = options
    this.#execution = ports.execution
    this.#waiting = ports.waiting
  }

  /** Cuts and submits one block if it is time. True when the log grew. */
  maybePropose(raft: Raft): boolean {
    const waiting = this.#waiting()
    if (waiting === 0) return false
    const status = raft.status()
    // A leader builds on its own newest entry only, and only once execution has reached it.
    if (status.role !== 'leader' || status.fence !== undefined || status.transferringTo !== 0 || this.#execution.executedIndex !== status.lastIndex) return false
    const inflight = status.lastIndex - status.committedIndex
    if (inflight >= this.#options.inflightBlocksMax || (inflight > 0 && waiting < this.#options.growTransactions)) return false
    const block = this.#execution.cut(status.lastIndex + 1, status.term)
    if (block === undefined) return false
    if (raft.step({ type: 'submit', term: status.term, data: [block.data] }) !== undefined) {
      this.#execution.discard(block)
      return false
    }
    this.#execution.adopt(block)
    raft.step({ type: 'executed', index: status.lastIndex + 1, term: status.term })
    return true
  }
}
