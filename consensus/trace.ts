import type { Role } from './core/effects.ts'
import type { Message } from './core/message.ts'
import type { CoreEvent, CoreObserver, ObservedNode } from './core/observer.ts'
import type { Change, ChangeSet } from './core/reconfiguration.ts'

/** Names of the events in etcd's `state_trace.go`, which `Traceetcdraft.tla` reads. */
const NAMES = {
  started: 'InitState', becameFollower: 'BecomeFollower', becameCandidate: 'BecomeCandidate', becameLeader: 'BecomeLeader', committed: 'Commit', appended: 'Replicate', effectsTaken: 'Ready',
  changeProposed: 'ChangeConf', reconfigured: 'ApplyConfChange',
} as const
/** The specification knows no pre-vote: who only asks around is a follower still. */
const ROLES: Readonly<Record<Role, string>> = { follower: 'StateFollower', preCandidate: 'StateFollower', candidate: 'StateCandidate', leader: 'StateLeader' }
const ACTIONS: Readonly<Partial<Record<Change['kind'], string>>> = { voter: 'AddNewServer', learner: 'AddLearner', remove: 'RemoveServer' }

interface TracedMessage {
  readonly type: string; readonly term: number; readonly from: string; readonly to: string; readonly entries: number; readonly logTerm: number; readonly index: number; readonly commit: number
  readonly vote: string; readonly reject: boolean; readonly rejectHint: number
}

/**
 * Writes what the core does as NDJSON in the form of etcd's state traces (`{"tag":"trace","event":{…}}`), one line per event, in the order of the calls. One
 * observer may serve several nodes; then the lines are their common order, as trace validation needs it. `write` gets each line without its end.
 * Not traced, because the specification does not know it: pre-votes, reads, the call to campaign. A refused entry shows as a rejection.
 * Source: etcd-io/raft, `tla/Traceetcdraft.tla` and `state_trace.go` (names and fields).
 */
export function createTraceRecorder(write: (line: string) => void): CoreObserver {
  return (node, event) => {
    const traced = tracedEvent(node, event)
    if (traced !== undefined) write(JSON.stringify({ msg: 'trace', tag: 'trace', event: traced }))
  }
}

function tracedEvent(node: ObservedNode, event: CoreEvent): object | undefined {
  if (event.type === 'sent' || event.type === 'received') {
    const name = messageEventName(event.message, event.type === 'sent' ? 'Send' : 'Receive')
    return name === undefined ? undefined : { name, ...stateOf(node), msg: tracedMessage(event.message), ...progressOf(node, event.message, event.type) }
  }
  if (event.type === 'changeProposed') {
    const changes = changesOf(event.change)
    return changes.length === 0 ? undefined : { name: NAMES.changeProposed, ...stateOf(node), prop: { cc: { changes } } }
  }
  if (event.type === 'reconfigured') return { name: NAMES.reconfigured, ...stateOf(node), prop: { cc: { newconf: event.configuration.voters.map(String) } } }
  return event.type === 'campaignStarted' || event.type === 'becamePreCandidate' ? undefined : { name: NAMES[event.type], ...stateOf(node) }
}

function stateOf({ id, log, role, term, tracker, vote }: ObservedNode): object {
  const { voters, outgoing } = tracker.configuration
  return { nid: String(id), state: { term, vote: String(vote), commit: log.committed }, role: ROLES[role], log: log.lastIndex, conf: [voters.map(String), outgoing.map(String)] }
}

/** What the leader knows of itself, as etcd notes it beside each append. */
function progressOf({ tracker }: ObservedNode, { from, type }: Message, event: 'sent' | 'received'): object {
  const own = type === 'append' && event === 'sent' ? tracker.progress(from) : undefined
  return own === undefined ? {} : { prop: { match: own.match, next: own.next } }
}

function changesOf({ changes }: ChangeSet): object[] {
  return changes.flatMap(({ kind, node }) => (ACTIONS[kind] === undefined ? [] : [{ nid: String(node), action: ACTIONS[kind] }]))
}

function messageEventName({ type }: Message, direction: 'Send' | 'Receive'): string | undefined {
  switch (type) {
    case 'append': case 'heartbeat': case 'snapshotOffer': return `${direction}AppendEntriesRequest`
    case 'appendAck': case 'appendReject': case 'appendRefusal': case 'heartbeatAnswer': return `${direction}AppendEntriesResponse`
    case 'voteRequest': return `${direction}RequestVoteRequest`
    case 'voteAnswer': return `${direction}RequestVoteResponse`
    default: return undefined
  }
}

function tracedMessage(message: Message): TracedMessage {
  const base = { term: message.term, from: String(message.from), to: String(message.to), entries: 0, logTerm: 0, index: 0, commit: 0, vote: '0', reject: false, rejectHint: 0 }
  const as = (type: string, fields: Partial<TracedMessage> = {}): TracedMessage => ({ type, ...base, ...fields })
  switch (message.type) {
    case 'append': return as('MsgApp', { entries: message.entries.length, logTerm: message.prevTerm, index: message.prevIndex, commit: message.commit })
    case 'heartbeat': return as('MsgHeartbeat', { commit: message.commit })
    case 'snapshotOffer': return as('MsgSnap', { entries: message.index })
    case 'appendAck': return as('MsgAppResp', { index: message.index })
    case 'appendReject': return as('MsgAppResp', { logTerm: message.hintTerm, index: message.index, reject: true, rejectHint: message.hintIndex })
    case 'appendRefusal': return as('MsgAppResp', { logTerm: message.entryTerm, index: message.index, reject: true, rejectHint: message.index - 1 })
    case 'heartbeatAnswer': return as('MsgHeartbeatResp')
    case 'voteRequest': return as('MsgVote', { logTerm: message.lastTerm, index: message.lastIndex })
    case 'voteAnswer': return as('MsgVoteResp', { reject: !message.granted })
    default: return as(message.type)
  }
}
