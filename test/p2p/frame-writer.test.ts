import t from 'tap'
import type { Stream } from '@libp2p/interface'
import { FrameWriter } from '../../p2p/frame-writer.ts'
import { FrameDecoder } from '../../p2p/wire.ts'
import { concatBytes } from '../../primitives/bytes.ts'

/** As much of a libp2p stream as the writer touches; it takes everything, and says it is full while `full`. */
class FakeStream extends EventTarget {
  writeStatus = 'writable'
  full = false
  sent: Uint8Array[] = []
  get writableNeedsDrain(): boolean { return this.full }
  send(data: Uint8Array): boolean {
    this.sent.push(data)
    return !this.full
  }
  drain(): void {
    this.full = false
    this.dispatchEvent(new Event('drain'))
  }
  /** The payloads in what was sent. */
  payloads(): number[][] { return [...new FrameDecoder(10_000_000).push(concatBytes(...this.sent))].map((payload) => [payload.length, payload[0] ?? -1]) }
  asStream(): Stream { return this as unknown as Stream }
}

const payload = (length: number, mark: number): Uint8Array => new Uint8Array(length).fill(mark)
const HELLO = payload(1, 255)

t.test('a queue that refuses never loses or reorders what it took', async (t) => {
  const dropped: number[] = []
  const writer = new FrameWriter({ messagesMax: 3, bytesMax: 100, whenFull: 'refuse' }, (count) => dropped.push(count))
  t.same([1, 2, 3, 4].map((mark) => writer.send(payload(10, mark))), [true, true, true, false], 'messages')
  const stream = new FakeStream()
  writer.attach(stream.asStream(), HELLO)
  t.same(stream.payloads(), [[1, 255], [10, 1], [10, 2], [10, 3]], 'the hello goes first')
  stream.full = true
  t.same([60, 30, 20].map((length) => writer.send(payload(length, 9))), [true, true, false], 'bytes')
  t.same([writer.queuedMessages, writer.queuedBytes], [2, 90])
  stream.drain()
  t.same([writer.queuedMessages, writer.queuedBytes], [0, 0])
  t.same(dropped, [])
})

t.test('a queue that drops the oldest keeps the newest, and says how many it dropped', async (t) => {
  const dropped: number[] = []
  const writer = new FrameWriter({ messagesMax: 3, bytesMax: 100, whenFull: 'drop-oldest' }, (count) => dropped.push(count))
  const stream = new FakeStream()
  writer.attach(stream.asStream(), HELLO)
  stream.full = true
  t.same([1, 2, 3, 4, 5].map((mark) => writer.send(payload(10, mark))), [true, true, true, true, true])
  t.same(dropped, [1, 1])
  t.ok(writer.send(payload(95, 6)), 'makes room in bytes too')
  t.same(dropped, [1, 1, 3])
  t.notOk(writer.send(payload(101, 7)), 'what can never fit is refused')
  stream.drain()
  t.same(stream.payloads(), [[1, 255], [95, 6]])
})

t.test('a large frame leaves in pieces and stops wherever the stream is full', async (t) => {
  const writer = new FrameWriter({ messagesMax: 10, bytesMax: 10_000_000, whenFull: 'drop-oldest' }, () => undefined)
  const stream = new FakeStream()
  writer.attach(stream.asStream(), HELLO)
  stream.full = true
  const big = payload(1_000_000, 1)
  t.ok(writer.send(big))
  t.ok(writer.send(payload(5, 2)))
  t.same(stream.payloads(), [[1, 255]])
  stream.drain()
  t.same(stream.payloads(), [[1, 255], [1_000_000, 1], [5, 2]])
  t.ok(stream.sent.filter(({ length }) => length > 128 * 1024).length === 0, 'no piece keeps a heartbeat waiting')
  t.ok(stream.sent.some((piece) => piece.buffer === big.buffer), 'the bytes are not copied')
})

t.test('a frame that has begun to leave is not dropped for newer ones', async (t) => {
  const writer = new FrameWriter({ messagesMax: 2, bytesMax: 10_000_000, whenFull: 'drop-oldest' }, () => undefined)
  const stream = new FakeStream()
  writer.attach(stream.asStream(), HELLO)
  stream.send = (data) => {
    stream.sent.push(data)
    stream.full = true
    return false
  }
  writer.send(payload(300_000, 1))
  stream.drain()
  for (const mark of [2, 3, 4]) t.ok(writer.send(payload(10, mark)))
  for (let i = 0; i < 20; i++) stream.drain()
  t.same(stream.payloads(), [[1, 255], [300_000, 1], [10, 4]])
})

t.test('after a break the queue is empty, the rest of a half-sent frame is not sent, and the next stream begins anew', async (t) => {
  const dropped: number[] = []
  const writer = new FrameWriter({ messagesMax: 10, bytesMax: 10_000_000, whenFull: 'refuse' }, (count) => dropped.push(count))
  const first = new FakeStream()
  writer.attach(first.asStream(), HELLO)
  first.full = true
  writer.send(payload(300_000, 1))
  writer.send(payload(10, 2))
  writer.detach()
  t.same(dropped, [2])
  first.drain()
  t.equal(first.payloads().length, 1, 'nothing goes to the old stream any more')
  const second = new FakeStream()
  writer.attach(second.asStream(), HELLO)
  t.ok(writer.send(payload(10, 3)))
  t.same(second.payloads(), [[1, 255], [10, 3]])
})
