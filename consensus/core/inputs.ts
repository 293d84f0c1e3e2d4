import { invariant } from '../../primitives/assert.ts'
import type { Input, StepRefusal } from './effects.ts'
import { refuseAppend } from './follower.ts'
import { takeRead } from './leader-reads.ts'
import { advanceCommit, appendEntries, noteCommitted, sendTimeoutNow } from './leader.ts'
import { NOBODY, entriesBytes } from './message.ts'
import type { Entry } from './message.ts'
import { isJoint, reconfigure } from './reconfiguration.ts'
import type { ChangeSet } from './reconfiguration.ts'
import { broadcastAppend, sendAppend } from './replication.ts'
import { becomeFollower } from './roles.ts'
import type { RaftState } from './state.ts'

type InputOf<Type extends Input['type']> = Extract<Input, { readonly type: Type }>

/** Appends blocks. Bounded by what is uncommitted; a single block is always taken when nothing is. */
export function submit(state: RaftState, { term, data }: InputOf<'submit'>): StepRefusal | undefined {
  return propose(state, term, data.map((bytes) => ({ kind: 'block', data: bytes })))
}

/** Appends a change of the configuration, one unapplied change at a time (thesis §4.1). */
export function proposeReconfiguration(state: RaftState, { term, change, data }: InputOf<'reconfigure'>): StepRefusal | undefined {
  const leaves = change.changes.length === 0
  if (state.role === 'leader' && state.config.checkReconfigurations) {
    if (state.pendingReconfiguration > state.log.applied) return state.refuse('CONSENSUS_BUSY', 'an earlier change may not be applied yet')
    if (isJoint(state.tracker.configuration) !== leaves) return state.refuse('RECONFIGURATION_INVALID', leaves ? 'the configuration is not joint' : 'the joint configuration must be left first')
  }
  const refusal = propose(state, term, [{ kind: 'reconfiguration', data }], change)
  if (refusal === undefined) state.pendingReconfiguration = state.log.lastIndex
  return refusal
}

function propose(state: RaftState, term: number, contents: readonly Pick<Entry, 'kind' | 'data'>[], change?: ChangeSet): StepRefusal | undefined {
  const { config, log } = state
  if (state.fence !== undefined) return state.refuse('LEADER_FENCED', 'a majority refused entries of this node')
  if (state.role !== 'leader' || term !== state.term || state.tracker.progress(state.id) === undefined) return state.refuse('NOT_LEADER', 'this node does not lead in the term of the block')
  if (state.transferringTo !== NOBODY) return state.refuse('CONSENSUS_BUSY', 'the leadership is being handed over')
  if (contents.length === 0) return undefined
  const waiting = state.uncommittedBytes.length
  const bytes = entriesBytes(contents.map(({ kind, data }) => ({ index: 0, term, kind, data })))
  if (waiting > 0 && (waiting + contents.length > config.maxUncommittedEntries || state.uncommittedBytesTotal + bytes > config.maxUncommittedBytes)) {
    return state.refuse('CONSENSUS_BUSY', 'too much is appended and not committed')
  }
  invariant(log.lastIndex + contents.length < Number.MAX_SAFE_INTEGER, 'the log is full')
  if (change !== undefined) state.observer?.(state, { type: 'changeProposed', change })
  appendEntries(state, contents)
  broadcastAppend(state)
  return undefined
}

/** Execution has come to an entry. Ignored when the entry was replaced meanwhile. */
export function executed(state: RaftState, { index, term }: InputOf<'executed'>): void {
  const before = state.log.committed
  if (!state.log.executedTo(index, term)) return
  if (state.role === 'leader' && noteCommitted(state, before)) broadcastAppend(state)
}

/**
 * This node comes to another result than the proposer signed. The entry and all above go, unless any of it was acknowledged: then the
 * node would break its word. The refusal is durable before the leader hears of it.
 */
export function refused(state: RaftState, { index, term, code, root }: InputOf<'refused'>): void {
  const { log } = state
  if (!log.matches(index, term)) return
  invariant(index === log.executed + 1, 'only the entry next to be executed can be refused', { index, executed: log.executed })
  invariant(index > state.release.vouched, 'an entry that may have been acknowledged cannot be refused: repair is needed', { index, vouched: state.release.vouched })
  invariant(state.role !== 'leader', 'a leader refuses an entry of its own log', { index, term })
  const leader = state.leader
  const refusal = { index, term, code, root }
  state.truncate(index)
  state.refusals.add(refusal)
  state.newRefusals.push(refusal)
  if (state.role !== 'follower') becomeFollower(state, state.term, NOBODY)
  refuseAppend(state, leader, refusal)
}

/** The state machine has taken entries; a joint configuration that leaves by itself is left when its entry is applied. */
export function applied(state: RaftState, { index }: InputOf<'applied'>): void {
  state.log.appliedTo(index)
  state.refusals.prune(state.log.applied)
  const { autoLeave } = state.tracker.configuration
  if (autoLeave && state.role === 'leader' && state.log.applied >= state.pendingReconfiguration && state.transferringTo === NOBODY) {
    appendEntries(state, [{ kind: 'reconfiguration', data: new Uint8Array(0) }])
    state.pendingReconfiguration = state.log.lastIndex
    broadcastAppend(state)
  }
}

/** Puts a committed change in force. */
export function reconfigured(state: RaftState, { change }: InputOf<'reconfigured'>): StepRefusal | undefined {
  const result = reconfigure(state.tracker.configuration, change)
  if ('fault' in result) return state.refuse('RECONFIGURATION_INVALID', result.fault)
  state.observer?.(state, { type: 'reconfigured', configuration: result.configuration })
  state.tracker.switchTo(result.configuration, state.log.lastIndex)
  if (state.role !== 'leader') return undefined
  if (!state.tracker.isVoter(state.id)) {
    if (state.config.stepDownOnRemoval) becomeFollower(state, state.term, NOBODY, 'removed')
    return undefined
  }
  if (advanceCommit(state)) broadcastAppend(state)
  else for (const [id] of state.tracker.nodes) if (id !== state.id) sendAppend(state, id, false)
  if (!state.tracker.isVoter(state.transferringTo)) state.transferringTo = NOBODY
  return undefined
}

/** A snapshot has taken the place of the log. */
export function restored(state: RaftState, { index, configuration }: InputOf<'restored'>): void {
  invariant(state.role === 'follower', 'only a follower takes a snapshot', { role: state.role })
  state.truncate(state.log.committed + 1)
  state.log.restored(index)
  state.refusals.prune(index)
  state.observer?.(state, { type: 'reconfigured', configuration })
  state.tracker.switchTo(configuration, index)
  if (state.leader !== NOBODY) state.answer({ type: 'appendAck', from: state.id, to: state.leader, term: state.term, index }, index)
}

/** Asks for a linearizable read; the answer comes in `reads` or `droppedReads`. */
export function readIndex(state: RaftState, { request }: InputOf<'readIndex'>): StepRefusal | undefined {
  if (!Number.isSafeInteger(request) || request <= state.newestRead) return state.refuse('READ_NOT_FRESH', 'a read takes a new, higher number: an old answer must not confirm it')
  if (state.leader === NOBODY) return state.refuse('NO_LEADER', 'no leader is known')
  if (state.ownReads.size >= state.config.maxWaitingReads) return state.refuse('CONSENSUS_BUSY', 'too many reads wait')
  state.newestRead = request
  state.ownReads.set(request, state.ticks)
  if (state.role !== 'leader') {
    state.send({ type: 'readRequest', from: state.id, to: state.leader, term: state.term, request })
    return undefined
  }
  const refusal = takeRead(state, state.id, request)
  if (refusal !== undefined) state.ownReads.delete(request)
  return refusal
}

/** Messages to a peer were lost, most likely appends among them. */
export function unreachable(state: RaftState, { peer }: InputOf<'unreachable'>): void {
  const progress = state.tracker.progress(peer)
  if (state.role === 'leader' && progress?.state === 'replicate') progress.becomeProbe()
}

/** Hands over to a voter as soon as it has the whole log (thesis §3.10); to itself: calls off a transfer under way. */
export function transferLeader(state: RaftState, { to }: InputOf<'transferLeader'>): StepRefusal | undefined {
  if (state.role !== 'leader') return state.refuse('NOT_LEADER', 'only the leader hands over')
  const peer = state.tracker.progress(to)
  if (peer === undefined || peer.learner) return state.refuse('NOT_PROMOTABLE', 'only a voter can take over')
  if (to === state.transferringTo) return undefined
  state.transferringTo = NOBODY
  if (to === state.id) return undefined
  state.electionElapsed = 0
  state.transferringTo = to
  if (peer.match === state.log.lastIndex) sendTimeoutNow(state, to)
  else sendAppend(state, to, true)
  return undefined
}
