import { invariant } from '../../primitives/assert.ts'
import type { RaftConfig } from './config.ts'
import type { Fence, Role, StepDown, StepRefusal } from './effects.ts'
import { RaftLog } from './log.ts'
import type { LogView } from './log.ts'
import { NOBODY } from './message.ts'
import type { Index, Message, NodeId, Term } from './message.ts'
import type { CoreObserver } from './observer.ts'
import { Reads } from './read.ts'
import { Refusals } from './refusals.ts'
import type { Refusal } from './refusals.ts'
import { Release } from './release.ts'
import type { Answers } from './release.ts'
import { Tracker } from './tracker.ts'

/** Parts of a node that harnesses and recorders bring along. */
export interface RaftParts {
  /** Who holds answers back instead of `Release`. */
  readonly answers?: Answers
  readonly observer?: CoreObserver | undefined
}

/** Everything a node knows; the role files change it, `Raft` shows it to the outside. Not exported beyond the core. */
export class RaftState {
  readonly config: RaftConfig
  readonly id: NodeId
  readonly log: RaftLog
  readonly tracker: Tracker
  readonly release: Answers
  readonly observer: CoreObserver | undefined
  readonly refusals: Refusals
  term: Term
  vote: NodeId
  role: Role = 'follower'
  leader: NodeId = NOBODY
  /** In this term no leader is followed: it sent an entry that this node refused. */
  disownedTerm: Term = 0
  electionElapsed = 0
  heartbeatElapsed = 0
  electionTimeout: number
  /** Jitter for the next timeout. */
  jitter: number
  transferringTo: NodeId = NOBODY
  /** A change of the configuration may stand unapplied at or below this index. */
  pendingReconfiguration: Index = 0
  reads = new Reads()
  /** Reads that arrived before this leader has committed an entry of its term. */
  postponedReads: { readonly from: NodeId; readonly request: number }[] = []
  /** Own reads without an answer yet, oldest first: number and the tick they were asked at. */
  readonly ownReads = new Map<number, number>()
  ticks = 0
  newestRead = 0
  /** Bytes of each entry this leader appended that is not committed yet. */
  uncommittedBytes: number[] = []
  uncommittedBytesTotal = 0
  fence: Fence | undefined

  /** Gathered for the next `takeEffects`. */
  messages: Message[] = []
  newRefusals: Refusal[] = []
  readyReads: { readonly request: number; readonly index: Index }[] = []
  droppedReads: number[] = []
  stepDown: StepDown | undefined
  snapshotOffer: { readonly from: NodeId; readonly index: Index; readonly term: Term } | undefined
  hardStateDirty = false
  /** The last batch handed out. */
  batch = 0

  constructor(config: RaftConfig, view: LogView, { answers, observer }: RaftParts = {}) {
    this.config = config
    this.observer = observer
    this.id = config.id
    this.log = new RaftLog(view, config.applied, config.hardState.commit)
    this.tracker = new Tracker(config.configuration, this.log.lastIndex, config)
    this.release = answers ?? new Release(config.id, this.log.lastIndex, config.maxWaitingAnswers)
    this.refusals = new Refusals(config.refusals)
    this.term = config.hardState.term
    this.vote = config.hardState.vote
    this.jitter = config.jitter
    this.electionTimeout = config.electionTicks + config.jitter
    invariant(this.term >= this.log.lastTerm, 'the term is behind the log: was the hard state lost?', { term: this.term, lastTerm: this.log.lastTerm })
  }

  /** Sends at once: only what vouches for nothing. */
  send(message: Message): void {
    invariant(message.to !== this.id, 'a message at once never goes to oneself', { type: message.type })
    this.messages.push(message)
    this.observer?.(this, { type: 'sent', message })
  }

  /** Sends once everything so far is durable and `index` executed. May go to oneself. */
  answer(message: Message, index: Index): void {
    this.release.hold(message, this.#unsaved() ? this.batch + 1 : this.batch, index)
    this.observer?.(this, { type: 'sent', message })
  }

  setTerm(term: Term): void {
    invariant(term >= this.term && Number.isSafeInteger(term), 'terms never fall', { from: this.term, to: term })
    if (term === this.term) return
    this.term = term
    this.vote = NOBODY
    this.hardStateDirty = true
  }

  setVote(candidate: NodeId): void {
    if (this.vote === candidate) return
    invariant(this.vote === NOBODY, 'one vote per term', { term: this.term, vote: this.vote, candidate })
    this.vote = candidate
    this.hardStateDirty = true
  }

  truncate(from: Index): void {
    this.log.truncate(from)
    this.release.truncated(from)
  }

  refuse(code: StepRefusal['code'], reason: string): StepRefusal {
    return { code, reason, leader: this.leader }
  }

  /** True when this node, as a voter, may be elected. */
  get promotable(): boolean { return this.tracker.isVoter(this.id) }

  #unsaved(): boolean {
    return this.hardStateDirty || this.log.dirty || this.newRefusals.length > 0
  }

  /** True when a batch must be written. */
  get unsaved(): boolean { return this.#unsaved() }
}
