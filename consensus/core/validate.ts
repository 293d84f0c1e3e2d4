import type { Index, Message, Term } from './message.ts'

/** Why a message is not one an honest node sends, as a constant text; undefined when its form is right. */
export function messageFault(message: Message, self: number): string | undefined {
  if (message.to !== self) return 'the message is for another node'
  if (!isNumber(message.term) || message.term === 0) return 'the term is no positive integer'
  switch (message.type) {
    case 'preVoteRequest':
    case 'voteRequest': return position(message.lastIndex, message.lastTerm) && message.lastTerm < message.term ? undefined : 'the log of a candidate ends before its term'
    case 'append': return appendFault(message)
    case 'appendAck': return isNumber(message.index) ? undefined : 'an index is no integer'
    case 'appendReject': return isNumber(message.index) && position(message.hintIndex, message.hintTerm) && message.hintIndex <= message.index ? undefined : 'the hint lies above the rejected index'
    case 'appendRefusal': return isNumber(message.index) && message.index > 0 && isNumber(message.entryTerm) && message.entryTerm <= message.term ? undefined : 'a refused entry has an index and a term'
    case 'heartbeat': return isNumber(message.commit) && isNumber(message.read) ? undefined : 'an index is no integer'
    case 'heartbeatAnswer': return isNumber(message.read) ? undefined : 'a read position is no integer'
    case 'snapshotOffer': return position(message.index, message.entryTerm) && message.entryTerm <= message.term ? undefined : 'a snapshot ends in an entry'
    case 'readRequest': return isNumber(message.request) ? undefined : 'a request is no integer'
    case 'readAnswer': return isNumber(message.request) && isNumber(message.index) ? undefined : 'an index is no integer'
    case 'preVoteAnswer':
    case 'voteAnswer':
    case 'timeoutNow': return undefined
    default: return 'the type is unknown'
  }
}

/** Entries follow each other and the one before them, in terms that never fall and never pass the leader's. */
function appendFault({ prevIndex, prevTerm, commit, entries, term }: Extract<Message, { type: 'append' }>): string | undefined {
  if (!position(prevIndex, prevTerm) || !isNumber(commit)) return 'an index is no integer'
  let index = prevIndex
  let last = prevTerm
  for (const entry of entries) {
    index++
    if (entry.index !== index || !isNumber(entry.term) || entry.term < last) return 'entries do not follow each other'
    last = entry.term
  }
  return last <= term ? undefined : 'an entry is of a later term than its leader'
}

function position(index: Index, term: Term): boolean {
  return isNumber(index) && isNumber(term)
}

function isNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
