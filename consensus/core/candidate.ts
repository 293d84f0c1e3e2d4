import type { StepRefusal } from './effects.ts'
import { followLeader } from './follower.ts'
import { lead } from './leader.ts'
import type { Append, Heartbeat, Message, SnapshotOffer } from './message.ts'
import { becomeCandidate, becomeFollower, becomePreCandidate } from './roles.ts'
import type { RaftState } from './state.ts'

/** How a campaign begins: asking first, at once, or at the leader's wish. */
export type Campaign = 'preElection' | 'election' | 'transfer'

/** Starts a campaign unless this node must not lead. */
export function campaign(state: RaftState, kind: Campaign): StepRefusal | undefined {
  if (state.role === 'leader') return undefined
  if (state.fence !== undefined) return state.refuse('LEADER_FENCED', 'a majority refused entries of this node')
  if (!state.promotable) return state.refuse('NOT_PROMOTABLE', 'only voters campaign')
  if (!state.log.fullyExecuted) return state.refuse('UNEXECUTED_TAIL', 'entries that were received are not executed yet')
  if (hasUnappliedReconfiguration(state)) return state.refuse('NOT_PROMOTABLE', 'a committed change of the configuration is not applied yet')
  state.observer?.(state, { type: 'campaignStarted' })
  requestVotes(state, kind)
  return undefined
}

/** Becomes (pre-)candidate and asks every voter, itself included. */
function requestVotes(state: RaftState, kind: Campaign): void {
  const { lastIndex, lastTerm } = state.log
  if (kind === 'preElection') {
    becomePreCandidate(state)
    const term = state.term + 1
    for (const to of state.tracker.voterIds()) {
      if (to === state.id) state.answer({ type: 'preVoteAnswer', from: state.id, to, term, granted: true }, lastIndex)
      else state.send({ type: 'preVoteRequest', from: state.id, to, term, lastIndex, lastTerm })
    }
    return
  }
  becomeCandidate(state)
  const transfer = kind === 'transfer'
  for (const to of state.tracker.voterIds()) {
    // Both rest on the new term and vote, so both wait for the disk.
    if (to === state.id) state.answer({ type: 'voteAnswer', from: state.id, to, term: state.term, granted: true }, lastIndex)
    else state.answer({ type: 'voteRequest', from: state.id, to, term: state.term, lastIndex, lastTerm, transfer }, lastIndex)
  }
}

/** A message of the own term to a (pre-)candidate. */
export function stepCandidate(state: RaftState, message: Message): StepRefusal | undefined {
  switch (message.type) {
    case 'append':
    case 'heartbeat':
    case 'snapshotOffer': return yieldTo(state, message)
    case 'preVoteAnswer': return state.role === 'preCandidate' ? count(state, message.from, message.granted) : undefined
    case 'voteAnswer': return state.role === 'candidate' ? count(state, message.from, message.granted) : undefined
    default: return undefined
  }
}

/**
 * Someone else won this term. The vote stays as it was: forgetting it would allow a second one. A leader whose entry was refused
 * does not end the asking around for another one.
 */
function yieldTo(state: RaftState, message: Append | Heartbeat | SnapshotOffer): StepRefusal | undefined {
  if (state.disownedTerm !== state.term) becomeFollower(state, message.term, message.from)
  return followLeader(state, message)
}

function count(state: RaftState, from: number, granted: boolean): undefined {
  const result = state.tracker.recordVote(from, granted)
  if (result === 'lost') becomeFollower(state, state.term, 0)
  if (result !== 'won') return
  if (state.role === 'candidate') lead(state)
  else if (state.log.fullyExecuted) requestVotes(state, 'election')
  else becomeFollower(state, state.term, 0)
}

function hasUnappliedReconfiguration(state: RaftState): boolean {
  const { applied, committed } = state.log
  for (let index = applied + 1; index <= committed;) {
    const page = state.log.slice(index, committed + 1, state.config.maxMessageBytes)
    if (page.some(({ kind }) => kind === 'reconfiguration')) return true
    index += page.length
  }
  return false
}
