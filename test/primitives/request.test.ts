import fc from 'fast-check'
import t from 'tap'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { encode } from '../../primitives/codec.ts'
import { canonicalJson, decodeRequestAuth, requestAuth, requestSigningBytes, signRequest, type RequestAuth } from '../../primitives/request.ts'
import { keyIdToPublicKey, verify } from '../../primitives/signature.ts'
import { bytes32, signerOf } from '../../docs/spec/sample-chain.ts'

const chain = bytes32('chain')
const account = bytes32('account')
const params = { subject: toHex(account), limit: 10 }
const hex = signRequest(chain, 'access_audit', params, account, signerOf('reader'), new Uint8Array(16).fill(3), 1_750_000_000_123)
const auth = decodeRequestAuth(hex)
const holds = (of: RequestAuth, method = 'access_audit', given: unknown = params, on = chain): boolean => verify(keyIdToPublicKey(of.signer)!, requestSigningBytes(on, method, given, of), of.signature)

t.test('what is not a signed request is refused in one way', async (t) => {
  for (const bad of ['', 'zz', hex.toUpperCase(), hex.slice(2), `${hex}00`, '00'.repeat(600)]) t.throws(() => decodeRequestAuth(bad), { code: 'REQUEST_AUTH_INVALID' })
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'0123456789abcdefg') }), (text) => {
    try {
      return toHex(encode(requestAuth, decodeRequestAuth(text))) === text
    } catch (error) {
      return (error as { code?: string }).code === 'REQUEST_AUTH_INVALID'
    }
  }), { numRuns: 1000, seed: 5 })
})

t.test('the signature binds chain, method, parameters, account, key, nonce and time', async (t) => {
  t.ok(holds(auth))
  t.notOk(holds(auth, 'access_audit', params, bytes32('other chain')))
  t.notOk(holds(auth, 'record_list'))
  t.notOk(holds(auth, 'access_audit', { ...params, limit: 11 }))
  t.notOk(holds(auth, 'access_audit', { ...params, cursor: null }))
  t.notOk(holds({ ...auth, account: bytes32('other') }))
  t.notOk(holds({ ...auth, nonce: new Uint8Array(16) }))
  t.notOk(holds({ ...auth, timeMs: auth.timeMs + 1n }))
  t.notOk(verify(signerOf('reader').publicKey, requestSigningBytes(chain, 'access_audit', params, { ...auth, signer: bytes32('other').length === 32 ? Uint8Array.of(1, ...bytes32('other')) : auth.signer }), auth.signature), 'the key that signs is named under its signature')
  t.ok(holds(auth, 'access_audit', { limit: 10, subject: toHex(account) }), 'the order of members does not matter')
  t.ok(holds(auth, 'access_audit', { ...params, atHeight: undefined }), 'a member that is undefined is not sent and not signed')
})

t.test('canonical JSON: one text per value', async (t) => {
  const cases: [unknown, string][] = [
    [null, 'null'], [true, 'true'], [0, '0'], [-0, '0'], [-7, '-7'], [Number.MAX_SAFE_INTEGER, '9007199254740991'], ['', '""'], [[], '[]'], [{}, '{}'],
    [{ b: 1, a: [true, null, { d: 'x', c: 'y' }] }, '{"a":[true,null,{"c":"y","d":"x"}],"b":1}'],
    ['\u0000\u001f"\\/\u007f\u2028\u20ac', `"\\u0000\\u001f\\"\\\\/\u007f\u2028\u20ac"`],
    [{ a: undefined, b: 1 }, '{"b":1}'],
    // RFC 8785 §3.2.3: members are ordered by UTF-16 code units, so the surrogate pair comes before U+FB33.
    [{ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 }, '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}'],
    [JSON.parse('{"__proto__":1,"constructor":2}'), '{"__proto__":1,"constructor":2}'],
  ]
  for (const [value, text] of cases) t.equal(canonicalJson(value), text)
  for (const value of [1.5, Number.NaN, Infinity, 2 ** 53, undefined, 1n, Symbol('s'), () => 1, [undefined], { a: [1.5] }]) t.throws(() => canonicalJson(value), { code: 'REQUEST_PARAMS_INVALID' }, String(typeof value))
  let deep: unknown = 1
  for (let i = 0; i < 100_000; i++) deep = [deep]
  t.throws(() => canonicalJson(deep), { code: 'REQUEST_PARAMS_INVALID' }, 'deep nesting is refused, not followed')
  const json = fc.letrec((tie) => ({ value: fc.oneof({ maxDepth: 4 }, fc.constant(null), fc.boolean(), fc.maxSafeInteger(), fc.string(), fc.array(tie('value'), { maxLength: 4 }), fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 })) })).value
  fc.assert(fc.property(json, (value) => {
    const text = canonicalJson(value)
    return canonicalJson(JSON.parse(text)) === text
  }), { numRuns: 1000, seed: 6 })
})

t.test('the signing bytes do not depend on how hex was made', async (t) => {
  t.same(fromHex(hex), encode(requestAuth, auth))
})
