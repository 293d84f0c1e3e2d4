/** Number of a Raft node, from 1. */
export type NodeId = number
/** Raft's logical time; from 1 once anyone campaigned. */
export type Term = number
/** Position in the log; the first entry has index 1. Counts entries, not blocks. */
export type Index = number

/** Stands for "no node" where a node id is expected. */
export const NOBODY: NodeId = 0

/**
 * One entry of the log. A `noop` opens a leader's term and needs no execution; a `block` and a `reconfiguration` do.
 * `data` is opaque here and must never be changed once it was handed in. An empty `reconfiguration` leaves a joint configuration.
 */
export interface Entry {
  readonly index: Index
  readonly term: Term
  readonly kind: 'noop' | 'block' | 'reconfiguration'
  readonly data: Uint8Array
}

/** Accounted beside the data of each entry, so that many tiny entries are bounded too. */
const ENTRY_OVERHEAD_BYTES = 32

/** What an entry counts for in every byte limit of the core. */
export function entryBytes(entry: Entry): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES
}

export function entriesBytes(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entryBytes(entry)
  return bytes
}

interface Header {
  readonly from: NodeId
  readonly to: NodeId
  /** Term of the sender; for the two pre-vote messages the term the candidate would enter. */
  readonly term: Term
}

/** "Would you vote for me?" Changes nothing at either side (Raft thesis §9.6). */
export interface PreVoteRequest extends Header { readonly type: 'preVoteRequest'; readonly lastIndex: Index; readonly lastTerm: Term }
/** A refusal carries the term of the one who refuses. */
export interface PreVoteAnswer extends Header { readonly type: 'preVoteAnswer'; readonly granted: boolean }
/** RequestVote (§5.2). `transfer` is true when the leader asked for this campaign; then leases are not honoured. */
export interface VoteRequest extends Header { readonly type: 'voteRequest'; readonly lastIndex: Index; readonly lastTerm: Term; readonly transfer: boolean }
/** `vote`: the sender's signed statement about a granted vote, added and checked by the driver; opaque here. */
export interface VoteAnswer extends Header { readonly type: 'voteAnswer'; readonly granted: boolean; readonly vote?: Uint8Array }
/** AppendEntries (§5.3): `entries` follow the entry (prevIndex, prevTerm) without gaps. */
export interface Append extends Header { readonly type: 'append'; readonly prevIndex: Index; readonly prevTerm: Term; readonly entries: readonly Entry[]; readonly commit: Index }
/** The sender holds, durable and executed, what the answered message showed it up to `index`: never its own last index. */
export interface AppendAck extends Header { readonly type: 'appendAck'; readonly index: Index }
/** The log does not hold the entry before the appended ones at `index`; the hint is a guess of the newest entry that may match. */
export interface AppendReject extends Header { readonly type: 'appendReject'; readonly index: Index; readonly hintIndex: Index; readonly hintTerm: Term }
/** The sender holds everything before `index` but executed (index, entryTerm) to another root, and will never acknowledge it. */
export interface AppendRefusal extends Header { readonly type: 'appendRefusal'; readonly index: Index; readonly entryTerm: Term; readonly code: string; readonly root: Uint8Array }
/** `read` is the newest read this heartbeat can confirm, 0 when none waits. */
export interface Heartbeat extends Header { readonly type: 'heartbeat'; readonly commit: Index; readonly read: number }
export interface HeartbeatAnswer extends Header { readonly type: 'heartbeatAnswer'; readonly read: number }
/** The leader no longer has the entries the follower needs; it must fetch a snapshot at or above (index, entryTerm). */
export interface SnapshotOffer extends Header { readonly type: 'snapshotOffer'; readonly index: Index; readonly entryTerm: Term }
/** The leader hands over: campaign now, without pre-vote. */
export interface TimeoutNow extends Header { readonly type: 'timeoutNow' }
/** A follower asks the leader for a read index; `request` is echoed. */
export interface ReadRequest extends Header { readonly type: 'readRequest'; readonly request: number }
export interface ReadAnswer extends Header { readonly type: 'readAnswer'; readonly request: number; readonly index: Index }

/** Everything Raft nodes say to each other. */
export type Message =
  | PreVoteRequest | PreVoteAnswer | VoteRequest | VoteAnswer
  | Append | AppendAck | AppendReject | AppendRefusal
  | Heartbeat | HeartbeatAnswer | SnapshotOffer | TimeoutNow | ReadRequest | ReadAnswer
