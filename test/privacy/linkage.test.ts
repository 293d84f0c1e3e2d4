// Goal: equal persons of different sites are counted, and nothing but sizes comes out; what is no point, copied, unproven or entered too often is refused. Method: the real group, seeded chance.
import t from 'tap'
import { concatBytes, toHex } from '../../primitives/bytes.ts'
import { seededBytes, uniformFromBytes } from '../../privacy/dp/uniform.ts'
import { hashToPoint, ORDER, readPoint, scalarBytes } from '../../privacy/linkage/group.ts'
import type { GroupPoint } from '../../privacy/linkage/group.ts'
import { checkLinkageKey, makeLinkageKey } from '../../privacy/linkage/keys.ts'
import { countLinked, mix, readSealed, SEALED_BYTES, sealNames } from '../../privacy/linkage/mix.ts'
import { addedElements, drawDummies, noiseBound } from '../../privacy/linkage/noise.ts'

const CONTEXT = new Uint8Array(32).fill(7)
const uniformOf = (seed: number) => uniformFromBytes(seededBytes(Uint8Array.of(seed)).bytes)
const sum = (points: readonly GroupPoint[]): GroupPoint | undefined => points.reduce<GroupPoint | undefined>((total, point) => total?.add(point) ?? point, undefined)

/** All sites' turns, without a network; `added` fillers and the dummies of each. */
function link(sets: readonly (readonly string[])[], { dummies = sets.map(() => 0), added = 2, size = 6 }: { dummies?: readonly number[]; added?: number; size?: number } = {}): { readonly lists: Uint8Array[]; readonly last: Uint8Array } {
  const keys = sets.map((_, site) => makeLinkageKey(CONTEXT, uniformOf(site)))
  const points = keys.map((key) => checkLinkageKey(CONTEXT, key))
  const lists = sets.map((names, site) => concatBytes(...sealNames(names, size, { context: CONTEXT, key: sum(points)!, uniform: uniformOf(100 + site) })))
  const last = keys.reduce((list, { secret }, site) => concatBytes(...mix(readSealed(list), { secret, rest: sum(points.slice(site + 1)), dummies, added, uniform: uniformOf(200 + site) })), concatBytes(...lists))
  return { lists, last }
}

t.test('what is no point, or carries nothing, is refused', async (t) => {
  const [point] = [hashToPoint(CONTEXT, 'Ada').toBytes()]
  t.same(readPoint(point).toBytes(), point)
  t.throws(() => readPoint(new Uint8Array(32)), { code: 'LINKAGE_POINT_INVALID', details: { rule: /neutral/ } })
  for (const bytes of [new Uint8Array(32).fill(255), new Uint8Array(31), Uint8Array.from(point, (byte, i) => (i === 0 ? byte ^ 1 : byte))]) t.throws(() => readPoint(bytes), { code: 'LINKAGE_POINT_INVALID' })
  const { lists: [list] } = link([['a'], ['b']])
  for (const at of [0, 32]) {
    const bad = list!.slice()
    bad.fill(0, SEALED_BYTES + at, SEALED_BYTES + at + 32)
    t.throws(() => readSealed(bad), { code: 'LINKAGE_POINT_INVALID' }, `half at ${at}`)
  }
  const copied = list!.slice()
  copied.copyWithin(0, 3 * SEALED_BYTES, 4 * SEALED_BYTES)
  t.throws(() => readSealed(copied), { code: 'LINKAGE_POINT_TWICE', details: { at: 3 } })
  t.throws(() => readSealed(list!, new Set([toHex(list!.subarray(0, 32))])), { code: 'LINKAGE_POINT_TWICE', details: { at: 0 } }, 'nor copied from another site')
  t.throws(() => countLinked(new Uint8Array(32).fill(255), 2), { code: 'LINKAGE_POINT_INVALID' })
})

t.test('a key is proven for its run and site, so that nobody can choose one that cancels the others', async (t) => {
  const { key, proof } = makeLinkageKey(CONTEXT, uniformOf(1))
  const other = makeLinkageKey(CONTEXT, uniformOf(2))
  checkLinkageKey(CONTEXT, { key, proof })
  t.throws(() => checkLinkageKey(new Uint8Array(32), { key, proof }), { code: 'LINKAGE_KEY_UNPROVEN' }, 'copied from another run')
  t.throws(() => checkLinkageKey(CONTEXT, { key: readPoint(other.key).subtract(readPoint(key)).toBytes(), proof: other.proof }), { code: 'LINKAGE_KEY_UNPROVEN' }, 'what is left of a key after taking another off')
  t.throws(() => checkLinkageKey(CONTEXT, { key, proof: concatBytes(proof.subarray(0, 32), new Uint8Array(32)) }), { code: 'LINKAGE_KEY_UNPROVEN' })
  t.throws(() => checkLinkageKey(CONTEXT, { key, proof: concatBytes(proof.subarray(0, 32), new Uint8Array(32).fill(255)) }), { code: 'LINKAGE_POINT_INVALID' })
  t.equal(scalarBytes(ORDER - 1n).length, 32)
})

t.test('persons are counted by how many sites hold them, whatever else fills the lists', async (t) => {
  const sets = [['a', 'b', 'c', ''], ['b', 'c', 'd', ''], ['c', 'e', 'e']]
  t.same(countLinked(link(sets).last, 3), [5, 1, 1], 'a, d, e and two without a name at one; b at two; c at three; who is entered twice counts once')
  t.same(countLinked(link(sets, { dummies: [1, 2, 0], added: 6 }).last, 3), [8, 7, 1], 'every site adds its dummies')
  t.same(countLinked(link([[], [], []]).last, 3), [0, 0, 0])
  t.throws(() => link([['a', 'b'], []], { size: 1 }), { code: 'LINKAGE_TOO_LARGE', details: { persons: 2, size: 1 } })
  t.throws(() => link([['a'], []], { dummies: [1, 1], added: 2 }), { code: 'LINKAGE_TOO_LARGE', details: { dummies: 3, added: 2 } })
})

t.test('lists have one length and share no points, however few or equal the persons are', async (t) => {
  const { lists, last } = link([['a', 'b'], ['a', 'b'], []])
  t.same(lists.map(({ length }) => length), [6, 6, 6].map((size) => size * SEALED_BYTES))
  const points = [...lists.flatMap((list) => Array.from({ length: list.length / 32 }, (_, i) => toHex(list.subarray(32 * i, 32 * i + 32))))]
  t.equal(new Set(points).size, points.length)
  const ends = Array.from({ length: last.length / 32 }, (_, i) => toHex(last.subarray(32 * i, 32 * i + 32)))
  t.notOk(ends.some((end) => points.includes(end) || end === toHex(hashToPoint(CONTEXT, 'a').toBytes())), 'what comes out is nobody\'s point')
})

t.test('a person that stands there more often than there are sites betrays who wanted to find it', async (t) => {
  const { last } = link([['a'], ['b']])
  const point = Array.from({ length: last.length / 32 }, (_, i) => last.subarray(32 * i, 32 * i + 32)).find((bytes) => bytes.some((byte) => byte !== 0))!
  t.throws(() => countLinked(concatBytes(last, point, point), 2), { code: 'LINKAGE_TAGGED', details: { times: 3, sites: 2 } })
})

t.test('dummies: the bound and a noise around it, never outside what a turn adds', async (t) => {
  t.equal(noiseBound(1_000_000), 42)
  t.equal(noiseBound(40_000_000), 2)
  t.equal(addedElements(3, 1_000_000), 504)
  const draws = Array.from({ length: 2_000 }, (_, seed) => drawDummies(2, 1_000_000, uniformFromBytes(seededBytes(Uint8Array.of(seed & 255, seed >> 8)).bytes))).flat()
  t.ok(draws.every((count) => count >= 0 && count <= 84))
  const mean = draws.reduce((total, count) => total + count, 0) / draws.length
  // Standard deviation of one draw: 2.8 (scale 2); of the mean of 4,000: 0.045. The seeds are fixed, so this is one number for ever.
  t.ok(Math.abs(mean - 42) < 0.25, String(mean))
})
