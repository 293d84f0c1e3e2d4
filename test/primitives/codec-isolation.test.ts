// Goal: what one stranger sends changes nothing for the next message: the library behind the codec keeps state for records, references and bundled strings,
// and one decoder serves the whole process. A trace of it would make two nodes read one block differently.
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import t from 'tap'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { array, bytes as byteString, decode, encode, struct, text, u32, u64, type Schema } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'

const schema = struct({ list: array(u32, { max: 128 }), name: text({ max: 40 }), large: u64 })
/** Every one-byte integer, among them those whose bytes a record definition would take over. */
const value = { list: Array.from({ length: 128 }, (_, i) => i), name: 'abcdefghijklmnopqrstuvwxyz', large: 7n }
const bytes = encode(schema, value)
const whole = (): boolean => toHex(encode(schema, decode(schema, bytes))) === toHex(bytes)
const tried = (input: Uint8Array, as: Schema<unknown> = schema): string | undefined => {
  try {
    decode(as, input)
    return undefined
  } catch (error) {
    return errorCode(error)
  }
}

t.test('extension types, record definitions and references are refused and forgotten', async (t) => {
  const list = array(u32, { max: 8 }) as Schema<unknown>
  const inputs = [
    'd4724091a161', 'd472409 1a161 05'.replaceAll(' ', ''), '92d4724091a1610140', 'd5724001', 'd572400 191a161'.replaceAll(' ', ''), 'c705724091a16101', // record definitions
    'd669000000010191', 'd470 00'.replaceAll(' ', ''), 'c70069', '92d66900000001 91 01 d67000000001'.replaceAll(' ', ''), // structured-clone references
    'd6620000000500', 'c80006620000000061', // bundled strings
    'd6ff00000000', 'd7ff0000000000000000', 'c70cff000000000000000000000000', // timestamps
    'd40000', 'd40100', 'd44200', 'd47300', 'd47800', 'd47400', 'd46500', 'c1', 'c7ff62',
  ]
  for (const input of inputs) {
    for (const as of [schema as Schema<unknown>, list]) {
      const code = tried(fromHex(input), as)
      if (code === undefined || !code.startsWith('CODEC_')) t.fail(`${input} → ${String(code)}`)
    }
    if (!whole()) t.fail(`after ${input} a sound value reads differently`)
  }
})

t.test('what other encoders of the library write leaves no trace either', async (t) => {
  const options = [{ useRecords: true }, { structuredClone: true }, { bundleStrings: true }, { moreTypes: true }, { sequential: true }, { largeBigIntToFloat: true }, { useFloat32: 3 }]
  const shared = { name: 'x'.repeat(30) }
  const cyclic: Record<string, unknown> = { shared, again: shared, when: new Date(0), set: new Set([1]), map: new Map([[1, 2]]), pattern: /x/, error: new Error('x'), float: 1.5 }
  cyclic['self'] = cyclic
  for (const option of options) {
    for (const sent of [{ a: 1, b: 'some text that is long enough', c: [1, 2] }, ...(('structuredClone' in option) ? [cyclic] : [{ ...cyclic, self: null }])]) {
      let input: Uint8Array
      try {
        input = new Uint8Array(new Packr(option as never).pack(sent))
      } catch {
        continue // Some encoders cannot write some of these; then there is nothing to send.
      }
      for (let round = 0; round < 3; round++) if (tried(input) === undefined) t.fail(JSON.stringify(option))
      if (!whole()) t.fail(`after ${JSON.stringify(option)} a sound value reads differently`)
    }
  }
})

t.test('nor do random bytes rich in extension heads', async (t) => {
  const heads = fc.constantFrom(0xd4, 0xd5, 0xd6, 0xc7, 0xc8, 0xc1, 0x72, 0x69, 0x70, 0x62, 0x73, 0x78, 0x40, 0x41, 0x91, 0x92, 0xa1, 0x61, 0x81, 0xdc, 0x00, 0xff)
  fc.assert(fc.property(fc.array(fc.oneof(heads, fc.nat(255)), { minLength: 1, maxLength: 24 }), (list) => (tried(Uint8Array.from(list))?.startsWith('CODEC_') ?? false) && whole()), { numRuns: 4000, seed: 16 })
})

t.test('a decoded value shares no memory with the bytes it was read from', async (t) => {
  const holder = struct({ id: byteString({ max: 64 }) })
  const source = encode(holder, { id: new Uint8Array(64).fill(7) })
  const read = decode(holder, source)
  source.fill(0)
  t.ok(read.id.every((byte) => byte === 7))
  t.ok(read.id.buffer.byteLength < 1024, 'nor does it keep a large buffer alive')
})
