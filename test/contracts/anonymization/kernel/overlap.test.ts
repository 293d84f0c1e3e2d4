/** Goal: two releases that together single out fewer than k are found. Method: attacks by hand. */
import t from 'tap'
import { overlapBreaches, overlapOf } from '../../../../contracts/anonymization/kernel/overlap.ts'
import { errorCode } from '../../../../primitives/error.ts'

t.test('composition: two recodings of the same people, each 2-anonymous, that meet in single persons', async (t) => {
  const overlap = overlapOf({ earlier: Int32Array.of(0, 0, 1, 1), later: Int32Array.of(0, 1, 0, 1) })
  t.match(overlap, { common: 4, smallestIntersection: 1, refines: false })
  t.same(overlapBreaches(overlap, 2), ['recoding', 'intersection'])
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
