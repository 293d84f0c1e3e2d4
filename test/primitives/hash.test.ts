import fc from 'fast-check'
import t from 'tap'
import { compareBytes, concatBytes, maybeFromHex, toHex, u32Bytes, u64Bytes, utf8Bytes } from '../../primitives/bytes.ts'
import { domainBytes, domainPrefix, DOMAINS, hash, sha256, sha256Stream } from '../../primitives/hash.ts'
import * as portable from '../../primitives/hash-browser.ts'
import * as native from '../../primitives/hash-native.ts'

t.test('SHA-256 has its published digests, in both builds', async (t) => {
  // FIPS 180-4 examples, NIST CSRC.
  for (const [text, digest] of [['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'], ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'], ['abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq', '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1']] as const) {
    for (const build of [native, portable]) t.equal(toHex(build.sha256(utf8Bytes(text))), digest)
  }
})

t.test('both builds agree on whatever bytes, whole or in pieces', async (t) => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (pieces) => {
    const streams = [native.sha256Stream(), portable.sha256Stream(), sha256Stream()]
    for (const piece of pieces) for (const stream of streams) stream.update(piece)
    const whole = concatBytes(...pieces)
    const digests = [native.sha256(whole), portable.sha256(whole), sha256(whole), ...streams.map((stream) => stream.digest())].map(toHex)
    return new Set([...digests, native.sha256Hex(whole), portable.sha256Hex(whole)]).size === 1
  }), { numRuns: 300, seed: 11 })
})

t.test('no domain\'s prefix begins another one\'s, so nothing hashed for one purpose is hashed for another', async (t) => {
  const prefixes = DOMAINS.map((domain) => toHex(domainPrefix(domain)))
  t.equal(new Set(prefixes).size, DOMAINS.length)
  for (const a of prefixes) for (const b of prefixes) if (a !== b && b.startsWith(a)) t.fail(`${a} begins ${b}`)
  t.ok(DOMAINS.every((domain) => domainPrefix(domain)[0]! > 1), 'nor the leading 00 and 01 of Merkle leaves and nodes')
  fc.assert(fc.property(fc.constantFrom(...DOMAINS), fc.constantFrom(...DOMAINS), fc.uint8Array(), fc.uint8Array(), (a, b, x, y) => (a === b && compareBytes(x, y) === 0) === (toHex(hash(a, x)) === toHex(hash(b, y)))), { numRuns: 500, seed: 12 })
  t.same(domainBytes('tx-id', Uint8Array.of(1), Uint8Array.of(2)), concatBytes(domainPrefix('tx-id'), Uint8Array.of(1, 2)))
})

t.test('hex is one text per bytes; numbers are big-endian; byte order is a total order', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => compareBytes(maybeFromHex(toHex(bytes))!, bytes) === 0), { numRuns: 300, seed: 13 })
  for (const bad of ['0', 'AB', '0x', 'zz', ' 00', '００']) t.equal(maybeFromHex(bad), undefined, bad)
  t.same([toHex(u32Bytes(0x01020304)), toHex(u64Bytes(2n ** 64n - 1n)), toHex(u64Bytes(258))], ['01020304', 'ffffffffffffffff', '0000000000000102'])
  fc.assert(fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (a, b) => Math.sign(compareBytes(a, b)) === Math.sign(Buffer.compare(a, b)) && Math.sign(compareBytes(b, a)) === -Math.sign(Buffer.compare(a, b)) + 0), { numRuns: 500, seed: 14 })
})
