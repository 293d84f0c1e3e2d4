import type { HardState } from './config.ts'
import type { Entry, Index, Message, NodeId, Term } from './message.ts'
import type { ChangeSet, Configuration } from './reconfiguration.ts'
import type { ProgressState } from './progress.ts'
import type { Refusal } from './refusals.ts'

/** Everything that can happen to a node. */
export type Input =
  /** A tick of the clock has passed. `jitter` (0 … electionTicks − 1, drawn by the caller) is used when the next election timeout is set. `passive`: this node is not to campaign now; at its timeout it forgets the leader instead, so that others get its vote. */
  | { readonly type: 'tick'; readonly jitter?: number; readonly passive?: boolean }
  /** A message from another node, whose identity the caller has checked to be `message.from`. */
  | { readonly type: 'message'; readonly message: Message }
  /** Appends blocks in the leader's term; refused unless this node leads in `term`. All or none. They must be executed already or be reported by `executed`. */
  | { readonly type: 'submit'; readonly term: Term; readonly data: readonly Uint8Array[] }
  /** Appends a change of the configuration; `data` is what its entry carries. It takes effect by `reconfigured`. */
  | { readonly type: 'reconfigure'; readonly term: Term; readonly change: ChangeSet; readonly data: Uint8Array }
  /** `persist` batches up to this one are durable. */
  | { readonly type: 'stored'; readonly batch: number }
  /** Execution has come to this entry, and every root up to it is the one its proposer signed. */
  | { readonly type: 'executed'; readonly index: Index; readonly term: Term }
  /** Execution of this entry came to `root` or broke a rule (`code`); everything below it was reported as executed. */
  | { readonly type: 'refused'; readonly index: Index; readonly term: Term; readonly code: string; readonly root: Uint8Array }
  /** The state machine has taken the committed entries up to `index`. */
  | { readonly type: 'applied'; readonly index: Index }
  /** The applied entry was a change of the configuration: it is in force from now on. */
  | { readonly type: 'reconfigured'; readonly change: ChangeSet }
  /** The stored log was replaced by a snapshot that ends in `index`. */
  | { readonly type: 'restored'; readonly index: Index; readonly configuration: Configuration }
  /** Asks for an index at which a linearizable read may be served. Numbers ascend over the life of the node, restarts included. */
  | { readonly type: 'readIndex'; readonly request: number }
  /** Starts an election now. */
  | { readonly type: 'campaign' }
  /** The connection to the leader is lost: others may be elected without waiting for the lease. */
  | { readonly type: 'forgetLeader' }
  /** Messages to this peer were lost. */
  | { readonly type: 'unreachable'; readonly peer: NodeId }
  /** Hands the leadership over; aborted after an election timeout, or by a transfer to the leader itself. */
  | { readonly type: 'transferLeader'; readonly to: NodeId }
  /** Sets the running election timeout to `electionTicks` + `jitter`. */
  | { readonly type: 'electionJitter'; readonly jitter: number }

/** Why an input had no effect. Expected, so not an exception; texts live with the callers. */
export interface StepRefusal {
  readonly code: 'NOT_LEADER' | 'NO_LEADER' | 'CONSENSUS_BUSY' | 'LEADER_FENCED' | 'NOT_PROMOTABLE' | 'UNEXECUTED_TAIL' | 'MESSAGE_INVALID' | 'READ_NOT_FRESH' | 'RECONFIGURATION_INVALID'
  readonly reason: string
  /** The leader known here, 0 when none. */
  readonly leader: NodeId
}

/** One unit of durable writing. Batches are numbered from 1 without gaps and become durable in this order. */
export interface Persist {
  readonly batch: number
  /** First, durably remove this index and everything above from the log. */
  readonly truncateFrom: Index | undefined
  /** Then append these; they start right behind the last entry. They are also what a follower has to execute. */
  readonly entries: readonly Entry[]
  /** New term and vote, in the same unit as the entries: a crash keeps all or a prefix that includes `hardState`. */
  readonly hardState: HardState | undefined
  readonly refusals: readonly Refusal[]
  /** Last entry of the log once the batch is stored. */
  readonly tail: { readonly index: Index; readonly term: Term }
}

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader'
/** Why a leader stopped to lead. */
export type StepDown = 'higherTerm' | 'quorumLost' | 'fenced' | 'removed'

export interface SoftState { readonly role: Role; readonly leader: NodeId; readonly term: Term }

/**
 * What the caller has to do after a step, in the order of the fields. Nothing in here may be skipped, except that a crash may lose all of it.
 */
export interface Effects {
  /** Start a write of this batch; report `stored` when a sync has made it durable. Writes stay in order; a failed write ends the process. */
  readonly persist: Persist | undefined
  /** Drop every executed layer at or above this index before anything else is executed. */
  readonly truncatedFrom: Index | undefined
  /** Send at once, in this order per peer. Everything that must not leave before the disk or the execution was held back already. */
  readonly messages: readonly Message[]
  /** Committed, durable and executed: apply in this order, then report `applied`. */
  readonly committed: readonly Entry[]
  /** Serve these reads once everything up to `index` is applied. */
  readonly reads: readonly { readonly request: number; readonly index: Index }[]
  /** These reads got no answer; ask again under a new number. */
  readonly droppedReads: readonly number[]
  /** Present when role, leader or term changed. */
  readonly softState: SoftState | undefined
  /** Present when this node led and does no more. */
  readonly stepDown: StepDown | undefined
  /** Fetch a snapshot at or above this index, then report `restored`. */
  readonly snapshotOffer: { readonly from: NodeId; readonly index: Index; readonly term: Term } | undefined
}

/** Why this node will not lead again before a restart: these peers refused entries of its log. */
export interface Fence { readonly refusals: readonly { readonly peer: NodeId; readonly index: Index; readonly term: Term; readonly code: string; readonly root: Uint8Array }[] }

/** How a leader sees one node, itself included. */
export interface PeerStatus {
  readonly id: NodeId
  readonly state: ProgressState
  readonly match: Index
  readonly next: Index
  readonly paused: boolean
  /** Appends under way, and whether more would be too many. */
  readonly inflight: number
  readonly inflightFull: boolean
  readonly pendingSnapshot: Index
  readonly recentlyActive: boolean
  readonly learner: boolean
  /** Index of the entry it refused. */
  readonly refusedIndex: Index | undefined
}

/** A picture of the node for metrics, health and tests; not kept up to date. */
export interface RaftStatus extends SoftState {
  readonly id: NodeId
  readonly vote: NodeId
  readonly firstIndex: Index
  readonly lastIndex: Index
  readonly lastTerm: Term
  readonly storedIndex: Index
  readonly executedIndex: Index
  readonly committedIndex: Index
  readonly appliedIndex: Index
  /** Newest entry this node may have acknowledged. */
  readonly vouchedIndex: Index
  readonly answersWaiting: number
  readonly electionElapsed: number
  readonly electionTimeout: number
  readonly transferringTo: NodeId
  readonly fence: Fence | undefined
  readonly refusals: readonly Refusal[]
  readonly configuration: Configuration
  /** Empty unless this node leads. */
  readonly peers: readonly PeerStatus[]
}
