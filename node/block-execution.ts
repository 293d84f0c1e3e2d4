import type { Entry } from '../consensus/core/message.ts'
import type { ChangeSet } from '../consensus/core/reconfiguration.ts'
import { isPassing } from '../contracts/index.ts'
import type { PendingStep } from '../contracts/index.ts'
import type { Mempool } from '../consensus/mempool.ts'
import type { CutBlock, Execution, ExecutionRefusal } from '../consensus/ports.ts'
import { invariant } from '../primitives/assert.ts'
import { SteleError } from '../primitives/error.ts'
import type { MemberSet } from '../primitives/member-set.ts'
import type { Clock, Logger } from '../primitives/ports.ts'
import type { Applier } from './applier.ts'
import type { Cancellations } from './cancellations.ts'
import type { ExecutedBlock } from './executed-block.ts'
import type { Executor } from './executor.ts'
import type { TransactionBook } from './transaction-book.ts'

export interface BlockExecutionOptions {
  /** Waiting for the clock longer than this makes this node forget the leader. */
  readonly patienceMs: number
}

export interface BlockExecutionPorts {
  readonly executor: Executor
  readonly applier: Applier
  readonly mempool: Mempool
  readonly book: TransactionBook
  readonly cancellations: Pick<Cancellations, 'has'>
  readonly clock: Clock
  readonly logger: Logger
  /** Committed and executed, in order; the state database may still be behind. */
  readonly onCommitted: (block: ExecutedBlock) => void
  /** The leader's clock runs ahead of this node's by more than can be waited for. */
  readonly onLeaderAhead: (aheadMs: number) => void
  /** Whether a block that this node signs counts under these voters. */
  readonly speaksIn: (members: MemberSet) => boolean
  /** Whether the leader may take this step of a change of members now; asked only when the step is not due anyway. */
  readonly maySettle: (step: PendingStep) => boolean
}

const EXPIRY_INTERVAL_MS = 1000n
/** An idle leader cuts at most one empty block in this time, only to expire something (DESIGN §5.5). */
const EXPIRY_BLOCK_MS = 1000

/** A block this much older than now is past: this node is catching up, and what serves clients that wait for fresh transactions is left out. */
const PAST_MS = 5_000

interface Cut extends CutBlock { readonly block: ExecutedBlock }

/** Joins consensus with execution, mempool and the state database: implements consensus' `Execution`. */
export class BlockExecution implements Execution {
  readonly #options: BlockExecutionOptions
  readonly #ports: BlockExecutionPorts
  #expiredMs = 0n
  #expiryCutMs = 0

  constructor(options: BlockExecutionOptions, ports: BlockExecutionPorts) {
    this.#options = options
    this.#ports = ports
  }

  get wantsBlock(): boolean {
    const { opensEpoch, tip: { rules: { step } } } = this.#ports.executor
    if (opensEpoch) return true
    return step !== undefined && (step.due || this.#ports.maySettle(step))
  }

  get executedIndex(): number { return this.#ports.executor.executedIndex }

  async prepare(entry: Entry, signal: AbortSignal): Promise<void> {
    if (entry.kind === 'noop') return
    try {
      const header = await this.#ports.executor.prepare(entry, this.#isPast)
      if (header !== undefined) await this.#waitForClock(Number(header.timeMs), signal)
    } catch (error) {
      // What is wrong with the block is found again, and judged, when it executes.
      if (signal.aborted || !(error instanceof SteleError)) throw error
    }
  }

  readonly #isPast = ({ timeMs }: { readonly timeMs: bigint }): boolean => Number(timeMs) < this.#ports.clock.nowMs() - PAST_MS

  async #waitForClock(timeMs: number, signal: AbortSignal): Promise<void> {
    const { clock, executor, onLeaderAhead } = this.#ports
    const ahead = (): number => timeMs - clock.nowMs() - executor.tip.rules.limits.futureToleranceMs
    const startedMs = clock.monotonicMs()
    let told = false
    while (ahead() > 0 && !signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(ahead(), 50)))
      if (!told && clock.monotonicMs() - startedMs > this.#options.patienceMs) {
        told = true
        onLeaderAhead(ahead())
      }
    }
  }

  execute(entry: Entry): ExecutionRefusal | undefined {
    const { executor, book, mempool } = this.#ports
    const refused = executor.execute(entry)
    if (refused !== undefined) return refused
    const block = executor.newest(entry.index)
    if (block !== undefined) {
      if (mempool.size > 0) for (const { key } of block.transactions) mempool.markCut(key)
      if (!this.#isPast(block.header)) book.included(block)
    }
    return undefined
  }

  cut(index: number, term: number): Cut | undefined {
    const { executor, mempool, clock, logger, applier } = this.#ports
    if (applier.isBehind) return undefined
    const { rules } = executor.tip
    // Blocks after an activation are for its voters to cut, under the keys it gave them; a leader that is none any more waits for its commit, and steps down.
    if (!this.#ports.speaksIn(rules.members) && !executor.opensEpoch) return undefined
    if (this.wantsBlock) {
      const { data, block } = executor.activate(index, term, BigInt(clock.nowMs()))
      return { data, transactions: [], block, change: block.changes[0] }
    }
    const candidates = [...mempool.peek(rules.limits.blockTransactionsMax, rules.limits.blockBytesMax)]
    const outcome = executor.propose(index, term, BigInt(clock.nowMs()), candidates, clock.nowMs() - this.#expiryCutMs >= EXPIRY_BLOCK_MS)
    for (const { transaction, code } of outcome.dropped) {
      // What expired is told so when a block's time has passed it, here as everywhere.
      if (isPassing(code) || code === 'TX_EXPIRED') {
        mempool.hold(transaction.key)
        continue
      }
      mempool.remove(transaction.key)
      if (code !== 'TX_REPLAYED') logger.debug({ code, contract: transaction.body.contract }, 'waiting transaction can no longer be included')
    }
    if ('block' in outcome && outcome.block.transactions.length === 0) this.#expiryCutMs = clock.nowMs()
    return 'block' in outcome ? { data: outcome.data, transactions: outcome.block.transactions, block: outcome.block } : undefined
  }

  adopt(cut: CutBlock): void {
    const { executor, mempool, book } = this.#ports
    const { block } = cut as Cut
    executor.adopt(block)
    for (const { key } of block.transactions) mempool.markCut(key)
    book.included(block)
  }

  discard(cut: CutBlock): void {
    this.#ports.executor.discard((cut as Cut).block)
  }

  /** Lets what was held back and has expired meanwhile be looked at again; true when there is some. Called now and then: without blocks nobody else would. */
  releaseExpired(): boolean {
    const { mempool, clock } = this.#ports
    if (!mempool.holdsExpired(BigInt(clock.nowMs()))) return false
    mempool.releaseHeld()
    return true
  }

  /** Waiting transactions whose time has passed are dropped about once a second of block time. */
  #expire(timeMs: bigint): void {
    if (timeMs < this.#expiredMs + EXPIRY_INTERVAL_MS) return
    this.#expiredMs = timeMs
    for (const key of this.#ports.mempool.expire(timeMs)) this.#ports.book.expired(key)
  }

  truncate(from: number): void {
    const { executor, mempool, book, cancellations } = this.#ports
    for (const block of executor.truncate(from)) {
      for (const { key } of block.transactions) mempool.restore(key)
      book.dropped(block)
      for (const transaction of block.transactions) {
        if (!cancellations.has(transaction)) continue
        mempool.remove(transaction.key)
        book.forget(transaction.key)
      }
    }
  }

  commit(entry: Entry): readonly ChangeSet[] | undefined {
    const { executor, applier, mempool, book, onCommitted } = this.#ports
    // The core passes over no-ops behind an executed block by itself, so it may commit one that has not come through the queue yet.
    if (entry.kind === 'noop' && entry.index === executor.executedIndex + 1) executor.execute(entry)
    invariant(entry.index <= executor.executedIndex, 'only executed entries are committed', { index: entry.index, executed: executor.executedIndex })
    const block = executor.take(entry)
    const isPast = block !== undefined && this.#isPast(block.header)
    applier.apply(entry.index, block, isPast)
    if (block === undefined) return undefined
    if (mempool.size > 0) for (const { key } of block.transactions) mempool.remove(key)
    mempool.releaseHeld()
    if (isPast) book.committedLate(block)
    else book.committed(block)
    this.#expire(block.header.timeMs)
    onCommitted(block)
    return block.changes
  }
}

