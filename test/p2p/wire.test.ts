import t from 'tap'
import { PeerFault } from '../../p2p/errors.ts'
import { checkHello, encodeHello } from '../../p2p/hello.ts'
import { errorFrame, kindByte, readAnswer, readRequest, requestHead } from '../../p2p/sync-frames.ts'
import { FrameDecoder, frameHeader, frameOf } from '../../p2p/wire.ts'
import { concatBytes } from '../../primitives/bytes.ts'
import { CHAIN, OTHER_CHAIN } from './cluster.ts'

const bytes = (length: number, seed = 1): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 255)

t.test('a frame that announces more than its channel allows is refused before its payload is stored', async (t) => {
  const decoder = new FrameDecoder(1000)
  t.throws(() => [...decoder.push(frameHeader(1001))], { code: 'P2P_FRAME_TOO_LARGE', action: 'disconnect', details: { length: 1001, bytesMax: 1000 } })
  t.throws(() => [...new FrameDecoder(1000).push(Uint8Array.of(255, 255, 255, 255, 1))], { code: 'P2P_FRAME_TOO_LARGE', details: { length: 4294967295 } })
  t.same([...new FrameDecoder(1000).push(frameOf(bytes(1000)))], [bytes(1000)], 'the bound itself is allowed')
})

t.test('a frame of another version is refused', async (t) => {
  for (const version of [0, 2, 255]) t.throws(() => [...new FrameDecoder(10).push(Uint8Array.of(0, 0, 0, 1, version, 7))], { code: 'P2P_FRAME_VERSION' }, `version ${version}`)
})

t.test('frames come out the same however the stream was cut', async (t) => {
  const payloads = [bytes(0), bytes(1), bytes(5), bytes(4096, 2), bytes(4097, 3), bytes(70_000, 4), bytes(3)]
  const stream = concatBytes(...payloads.map((payload) => frameOf(payload)))
  for (const step of [1, 2, 3, 5, 7, 64, 4096, 65_519, stream.length]) {
    const decoder = new FrameDecoder(70_000)
    const out: Uint8Array[] = []
    for (let at = 0; at < stream.length; at += step) out.push(...decoder.push(stream.subarray(at, at + step)))
    t.same(out, payloads, `in pieces of ${step}`)
    t.ok(decoder.atBoundary)
  }
})

t.test('a decoder knows that it stands inside a frame', async (t) => {
  const decoder = new FrameDecoder(100)
  for (const part of [Uint8Array.of(0), Uint8Array.of(0, 0, 2, 1), Uint8Array.of(9)]) {
    t.same([...decoder.push(part)], [])
    t.notOk(decoder.atBoundary)
  }
  t.same([...decoder.push(Uint8Array.of(8))], [Uint8Array.of(9, 8)])
  t.ok(decoder.atBoundary)
})

t.test('a small payload is copied out of its chunk, a large one is a view of it', async (t) => {
  const small = frameOf(bytes(100))
  const large = frameOf(bytes(10_000))
  const [copy] = [...new FrameDecoder(10_000).push(small)]
  const [view] = [...new FrameDecoder(10_000).push(large)]
  t.not(copy?.buffer, small.buffer)
  t.equal(view?.buffer, large.buffer)
})

t.test('a hello must name the chain, the sender its key stands for, and this node', async (t) => {
  const fault = (payload: Uint8Array): unknown => {
    try {
      checkHello(payload, CHAIN, 2, 1)
    } catch (error) {
      return error instanceof PeerFault ? error.code : error
    }
    return undefined
  }
  t.equal(fault(encodeHello(OTHER_CHAIN, 2, 1)), 'P2P_WRONG_CHAIN')
  t.equal(fault(encodeHello(CHAIN, 3, 1)), 'P2P_WRONG_NODE')
  t.equal(fault(encodeHello(CHAIN, 2, 3)), 'P2P_WRONG_NODE')
  t.equal(fault(new Uint8Array()), 'P2P_FRAME_GARBLED')
  t.equal(fault(bytes(60)), 'P2P_FRAME_GARBLED')
  t.equal(fault(bytes(1000)), 'P2P_FRAME_GARBLED')
  t.equal(fault(encodeHello(CHAIN, 2, 1)), undefined)
})

t.test('garbled requests and answers are faults of the peer', async (t) => {
  const garbled = { code: 'P2P_FRAME_GARBLED', action: 'disconnect' }
  for (const payload of [[], [1], [2, 1, 97], [1, 5, 97], [1, 1, 65], [1, 0]]) t.throws(() => readRequest(Uint8Array.from(payload)), garbled, `request ${payload}`)
  for (const payload of [[], [0], [1, 1, 97], [4, 0], [5], [5, 0], [5, 0, 97], [6]]) t.throws(() => readAnswer(Uint8Array.from(payload)), garbled, `answer ${payload}`)
  t.throws(() => requestHead('Not A Method'), TypeError)
})

t.test('requests and answers read back', async (t) => {
  t.same(readRequest(concatBytes(requestHead('ledger.entries'), bytes(3))), { method: 'ledger.entries', body: bytes(3) })
  t.same(readAnswer(concatBytes(kindByte('item'), bytes(3))), { kind: 'item', data: bytes(3) })
  t.same(readAnswer(concatBytes(kindByte('last'))), { kind: 'last', data: bytes(0) })
  t.same(readAnswer(kindByte('end')), { kind: 'end' })
  t.same(readAnswer(errorFrame('CONSENSUS_BUSY', true)), { kind: 'error', code: 'CONSENSUS_BUSY', retryable: true })
  t.same(readAnswer(errorFrame('no code but text of an error', false)), { kind: 'error', code: 'P2P_REMOTE_FAILED', retryable: false }, 'text does not leave the node')
})
