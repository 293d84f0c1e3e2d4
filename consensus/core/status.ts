import type { PeerStatus, RaftStatus } from './effects.ts'
import type { RaftState } from './state.ts'

/** A picture of the node; costs a few allocations, so it is not for the hot path. */
export function statusOf(state: RaftState): RaftStatus {
  const { log, release, tracker } = state
  return {
    id: state.id,
    role: state.role,
    leader: state.leader,
    term: state.term,
    vote: state.vote,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    lastTerm: log.lastTerm,
    storedIndex: log.storedIndex,
    executedIndex: log.executed,
    committedIndex: log.committed,
    appliedIndex: log.applied,
    vouchedIndex: release.vouched,
    answersWaiting: release.waiting,
    electionElapsed: state.electionElapsed,
    electionTimeout: state.electionTimeout,
    transferringTo: state.transferringTo,
    fence: state.fence,
    refusals: state.refusals.list,
    configuration: tracker.configuration,
    peers: state.role === 'leader' ? peersOf(state) : [],
  }
}

function peersOf({ tracker }: RaftState): readonly PeerStatus[] {
  const peers: PeerStatus[] = []
  for (const [id, peer] of tracker.nodes) {
    const { match, next, state, isPaused: paused, inflights, pendingSnapshot, recentlyActive, learner, refusal } = peer
    peers.push({ id, state, match, next, paused, inflight: inflights.count, inflightFull: inflights.full, pendingSnapshot, recentlyActive, learner, refusedIndex: refusal?.index })
  }
  return peers
}
