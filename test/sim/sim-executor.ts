import type { Entry } from '../../consensus/core/message.ts'
import type { ChangeSet } from '../../consensus/core/reconfiguration.ts'
import type { Mempool } from '../../consensus/mempool.ts'
import type { CutBlock, Execution, ExecutionRefusal } from '../../consensus/ports.ts'
import type { PendingStep } from '../../contracts/index.ts'
import { concatBytes, equalBytes } from '../../primitives/bytes.ts'
import { sha256 } from '../../primitives/hash.ts'
import type { Clock, Timers } from '../../primitives/ports.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { CHAIN } from './keys.ts'
import { SimBlockReader, encodeSimBlock, simBlockHash, simRoot } from './sim-block.ts'
import type { SimBlock } from './sim-block.ts'
import { CHANGES_FROM } from './sim-members.ts'
import type { SimMembers } from './sim-members.ts'
import type { SimSnapshot } from './sim-snapshot.ts'

/** State root of height 0. */
export const GENESIS_ROOT: Uint8Array = sha256(CHAIN)
const NOTHING: ReadonlySet<number> = new Set()
const NO_ROOT: Uint8Array = new Uint8Array(32)
const FUTURE_TOLERANCE_MS = 500
const BLOCK_TRANSACTIONS_MAX = 50

/** What the state database of a simulated node has on disk. Outlives its process; written only as a whole. */
export class SimDatabase {
  appliedIndex = 0
  height = 0
  hash: Uint8Array = CHAIN
  root: Uint8Array = GENESIS_ROOT
  timeMs = 0
  /** Applied transactions and the height of each. */
  transactions = new Map<number, number>()
  members: SimMembers
  /** The newest snapshot that is proved final, ready to be served. */
  snapshot: SimSnapshot | undefined

  constructor(genesis: SimMembers) {
    this.members = genesis
  }
}

/** `members`: those of the state after the block. `change`: what an activation block does to the configuration. */
export interface ExecutedSimBlock { readonly index: number; readonly term: number; readonly hash: Uint8Array; readonly data: Uint8Array; readonly block: SimBlock; readonly members: SimMembers; readonly change: ChangeSet | undefined }

/** `after`: what stands above it; undefined where it holds no block. */
interface Layer { readonly index: number; readonly executed: ExecutedSimBlock | undefined; readonly after: SimTip | undefined; readonly root: Uint8Array; readonly transactions: ReadonlySet<number> }

/** What the next block stands on. */
interface SimTip { readonly height: number; readonly hash: Uint8Array; readonly root: Uint8Array; readonly timeMs: number; readonly members: SimMembers }

/** What a block does beside its transactions' replay check. */
interface Outcome { readonly root: Uint8Array; readonly members: SimMembers; readonly change: ChangeSet | undefined }

/** A copy of the committed state at a height, to make a snapshot from. */
export type CommittedState = Pick<SimDatabase, 'appliedIndex' | 'height' | 'hash' | 'root' | 'timeMs' | 'transactions' | 'members'>

export interface SimExecutorPorts {
  readonly database: SimDatabase
  readonly mempool: Mempool
  readonly reader: SimBlockReader
  readonly clock: Clock
  readonly timers: Timers
  readonly onCommitted: (index: number, entry: Entry, block: ExecutedSimBlock | undefined) => void
  readonly onExecuted: (entry: Entry, root: Uint8Array) => void
  readonly onLeaderAhead: () => void
  /** Whether the leader takes a step of a change of members now; asked only when the step is not due anyway. */
  readonly maySettle: (step: PendingStep) => boolean
  /** Machines there are. */
  readonly nodesMax: number
  /** Committed state is shown at every height that is a multiple; 0: never. */
  readonly snapshotBlocks: number
  readonly onSnapshotHeight: (state: CommittedState) => void
}

/**
 * Simulated execution: deterministic, cheap, with everything consensus relies on: roots that commit to the whole history, a replay check, layers above the committed
 * state that go when the log is truncated, refusal of blocks that do not come to their root, and a clock that is waited for.
 */
export class SimExecutor implements Execution {
  readonly #node: number
  readonly #ports: SimExecutorPorts
  readonly #layers: Layer[] = []
  #executedIndex: number
  #base: SimTip
  /** Committed since the last flush. */
  #unflushed: { readonly index: number; readonly executed: ExecutedSimBlock | undefined }[] = []
  /** Transactions applied by committed blocks, flushed or not. */
  readonly #applied: Map<number, number>

  constructor(node: number, ports: SimExecutorPorts) {
    this.#node = node
    this.#ports = ports
    const { appliedIndex, height, hash, root, timeMs, transactions, members } = ports.database
    this.#executedIndex = appliedIndex
    this.#base = { height, hash, root, timeMs, members }
    this.#applied = new Map(transactions)
  }

  get executedIndex(): number { return this.#executedIndex }
  get wantsBlock(): boolean {
    const { step } = this.#tip.members
    return step !== undefined && (step.due || this.#ports.maySettle(step))
  }
  /** The members as the newest committed block leaves them. */
  get members(): SimMembers { return this.#base.members }
  get tipTimeMs(): number { return this.#tip.timeMs }

  async prepare(entry: Entry, signal: AbortSignal): Promise<void> {
    const timeMs = this.#ports.reader.read(entry.data)?.block.timeMs ?? 0
    for (let waits = 0; !signal.aborted && timeMs - this.#ports.clock.nowMs() > FUTURE_TOLERANCE_MS; waits++) {
      await new Promise<void>((resolve) => { this.#ports.timers.after(resolve, 50) })
      if (waits === 20) this.#ports.onLeaderAhead()
    }
  }

  execute(entry: Entry): ExecutionRefusal | undefined {
    if (entry.kind === 'noop') {
      this.#push({ index: entry.index, executed: undefined, after: undefined, root: this.#tip.root, transactions: NOTHING })
      return undefined
    }
    const read = this.#ports.reader.read(entry.data)
    const tip = this.#tip
    const refuse = (code: string, root: Uint8Array = NO_ROOT): ExecutionRefusal => ({ code, root, error: undefined })
    if (read === undefined) return refuse('BLOCK_INVALID')
    const { block, hash } = read
    if (block.height !== tip.height + 1 || block.term !== entry.term || block.timeMs < tip.timeMs || !equalBytes(block.parent, tip.hash)) return refuse('BLOCK_INVALID')
    if (block.transactions.some((transaction, i) => this.#isApplied(transaction) || block.transactions.indexOf(transaction) !== i)) return refuse('BLOCK_INVALID')
    const outcome = this.#run(tip, block, entry.kind === 'reconfiguration')
    if (outcome === undefined) return refuse('BLOCK_INVALID')
    const { root, members, change } = outcome
    if (!equalBytes(root, block.root)) return refuse('ROOT_MISMATCH', root)
    for (const transaction of block.transactions) this.#ports.mempool.markCut(String(transaction))
    this.#push({ index: entry.index, executed: { index: entry.index, term: entry.term, hash, data: read.data, block, members, change }, after: tipAfter(block, hash, members), root, transactions: new Set(block.transactions) })
    this.#ports.onExecuted(entry, root)
    return undefined
  }

  /** An activation stands alone, and where one is due nothing else stands: undefined when a block breaks that. */
  #run(tip: SimTip, { height, transactions }: Pick<SimBlock, 'height' | 'transactions'>, activates: boolean): Outcome | undefined {
    const { step } = tip.members
    if (activates) {
      if (step === undefined || transactions.length > 0) return undefined
      const { members, change } = tip.members.activated(height)
      return { root: sha256(concatBytes(tip.root, members.setHash)), members, change }
    }
    if (step?.due === true || transactions.length === 0) return undefined
    const members = transactions.reduce((before, transaction) => (transaction >= CHANGES_FROM ? before.decided(transaction, height, this.#ports.nodesMax) : before), tip.members)
    return { root: simRoot(tip.root, transactions), members, change: undefined }
  }

  cut(index: number, term: number): (CutBlock & { readonly layer: Layer }) | undefined {
    const { mempool } = this.#ports
    const tip = this.#tip
    // Blocks after an activation are for its voters to cut, as in production.
    if (!tip.members.set.voters.some(({ node }) => node === this.#node)) return undefined
    if (this.wantsBlock) return this.#cutBlock(index, term, [], true)
    const transactions: number[] = []
    for (const { key } of [...mempool.peek(BLOCK_TRANSACTIONS_MAX, 1 << 20)]) {
      if (this.#isApplied(Number(key))) mempool.remove(key)
      else transactions.push(Number(key))
    }
    return transactions.length === 0 ? undefined : this.#cutBlock(index, term, transactions, false)
  }

  #cutBlock(index: number, term: number, transactions: readonly number[], activates: boolean): CutBlock & { readonly layer: Layer } {
    const tip = this.#tip
    const height = tip.height + 1
    const { root, members, change } = this.#run(tip, { height, transactions }, activates)!
    const block: SimBlock = { height, term, timeMs: Math.max(tip.timeMs, this.#ports.clock.nowMs()), proposer: this.#node, parent: tip.hash, root, transactions }
    const data = encodeSimBlock(this.forge(block))
    const hash = simBlockHash(data)
    const layer = { index, executed: { index, term, hash, data, block, members, change }, after: tipAfter(block, hash, members), root: block.root, transactions: new Set(transactions) }
    return { data, transactions: transactions as unknown as readonly Transaction[], change, layer }
  }

  adopt(cut: CutBlock): void {
    const { layer } = cut as CutBlock & { readonly layer: Layer }
    for (const transaction of layer.transactions) this.#ports.mempool.markCut(String(transaction))
    this.#push(layer)
    this.#ports.onExecuted({ index: layer.index, term: layer.executed!.term, kind: cut.change === undefined ? 'block' : 'reconfiguration', data: cut.data }, layer.root)
  }

  discard(): void {}

  truncate(from: number): void {
    const at = this.#layers.findIndex(({ index }) => index >= from)
    if (at !== -1) for (const { transactions } of this.#layers.splice(at)) for (const transaction of transactions) this.#ports.mempool.restore(String(transaction))
    this.#executedIndex = Math.min(this.#executedIndex, from - 1)
  }

  commit(entry: Entry): readonly ChangeSet[] | undefined {
    if (entry.kind === 'noop' && entry.index === this.#executedIndex + 1) this.execute(entry)
    const layer = this.#layers[0]?.index === entry.index ? this.#layers.shift() : undefined
    const executed = layer?.executed
    if (executed !== undefined) {
      const { block } = executed
      this.#base = layer!.after!
      for (const transaction of block.transactions) {
        this.#applied.set(transaction, block.height)
        this.#ports.mempool.remove(String(transaction))
      }
    }
    this.#unflushed.push({ index: entry.index, executed })
    this.#ports.onCommitted(entry.index, entry, executed)
    const { snapshotBlocks, onSnapshotHeight } = this.#ports
    if (executed !== undefined && snapshotBlocks > 0 && executed.block.height % snapshotBlocks === 0) onSnapshotHeight({ appliedIndex: entry.index, ...this.#base, transactions: new Map(this.#applied) })
    return executed?.change === undefined ? undefined : [executed.change]
  }

  /** Writes what was committed into the database, as one atomic batch. */
  flush(): void {
    const { database } = this.#ports
    for (const { index, executed } of this.#unflushed) {
      database.appliedIndex = index
      if (executed === undefined) continue
      const { block, hash, members } = executed
      for (const transaction of block.transactions) database.transactions.set(transaction, block.height)
      database.height = block.height
      database.hash = hash
      database.root = block.root
      database.timeMs = block.timeMs
      database.members = members
    }
    this.#unflushed = []
  }

  isCommitted(transaction: number): boolean { return this.#applied.has(transaction) }
  has(transaction: number): boolean { return this.#isApplied(transaction) }

  /** A seam for the lying node. */
  protected forge(block: SimBlock): SimBlock { return block }

  get #tip(): SimTip {
    for (let at = this.#layers.length - 1; at >= 0; at--) {
      const { after } = this.#layers[at]!
      if (after !== undefined) return after
    }
    return this.#base
  }

  #push(layer: Layer): void {
    if (layer.index <= this.#executedIndex) return
    this.#layers.push(layer)
    this.#executedIndex = layer.index
  }

  #isApplied(transaction: number): boolean {
    if (this.#applied.has(transaction)) return true
    for (const { transactions } of this.#layers) if (transactions.has(transaction)) return true
    return false
  }
}

function tipAfter({ height, root, timeMs }: SimBlock, hash: Uint8Array, members: SimMembers): SimTip {
  return { height, hash, root, timeMs, members }
}
