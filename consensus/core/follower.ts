import { invariant } from '../../primitives/assert.ts'
import type { StepRefusal } from './effects.ts'
import { NOBODY } from './message.ts'
import type { Append, Heartbeat, Message, SnapshotOffer } from './message.ts'
import type { Refusal } from './refusals.ts'
import type { RaftState } from './state.ts'

/** A message of the own term to a follower. */
export function stepFollower(state: RaftState, message: Message): StepRefusal | undefined {
  switch (message.type) {
    case 'append':
    case 'heartbeat':
    case 'snapshotOffer':
      if (state.disownedTerm !== state.term) {
        state.electionElapsed = 0
        state.leader = message.from
      }
      return followLeader(state, message)
    case 'readAnswer':
      if (state.ownReads.delete(message.request)) state.readyReads.push({ request: message.request, index: message.index })
      return undefined
    default: return undefined
  }
}

/** What a follower does with each message of its leader. */
export function followLeader(state: RaftState, message: Append | Heartbeat | SnapshotOffer): StepRefusal | undefined {
  if (message.type === 'append') return handleAppend(state, message)
  return message.type === 'heartbeat' ? handleHeartbeat(state, message) : handleSnapshotOffer(state, message)
}

/**
 * AppendEntries (§5.3). Acknowledges what this message has shown to match, never the own last index; removes entries only at a true
 * conflict, because a message that arrives late must not take away what was acknowledged since.
 */
function handleAppend(state: RaftState, message: Append): undefined {
  const { log } = state
  const header = { from: state.id, to: message.from, term: state.term }
  if (message.prevIndex < log.committed) {
    state.answer({ type: 'appendAck', ...header, index: log.committed }, log.committed)
    return
  }
  if (!log.matches(message.prevIndex, message.prevTerm)) {
    const hint = log.findConflictByTerm(Math.min(message.prevIndex, log.lastIndex), message.prevTerm)
    state.answer({ type: 'appendReject', ...header, index: message.prevIndex, hintIndex: hint.index, hintTerm: hint.term }, 0)
    return
  }
  const refusal = findRefused(state, message)
  const entries = refusal === undefined ? message.entries : message.entries.slice(0, refusal.index - message.prevIndex - 1)
  const first = log.findConflict(entries)
  if (first !== undefined) {
    if (first.index <= log.lastIndex) {
      invariant(first.index > log.commitSeen, 'a leader contradicts a committed entry', { index: first.index, committed: log.commitSeen, leader: message.from, term: message.term })
      state.truncate(first.index)
    }
    log.append(entries.slice(first.index - message.prevIndex - 1))
  }
  const index = message.prevIndex + entries.length
  log.commitTo(Math.min(message.commit, index))
  if (refusal === undefined || entries.length > 0) state.answer({ type: 'appendAck', ...header, index }, index)
  if (refusal !== undefined) refuseAppend(state, message.from, refusal)
}

/** The first entry of the message that this node refused before; it is not executed again. */
function findRefused(state: RaftState, message: Append): Refusal | undefined {
  for (const { index, term } of message.entries) {
    const refusal = state.refusals.find(index, term)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

/** Tells the leader, and follows nobody in this term: its log holds what this node will never vouch for. */
export function refuseAppend(state: RaftState, to: number, { index, term, code, root }: Refusal): void {
  if (to !== NOBODY) state.answer({ type: 'appendRefusal', from: state.id, to, term: state.term, index, entryTerm: term, code, root }, index - 1)
  state.disownedTerm = state.term
  state.leader = NOBODY
}

function handleHeartbeat(state: RaftState, message: Heartbeat): StepRefusal | undefined {
  // A leader sends at most what this node has acknowledged to it.
  if (message.commit > state.log.lastIndex) return state.refuse('MESSAGE_INVALID', 'a heartbeat commits entries that this node never acknowledged')
  state.log.commitTo(message.commit)
  state.send({ type: 'heartbeatAnswer', from: state.id, to: message.from, term: state.term, read: message.read })
  return undefined
}

function handleSnapshotOffer(state: RaftState, message: SnapshotOffer): undefined {
  const { log } = state
  const matched = message.index > log.committed && log.matches(message.index, message.entryTerm)
  if (matched) log.commitTo(message.index)
  if (matched || message.index <= log.committed) {
    const index = Math.max(message.index, log.committed)
    state.answer({ type: 'appendAck', from: state.id, to: message.from, term: state.term, index }, index)
    return
  }
  state.snapshotOffer = { from: message.from, index: message.index, term: message.entryTerm }
}
