/** Goal: diversity, closeness and likeness measure what their papers define. Method: the papers' examples, then brute force against the fast way. */
import fc from 'fast-check'
import t from 'tap'
import { equalDistance, hierarchicalDistance, orderedDistance } from '../../../../contracts/anonymization/kernel/closeness.ts'
import { hasEntropyDiversity, recursiveDiversity, wholeEntropyDiversity } from '../../../../contracts/anonymization/kernel/diversity.ts'
import { LN2_FIXED, LOG_PLACES, log2Fixed, minusLnFixed } from '../../../../contracts/anonymization/kernel/fixed-logarithm.ts'
import { Histogram } from '../../../../contracts/anonymization/kernel/histogram.ts'
import { parseHierarchy, rational, rationalToText } from '../../../../contracts/anonymization/kernel/index.ts'
import type { Hierarchy } from '../../../../contracts/anonymization/kernel/index.ts'
import { hasEnhancedLikeness, likenessGain } from '../../../../contracts/anonymization/kernel/likeness.ts'

/** A class with these counts per value, in a whole with those. */
function histogram(counts: readonly number[], totals: readonly number[], hierarchy?: Hierarchy): Histogram {
  const made = new Histogram({ name: 's', codes: new Int32Array(0), distinct: totals.length, totals: Int32Array.from(totals), total: totals.reduce((a, b) => a + b), hierarchy, leafOf: hierarchy && Int32Array.from(totals.keys()) })
  for (const [rank, count] of counts.entries()) if (count > 0) made.add(rank, count)
  return made
}
const number = (fixed: bigint): number => Number(fixed) / 2 ** Number(LOG_PLACES)

t.test('fixed-point logarithms agree with floating-point ones, and are exact for powers of two', async (t) => {
  for (const n of [1, 2, 1_024, 2 ** 40]) t.equal(log2Fixed(n), BigInt(Math.log2(n)) << LOG_PLACES)
  fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 31 }), (n) => Math.abs(number(log2Fixed(n)) - Math.log2(n)) < 1e-13), { numRuns: 200, seed: 1 })
  t.ok(Math.abs(number(LN2_FIXED) - Math.LN2) < 1e-15)
  t.ok(Math.abs(number(minusLnFixed(1, 216)) - Math.log(216)) < 1e-13)
})

t.test('ordered and equal distance of the salaries in Li et al., ICDE 2007, §5', async (t) => {
  // Salaries 3k…11k; the classes {3k, 4k, 5k} and {6k, 8k, 11k}: 0.375 and 0.167.
  const totals = Array.from({ length: 9 }, () => 1)
  t.equal(rationalToText(orderedDistance(histogram([1, 1, 1], totals)), 4), '0.3750')
  t.equal(rationalToText(orderedDistance(histogram([0, 0, 0, 1, 0, 1, 0, 0, 1], totals)), 4), '0.1667')
  t.equal(rationalToText(equalDistance(histogram([1, 1, 1], totals)), 4), '0.6667')
})

t.test('hierarchical distance moves what it must to the nearest value that wants it', async (t) => {
  const hierarchy = parseHierarchy('h', 'a;x;*\nb;x;*\nc;y;*\nd;y;*\n')
  const totals = [1, 1, 1, 1]
  t.equal(rationalToText(hierarchicalDistance(histogram([1, 1, 1, 1], totals, hierarchy)), 4), '0.0000')
  t.equal(rationalToText(hierarchicalDistance(histogram([2, 0, 2, 0], totals, hierarchy)), 4), '0.2500', 'half of the mass, half of the way')
  t.equal(rationalToText(hierarchicalDistance(histogram([2, 2, 0, 0], totals, hierarchy)), 4), '0.5000', 'half of the mass, all the way')
})

t.test('recursive diversity compares the most frequent value with the tail', async (t) => {
  t.same(recursiveDiversity(histogram([5, 3, 2], [5, 3, 2]), 2), { num: 5n, den: 5n })
  t.equal(recursiveDiversity(histogram([5, 3], [5, 3, 2]), 3).den, 0n, 'fewer than l values: for no c')
})

t.test('entropy diversity is exact where logarithms are not: l equal values have exactly l', async (t) => {
  for (const l of [2, 3, 5, 7, 14]) for (const each of [1, 2, 9]) {
    const even = histogram(Array.from({ length: l }, () => each), Array.from({ length: l }, () => each))
    t.ok(hasEntropyDiversity(even, rational(l)))
    t.notOk(hasEntropyDiversity(even, rational(l * 1_000 + 1, 1_000)))
    t.equal(wholeEntropyDiversity(even).num, BigInt(l))
  }
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }), fc.integer({ min: 2, max: 9 }), (counts, l) => {
    const n = counts.reduce((a, b) => a + b)
    const entropy = -counts.reduce((sum, count) => sum + (count / n) * Math.log(count / n), 0)
    return Math.abs(entropy - Math.log(l)) < 1e-9 || hasEntropyDiversity(histogram(counts, counts), rational(l)) === entropy > Math.log(l)
  }), { numRuns: 300, seed: 2 })
})

t.test('β-likeness bounds the greatest relative gain, enhanced also by −ln p', async (t) => {
  const half = histogram([2, 2], [2, 8])
  t.equal(rationalToText(likenessGain(half), 4), '1.5000', '50 % of the class, 20 % of the whole')
  t.ok(hasEnhancedLikeness(half, rational(3, 2)), '1.5 < −ln 0.2 = 1.609')
  t.notOk(hasEnhancedLikeness(half, rational(14, 10)))
  t.notOk(hasEnhancedLikeness(histogram([4, 0], [2, 8]), rational(10)), 'a gain of 4 is above −ln 0.2')
})
