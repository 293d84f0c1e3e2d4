import type { Clock } from '../primitives/ports.ts'
import type { Raft } from './core/raft.ts'
import type { Execution } from './ports.ts'

export interface ProposerOptions {
  /** Blocks on their way to commitment at most. Too small: the line idles; too large: blocks stay small under load. */
  readonly inflightBlocksMax: number
  /** While blocks are on their way, the next one is cut once this many transactions wait: blocks grow with the load. */
  readonly growTransactions: number
  /** Under load, how long a block waits for company after the one before, in ms. Too small: many small blocks; too large: latency under load. An idle leader never waits. */
  readonly lingerMs: number
}
export const DEFAULT_PROPOSER: ProposerOptions = { inflightBlocksMax: 8, growTransactions: 200, lingerMs: 8 }

/** Fewer transactions than this in the last block, and there is no load to wait for. */
const LOAD_TRANSACTIONS = 4

/** Decides when a leader cuts its next block: at once when nothing is on its way, else when enough waits (self-clocking batches). */
export class Proposer {
  readonly #options: ProposerOptions
  readonly #execution: Execution
  readonly #waiting: () => number
  readonly #clock: Clock
  #lastCutMs = -Infinity
  #lastSize = 0
  #lookAgainMs: number | undefined

  constructor(options: ProposerOptions, ports: { readonly execution: Execution; readonly waiting: () => number; readonly clock: Clock }) {
    this.#options = options
    this.#execution = ports.execution
    this.#waiting = ports.waiting
    this.#clock = ports.clock
  }

  /** Milliseconds after which to ask again although nothing happens; undefined when there is no need. */
  get lookAgainMs(): number | undefined { return this.#lookAgainMs }

  /** Cuts and submits one block if it is time. True when the log grew. */
  maybePropose(raft: Raft): boolean {
    this.#lookAgainMs = undefined
    const activates = this.#execution.wantsBlock
    const waiting = this.#waiting()
    if ((waiting === 0 && !activates) || raft.role !== 'leader') return false
    const status = raft.status()
    // A leader builds on its own newest entry only, and only once execution has reached it.
    if (status.fence !== undefined || status.transferringTo !== 0 || this.#execution.executedIndex !== status.lastIndex) return false
    if (!activates && !this.#isTime(waiting, status.lastIndex - status.committedIndex)) return false
    const block = this.#execution.cut(status.lastIndex + 1, status.term)
    if (block === undefined) return false
    const { data, change } = block
    if (raft.step(change === undefined ? { type: 'submit', term: status.term, data: [data] } : { type: 'reconfigure', term: status.term, change, data }) !== undefined) {
      this.#execution.discard(block)
      return false
    }
    this.#lastCutMs = this.#clock.monotonicMs()
    this.#lastSize = block.transactions.length
    this.#execution.adopt(block)
    raft.step({ type: 'executed', index: status.lastIndex + 1, term: status.term })
    return true
  }

  #isTime(waiting: number, inflight: number): boolean {
    const { inflightBlocksMax, growTransactions, lingerMs } = this.#options
    if (inflight >= inflightBlocksMax) return false
    if (waiting >= growTransactions) return true
    if (inflight > 0) return false
    const restMs = this.#lastSize < LOAD_TRANSACTIONS ? 0 : lingerMs - (this.#clock.monotonicMs() - this.#lastCutMs)
    if (restMs <= 0) return true
    this.#lookAgainMs = restMs
    return false
  }
}
