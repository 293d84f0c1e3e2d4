import type { StepRefusal } from './effects.ts'
import type { Index, NodeId } from './message.ts'
import { broadcastHeartbeat } from './replication.ts'
import type { RaftState } from './state.ts'

/** Takes a read of this node or of a follower (thesis §6.4). It waits until this leader has committed an entry of its term: before, it does not know what is committed. */
export function takeRead(state: RaftState, from: NodeId, request: number): StepRefusal | undefined {
  if (state.reads.waiting + state.postponedReads.length >= state.config.maxWaitingReads) return state.refuse('CONSENSUS_BUSY', 'too many reads wait')
  if (state.log.matches(state.log.committed, state.term)) startRead(state, from, request)
  else state.postponedReads.push({ from, request })
  return undefined
}

/** The first commit of the term lets the early reads go. */
export function releasePostponedReads(state: RaftState): void {
  if (state.postponedReads.length === 0 || !state.log.matches(state.log.committed, state.term)) return
  const postponed = state.postponedReads
  state.postponedReads = []
  for (const { from, request } of postponed) startRead(state, from, request)
}

/** A heartbeat's answer confirms the reads up to the position it echoes. */
export function handleReadAnswerOf(state: RaftState, from: NodeId, position: number): void {
  if (position === 0) return
  state.reads.acknowledge(from, position)
  for (const read of state.reads.takeConfirmed(state.tracker.voters)) answerRead(state, read.from, read.request, read.index)
}

function startRead(state: RaftState, from: NodeId, request: number): void {
  const index = state.log.committed
  if (state.config.leaseReads || (state.tracker.isSingleton && state.tracker.isVoter(state.id))) {
    answerRead(state, from, request, index)
    return
  }
  state.reads.add({ from, request, index })
  state.reads.acknowledge(state.id, state.reads.position)
  broadcastHeartbeat(state)
}

function answerRead(state: RaftState, from: NodeId, request: number, index: Index): void {
  if (from !== state.id) state.send({ type: 'readAnswer', from: state.id, to: from, term: state.term, request, index })
  else if (state.ownReads.delete(request)) state.readyReads.push({ request, index })
}
