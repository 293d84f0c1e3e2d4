import fc from 'fast-check'
import t, { type Test } from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { array, boolean, bytes, decode, encode, fixedBytes, fromJson, i64, oneOf, optional, struct, text, toJson, u32, u64, variant, type Schema } from '../../primitives/codec.ts'

const refused = (t: Test, schema: Schema<unknown>, json: unknown, path: string, rule: RegExp): void => {
  t.throws(() => fromJson(schema, json), { code: 'CODEC_VALUE_INVALID', details: { path, rule } }, `${JSON.stringify(json)} at ${path}`)
}

t.test('each type refuses what is not its JSON form, naming path and rule', async (t) => {
  const any = <T>(schema: Schema<T>): Schema<unknown> => schema as Schema<unknown>
  for (const bad of [1, 'true', null, undefined]) refused(t, any(boolean), bad, '(root)', /true or false/)
  for (const bad of ['1', -1, 1.5, 2 ** 32, -0, null, true]) refused(t, any(u32), bad, '(root)', /from 0 to 4294967295/)
  for (const bad of [1, '', '01', '+1', '1.0', '1e3', '-0', ' 1', '0x1', '123456789012345678901']) refused(t, any(u64), bad, '(root)', /decimal string/)
  for (const bad of ['-1', '18446744073709551616']) refused(t, any(u64), bad, '(root)', /from 0 to 18446744073709551615/)
  for (const bad of ['9223372036854775808', '-9223372036854775809']) refused(t, any(i64), bad, '(root)', /from -9223372036854775808/)
  for (const bad of [1, 'ABCD', 'abc', '0xab', 'ab ', null, []]) refused(t, any(bytes({ max: 4 })), bad, '(root)', /lower-case hex/)
  refused(t, any(bytes({ max: 1 })), 'abcd', '(root)', /at most 1 bytes/)
  refused(t, any(fixedBytes(2)), 'ab', '(root)', /must be 2 bytes/)
  for (const bad of ['C', '', 'toString', 0, null]) refused(t, any(oneOf('A', 'B')), bad, '(root)', /one of A, B/)
  for (const bad of ['abcdef', '\ud800', '\ufeffab', 5, null]) refused(t, any(text({ max: 5 })), bad, '(root)', /well-formed text/)
  refused(t, any(text({ max: 5, pattern: /^[a-z]+$/ })), 'aB', '(root)', /matching/)
  for (const bad of [{}, 'ab', null, [1, 2, 3], []]) refused(t, any(array(u32, { min: 1, max: 2 })), bad, '(root)', /list of 1 to 2 items/)
  refused(t, any(array(struct({ a: array(u32, { max: 3 }) }), { max: 3 })), [{ a: [] }, { a: [1, 'x'] }], '[1].a[1]', /from 0/)
  const map = any(struct({ a: u32, b: optional(u32) }))
  for (const bad of [null, [], 'a', 5]) refused(t, map, bad, '(root)', /must be a map/)
  refused(t, map, {}, 'a', /from 0/)
  refused(t, map, { a: 1, c: 2 }, 'c', /not a member/)
  refused(t, map, JSON.parse('{"a":1,"__proto__":2}'), '__proto__', /not a member/)
  refused(t, map, { a: 1, ['x'.repeat(1000)]: 2 }, 'x'.repeat(64), /not a member/)
  const form = any(variant({ a: u32 }))
  for (const bad of [{ kind: 'b', value: 1 }, { kind: 'a' }, { kind: 'a', value: 1, more: 2 }, { kind: 'toString', value: 1 }, { value: 1 }, null]) refused(t, form, bad, '(root)', /\{kind, value\}/)
  refused(t, form, { kind: 'a', value: 'x' }, 'value', /from 0/)
})

t.test('an absent optional member is null, in JSON written or left out', async (t) => {
  const schema = struct({ a: u32, b: optional(u32) })
  t.same(fromJson(schema, { a: 1 }), { a: 1, b: null })
  t.same(fromJson(schema, { a: 1, b: null }), { a: 1, b: null })
  t.same(toJson(schema, { a: 1, b: null }), { a: 1, b: null })
  t.equal(toHex(encode(schema, { a: 1, b: null })), '82a16101a162c0', 'in bytes it is there')
  t.throws(() => decode(schema, Uint8Array.of(0x81, 0xa1, 0x61, 1)), { code: /^CODEC_/ })
})

t.test('value → bytes → value → JSON text → value is the same for every type, at its edges too', async (t) => {
  const schema = struct({
    flag: boolean, small: u32, large: u64, signed: i64, raw: bytes({ max: 300 }), id: fixedBytes(4), word: oneOf('permit', 'deny'), name: text({ max: 40 }),
    maybe: optional(struct({ n: u32 })), list: array(array(u32, { max: 20 }), { max: 20 }), form: variant({ raw: fixedBytes(2), deep: array(u64, { max: 3 }) }),
  })
  const u64s = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
  const values = fc.record({
    flag: fc.boolean(), small: fc.oneof(fc.constantFrom(0, 127, 128, 255, 256, 65535, 65536, 2 ** 31, 2 ** 32 - 1), fc.nat()), large: fc.oneof(fc.constantFrom(0n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n), u64s),
    signed: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), raw: fc.uint8Array({ maxLength: 300 }), id: fc.uint8Array({ minLength: 4, maxLength: 4 }), word: fc.constantFrom('permit' as const, 'deny' as const),
    name: fc.string({ unit: 'grapheme', maxLength: 40 }).filter((name) => name.length <= 40 && name.isWellFormed() && !name.startsWith('\ufeff')), maybe: fc.option(fc.record({ n: fc.nat() })), list: fc.array(fc.array(fc.nat(), { maxLength: 20 }), { maxLength: 20 }),
    form: fc.oneof(fc.record({ kind: fc.constant('raw' as const), value: fc.uint8Array({ minLength: 2, maxLength: 2 }) }), fc.record({ kind: fc.constant('deep' as const), value: fc.array(u64s, { maxLength: 3 }) })),
  })
  fc.assert(fc.property(values, (value) => {
    const encoded = encode(schema, value)
    const decoded = decode(schema, encoded)
    const again = fromJson(schema, JSON.parse(JSON.stringify(toJson(schema, decoded))))
    return toHex(encode(schema, decoded)) === toHex(encoded) && toHex(encode(schema, again)) === toHex(encoded)
  }), { numRuns: 2000, seed: 15 })
})
