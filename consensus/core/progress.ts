import { invariant } from '../../primitives/assert.ts'
import { Inflights } from './inflights.ts'
import type { Index, Term } from './message.ts'

/**
 * How the leader feeds a follower: `probe` sends one append per heartbeat until it knows where the logs match,
 * `replicate` sends ahead of acknowledgements, `snapshot` sends nothing until a snapshot has reconnected the log.
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot'

/** An entry of the leader's log that a follower executed to another root. */
export interface PeerRefusal {
  readonly index: Index
  readonly entryTerm: Term
  readonly code: string
  readonly root: Uint8Array
  /** True when the entry may be sent once more, in case the follower was repaired. */
  retry: boolean
}

export interface ProgressLimits { readonly maxInflightMessages: number; readonly maxInflightBytes: number }

/** The leader's view of one follower. Invariant: 0 ≤ match < next. */
export class Progress {
  state: ProgressState = 'probe'
  /** Highest entry known to be durable and executed at the follower. Never falls within a term. */
  match: Index = 0
  /** First entry of the next append. */
  next: Index
  /** Highest commit index that is on its way to the follower. */
  sentCommit: Index = 0
  /** While in `snapshot`: index of the snapshot that was offered. */
  pendingSnapshot: Index = 0
  /** Heard from since the last check of the quorum. */
  recentlyActive = false
  /** Appends are held back until a heartbeat is answered or the match moves. */
  paused = false
  learner: boolean
  refusal: PeerRefusal | undefined
  readonly inflights: Inflights

  constructor(next: Index, learner: boolean, limits: ProgressLimits) {
    invariant(next >= 1, 'the first entry has index 1', { next })
    this.next = next
    this.learner = learner
    this.inflights = new Inflights(limits.maxInflightMessages, limits.maxInflightBytes)
  }

  get isPaused(): boolean { return this.state === 'snapshot' || this.paused }

  becomeProbe(): void {
    const offered = this.state === 'snapshot' ? this.pendingSnapshot : 0
    this.#enter('probe')
    this.next = Math.max(this.match, offered) + 1
    this.sentCommit = Math.min(this.sentCommit, this.next - 1)
  }

  becomeReplicate(): void {
    this.#enter('replicate')
    this.next = this.match + 1
  }

  becomeSnapshot(index: Index): void {
    this.#enter('snapshot')
    this.pendingSnapshot = index
    this.next = index + 1
    this.sentCommit = index
  }

  /** Notes that an append with `count` entries of `bytes` bytes was sent from `next` on. */
  sent(count: number, bytes: number): void {
    invariant(this.state !== 'snapshot', 'a follower in snapshot gets no append')
    if (this.state === 'probe') {
      if (count > 0) this.paused = true
      return
    }
    if (count > 0) {
      this.next += count
      this.inflights.add(this.next - 1, bytes)
    }
    // An append beside a full window is a probe: it recovers a stream whose messages were all lost.
    this.paused = this.inflights.full
  }

  /** Takes an acknowledgement; true when `match` moved. */
  acknowledge(index: Index): boolean {
    if (index <= this.match) return false
    this.match = index
    this.next = Math.max(this.next, index + 1)
    this.paused = false
    if (this.refusal !== undefined && this.refusal.index <= index) this.refusal = undefined
    return true
  }

  /** Takes a rejection of the append after `rejected`; false when it is stale. `hint` is the newest entry that may match. */
  reject(rejected: Index, hint: Index): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false
      this.next = this.match + 1
    } else {
      // Probes go out one by one, so an answer to another one is stale.
      if (this.next - 1 !== rejected) return false
      this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1)
      this.paused = false
    }
    this.sentCommit = Math.min(this.sentCommit, this.next - 1)
    return true
  }

  /** True when an empty append could raise the follower's commit index to `commit` or part of the way. */
  wantsCommit(commit: Index): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1
  }

  #enter(state: ProgressState): void {
    this.state = state
    this.paused = false
    this.pendingSnapshot = 0
    this.inflights.clear()
  }
}
