import t from 'tap'
import { Slab } from '../../primitives/slab.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)

t.test('pieces of a slab never touch each other, whatever their lengths', (t) => {
  const slab = new Slab()
  const lengths = Array.from({ length: 400 }, (_, i) => (i * 37) % 331)
  const pieces = lengths.map((length, i) => slab.join(filled(length, i % 251), Uint8Array.of(i % 7)))
  t.same(pieces.map(({ length }) => length - 1), lengths)
  t.ok(pieces.every((piece, i) => piece.subarray(0, -1).every((byte) => byte === i % 251) && piece.at(-1) === i % 7))
  t.ok(new Set(pieces.map(({ buffer }) => buffer)).size < 20, 'in few buffers')
  t.end()
})

t.test('what is long has a buffer of its own, so that it keeps nothing else alive', (t) => {
  const slab = new Slab()
  const short = slab.join(filled(100, 1))
  const long = slab.join(filled(2000, 2), filled(100, 3))
  t.equal(long.buffer.byteLength, 2100)
  t.not(long.buffer, short.buffer)
  t.same([long[1999], long[2000]], [2, 3])
  t.end()
})
