import { invariant } from '../../primitives/assert.ts'
import type { StepRefusal } from './effects.ts'
import { NOBODY, entryBytes } from './message.ts'
import type { AppendAck, AppendRefusal, AppendReject, Entry, HeartbeatAnswer, Message, NodeId } from './message.ts'
import type { Progress } from './progress.ts'
import { handleReadAnswerOf, releasePostponedReads, takeRead } from './leader-reads.ts'
import { broadcastAppend, sendAppend } from './replication.ts'
import { becomeFollower, becomeLeader } from './roles.ts'
import type { RaftState } from './state.ts'

/** Won: opens the term with a no-op, because only entries of the own term are counted for commitment (§5.4.2, thesis §6.4). */
export function lead(state: RaftState): void {
  becomeLeader(state)
  appendEntries(state, [{ kind: 'noop', data: new Uint8Array(0) }])
  broadcastAppend(state)
}

/** Appends to the own log; its own acknowledgement comes back to the leader when the disk and the execution have it. */
export function appendEntries(state: RaftState, contents: readonly Pick<Entry, 'kind' | 'data'>[]): void {
  const first = state.log.lastIndex + 1
  const entries = contents.map(({ kind, data }, i): Entry => ({ index: first + i, term: state.term, kind, data }))
  if (state.observer !== undefined) for (const { kind } of entries) if (kind !== 'reconfiguration') state.observer(state, { type: 'appended' })
  state.log.append(entries)
  for (const entry of entries) {
    state.uncommittedBytes.push(entryBytes(entry))
    state.uncommittedBytesTotal += entryBytes(entry)
  }
  const index = state.log.lastIndex
  state.answer({ type: 'appendAck', from: state.id, to: state.id, term: state.term, index }, index)
}

/** A message of the own term to a leader. */
export function stepLeader(state: RaftState, message: Message): StepRefusal | undefined {
  if (message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshotOffer') {
    return state.refuse('MESSAGE_INVALID', 'another node claims to lead the term of this leader')
  }
  if (message.type === 'readRequest') return takeRead(state, message.from, message.request)
  const peer = state.tracker.progress(message.from)
  if (peer === undefined) return undefined
  switch (message.type) {
    case 'appendAck': return handleAck(state, peer, message)
    case 'appendReject': return handleReject(state, peer, message)
    case 'appendRefusal': return handleRefusal(state, peer, message)
    case 'heartbeatAnswer': return handleHeartbeatAnswer(state, peer, message)
    default: return undefined
  }
}

function handleAck(state: RaftState, peer: Progress, { from, index }: AppendAck): StepRefusal | undefined {
  if (index > state.log.lastIndex) return state.refuse('MESSAGE_INVALID', 'a peer acknowledges entries that were never sent')
  peer.recentlyActive = true
  // A probed peer that is fully matched acknowledges nothing new, and still has to leave the probing.
  if (!peer.acknowledge(index) && !(peer.match === index && peer.state === 'probe')) return undefined
  if (peer.state === 'replicate') peer.inflights.free(index)
  else if (peer.state === 'probe' || peer.match + 1 >= state.log.firstIndex) peer.becomeReplicate()
  if (advanceCommit(state)) broadcastAppend(state)
  else if (from !== state.id && peer.wantsCommit(state.log.committed)) sendAppend(state, from, true)
  if (from === state.id) return undefined
  while (sendAppend(state, from, false));
  if (from === state.transferringTo && peer.match === state.log.lastIndex) sendTimeoutNow(state, from)
  return undefined
}

/** Looks for the newest common entry by whole terms (`findConflictByTerm` runs on both sides). */
function handleReject(state: RaftState, peer: Progress, { from, index, hintIndex, hintTerm }: AppendReject): undefined {
  peer.recentlyActive = true
  const hint = hintTerm > 0 ? state.log.findConflictByTerm(hintIndex, hintTerm).index : hintIndex
  if (!peer.reject(index, hint)) return
  if (peer.state === 'replicate') peer.becomeProbe()
  sendAppend(state, from, true)
}

/** The peer came to another root. It gets nothing beyond, and when too many refuse, this leader is the one that is wrong (DESIGN §5.6). */
function handleRefusal(state: RaftState, peer: Progress, { from, index, entryTerm, code, root }: AppendRefusal): undefined {
  peer.recentlyActive = true
  if (from === state.id || index <= peer.match || !state.log.matches(index, entryTerm)) return
  // It held that very entry, so it holds all before it (log matching), and the answer has waited for disk and execution.
  peer.acknowledge(index - 1)
  peer.refusal = { index, entryTerm, code, root, retry: false }
  peer.becomeProbe()
  if (advanceCommit(state)) broadcastAppend(state)
  if (state.tracker.quorumRefused()) fence(state)
  else sendAppend(state, from, true)
}

/** Steps down and leads no more: a restart with sound software and data is needed. */
function fence(state: RaftState): void {
  const refusals = []
  for (const [peer, { refusal }] of state.tracker.nodes) {
    if (refusal !== undefined) refusals.push({ peer, index: refusal.index, term: refusal.entryTerm, code: refusal.code, root: refusal.root })
  }
  state.fence = { refusals }
  becomeFollower(state, state.term, NOBODY, 'fenced')
}

function handleHeartbeatAnswer(state: RaftState, peer: Progress, { from, read }: HeartbeatAnswer): undefined {
  peer.recentlyActive = true
  peer.paused = false
  // Also recovers a follower whose window is full of messages that were all lost.
  if (peer.match < state.log.lastIndex || peer.state === 'probe') sendAppend(state, from, true)
  handleReadAnswerOf(state, from, read)
}

/** Commits what a majority holds, if it is of the own term: counting replicas of an older one has lost data (§5.4.2, Fig. 8). True when the commit index moved. */
export function advanceCommit(state: RaftState): boolean {
  const index = state.tracker.committed()
  const { log } = state
  if (index <= log.commitSeen || !log.matches(index, state.term)) return false
  const before = log.committed
  log.commitTo(index)
  return noteCommitted(state, before)
}

/** Follow-ups of a commit index that has moved from `before`; also when execution has caught up with what was committed. */
export function noteCommitted(state: RaftState, before: number): boolean {
  const { committed } = state.log
  if (committed === before) return false
  invariant(committed > before, 'the commit index never falls', { before, committed })
  for (let count = state.uncommittedBytes.length - (state.log.lastIndex - committed); count > 0; count--) {
    state.uncommittedBytesTotal -= state.uncommittedBytes.shift() ?? 0
  }
  state.observer?.(state, { type: 'committed' })
  releasePostponedReads(state)
  return true
}

export function sendTimeoutNow(state: RaftState, to: NodeId): void {
  state.send({ type: 'timeoutNow', from: state.id, to, term: state.term })
}
