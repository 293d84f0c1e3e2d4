import { APPEND_ENTRIES_MAX } from './core/config.ts'
import type { Entry, Message } from './core/message.ts'
import { BinaryReader, BinaryWriter, malformed } from './binary.ts'

/** Version of the layout below; a node that sees another refuses the message. */
const WIRE_VERSION = 1
const HEADER_BYTES = 1 + 1 + 4 + 4 + 8
const ENTRY_HEADER_BYTES = 1 + 8 + 8 + 4
/** Longer words than this are not sent by anyone sound. */
const CODE_BYTES_MAX = 64

const TYPES = [
  'preVoteRequest', 'preVoteAnswer', 'voteRequest', 'voteAnswer', 'append', 'appendAck', 'appendReject', 'appendRefusal',
  'heartbeat', 'heartbeatAnswer', 'snapshotOffer', 'timeoutNow', 'readRequest', 'readAnswer',
] as const satisfies readonly Message['type'][]
const KINDS = ['noop', 'block', 'reconfiguration'] as const satisfies readonly Entry['kind'][]
const NOTHING = new Uint8Array(0)
const ascii = new TextDecoder('latin1')

/** version ‖ type ‖ from ‖ to ‖ term ‖ fields in the order of message.ts; numbers big-endian, entries as kind ‖ term ‖ index ‖ length ‖ data. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new BinaryWriter(HEADER_BYTES + bodyBytes(message))
  writer.u8(WIRE_VERSION).u8(TYPES.indexOf(message.type)).u32(message.from).u32(message.to).u53(message.term)
  writeBody(writer, message)
  return writer.bytes
}

function bodyBytes(message: Message): number {
  switch (message.type) {
    case 'preVoteRequest': return 16
    case 'voteRequest': return 17
    case 'preVoteAnswer': return 1
    case 'voteAnswer': return 2 + (message.vote?.length ?? 0)
    case 'append': return 26 + message.entries.reduce((sum, { data }) => sum + ENTRY_HEADER_BYTES + data.length, 0)
    case 'appendAck': case 'readRequest': case 'heartbeatAnswer': return 8
    case 'appendReject': return 24
    case 'appendRefusal': return 16 + 1 + message.code.length + 32
    case 'heartbeat': case 'snapshotOffer': case 'readAnswer': return 16
    case 'timeoutNow': return 0
  }
}

function writeBody(writer: BinaryWriter, message: Message): void {
  switch (message.type) {
    case 'preVoteRequest': writer.u53(message.lastIndex).u53(message.lastTerm); break
    case 'voteRequest': writer.u53(message.lastIndex).u53(message.lastTerm).u8(Number(message.transfer)); break
    case 'preVoteAnswer': writer.u8(Number(message.granted)); break
    case 'voteAnswer': writer.u8(Number(message.granted)).u8(message.vote?.length ?? 0).raw(message.vote ?? NOTHING); break
    case 'append':
      writer.u53(message.prevIndex).u53(message.prevTerm).u53(message.commit).u8(message.entries.length >> 8).u8(message.entries.length & 255)
      for (const { kind, term, index, data } of message.entries) writer.u8(KINDS.indexOf(kind)).u53(term).u53(index).u32(data.length).raw(data)
      break
    case 'appendAck': writer.u53(message.index); break
    case 'appendReject': writer.u53(message.index).u53(message.hintIndex).u53(message.hintTerm); break
    case 'appendRefusal': writer.u53(message.index).u53(message.entryTerm).u8(message.code.length).raw(new TextEncoder().encode(message.code)).raw(message.root); break
    case 'heartbeat': writer.u53(message.commit).u53(message.read); break
    case 'heartbeatAnswer': writer.u53(message.read); break
    case 'snapshotOffer': writer.u53(message.index).u53(message.entryTerm); break
    case 'readRequest': writer.u53(message.request); break
    case 'readAnswer': writer.u53(message.request).u53(message.index); break
    case 'timeoutNow': break
  }
}

/** Reads untrusted bytes; entry data are views into them. Throws `MESSAGE_MALFORMED`. */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new BinaryReader(bytes)
  if (reader.u8() !== WIRE_VERSION) throw malformed('the version is not known')
  const type = TYPES[reader.u8()]
  if (type === undefined) throw malformed('the type is not known')
  const message = readBody(reader, type, { from: reader.u32(), to: reader.u32(), term: reader.u53() })
  reader.end()
  return message
}

function readBody(reader: BinaryReader, type: Message['type'], header: { from: number; to: number; term: number }): Message {
  switch (type) {
    case 'preVoteRequest': return { type, ...header, lastIndex: reader.u53(), lastTerm: reader.u53() }
    case 'voteRequest': return { type, ...header, lastIndex: reader.u53(), lastTerm: reader.u53(), transfer: reader.flag() }
    case 'preVoteAnswer': return { type, ...header, granted: reader.flag() }
    case 'voteAnswer': return { type, ...header, granted: reader.flag(), ...readVote(reader) }
    case 'append': return { type, ...header, prevIndex: reader.u53(), prevTerm: reader.u53(), commit: reader.u53(), entries: readEntries(reader) }
    case 'appendAck': return { type, ...header, index: reader.u53() }
    case 'appendReject': return { type, ...header, index: reader.u53(), hintIndex: reader.u53(), hintTerm: reader.u53() }
    case 'appendRefusal': return { type, ...header, index: reader.u53(), entryTerm: reader.u53(), code: readCode(reader), root: reader.raw(32).slice() }
    case 'heartbeat': return { type, ...header, commit: reader.u53(), read: reader.u53() }
    case 'heartbeatAnswer': return { type, ...header, read: reader.u53() }
    case 'snapshotOffer': return { type, ...header, index: reader.u53(), entryTerm: reader.u53() }
    case 'timeoutNow': return { type, ...header }
    case 'readRequest': return { type, ...header, request: reader.u53() }
    case 'readAnswer': return { type, ...header, request: reader.u53(), index: reader.u53() }
  }
}

/** The signed vote of a granted answer: at most 255 bytes, judged by whoever checks votes. */
function readVote(reader: BinaryReader): { readonly vote?: Uint8Array } {
  const length = reader.u8()
  return length === 0 ? {} : { vote: reader.raw(length).slice() }
}

function readEntries(reader: BinaryReader): Entry[] {
  const count = reader.u8() * 256 + reader.u8()
  if (count > APPEND_ENTRIES_MAX) throw malformed('too many entries')
  const entries: Entry[] = []
  for (let i = 0; i < count; i++) {
    const kind = KINDS[reader.u8()]
    if (kind === undefined) throw malformed('the kind of an entry is not known')
    const [term, index, length] = [reader.u53(), reader.u53(), reader.u32()]
    entries.push({ kind, term, index, data: reader.raw(length) })
  }
  return entries
}

function readCode(reader: BinaryReader): string {
  const length = reader.u8()
  if (length > CODE_BYTES_MAX) throw malformed('a code is too long')
  const code = ascii.decode(reader.raw(length))
  if (!/^[A-Z][A-Z0-9_]*$/.test(code)) throw malformed('a code is upper snake case')
  return code
}
