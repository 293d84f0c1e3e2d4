import { invariant } from '../../primitives/assert.ts'
import type { Index, NodeId, Term } from './message.ts'
import type { Configuration } from './reconfiguration.ts'
import type { Refusal } from './refusals.ts'

/** What a node must not forget: durable before any answer that rests on it. `commit` is a hint that saves work after a restart. */
export interface HardState { readonly term: Term; readonly vote: NodeId; readonly commit: Index }

/** Settings of the core; times are in ticks. */
export interface RaftOptions {
  /** A follower that hears nothing for this long, plus a jitter of 0 … electionTicks − 1, campaigns; also the leader's lease. Small: elections under load; large: a dead leader is noticed late. */
  readonly electionTicks: number
  /** The leader speaks to everyone this often. Must be well below `electionTicks`. */
  readonly heartbeatTicks: number
  /** Ask before a campaign whether it could be won, so that a node that was cut off disturbs nobody when it returns (thesis §9.6). */
  readonly preVote: boolean
  /** A leader that heard from no quorum for an election timeout steps down. */
  readonly checkQuorum: boolean
  /** Where leaders check their quorum, nodes that hear from one vote for nobody else (thesis §6.2, §4.2.3). */
  readonly stickyLeader: boolean
  /** A leader that is no voter any more becomes a follower. */
  readonly stepDownOnRemoval: boolean
  /** Refuse to append a change of the configuration that cannot follow the present one. Off only for callers that check when they apply it. */
  readonly checkReconfigurations: boolean
  /**
   * A leader answers reads from its lease, without asking a quorum (thesis §6.4.1). Stale when clocks run at different speeds, so off by default; needs
   * `checkQuorum`, and then a follower never forgets its leader before the lease ends.
   */
  readonly leaseReads: boolean
  /** Appends on their way to one follower. Small: the line idles; large: a slow follower holds much memory. */
  readonly maxInflightMessages: number
  readonly maxInflightBytes: number
  /** Entries of one append; a single larger entry still travels alone. */
  readonly maxMessageBytes: number
  /** Entries that a leader may have appended without committing them; more are refused with `CONSENSUS_BUSY`. */
  readonly maxUncommittedEntries: number
  readonly maxUncommittedBytes: number
  /** Committed entries handed out and not yet applied. */
  readonly maxCommittedBytesPerEffects: number
  /** Reads that wait for a leader's confirmation; more are refused with `CONSENSUS_BUSY`. */
  readonly maxWaitingReads: number
  /** Answers that wait for the disk or for execution; more are dropped as if lost on the way. */
  readonly maxWaitingAnswers: number
}

/** Entries of one append, however small they are: its receivers refuse more. */
export const APPEND_ENTRIES_MAX = 4096

export const DEFAULT_RAFT_OPTIONS: RaftOptions = {
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: true,
  checkQuorum: true,
  stickyLeader: true,
  stepDownOnRemoval: true,
  checkReconfigurations: true,
  leaseReads: false,
  maxInflightMessages: 8,
  maxInflightBytes: 8 * 1024 * 1024,
  maxMessageBytes: 1024 * 1024,
  maxUncommittedEntries: 8,
  maxUncommittedBytes: 8 * 1024 * 1024,
  maxCommittedBytesPerEffects: 4 * 1024 * 1024,
  maxWaitingReads: 1024,
  maxWaitingAnswers: 1024,
}

/** Everything a node starts from. */
export interface RaftConfig extends RaftOptions {
  readonly id: NodeId
  readonly configuration: Configuration
  /** Recovered from the ledger; {0, 0, 0} for a new node. */
  readonly hardState: HardState
  /** Entry up to which the state machine is durable. What lies above is executed again and reported by `executed`. */
  readonly applied: Index
  /** Refusals recovered from the ledger. */
  readonly refusals: readonly Refusal[]
  /** The first election timeout is `electionTicks` + this. */
  readonly jitter: number
}

/** Throws `INVARIANT_BROKEN` on nonsense. */
export function checkConfig(config: RaftConfig): void {
  invariant(Number.isSafeInteger(config.id) && config.id > 0, 'a node id is a positive integer', { id: config.id })
  invariant(config.heartbeatTicks >= 1 && config.electionTicks > config.heartbeatTicks, 'an election takes longer than a heartbeat')
  invariant(!config.leaseReads || (config.checkQuorum && config.stickyLeader), 'a lease rests on the check of the quorum')
  invariant(config.maxInflightMessages >= 1 && config.maxInflightBytes >= 1 && config.maxMessageBytes >= 0, 'windows hold at least one message')
  invariant(config.maxUncommittedEntries >= 1 && config.maxCommittedBytesPerEffects >= 1, 'limits let at least one entry through')
  invariant(config.jitter >= 0 && config.jitter < config.electionTicks, 'the jitter is less than an election timeout', { jitter: config.jitter })
}
