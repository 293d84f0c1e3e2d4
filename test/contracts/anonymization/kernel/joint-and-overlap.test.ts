/** Goal: sites that add up histograms grow the tree of the union; two releases that together single out fewer than k are found. Method: random tables against the plain algorithm; attacks by hand. */
import fc from 'fast-check'
import t from 'tap'
import type { CodedColumn } from '../../../../contracts/anonymization/kernel/coding.ts'
import { decideJointCut } from '../../../../contracts/anonymization/kernel/joint-cut.ts'
import { strictMondrian } from '../../../../contracts/anonymization/kernel/mondrian.ts'
import { overlapBreaches, overlapOf } from '../../../../contracts/anonymization/kernel/overlap.ts'
import { allRows } from '../../../../contracts/anonymization/kernel/row-order.ts'
import { rulerOf } from '../../../../contracts/anonymization/kernel/width.ts'
import { errorCode } from '../../../../primitives/error.ts'

const SIZES = [9, 5, 3]
const columnsOf = (rows: readonly (readonly number[])[]): CodedColumn[] => SIZES.map((size, q) => ({ coding: 'ordered', name: String(q), type: 'categorical', codes: Int32Array.from(rows, (row) => row[q]!), texts: Array.from({ length: size }, (_, i) => String(i)) }))

/** Classes as texts, grown from sums of the sites' histograms; a site parts its own rows only. */
function joint(sites: readonly (readonly (readonly number[])[])[], k: number): string[] {
  const rulers = columnsOf([]).map(rulerOf)
  const terms = { ranges: rulers.map(({ range }) => range), k, width: (q: number, low: number, high: number) => rulers[q]!.width(low, high) }
  const classes: string[] = []
  const open = [{ parts: sites, low: SIZES.map(() => 0) as readonly number[], high: SIZES.map((size) => size - 1) as readonly number[] }]
  for (let each = open.pop(); each !== undefined; each = open.pop()) {
    const { parts, low, high } = each
    const histograms = SIZES.map((size, q) => {
      const sum = new Int32Array(size)
      for (const rows of parts) for (const row of rows) sum[row[q]!]!++
      return sum
    })
    const { bounds, cut } = decideJointCut({ histograms, low, high }, terms)
    if (cut === undefined) classes.push(`${bounds.low.join()}-${bounds.high.join()}:${parts.reduce((sum, rows) => sum + rows.length, 0)}`)
    else for (const [side, keep] of [[cut.left, true], [cut.right, false]] as const) open.push({ parts: parts.map((rows) => rows.filter((row) => row[cut.q]! <= cut.at === keep)), ...side })
  }
  return classes.sort()
}

t.test('three sites grow the tree that strict Mondrian grows over the union, whoever holds which row', async (t) => {
  const row = fc.tuple(...SIZES.map((size) => fc.integer({ min: 0, max: size - 1 })))
  fc.assert(fc.property(fc.array(fc.tuple(row, fc.integer({ min: 0, max: 2 })), { minLength: 4, maxLength: 80 }), fc.integer({ min: 1, max: 4 }), (held, k) => {
    const rows = held.map(([values]) => values)
    const { starts, low, high } = strictMondrian(columnsOf(rows), allRows(rows.length), k)
    const plain = Array.from({ length: starts.length - 1 }, (_, i) => `${low.map((ends) => ends[i]).join()}-${high.map((ends) => ends[i]).join()}:${starts[i + 1]! - starts[i]!}`).sort()
    return plain.join(';') === joint([0, 1, 2].map((site) => held.filter(([, at]) => at === site).map(([values]) => values)), k).join(';')
  }), { numRuns: 200, seed: 5 })
})

t.test('composition: two recodings of the same people, each 2-anonymous, that meet in single persons', async (t) => {
  const overlap = overlapOf({ earlier: Int32Array.of(0, 0, 1, 1), later: Int32Array.of(0, 1, 0, 1) })
  t.match(overlap, { common: 4, smallestIntersection: 1, refines: false })
  t.same(overlapBreaches(overlap, 2), ['intersection'])
})

t.test('differencing: one person withdraws, and the subtraction names them', async (t) => {
  const overlap = overlapOf({ earlier: Int32Array.of(0, 0, 0, 1, 1), later: Int32Array.of(0, 0, -1, 1, 1) })
  t.match(overlap, { smallestLeft: 1, smallestJoined: undefined, refines: true })
  t.same(overlapBreaches(overlap, 2), ['differencing'])
})

t.test('a release that refines the first tree, with k people at a time, may stand', async (t) => {
  const overlap = overlapOf({ earlier: Int32Array.of(0, 0, 0, 0, 1, 1, -1, -1), later: Int32Array.of(0, 0, 1, 1, 2, 2, 3, 3) })
  t.match(overlap, { common: 6, smallestIntersection: 2, smallestJoined: 2, refines: true })
  t.same(overlapBreaches(overlap, 2), [])
  t.same(overlapBreaches(overlapOf({ earlier: Int32Array.of(0, 0, -1, -1), later: Int32Array.of(-1, -1, 0, 0) }), 2), [], 'nobody in both')
})

t.test('lists of different persons are refused', async (t) => {
  try {
    overlapOf({ earlier: Int32Array.of(0), later: Int32Array.of(0, 0) })
    t.fail('nothing thrown')
  } catch (error) {
    t.equal(errorCode(error), 'ANONYMIZATION_RELEASE_MALFORMED')
  }
})
