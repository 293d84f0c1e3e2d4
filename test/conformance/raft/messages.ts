import type { Entry, Message } from '../../../consensus/core/message.ts'
import type { ChangeSet, Configuration } from '../../../consensus/core/reconfiguration.ts'
import { printChanges } from './changes.ts'

/** A node, or one of the two storage threads of an asynchronous node. */
export type Target = number | 'AppendThread' | 'ApplyThread'

export interface Snapshot { readonly index: number; readonly term: number; readonly configuration: Configuration }

/** What happens when a message arrives. */
export type Payload =
  | { readonly kind: 'core'; readonly message: Message }
  | { readonly kind: 'proposal'; readonly content: Proposal }
  | { readonly kind: 'transfer'; readonly term: number; readonly to: number }
  | { readonly kind: 'stored'; readonly term: number; readonly batch: number }
  | { readonly kind: 'applied'; readonly index: number }

export type Proposal = { readonly data: Uint8Array } | { readonly change: ChangeSet; readonly v1: boolean }

/** A message in etcd's form. `term` and terms of entries are the core's. */
export interface Envelope {
  readonly from: Target
  readonly to: Target
  readonly type: string
  readonly term: number
  readonly logTerm?: number
  readonly index?: number
  readonly rejectHint?: number
  readonly commit?: number
  readonly vote?: number
  readonly entries?: readonly Entry[]
  readonly snapshot?: Snapshot
  readonly responses?: readonly Envelope[]
  readonly payload: Payload | undefined
}

/**
 * Nodes of etcd's files start in term 0 behind a snapshot of term 1, where no election can have made one. Ours start in term 1, so that a log never is ahead of its node; all terms
 * but that of the snapshot are one higher than printed.
 */
export const FIRST_TERM = 1

export function shownTerm(term: number): number {
  return term === 0 ? 0 : term - FIRST_TERM
}

export function shownLogTerm(term: number): number {
  return term === 0 ? 0 : Math.max(term - FIRST_TERM, 1)
}

/** The core's message as etcd's; `snapshot` is what an offer of a snapshot would bring. */
export function envelopeOf(message: Message, snapshot?: Snapshot): Envelope {
  const base = { from: message.from, to: message.to, term: message.term, payload: { kind: 'core', message } } as const
  switch (message.type) {
    case 'preVoteRequest': return { ...base, type: 'MsgPreVote', logTerm: message.lastTerm, index: message.lastIndex }
    case 'voteRequest': return { ...base, type: 'MsgVote', logTerm: message.lastTerm, index: message.lastIndex }
    case 'preVoteAnswer': return { ...base, type: 'MsgPreVoteResp', ...(message.granted ? {} : { rejectHint: 0 }) }
    case 'voteAnswer': return { ...base, type: 'MsgVoteResp', ...(message.granted ? {} : { rejectHint: 0 }) }
    case 'append': return { ...base, type: 'MsgApp', logTerm: message.prevTerm, index: message.prevIndex, commit: message.commit, entries: message.entries }
    case 'appendAck': return { ...base, type: 'MsgAppResp', index: message.index }
    case 'appendReject': return { ...base, type: 'MsgAppResp', logTerm: message.hintTerm, index: message.index, rejectHint: message.hintIndex }
    case 'heartbeat': return { ...base, type: 'MsgHeartbeat', commit: message.commit }
    case 'heartbeatAnswer': return { ...base, type: 'MsgHeartbeatResp' }
    case 'snapshotOffer': return { ...base, type: 'MsgSnap', ...(snapshot === undefined ? {} : { snapshot }) }
    case 'timeoutNow': return { ...base, type: 'MsgTimeoutNow' }
    case 'readRequest': return { ...base, type: 'MsgReadIndex' }
    case 'readAnswer': return { ...base, type: 'MsgReadIndexResp', index: message.index }
    case 'appendRefusal': throw new Error('nothing is refused in etcd\'s files')
  }
}

/** As etcd's `DescribeMessage` prints it. */
export function printMessage(message: Envelope, indent = ''): string {
  const { from, to, type, term, logTerm = 0, index = 0, rejectHint, commit = 0, vote = 0, entries = [], snapshot, responses = [] } = message
  let text = `${indent}${printTarget(from)}->${printTarget(to)} ${type} Term:${shownTerm(term)} Log:${shownLogTerm(logTerm)}/${index}`
  if (rejectHint !== undefined) text += ` Rejected (Hint: ${rejectHint})`
  if (commit !== 0) text += ` Commit:${commit}`
  if (vote !== 0) text += ` Vote:${vote}`
  if (entries.length === 1) text += ` Entries:[${entries.map(printEntry).join('')}]`
  else if (entries.length > 1) text += ` Entries:[${entries.map((entry) => `\n${indent}  ${printEntry(entry)}`).join('')}\n${indent}]`
  if (snapshot !== undefined) text += `\n${indent}  Snapshot: ${printSnapshot(snapshot)}`
  if (responses.length > 0) text += ` Responses:[${responses.map((each) => `\n${printMessage(each, `${indent}  `)}`).join('')}\n${indent}]`
  return text
}

function printTarget(target: Target): string {
  return typeof target === 'string' ? target : target.toString(16)
}

export function printSnapshot({ index, term, configuration }: Snapshot): string {
  const { voters, outgoing, learners, learnersNext, autoLeave } = configuration
  const list = (ids: readonly number[]): string => `[${ids.join(' ')}]`
  return `Index:${index} Term:${shownLogTerm(term)} ConfState:Voters:${list(voters)} VotersOutgoing:${list(outgoing)} Learners:${list(learners)} LearnersNext:${list(learnersNext)} AutoLeave:${autoLeave}`
}

export function printEntry({ data, index, kind, term }: Entry): string {
  const position = `${shownLogTerm(term)}/${index}`
  if (kind !== 'reconfiguration') return `${position} EntryNormal ${quote(new TextDecoder('latin1').decode(data))}`
  const { change, v1 } = decodeChange(data)
  const text = printChanges(change.changes)
  return `${position} ${v1 ? 'EntryConfChange' : 'EntryConfChangeV2'}${text === '' ? '' : ` ${text}`}`
}

/** Entries of a change carry it as JSON; nothing at all leaves a joint configuration. */
export function encodeChange(change: ChangeSet, v1: boolean): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ change, v1 }))
}

export function decodeChange(data: Uint8Array): { readonly change: ChangeSet; readonly v1: boolean } {
  if (data.length === 0) return { change: { transition: 'auto', changes: [] }, v1: false }
  return JSON.parse(new TextDecoder().decode(data)) as { change: ChangeSet; v1: boolean }
}

const ESCAPES: Readonly<Record<string, string>> = { '\u0007': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\', '"': '\\"' }

/** Go's `%q` of bytes given as Latin-1 text; valid UTF-8 stays as it is. */
function quote(bytes: string): string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8')
  const readable = text.includes('\ufffd') ? bytes : text
  let quoted = ''
  for (const char of readable) {
    const code = char.codePointAt(0) ?? 0
    const plain = code >= 0x20 && code < 0x7f || (code > 0xa0 && readable === text)
    quoted += ESCAPES[char] ?? (plain ? char : `\\x${code.toString(16).padStart(2, '0')}`)
  }
  return `"${quoted}"`
}
