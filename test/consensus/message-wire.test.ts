import fc from 'fast-check'
import t from 'tap'
import type { Message } from '../../consensus/core/message.ts'
import { decodeMessage, encodeMessage } from '../../consensus/message-wire.ts'

const header = { from: 1, to: 2, term: 7 }
const root = new Uint8Array(32).fill(9)
const entry = (index: number, size: number) => ({ index, term: 7, kind: 'block' as const, data: new Uint8Array(size).fill(index) })
const messages: Message[] = [
  { type: 'preVoteRequest', ...header, lastIndex: 5, lastTerm: 6 }, { type: 'preVoteAnswer', ...header, granted: true },
  { type: 'voteRequest', ...header, lastIndex: 2 ** 52, lastTerm: 6, transfer: true }, { type: 'voteAnswer', ...header, granted: false },
  { type: 'append', ...header, prevIndex: 4, prevTerm: 3, commit: 2, entries: [entry(5, 0), entry(6, 1000)] }, { type: 'append', ...header, prevIndex: 0, prevTerm: 0, commit: 0, entries: [] },
  { type: 'appendAck', ...header, index: 6 }, { type: 'appendReject', ...header, index: 6, hintIndex: 3, hintTerm: 2 },
  { type: 'appendRefusal', ...header, index: 6, entryTerm: 7, code: 'ROOT_MISMATCH', root }, { type: 'heartbeat', ...header, commit: 3, read: 1 },
  { type: 'heartbeatAnswer', ...header, read: 1 }, { type: 'snapshotOffer', ...header, index: 9, entryTerm: 7 }, { type: 'timeoutNow', ...header },
  { type: 'readRequest', ...header, request: 4 }, { type: 'readAnswer', ...header, request: 4, index: 8 },
]

t.test('every message is read as it was written', (t) => {
  for (const message of messages) t.strictSame(decodeMessage(encodeMessage(message)), message, message.type)
  t.end()
})

t.test('a message cut short, lengthened or garbled is refused with a code, never read past its end', (t) => {
  for (const message of messages) {
    const bytes = encodeMessage(message)
    for (let length = 0; length < Math.min(bytes.length, 200); length++) t.throws(() => decodeMessage(bytes.subarray(0, length)), { code: 'MESSAGE_MALFORMED' })
    t.throws(() => decodeMessage(Uint8Array.of(...bytes.subarray(0, 100), ...bytes.subarray(100), 0)), { code: 'MESSAGE_MALFORMED' })
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    if (bytes.length > 0) bytes[0] = 1
    if (bytes.length > 1) bytes[1]! %= 15
    try {
      decodeMessage(bytes)
      return true
    } catch (error) {
      return (error as { code?: string }).code === 'MESSAGE_MALFORMED'
    }
  }), { numRuns: 5000, seed: 1 })
  t.end()
})
