// Goal: masks cancel in the sum of all, and what somebody sees who misses one secret fits any counts of the others equally well. Method: algebra over random counts; a frequency test; bad keys.
import fc from 'fast-check'
import { x25519 } from '@noble/curves/ed25519.js'
import t from 'tap'
import { addVectors, maskCounts, pairMask, sharedSecret } from '../../privacy/masks.ts'
import { utf8Bytes } from '../../primitives/bytes.ts'
import { sha256 } from '../../primitives/hash.ts'

const secret = (text: string): Uint8Array => sha256(utf8Bytes(text))
const SESSION = secret('session')
const pairOf = (a: number, b: number): string => [a, b].sort((x, y) => x - y).join('-')
/** Masks of a member towards the others, under a secret for each pair. */
const masksOf = (member: number, members: readonly number[], length: number, round = 0, session = SESSION): Map<number, Uint32Array> => new Map(members.filter((other) => other !== member).map((other) => [other, pairMask(secret(pairOf(member, other)), session, round, length)]))

t.test('both sides of a pair find the same secret, which others do not; keys of small order are refused', async (t) => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ secretKey: secret(name), publicKey: x25519.getPublicKey(secret(name)) })) as [{ secretKey: Uint8Array; publicKey: Uint8Array }, { secretKey: Uint8Array; publicKey: Uint8Array }, { secretKey: Uint8Array; publicKey: Uint8Array }]
  t.same(sharedSecret(a.secretKey, b.publicKey), sharedSecret(b.secretKey, a.publicKey))
  t.notSame(sharedSecret(a.secretKey, b.publicKey), sharedSecret(c.secretKey, b.publicKey))
  for (const bad of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31)), new Uint8Array(31)]) t.throws(() => sharedSecret(a.secretKey, bad), { code: 'MASK_KEY_INVALID' })
  t.throws(() => maskCounts(new Uint32Array(2), 1, new Map([[2, new Uint32Array(3)]])), { code: 'MASK_INPUT_INVALID' })
  t.throws(() => pairMask(secret('x'), SESSION, 0, 17_000_000), { code: 'MASK_INPUT_INVALID' })
})

t.test('masks cancel in the sum of all contributors, from two to seven, also where counts wrap', async () => {
  fc.assert(fc.property(fc.integer({ min: 2, max: 7 }), fc.integer({ min: 1, max: 40 }), fc.infiniteStream(fc.integer({ min: 0, max: 0xffff_ffff })), (count, length, stream) => {
    const members = Array.from({ length: count }, (_, i) => 3 * i + 1)
    const counts = members.map(() => Uint32Array.from({ length }, () => stream.next().value))
    const masked = counts.map((own, i) => maskCounts(own, members[i]!, masksOf(members[i]!, members, length)))
    return addVectors(masked).join() === addVectors(counts).join()
  }), { numRuns: 100, seed: 3 })
})

t.test('what member 2 sees of members 1 and 3 fits every split of the same sum', async (t) => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(1_000), fc.nat(1_000), fc.nat(1_000)), { minLength: 1, maxLength: 30 }), (cells) => {
    const members = [1, 2, 3]
    const length = cells.length
    const [one, three] = [Uint32Array.from(cells, ([a]) => a), Uint32Array.from(cells, ([, b]) => b)]
    // Another world: member 1 has `shift` more in each cell, member 3 as many fewer, and their common mask differs by that much. Their mask is uniform, so both worlds are equally likely.
    const [shifted, less] = [one.map((count, i) => count + cells[i]![2]!), three.map((count, i) => count - cells[i]![2]!)]
    const other = (masks: Map<number, Uint32Array>, peer: number): Map<number, Uint32Array> => new Map([...masks].map(([to, mask]) => [to, to === peer ? mask.map((word, i) => word - cells[i]![2]!) : mask]))
    const seen = [maskCounts(one, 1, masksOf(1, members, length)), maskCounts(three, 3, masksOf(3, members, length))]
    const also = [maskCounts(shifted, 1, other(masksOf(1, members, length), 3)), maskCounts(less, 3, other(masksOf(3, members, length), 1))]
    return seen.map((vector) => vector.join()).join(';') === also.map((vector) => vector.join()).join(';')
  }), { numRuns: 100, seed: 4 })
  t.pass()
})

t.test('masked zeros look like masked counts: bytes are spread evenly, and no two sessions or rounds share a stream', async (t) => {
  const masked = maskCounts(new Uint32Array(64_000), 1, masksOf(1, [1, 2], 64_000))
  const seen = new Float64Array(256)
  for (const byte of new Uint8Array(masked.buffer)) seen[byte]!++
  const expected = (64_000 * 4) / 256
  const chiSquare = seen.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  t.ok(chiSquare < 340, `chi-square with 255 degrees of freedom: ${chiSquare}; 340 is passed by chance once in 3,000 keys, and the key is fixed`)
  const first = (session: Uint8Array, round: number): number => pairMask(secret('1-2'), session, round, 1)[0]!
  t.equal(new Set([first(SESSION, 0), first(SESSION, 1), first(secret('other'), 0), first(secret('other'), 1)]).size, 4)
})
