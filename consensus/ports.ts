import type { Entry, Index, Term } from './core/message.ts'
import type { HardState } from './core/config.ts'
import type { LogView } from './core/log.ts'
import type { ChangeSet } from './core/reconfiguration.ts'
import type { Refusal } from './core/refusals.ts'
import type { SignatureItem } from '../primitives/signature.ts'
import type { Transaction } from '../primitives/transaction.ts'

/** One durable unit of the log; written in the order of the fields. */
export interface LogBatch {
  readonly hardState: HardState | undefined
  readonly truncateFrom: Index | undefined
  readonly entries: readonly Entry[]
  readonly refusals: readonly Refusal[]
}

/** The ledger as consensus needs it. A failed write ends the process; the promise then never resolves. */
export interface LogStore extends LogView {
  /** Shows the batch at once; resolves when one sync has made it durable. Batches become durable in the order of the calls. */
  append(batch: LogBatch): Promise<void>
  /** Remembers the commit index without forcing a sync: a hint that saves work after a restart. */
  noteCommit(hardState: HardState): void
}

/** The lines to the other nodes. Loss is allowed, order per peer and channel is kept, `from` is authenticated. */
export interface Transport {
  /** Never blocks; false when the message was dropped. */
  send(to: number, channel: 'control' | 'append', frame: Uint8Array): boolean
  onMessage(handler: (from: number, channel: 'control' | 'append', frame: Uint8Array) => void): void
  onPeerChange(handler: (node: number, connected: boolean) => void): void
  /** What a node sent cannot be read, or names another sender: its score carries the fault, its connection is closed. */
  blame(node: number): void
}

/** Signs the votes this node gives and judges those it gets (DESIGN §5.7). Called a few times per election. */
export interface VoteBook {
  /** The signed statement that goes with this node's vote; at most 255 bytes. */
  sign(term: Term, candidate: number): Uint8Array
  /** True when `vote` is `from`'s signed vote for this node in `term`: only then it counts. */
  accept(from: number, term: Term, vote: Uint8Array | undefined): boolean
}

/** Checks signatures in batches off the event loop; one verdict per item, in order. */
export interface Verifier {
  verifyBatch(items: readonly SignatureItem[]): Promise<boolean[]>
}

/** Why this node will not vouch for an entry. `root`: the state root it got itself, zeros when it did not come so far. */
export interface ExecutionRefusal { readonly code: string; readonly root: Uint8Array; readonly error: unknown }

/** A block this node cut and executed; `data` is what its entry carries. */
export interface CutBlock {
  readonly data: Uint8Array
  readonly transactions: readonly Transaction[]
  /** Set for an activation block: its entry changes the configuration. */
  readonly change?: ChangeSet | undefined
}

/** Execution as consensus drives it: one call at a time, in log order. */
export interface Execution {
  readonly executedIndex: Index
  /** True when a block is to be cut although no transaction waits: an accepted change of members is to be activated. Asked often; answers at once. */
  readonly wantsBlock: boolean
  /** Checks the entry's signatures off the event loop and waits until its time is not ahead of this node's clock. Rejects only when the node is stopping. */
  prepare(entry: Entry, signal: AbortSignal): Promise<void>
  /** Executes the entry after the newest executed one; undefined when it is sound. */
  execute(entry: Entry): ExecutionRefusal | undefined
  /** Cuts, executes and signs the next block; undefined when nothing can go in. It counts as executed once `adopt` is called. */
  cut(index: Index, term: Term): CutBlock | undefined
  adopt(block: CutBlock): void
  discard(block: CutBlock): void
  /** Drops everything executed at or above `from`. */
  truncate(from: Index): void
  /** A committed entry, in order. Returns the changes of the configuration it puts in force, in order, if any. */
  commit(entry: Entry): readonly ChangeSet[] | undefined
}
