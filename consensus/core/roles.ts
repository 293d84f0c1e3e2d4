import { invariant } from '../../primitives/assert.ts'
import type { Role, StepDown } from './effects.ts'
import { NOBODY } from './message.ts'
import type { NodeId, Term } from './message.ts'
import { Reads } from './read.ts'
import type { RaftState } from './state.ts'

/** Follows `leader` (or nobody yet) in `term`. `reason` is reported when this node led until now. */
export function becomeFollower(state: RaftState, term: Term, leader: NodeId, reason: StepDown = 'higherTerm'): void {
  if (state.role === 'leader') state.stepDown = reason
  enter(state, 'follower', term)
  state.leader = state.disownedTerm === term ? NOBODY : leader
  state.observer?.(state, { type: 'becameFollower' })
}

/** Asks around before a campaign; neither term nor vote change. */
export function becomePreCandidate(state: RaftState): void {
  invariant(state.role !== 'leader', 'a leader does not campaign')
  state.tracker.resetVotes()
  state.leader = NOBODY
  state.role = 'preCandidate'
  state.observer?.(state, { type: 'becamePreCandidate' })
}

/** Enters the next term and votes for itself (§5.2). */
export function becomeCandidate(state: RaftState): void {
  invariant(state.role !== 'leader', 'a leader does not campaign')
  enter(state, 'candidate', state.term + 1)
  state.setVote(state.id)
  state.observer?.(state, { type: 'becameCandidate' })
}

/** Won the election. The caller appends the no-op. */
export function becomeLeader(state: RaftState): void {
  invariant(state.role === 'candidate', 'only a candidate becomes leader', { role: state.role })
  enter(state, 'leader', state.term)
  state.leader = state.id
  const own = state.tracker.progress(state.id)
  invariant(own !== undefined, 'a leader is part of its configuration')
  own.becomeReplicate()
  own.recentlyActive = true
  // There may be a change in the inherited tail; it is cheaper to wait for all of it than to look.
  state.pendingReconfiguration = state.log.lastIndex
  state.observer?.(state, { type: 'becameLeader' })
}

/** What every change of role resets. */
function enter(state: RaftState, role: Role, term: Term): void {
  state.setTerm(term)
  state.role = role
  state.leader = NOBODY
  state.electionElapsed = 0
  state.heartbeatElapsed = 0
  state.electionTimeout = state.config.electionTicks + state.jitter
  state.transferringTo = NOBODY
  state.pendingReconfiguration = 0
  state.uncommittedBytes = []
  state.uncommittedBytesTotal = 0
  state.tracker.reset(state.id, state.log.lastIndex)
  dropReads(state)
}

/** Own reads under way will not be confirmed by this leadership. */
function dropReads(state: RaftState): void {
  state.reads = new Reads()
  state.postponedReads = []
  for (const request of state.ownReads.keys()) state.droppedReads.push(request)
  state.ownReads.clear()
}
