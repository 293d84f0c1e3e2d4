import fc from 'fast-check'
import { Packr } from 'msgpackr'
import t from 'tap'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { array, boolean, bytes, decode, encode, encodeAll, fixedBytes, fromJson, i64, oneOf, optional, struct, text, toJson, u32, u64, variant } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'

const schema = struct({
  zed: u32, account: fixedBytes(4), from: u64, delta: i64, list: array(oneOf('A', 'B'), { max: 3 }),
  form: variant({ small: u32, raw: bytes({ max: 8 }) }), maybe: optional(text({ max: 5 })),
})
type Sample = Infer<typeof schema>
const sample: Sample = { zed: 5, account: fromHex('01020304'), from: 7n, delta: -1n, list: ['A'], form: { kind: 'raw', value: fromHex('ff') }, maybe: null }

t.test('canonical bytes are the same whatever the order of members', (t) => {
  const turned = Object.fromEntries(Object.entries(sample).reverse()) as Sample
  t.equal(toHex(encode(schema, turned)), toHex(encode(schema, sample)))
  t.same(decode(schema, encode(schema, sample)), sample)
  t.end()
})

t.test('many values at once have the bytes that each has alone, and one that does not fit is named', (t) => {
  const values: Sample[] = [sample, { ...sample, zed: 70_000 }, { ...sample, maybe: 'é' }]
  t.same(encodeAll(schema, values).map(toHex), values.map((value) => toHex(encode(schema, value))))
  t.same(encodeAll(schema, []), [])
  t.throws(() => encodeAll(schema, [sample, { ...sample, zed: -1 }]), { code: 'CODEC_VALUE_INVALID', details: { path: 'zed' } })
  t.end()
})

t.test('a refusal names the path and the rule', (t) => {
  const cases: [object, string, string][] = [
    [{ ...sample, list: ['A', 'C'] }, 'list[1]', 'must be one of A, B'],
    [{ ...sample, account: fromHex('0102') }, 'account', 'must be 4 bytes'],
    [{ ...sample, from: 7 }, 'from', 'must be an integer from 0 to 18446744073709551615'],
    [{ ...sample, zed: 1.5 }, 'zed', 'must be an integer from 0 to 4294967295'],
    [{ ...sample, zed: -0 }, 'zed', 'must be an integer from 0 to 4294967295'],
    [{ ...sample, extra: 1 }, 'extra', 'is not a member of this map'],
    [{ ...sample, form: { kind: 'raw', value: 5 } }, 'form.value', 'must be at most 8 bytes'],
    [{ ...sample, form: { kind: 'toString', value: 5 } }, 'form', 'must be {kind, value} with kind one of small, raw'],
    [{ ...sample, maybe: '\ud800' }, 'maybe', 'must be well-formed text of at most 5 characters'],
  ]
  for (const [value, path, rule] of cases) t.throws(() => encode(schema, value as Sample), { code: 'CODEC_VALUE_INVALID', details: { path, rule } }, `${path}: ${rule}`)
  t.throws(() => fromJson(schema, { ...(toJson(schema, sample) as object), from: '07' }), { code: 'CODEC_VALUE_INVALID', details: { path: 'from' } })
  t.throws(() => fromJson(schema, { ...(toJson(schema, sample) as object), account: '0102030A' }), { code: 'CODEC_VALUE_INVALID', details: { path: 'account' } })
  t.end()
})

t.test('only canonical bytes are read', (t) => {
  const small = struct({ a: u32, b: u32 })
  const refused: [string, string][] = [
    ['82a162 02a16101', 'members out of order'], ['82a161cc01a16202', 'a wide integer'], ['de0002a16101a16202', 'a wide map'],
    ['83a16101a16101a16202', 'a member twice'], ['82a161cb3ff0000000000000a16202', 'a float'], ['82a16101a16202c0', 'bytes after the end'],
    ['82a161d30000000000000001a16202', 'a bigint where a u32 belongs'], ['c1', 'a reserved byte'], ['', 'nothing'], ['d47240', 'a record definition'],
    ['83a16101a16202aa5f5f70726f746f5f5f5f01', 'a member named like the prototype'],
  ]
  for (const [hex, what] of refused) t.throws(() => decode(small, fromHex(hex.replaceAll(' ', ''))), { code: /^CODEC_/ }, what)
  t.same(decode(small, fromHex('82a16101a16202')), { a: 1, b: 2 })
  t.throws(() => decode(small, new Uint8Array(10), { maxBytes: 9 }), { code: 'CODEC_TOO_LARGE' })
  t.throws(() => decode(small, fromHex('dd' + 'ffffffff')), { code: /^CODEC_/ }, 'a list of four thousand million items is refused without room being made for it')
  t.throws(() => decode(small, new Uint8Array(100_000).fill(0x91)), { code: /^CODEC_/ }, 'deep nesting is refused')
  t.end()
})

t.test('what is written in one go is what msgpack writes of the checked value', (t) => {
  const packr = new Packr({ useRecords: false, variableMapSize: true, mapsAsObjects: true, moreTypes: false, structuredClone: false, useToJSON: false, copyBuffers: true, int64AsType: 'bigint' })
  const wide = struct({
    flag: boolean, small: u32, from: u64, delta: i64, list: array(u32, { max: 40 }), key: fixedBytes(33), raw: bytes({ max: 70_000 }), word: oneOf('one', 'two'), note: text({ max: 300 }),
    maybe: optional(u64), form: variant({ a: u32, b: struct({}) }), ...Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`m${i}`, u32])),
  })
  const edges = fc.constantFrom(0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1)
  const u64s = fc.oneof(fc.constantFrom(0n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
  const sized = (sizes: number[]): fc.Arbitrary<Uint8Array> => fc.constantFrom(...sizes).map((n) => Uint8Array.from({ length: n }, (_, i) => i & 255))
  const values = fc.record({
    flag: fc.boolean(), small: edges, from: u64s, delta: fc.oneof(fc.constantFrom(-(2n ** 63n), -1n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), list: fc.array(edges, { maxLength: 40 }), key: sized([33]),
    raw: sized([0, 48, 49, 255, 256, 65_535, 65_536, 70_000]), word: fc.constantFrom('one', 'two'), note: fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom('x'.repeat(31), 'x'.repeat(32), 'x'.repeat(255), 'x'.repeat(256), 'é'.repeat(200))),
    maybe: fc.option(u64s), form: fc.oneof(edges.map((value) => ({ kind: 'a', value })), fc.constant({ kind: 'b', value: {} })),
  }).map((value) => ({ ...value, ...Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`m${i}`, i])) }) as Infer<typeof wide>)
  fc.assert(fc.property(values, (value) => Buffer.compare(encode(wide, value), packr.pack(wide.toWire(value))) === 0), { numRuns: 1000, seed: 20261121 })
  t.end()
})

t.test('whatever decodes encodes back to the very same bytes', (t) => {
  const original = encode(schema, sample)
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (edits) => {
    const bent = Uint8Array.from(original)
    for (const [at, value] of edits) bent[at] = value
    try {
      return toHex(encode(schema, decode(schema, bent))) === toHex(bent)
    } catch (error) {
      return (error as { code?: string }).code?.startsWith('CODEC_') === true
    }
  }), { numRuns: 5000, seed: 20261121 })
  const other = new Packr({ useRecords: false })
  fc.assert(fc.property(fc.object(), (value) => {
    try {
      decode(schema, new Uint8Array(other.pack(value)))
      return false
    } catch (error) {
      return (error as { code?: string }).code?.startsWith('CODEC_') === true
    }
  }), { numRuns: 2000, seed: 20261121 })
  t.end()
})

t.test('JSON and back is the same value', (t) => {
  t.same(fromJson(schema, JSON.parse(JSON.stringify(toJson(schema, sample)))), sample)
  t.end()
})
