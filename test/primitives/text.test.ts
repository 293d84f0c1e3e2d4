import tap from 'tap'
import * as portable from '../../primitives/text-browser.ts'
import * as native from '../../primitives/text-native.ts'

const samples = [0, 1, 31, 32, 33, 255, 256, 257, 5000].map((length) => Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255))

tap.test('the browser and the node write and read the same text', (t) => {
  for (const bytes of samples) {
    t.equal(native.toHex(bytes), portable.toHex(bytes))
    t.equal(native.bytesToText(bytes), portable.bytesToText(bytes))
    t.same(native.maybeFromHex(native.toHex(bytes)), bytes)
    t.same(portable.maybeFromHex(native.toHex(bytes)), bytes)
  }
  t.end()
})

tap.test('what is not strict lower-case hex is refused by both', (t) => {
  for (const { maybeFromHex } of [native, portable]) for (const text of ['0', 'AB', '0g', ' 00', '00\n', 'é0', '0x00']) t.equal(maybeFromHex(text), undefined, JSON.stringify(text))
  t.end()
})

tap.test('a view into a larger buffer is written alone', (t) => {
  const view = samples[8]!.subarray(100, 132)
  t.equal(native.toHex(view), portable.toHex(view))
  t.equal(native.bytesToText(view), portable.bytesToText(view))
  t.end()
})
