import { campaign } from './candidate.ts'
import type { StepRefusal } from './effects.ts'
import { NOBODY } from './message.ts'
import type { PreVoteRequest, VoteRequest } from './message.ts'
import { broadcastHeartbeat } from './replication.ts'
import { becomeFollower } from './roles.ts'
import type { RaftState } from './state.ts'

/** One tick of the clock. */
export function tick(state: RaftState, jitter: number | undefined, passive: boolean): void {
  if (jitter !== undefined) state.jitter = jitter
  state.ticks++
  dropOldReads(state)
  if (state.role === 'leader') tickLeader(state)
  else tickElection(state, passive)
}

/** A read whose answer was lost does not wait for ever. */
function dropOldReads(state: RaftState): void {
  for (const [request, asked] of state.ownReads) {
    if (state.ticks - asked < state.config.electionTicks) return
    state.ownReads.delete(request)
    state.droppedReads.push(request)
  }
}

/**
 * A voter that heard nothing for its timeout campaigns; one that is behind with execution, or fenced, at least forgets the leader, so that others get its vote. For a
 * learner the time runs on: it will not campaign, but it may be asked.
 */
function tickElection(state: RaftState, passive: boolean): void {
  state.electionElapsed++
  if (state.electionElapsed < state.electionTimeout || !state.promotable) return
  state.electionElapsed = 0
  if (passive) return forgetLeader(state)
  const refusal = campaignAsConfigured(state)
  if (refusal !== undefined && refusal.code !== 'NOT_PROMOTABLE') forgetLeader(state)
}

export function campaignAsConfigured(state: RaftState): StepRefusal | undefined {
  return campaign(state, state.config.preVote ? 'preElection' : 'election')
}

export function forgetLeader(state: RaftState): void {
  if (state.role === 'follower' && !state.config.leaseReads) state.leader = NOBODY
}

/** Once per election timeout the leader looks whether it still has a quorum; without one it steps down and falls silent, so that its heartbeats keep nobody from electing another. */
function tickLeader(state: RaftState): void {
  state.heartbeatElapsed++
  state.electionElapsed++
  if (state.electionElapsed >= state.config.electionTicks) {
    state.electionElapsed = 0
    if (state.config.checkQuorum && !checkQuorum(state)) return
    retryStalled(state)
    state.transferringTo = NOBODY
  }
  if (state.heartbeatElapsed < state.config.heartbeatTicks) return
  state.heartbeatElapsed = 0
  broadcastHeartbeat(state)
}

function checkQuorum(state: RaftState): boolean {
  if (!state.tracker.quorumActive()) {
    becomeFollower(state, state.term, NOBODY, 'quorumLost')
    return false
  }
  for (const [id, peer] of state.tracker.nodes) if (id !== state.id) peer.recentlyActive = false
  return true
}

/** Offers and refusals may be out of date or lost, and a node that took a snapshot comes back without a word: try again once per timeout. */
function retryStalled(state: RaftState): void {
  for (const [, peer] of state.tracker.nodes) {
    if (peer.state === 'snapshot') peer.becomeProbe()
    if (peer.refusal !== undefined) peer.refusal.retry = true
  }
}

/** True when this node hears from a leader: then it supports no other campaign (thesis §6.2, §4.2.3). */
export function inLease(state: RaftState): boolean {
  return state.config.checkQuorum && state.config.stickyLeader && state.leader !== NOBODY && state.electionElapsed < state.config.electionTicks
}

/**
 * Answers a request for a (pre-)vote: at most one vote per term, and only for a log that holds at least as much as this one received (§5.4.1).
 * Learners answer too: the one who asks may know a newer configuration.
 */
export function handleVoteRequest(state: RaftState, request: VoteRequest | PreVoteRequest): void {
  const preVote = request.type === 'preVoteRequest'
  const free = state.vote === request.from || (state.vote === NOBODY && state.leader === NOBODY) || (preVote && request.term > state.term)
  const granted = free && state.log.isUpToDate(request.lastIndex, request.lastTerm)
  if (granted && !preVote) {
    state.electionElapsed = 0
    state.setVote(request.from)
  }
  const answer = { from: state.id, to: request.from, term: granted ? request.term : state.term, granted }
  state.answer({ type: preVote ? 'preVoteAnswer' : 'voteAnswer', ...answer }, state.log.lastIndex)
}
