import type { Input, RaftStatus, StepRefusal } from '../../../consensus/core/effects.ts'
import type { Message } from '../../../consensus/core/message.ts'
import type { CoreEvent, ObservedNode } from '../../../consensus/core/observer.ts'
import { isJoint } from '../../../consensus/core/reconfiguration.ts'
import type { Change, ChangeSet } from '../../../consensus/core/reconfiguration.ts'
import { printConfiguration } from './changes.ts'
import { envelopeOf, shownLogTerm, shownTerm } from './messages.ts'
import type { Snapshot } from './messages.ts'
import { printProgress } from './output.ts'
import type { Level } from './output.ts'

type VoteRequest = Extract<Message, { readonly type: 'voteRequest' | 'preVoteRequest' }>
type VoteAnswer = Extract<Message, { readonly type: 'voteAnswer' | 'preVoteAnswer' }>

export interface NarratorSettings { readonly checkQuorum: boolean; readonly preVote: boolean; readonly electionTicks: number; readonly leaseReads: boolean; readonly termAt: (index: number) => number }

/** Entries of a leader that contradict a log from `index` on; `unstableFrom`: the first entry not known to be stored. */
export interface Conflict { readonly index: number; readonly existing: number; readonly conflicting: number; readonly unstableFrom: number; readonly lastIndex: number }

const CHANGE_TYPES: Readonly<Record<Change['kind'], string>> = { voter: 'AddNode', learner: 'AddLearnerNode', remove: 'RemoveNode', update: 'UpdateNode' }
const TRANSITIONS: Readonly<Record<ChangeSet['transition'], string>> = { auto: 'Auto', implicit: 'JointImplicit', explicit: 'JointExplicit' }

/**
 * Writes the log lines that etcd writes, from what a core shows of itself: elections, terms, configurations, snapshots, conflicts. Compared in strict mode only. What etcd calls its unstable log is
 * what of the core's log is not known to be stored.
 */
export class Narrator {
  readonly #log: (level: Level, text: string) => void
  readonly #settings: NarratorSettings
  readonly #votes = new Map<number, boolean>()
  #ledAtTick = false
  /** Last entry of this leader that may be a change not applied yet. */
  #changeAt = 0
  #before: RaftStatus | undefined
  #append: Extract<Message, { readonly type: 'append' }> | undefined
  /** The follower whose rejection is being answered. */
  #rejectedBy = 0
  /** Where the follower that spoke last was to be sent from. */
  #nextBefore = 0
  #request: { readonly message: VoteRequest; readonly vote: number } | undefined

  constructor(log: (level: Level, text: string) => void, settings: NarratorSettings) {
    this.#log = log
    this.#settings = settings
  }

  /** `status`: of the node at this moment. */
  observe(node: ObservedNode, event: CoreEvent, status: () => RaftStatus): void {
    const id = node.id.toString(16)
    switch (event.type) {
      case 'campaignStarted': return this.#info(`${id} is starting a new election at term ${shownTerm(node.term)}`)
      case 'becameFollower':
        if (this.#ledAtTick) this.#log('WARN', `${id} stepped down to follower since quorum is not active`)
        this.#ledAtTick = false
        return this.#info(`${id} became follower at term ${shownTerm(node.term)}`)
      case 'becamePreCandidate':
      case 'becameCandidate':
        this.#votes.clear()
        return this.#info(`${id} became ${event.type === 'becameCandidate' ? 'candidate' : 'pre-candidate'} at term ${shownTerm(node.term)}`)
      case 'changeProposed': this.#changeAt = node.log.lastIndex + 1; return undefined
      case 'becameLeader':
        this.#changeAt = node.log.lastIndex
        return this.#info(`${id} became leader at term ${shownTerm(node.term)}`)
      case 'reconfigured': return this.#info(`${id} switched to configuration ${printConfiguration(event.configuration)}`)
      case 'sent': return this.#sent(node, event.message, status)
      case 'received': return this.#received(node, event.message, status)
      default: return undefined
    }
  }

  /** The lines of a new node. */
  started({ id, configuration, term, committedIndex, appliedIndex, lastIndex, lastTerm }: RaftStatus): void {
    this.#info(`${id} switched to configuration ${printConfiguration(configuration)}`)
    this.#info(`${id} became follower at term ${shownTerm(term)}`)
    this.#info(`newRaft ${id} [peers: [${configuration.voters.join(',')}], term: ${shownTerm(term)}, commit: ${committedIndex}, applied: ${appliedIndex}, lastindex: ${lastIndex}, lastterm: ${shownLogTerm(lastTerm)}]`)
  }

  /** An input is about to be given to the core. `status` is asked for only where a line needs it. */
  before(input: Input, status: () => RaftStatus): void {
    this.#ledAtTick = input.type === 'tick' && status().role === 'leader'
    this.#before = input.type === 'applied' || input.type === 'transferLeader' ? status() : undefined
    if (input.type !== 'forgetLeader') return
    const { id, leader, role, term } = status()
    if (role !== 'follower') return
    if (this.#settings.leaseReads) this.#log('ERROR', 'ignoring MsgForgetLeader due to ReadOnlyLeaseBased')
    else if (leader !== 0) this.#info(`${id} forgetting leader ${leader} at term ${shownTerm(term)}`)
  }

  /** The core has taken an input. */
  after(input: Input, refusal: StepRefusal | undefined, status: () => RaftStatus): void {
    if (input.type === 'campaign' && refusal?.code === 'NOT_PROMOTABLE' && !refusal.reason.includes('applied')) this.#log('WARN', `${status().id} is unpromotable and can not campaign`)
    if (input.type === 'unreachable') {
      const peer = status().peers.find(({ id }) => id === input.peer)
      if (peer !== undefined) this.#log('DEBUG', `${status().id} failed to send message to ${peer.id} because it is unreachable [${printProgress(peer)}]`)
    }
    const before = this.#before
    this.#before = undefined
    if (before === undefined) return
    const { configuration, id, lastIndex, peers, term, transferringTo } = status()
    if (input.type === 'applied' && lastIndex > before.lastIndex) this.#info(`initiating automatic transition out of joint configuration ${printConfiguration(configuration)}`)
    if (input.type !== 'transferLeader' || transferringTo !== input.to || before.transferringTo === input.to) return
    this.#info(`${id} [term ${shownTerm(term)}] starts to transfer leadership to ${input.to}`)
    if (peers.find((peer) => peer.id === input.to)?.match === lastIndex) this.#info(`${id} sends MsgTimeoutNow to ${input.to} immediately as ${input.to} already has up-to-date log`)
  }

  /** A snapshot is about to replace the log; without threads nothing of the log is unstored. */
  restoring({ appliedIndex, committedIndex, lastIndex, storedIndex }: RaftStatus, { index, term }: Snapshot): void {
    this.#info(`log [committed=${committedIndex}, applied=${appliedIndex}, applying=${appliedIndex}, unstable.offset=${storedIndex + 1}, unstable.offsetInProgress=${lastIndex + 1}, len(unstable.Entries)=${lastIndex - storedIndex}] starts to restore snapshot [index: ${index}, term: ${shownLogTerm(term)}]`)
  }

  restored({ id, committedIndex, lastIndex, lastTerm }: RaftStatus, { index, term }: Snapshot): void {
    this.#info(`${id} [commit: ${committedIndex}, lastindex: ${lastIndex}, lastterm: ${shownLogTerm(lastTerm)}] restored snapshot [index: ${index}, term: ${shownLogTerm(term)}]`)
    this.#info(`${id} [commit: ${committedIndex}] restored snapshot [index: ${index}, term: ${shownLogTerm(term)}]`)
  }

  /** Nobody leads, so a proposal is dropped. */
  dropped({ id, term }: RaftStatus): void {
    this.#info(`${id} no leader at term ${shownTerm(term)}; dropping proposal`)
  }

  conflicted({ index, existing, conflicting, unstableFrom, lastIndex }: Conflict): void {
    this.#info(`found conflict at index ${index} [existing term: ${shownLogTerm(existing)}, conflicting term: ${shownLogTerm(conflicting)}]`)
    // Where everything is stored, what is cut begins before the unstable part; else it may begin within.
    if (index <= unstableFrom) this.#info(`replace the unstable entries from index ${index}`)
    else if (index <= lastIndex) this.#info(`truncate the unstable entries before index ${index}`)
  }

  /** The answer of a write came back, for the log up to `index` (0: for none). */
  stored({ id, storedIndex, term: now }: RaftStatus, { term, index, logTerm, termAt }: { readonly term: number; readonly index: number; readonly logTerm: number; readonly termAt: number }): void {
    if (index === 0) return
    if (term < now) this.#info(`${id} [term: ${shownTerm(now)}] ignored entry appends from a MsgStorageAppendResp message with lower term [term: ${shownTerm(term)}]`)
    else if (index <= storedIndex) this.#info(`entry at index ${index} missing from unstable log; ignoring`)
    else if (termAt !== logTerm) this.#info(`entry at (index,term)=(${index},${shownLogTerm(logTerm)}) mismatched with entry at (${index},${shownLogTerm(termAt)}) in unstable log; ignoring`)
  }

  /** A change that a leader does not take becomes an empty entry. */
  ignoredChange({ appliedIndex, configuration, id }: RaftStatus, { changes, transition }: ChangeSet, { code }: StepRefusal): void {
    const reason = code === 'CONSENSUS_BUSY' ? `possible unapplied conf change at index ${this.#changeAt} (applied to ${appliedIndex})` : isJoint(configuration) ? 'must transition out of joint config first' : 'not in joint state; refusing empty conf change'
    const list = changes.map(({ kind, node }) => ` changes:{type:ConfChange${CHANGE_TYPES[kind]} node_id:${node}}`).join('')
    this.#info(`${id} ignoring conf change transition:ConfChangeTransition${TRANSITIONS[transition]}${list} at config ${printConfiguration(configuration)}: ${reason}`)
  }

  #info(text: string): void {
    this.#log('INFO', text)
  }

  #sent(node: ObservedNode, message: Message, status: () => RaftStatus): void {
    if (message.type === 'voteRequest' || message.type === 'preVoteRequest') {
      this.#info(`${node.id} [logterm: ${shownLogTerm(message.lastTerm)}, index: ${message.lastIndex}] sent ${typeOf(message)} request to ${message.to} at term ${shownTerm(node.term)}`)
    } else if (message.type === 'appendReject' && this.#append !== undefined) {
      const { from, prevIndex, prevTerm } = this.#append
      this.#log('DEBUG', `${node.id} [logterm: ${shownLogTerm(this.#settings.termAt(prevIndex))}, index: ${prevIndex}] rejected MsgApp [logterm: ${shownLogTerm(prevTerm)}, index: ${prevIndex}] from ${from}`)
    } else if (message.type === 'append' && message.to === this.#rejectedBy) this.#decreased(node, message.to, node.tracker.progress(message.to)?.next ?? 0)
    else if (message.type === 'snapshotOffer') {
      if (message.to === this.#rejectedBy) this.#decreased(node, message.to, this.#nextBefore)
      const { firstIndex } = status()
      const { match = 0, next = 0, pendingSnapshot = 0 } = node.tracker.progress(message.to) ?? {}
      const learner = learnerMark(node, message.to)
      this.#log('DEBUG', `${node.id} [firstindex: ${firstIndex}, commit: ${node.log.committed}] sent snapshot[index: ${message.index}, term: ${shownLogTerm(message.entryTerm)}] to ${message.to} [StateProbe match=${match} next=${this.#nextBefore}${learner}]`)
      this.#log('DEBUG', `${node.id} paused sending replication messages to ${message.to} [StateSnapshot match=${match} next=${next}${learner} paused pendingSnap=${pendingSnapshot}]`)
    } else if ((message.type === 'voteAnswer' || message.type === 'preVoteAnswer') && message.to !== node.id) this.#answered(node, message, status())
  }

  #decreased(node: ObservedNode, peer: number, next: number): void {
    this.#rejectedBy = 0
    this.#log('DEBUG', `${node.id} decreased progress of ${peer} to [StateProbe match=${node.tracker.progress(peer)?.match ?? 0} next=${next}${learnerMark(node, peer)}]`)
  }

  /** An acknowledgement that connects a follower in snapshot to the log again. */
  #recovered(node: ObservedNode, { from, index }: Extract<Message, { readonly type: 'appendAck' }>, { firstIndex }: RaftStatus): void {
    const peer = node.tracker.progress(from)
    if (peer?.state !== 'snapshot' || index <= peer.match || index + 1 < firstIndex) return
    this.#log('DEBUG', `${node.id} recovered from needing snapshot, resumed sending replication messages to ${from} [StateSnapshot match=${index} next=${Math.max(peer.next, index + 1)}${learnerMark(node, from)} paused pendingSnap=${peer.pendingSnapshot}]`)
  }

  #answered(node: ObservedNode, { granted }: VoteAnswer, { lastIndex, lastTerm }: RaftStatus): void {
    if (this.#request === undefined) return
    const { message, vote } = this.#request
    const own = `${node.id} [logterm: ${shownLogTerm(lastTerm)}, index: ${lastIndex}, vote: ${vote}]`
    const theirs = `${message.from} [logterm: ${shownLogTerm(message.lastTerm)}, index: ${message.lastIndex}] at term ${shownTerm(node.term)}`
    this.#info(granted ? `${own} cast ${typeOf(message)} for ${theirs}` : `${own} rejected ${typeOf(message)} from ${theirs}`)
  }

  #received(node: ObservedNode, message: Message, status: () => RaftStatus): void {
    if (message.type === 'voteRequest' || message.type === 'preVoteRequest') {
      // A real request of a later term begins with no vote.
      this.#request = { message, vote: message.type === 'voteRequest' && message.term > node.term ? 0 : node.vote }
    }
    if (message.type === 'append') this.#append = message
    this.#rejectedBy = 0
    this.#nextBefore = node.tracker.progress(message.from)?.next ?? 0
    if (message.type === 'appendAck' && node.role === 'leader' && message.term === node.term) this.#recovered(node, message, status())
    if (message.term < node.term) return this.#ignored(node, message)
    if (message.type === 'appendReject' && node.role === 'leader' && message.term === node.term) {
      this.#rejectedBy = message.from
      this.#nextBefore = Math.max(Math.min(message.index, message.hintIndex + 1), (node.tracker.progress(message.from)?.match ?? 0) + 1)
      this.#log('DEBUG', `${node.id} received MsgAppResp(rejected, hint: (index ${message.hintIndex}, term ${shownLogTerm(message.hintTerm)})) from ${message.from} for index ${message.index}`)
    }
    if (message.term > node.term) this.#laterTerm(node, message, status())
    if (message.type === 'timeoutNow' && node.role === 'follower') {
      this.#info(`${node.id} [term ${shownTerm(node.term)}] received MsgTimeoutNow from ${message.from} and starts an election to get leadership.`)
    }
    if (message.type === (node.role === 'candidate' ? 'voteAnswer' : 'preVoteAnswer')) this.#counted(node, message)
  }

  #laterTerm(node: ObservedNode, message: Message, { electionElapsed, lastIndex, lastTerm, leader }: RaftStatus): void {
    const isRequest = message.type === 'voteRequest' || message.type === 'preVoteRequest'
    const { checkQuorum, electionTicks } = this.#settings
    if (isRequest && !(message.type === 'voteRequest' && message.transfer) && checkQuorum && leader !== 0 && electionElapsed < electionTicks) {
      this.#info(`${node.id} [logterm: ${shownLogTerm(lastTerm)}, index: ${lastIndex}, vote: ${node.vote}] ignored ${typeOf(message)} from ${message.from} [logterm: ${shownLogTerm(message.lastTerm)}, index: ${message.lastIndex}] at term ${shownTerm(node.term)}: lease is not expired (remaining ticks: ${electionTicks - electionElapsed})`)
      return
    }
    if (message.type === 'preVoteRequest' || (message.type === 'preVoteAnswer' && message.granted)) return
    this.#info(`${node.id} [term: ${shownTerm(node.term)}] received a ${typeOf(message)} message with higher term from ${message.from} [term: ${shownTerm(message.term)}]`)
  }

  #ignored(node: ObservedNode, message: Message): void {
    const { checkQuorum, preVote } = this.#settings
    if (message.type === 'preVoteRequest' || ((message.type === 'append' || message.type === 'heartbeat') && (checkQuorum || preVote))) return
    this.#info(`${node.id} [term: ${shownTerm(node.term)}] ignored a ${typeOf(message)} message with lower term from ${message.from} [term: ${shownTerm(message.term)}]`)
  }

  #counted(node: ObservedNode, message: Message): void {
    if (message.type !== 'voteAnswer' && message.type !== 'preVoteAnswer') return
    if (node.role !== 'candidate' && node.role !== 'preCandidate') return
    // A refusal of a later term ends the candidacy instead.
    if (message.term > node.term && !(message.type === 'preVoteAnswer' && message.granted)) return
    if (!this.#votes.has(message.from)) this.#votes.set(message.from, message.granted)
    const { voters, outgoing } = node.tracker.configuration
    const counts = [...this.#votes].filter(([id]) => voters.includes(id) || outgoing.includes(id))
    const granted = counts.filter(([, vote]) => vote).length
    this.#info(`${node.id} received ${typeOf(message)}${message.granted ? '' : ' rejection'} from ${message.from} at term ${shownTerm(node.term)}`)
    this.#info(`${node.id} has received ${granted} ${typeOf(message)} votes and ${counts.length - granted} vote rejections`)
  }
}

function learnerMark({ tracker }: ObservedNode, id: number): string {
  return tracker.configuration.learners.includes(id) ? ' learner' : ''
}

function typeOf(message: Message): string {
  return envelopeOf(message).type
}
