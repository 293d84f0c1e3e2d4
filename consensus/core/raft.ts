import { unreachable as impossible } from '../../primitives/assert.ts'
import { campaign, stepCandidate } from './candidate.ts'
import { checkConfig } from './config.ts'
import type { RaftConfig } from './config.ts'
import type { Effects, Input, RaftStatus, Role, SoftState, StepRefusal } from './effects.ts'
import { campaignAsConfigured, forgetLeader, handleVoteRequest, inLease, tick } from './elections.ts'
import { stepFollower } from './follower.ts'
import * as inputs from './inputs.ts'
import { stepLeader } from './leader.ts'
import type { LogView } from './log.ts'
import { NOBODY } from './message.ts'
import type { Message } from './message.ts'
import { becomeFollower } from './roles.ts'
import { RaftState } from './state.ts'
import type { RaftParts } from './state.ts'
import { statusOf } from './status.ts'
import { takePersist } from './take.ts'
import { messageFault } from './validate.ts'

/**
 * Raft as a pure state machine, with the semantics of etcd-io/raft in asynchronous storage mode: `step` takes one input, `takeEffects` tells what the
 * caller has to do. No clock, no randomness, no I/O; equal inputs give equal effects. Answers that vouch for something are kept inside until disk and execution
 * have caught up (`Release`), so what comes out may always be sent.
 *
 * `step` returns why an input had no effect, and throws only `INVARIANT_BROKEN`; then the process must end.
 * Source: Ongaro, "Consensus: Bridging Theory and Practice", 2014; deviations of etcd-io/raft and our own in DESIGN §5.6.
 */
export class Raft {
  readonly #state: RaftState
  #shown: SoftState

  constructor(config: RaftConfig, log: LogView, parts?: RaftParts) {
    checkConfig(config)
    this.#state = new RaftState(config, log, parts)
    this.#shown = { role: 'follower', leader: NOBODY, term: this.#state.term }
    this.#state.observer?.(this.#state, { type: 'started' })
  }

  step(input: Input): StepRefusal | undefined {
    const refusal = this.#step(input)
    this.#release()
    return refusal
  }

  /** True when `takeEffects` would return anything to do. */
  hasEffects(): boolean {
    const state = this.#state
    return state.unsaved || state.messages.length > 0 || state.log.hasCommitted(state.config.maxCommittedBytesPerEffects) || state.readyReads.length > 0 || state.droppedReads.length > 0
      || state.snapshotOffer !== undefined || state.stepDown !== undefined || this.#softStateChanged()
  }

  /** Takes what is to be done. Call it again after every step; batches already taken are not repeated. */
  takeEffects(): Effects {
    const state = this.#state
    const persist = takePersist(state)
    const truncatedFrom = state.log.takeTruncatedFrom()
    const { messages, readyReads: reads, droppedReads, stepDown, snapshotOffer } = state
    state.messages = []
    state.readyReads = []
    state.droppedReads = []
    state.stepDown = undefined
    state.snapshotOffer = undefined
    const committed = state.log.takeCommitted(state.config.maxCommittedBytesPerEffects)
    const softState = this.#softStateChanged() ? { role: state.role, leader: state.leader, term: state.term } : undefined
    if (softState !== undefined) this.#shown = softState
    state.observer?.(state, { type: 'effectsTaken' })
    return { persist, truncatedFrom, messages, committed, reads, droppedReads, softState, stepDown, snapshotOffer }
  }

  status(): RaftStatus { return statusOf(this.#state) }
  get role(): Role { return this.#state.role }
  get leader(): number { return this.#state.leader }
  /** True when a majority has refused entries of this node, so that it leads no more. */
  get isFenced(): boolean { return this.#state.fence !== undefined }

  #step(input: Input): StepRefusal | undefined {
    const state = this.#state
    switch (input.type) {
      case 'tick': tick(state, input.jitter, input.passive === true); return undefined
      case 'message': return this.#receive(input.message)
      case 'submit': return inputs.submit(state, input)
      case 'reconfigure': return inputs.proposeReconfiguration(state, input)
      case 'stored':
        state.log.stored(input.batch)
        state.release.stored(input.batch)
        return undefined
      case 'executed': inputs.executed(state, input); return undefined
      case 'refused': inputs.refused(state, input); return undefined
      case 'applied': inputs.applied(state, input); return undefined
      case 'reconfigured': return inputs.reconfigured(state, input)
      case 'restored': inputs.restored(state, input); return undefined
      case 'readIndex': return inputs.readIndex(state, input)
      case 'campaign': return campaignAsConfigured(state)
      case 'forgetLeader': forgetLeader(state); return undefined
      case 'unreachable': inputs.unreachable(state, input); return undefined
      case 'transferLeader': return inputs.transferLeader(state, input)
      case 'electionJitter': state.electionTimeout = state.config.electionTicks + input.jitter; return undefined
      default: return impossible(input)
    }
  }

  #receive(message: Message): StepRefusal | undefined {
    const fault = messageFault(message, this.#state.id)
    if (fault !== undefined || message.from === this.#state.id) return this.#state.refuse('MESSAGE_INVALID', fault ?? 'another node speaks in this node\'s name')
    return this.#handle(message)
  }

  /** The rules of terms, equal for all roles (§5.1); what is left belongs to the role. */
  #handle(message: Message): StepRefusal | undefined {
    const state = this.#state
    state.observer?.(state, { type: 'received', message })
    if (message.term < state.term) return this.#handleOld(message)
    if (message.term > state.term && !this.#enterTerm(message)) return undefined
    switch (message.type) {
      case 'preVoteRequest':
      case 'voteRequest': handleVoteRequest(state, message); return undefined
      case 'timeoutNow': return state.role === 'follower' ? campaign(state, 'transfer') : undefined
      default:
    }
    if (state.role === 'leader') return stepLeader(state, message)
    return state.role === 'follower' ? stepFollower(state, message) : stepCandidate(state, message)
  }

  /** A message of a later term ends the own one, unless it is only asked for or a live leader makes the campaign pointless. False: ignore it. */
  #enterTerm(message: Message): boolean {
    const state = this.#state
    if (message.type === 'preVoteRequest' || message.type === 'voteRequest') {
      const forced = message.type === 'voteRequest' && message.transfer
      if (!forced && inLease(state)) return false
    }
    // A granted pre-vote carries the term that was asked about, which nobody has entered.
    if (message.type === 'preVoteRequest' || (message.type === 'preVoteAnswer' && message.granted)) return true
    const leads = message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshotOffer'
    becomeFollower(state, message.term, leads ? message.from : NOBODY)
    return true
  }

  /**
   * A message of an earlier term. Where terms do not spread by requests for votes alone (pre-vote, leases), its sender must learn the term, or it could be stuck
   * for ever; nothing else is done with it.
   */
  #handleOld(message: Message): undefined {
    const state = this.#state
    const header = { from: state.id, to: message.from, term: state.term }
    if (message.type === 'preVoteRequest') state.answer({ type: 'preVoteAnswer', ...header, granted: false }, 0)
    else if ((message.type === 'append' || message.type === 'heartbeat') && (state.config.preVote || state.config.checkQuorum)) state.answer({ type: 'appendAck', ...header, index: 0 }, 0)
  }

  /** Lets go what disk and execution now cover; own answers are stepped at once, and may free more. */
  #release(): void {
    const state = this.#state
    for (let message = state.release.next(state.log.executed); message !== undefined; message = state.release.next(state.log.executed)) {
      if (message.to === state.id) this.#handle(message)
      else state.messages.push(message)
    }
  }

  #softStateChanged(): boolean {
    const { role, leader, term } = this.#state
    return role !== this.#shown.role || leader !== this.#shown.leader || term !== this.#shown.term
  }
}
