import { invariant } from '../../primitives/assert.ts'
import type { Index, NodeId } from './message.ts'
import { Progress } from './progress.ts'
import type { ProgressLimits } from './progress.ts'
import { jointCommitted, jointVote } from './quorum.ts'
import type { AckedIndex, VoteResult, Voters } from './quorum.ts'
import { nodesOf } from './reconfiguration.ts'
import type { Configuration } from './reconfiguration.ts'

/** The nodes of the active configuration: how far each is, and how each voted. */
export class Tracker {
  readonly #limits: ProgressLimits
  #configuration: Configuration
  #progress = new Map<NodeId, Progress>()
  #votes = new Map<NodeId, boolean>()

  /** `lastIndex`: newest entry of the own log; new followers are probed from there. */
  constructor(configuration: Configuration, lastIndex: Index, limits: ProgressLimits) {
    this.#limits = limits
    this.#configuration = configuration
    this.switchTo(configuration, lastIndex)
  }

  get configuration(): Configuration { return this.#configuration }
  get voters(): Voters { return { incoming: this.#configuration.voters, outgoing: this.#configuration.outgoing } }
  /** Ascending by id. */
  get nodes(): Iterable<[NodeId, Progress]> { return this.#progress }
  get isSingleton(): boolean { return this.#configuration.voters.length === 1 && this.#configuration.outgoing.length === 0 }

  progress(id: NodeId): Progress | undefined { return this.#progress.get(id) }

  isVoter(id: NodeId): boolean {
    return this.#configuration.voters.includes(id) || this.#configuration.outgoing.includes(id)
  }

  /** Voters of both halves, ascending. */
  voterIds(): readonly NodeId[] {
    const { voters, outgoing } = this.#configuration
    return outgoing.length === 0 ? voters : nodesOf({ ...this.#configuration, learners: [] })
  }

  /** Takes over a configuration; nodes that stay keep their progress, new ones count as active so that they get a chance to speak. */
  switchTo(configuration: Configuration, lastIndex: Index): void {
    invariant(configuration.learners.every((id) => !configuration.voters.includes(id) && !configuration.outgoing.includes(id)), 'a learner is no voter', { configuration })
    const progress = new Map<NodeId, Progress>()
    for (const id of nodesOf(configuration)) {
      const learner = configuration.learners.includes(id)
      const kept = this.#progress.get(id)
      const entry = kept ?? new Progress(Math.max(lastIndex, 1), learner, this.#limits)
      if (kept === undefined) entry.recentlyActive = true
      entry.learner = learner
      progress.set(id, entry)
    }
    this.#configuration = configuration
    this.#progress = progress
  }

  /** Forgets everything about the followers: a term begins. */
  reset(self: NodeId, lastIndex: Index): void {
    this.resetVotes()
    for (const [id, { learner }] of this.#progress) {
      const fresh = new Progress(lastIndex + 1, learner, this.#limits)
      if (id === self) fresh.match = lastIndex
      this.#progress.set(id, fresh)
    }
  }

  /** Highest index that both majorities hold. */
  committed(): Index {
    return jointCommitted(this.voters, this.#match)
  }

  /** True when a quorum was heard from since the last check. */
  quorumActive(): boolean {
    const votes = new Map<NodeId, boolean>()
    for (const [id, progress] of this.#progress) if (!progress.learner) votes.set(id, progress.recentlyActive)
    return jointVote(this.voters, votes) === 'won'
  }

  /** True when so many voters refused an entry that no majority can take the log any further. */
  quorumRefused(): boolean {
    const votes = new Map<NodeId, boolean>()
    for (const [id, progress] of this.#progress) if (!progress.learner && progress.refusal !== undefined) votes.set(id, false)
    return votes.size > 0 && jointVote(this.voters, votes) === 'lost'
  }

  resetVotes(): void {
    this.#votes = new Map()
  }

  /** The first vote of a node counts. */
  recordVote(id: NodeId, granted: boolean): VoteResult {
    if (!this.#votes.has(id)) this.#votes.set(id, granted)
    return jointVote(this.voters, this.#votes)
  }

  readonly #match: AckedIndex = (id) => this.#progress.get(id)?.match
}
