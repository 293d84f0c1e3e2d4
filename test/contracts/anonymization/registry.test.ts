// Goal: a release that points at somebody beside an earlier one is refused, or paid for from the budget, by the contract alone; and nobody leaves an earlier one out.
import t from 'tap'
import { anonymizationEvents, OVERLAP_PRICE } from '../../../primitives/calls/index.ts'
import type { OverlapFigures } from '../../../primitives/calls/index.ts'
import { decode } from '../../../primitives/codec.ts'
import { readerOf } from '../../../contracts/index.ts'
import { budgets, registry, registrySize, releases } from '../../../contracts/anonymization/tables.ts'
import { bytes32 } from '../../helpers/contract-world.ts'
import { DATASET, Scene, TERMS } from '../../helpers/dataset-scene.ts'
import type { Terms } from '../../helpers/dataset-scene.ts'

const NONE: OverlapFigures = { common: 0, smallestIntersection: 0, smallestLeft: 0, smallestJoined: 0, refines: true }
/** All 120 persons in both, each class parted in two of at least five. */
const REFINED: OverlapFigures = { common: 120, smallestIntersection: 5, smallestLeft: 0, smallestJoined: 0, refines: true }
const MIXED: OverlapFigures = { ...REFINED, refines: false }

/** A scene with one release accepted. */
function accepted(terms: Partial<Terms> = {}): Scene {
  const scene = new Scene(4, { ...TERMS, ...terms })
  const { id } = scene.release(scene.selected())
  for (const member of [1, 2, 3]) scene.attest(member, id)
  return scene
}

const next = (scene: Scene): Uint8Array => scene.release(scene.selected(), {}, { release: bytes32(`release at ${scene.world.height}`) }).id
const charged = ({ events }: ReturnType<Scene['compare']>): unknown => decode(anonymizationEvents.compared, events[0]!.data)

t.test('comparing is for the author of an open release, after every contributor to both has committed to its part', async (t) => {
  const scene = accepted()
  const id = next(scene)
  t.equal(scene.compare(bytes32('none')).code, 'RELEASE_UNKNOWN')
  t.equal(scene.compare(id, [], { member: 2 }).code, 'RELEASE_NOT_OWN')
  t.equal(scene.world.call(scene.researcher, 'anonymization', 'compare', { release: id, comparisons: [] }).code, 'INSTITUTION_NEEDED')
  t.equal(scene.compare(id).code, 'OK')
  t.equal(scene.overlap(bytes32('none'), 0, 1), 'RELEASE_UNKNOWN')
  t.equal(scene.overlap(id, 1, 1), 'OVERLAP_NEEDLESS', 'no such earlier release')
  t.equal(scene.overlap(id, 0, 4), 'OVERLAP_NEEDLESS', 'no contributor')
  t.equal(scene.world.call(scene.researcher, 'anonymization', 'overlap', { release: id, position: 0, part: bytes32('part') }).code, 'INSTITUTION_NEEDED')
  t.equal(scene.compare(id, [{ position: 0, figures: REFINED }], { parts: [1, 3] }).code, 'OVERLAP_PART_MISSING')
  t.equal(scene.overlap(id, 0, 3), 'OVERLAP_TWICE')
  t.equal(scene.compare(id, [{ position: 0, figures: REFINED }]).code, 'OK')
  for (const member of [1, 2, 3]) scene.attest(member, id)
  t.equal(scene.compare(id).code, 'RELEASE_DECIDED')
  t.equal(scene.overlap(id, 0, 1), 'RELEASE_DECIDED')
})

t.test('no earlier release that shares a contributor is left out, and none is named twice or out of place', async (t) => {
  const scene = accepted()
  const id = next(scene)
  t.equal(scene.attest(1, id).code, 'OVERLAP_UNDECLARED')
  t.equal(scene.compare(id).code, 'OK', 'says nothing of the one there is')
  t.equal(scene.attest(1, id).code, 'OVERLAP_UNDECLARED')
  t.equal(scene.compare(id, [{ position: 1, figures: NONE }]).code, 'OVERLAP_ORDER')
  t.equal(scene.compare(id, [{ position: 0, figures: REFINED }, { position: 0, figures: REFINED }]).code, 'OVERLAP_ORDER')
  t.equal(scene.compare(id, [{ position: 0, figures: REFINED }]).code, 'OK')
  t.equal(scene.compare(id, [{ position: 0, figures: REFINED }]).code, 'OVERLAP_ORDER', 'it stands already')
  t.equal(scene.attest(1, id).code, 'OK')
  t.equal(readerOf(scene.world.state).get(registrySize), 1)
})

t.test('figures that contradict each other are refused', async (t) => {
  const scene = accepted()
  const id = next(scene)
  for (const wrong of [{ common: 121 }, { smallestIntersection: 0 }, { smallestIntersection: 121 }, { smallestLeft: 1 }, { smallestJoined: 1 }, { common: 0 }] as Partial<OverlapFigures>[]) t.equal(scene.compare(id, [{ position: 0, figures: { ...REFINED, ...wrong } }]).code, 'OVERLAP_FIGURES_INVALID', JSON.stringify(wrong))
})

t.test('a second recoding that does not refine, a small intersection and a small difference are each refused when no budget pays', async (t) => {
  const scene = accepted({ budget: OVERLAP_PRICE - 1 })
  const id = next(scene)
  for (const [figures, code] of [
    [MIXED, 'RECODING_INDEPENDENT'], [{ ...REFINED, smallestIntersection: 4 }, 'INTERSECTION_SMALL'], [{ ...REFINED, common: 119, smallestLeft: 1 }, 'DIFFERENCE_SMALL'],
    [{ ...REFINED, common: 119, smallestJoined: 1 }, 'DIFFERENCE_SMALL'], [{ common: 119, smallestIntersection: 1, smallestLeft: 1, smallestJoined: 1, refines: false }, 'RECODING_INDEPENDENT'],
  ] as [OverlapFigures, string][]) t.equal(scene.compare(id, [{ position: 0, figures }]).code, code)
  t.equal(readerOf(scene.world.state).get(budgets, DATASET, 'HRESCH', 2), undefined, 'nothing was spent')
  t.equal(scene.attest(1, id).code, 'OVERLAP_UNDECLARED')
  t.match(charged(scene.compare(id, [{ position: 0, figures: REFINED }])), { charged: 0, compared: 1, registered: 1 }, 'a refinement is free')
})

t.test('budget pays for singling out, once for a request and an earlier release, until it is gone', async (t) => {
  const scene = accepted({ budget: OVERLAP_PRICE })
  const id = next(scene)
  t.match(charged(scene.compare(id, [{ position: 0, figures: MIXED }])), { charged: OVERLAP_PRICE })
  for (const member of [1, 2]) scene.attest(member, id, 'rows')
  const { request } = readerOf(scene.world.state).get(releases, id)!
  const again = scene.release(request, {}, { release: bytes32('made anew') }).id
  t.match(charged(scene.compare(again, [{ position: 0, figures: MIXED }])), { charged: 0 }, 'the first one was refused and never given out')
  for (const member of [1, 2, 3]) scene.attest(member, again)
  t.equal(readerOf(scene.world.state).get(releases, again)?.state, 'accepted')
  const third = next(scene)
  t.equal(scene.compare(third, [{ position: 0, figures: MIXED }, { position: 1, figures: REFINED }]).code, 'RECODING_INDEPENDENT')
  t.match(charged(scene.compare(third, [{ position: 0, figures: REFINED }, { position: 1, figures: REFINED }])), { charged: 0, compared: 2 })
})

t.test('a larger k of the earlier data set counts for both', async (t) => {
  const scene = accepted({ k: 5 })
  scene.define({ k: 4, budget: 0 }, { version: 2 })
  const { id: request } = scene.request(undefined, { version: 2 })
  for (const member of [1, 2, 3]) scene.select(member, request)
  const { id } = scene.release(request)
  t.equal(scene.compare(id, [{ position: 0, figures: { ...REFINED, smallestIntersection: 4 } }]).code, 'INTERSECTION_SMALL')
})

t.test('releases of other institutions are walked past: they hold other persons', async (t) => {
  const scene = new Scene(7, { ...TERMS, contributorsMin: 1 })
  const one = (member: number): Uint8Array => {
    const { id } = scene.request()
    scene.select(member, id, 100)
    return scene.release(id, {}, { release: bytes32(`of ${member}`) }, member).id
  }
  const first = one(1)
  for (const member of [1, 2, 3, 4, 5]) scene.attest(member, first)
  const other = one(4)
  t.equal(scene.compare(other, [{ position: 0, figures: NONE }], { member: 4, parts: [] }).code, 'OVERLAP_ORDER', 'named without need')
  for (const member of [1, 2, 3, 4, 5]) scene.attest(member, other)
  t.match(readerOf(scene.world.state).get(registry, 1), { release: other, contributors: [4], persons: 100 })
})

t.test('two releases under way: once one is accepted, the verdicts on the other begin anew', async (t) => {
  const scene = new Scene()
  const [first, second] = [next(scene), next(scene)]
  for (const member of [1, 2]) scene.attest(member, second)
  for (const member of [1, 2, 3]) scene.attest(member, first)
  const state = readerOf(scene.world.state)
  t.equal(state.get(releases, first)?.state, 'accepted')
  t.equal(scene.attest(3, second).code, 'OVERLAP_UNDECLARED', 'the third verdict does not accept what two have not seen')
  t.match(charged(scene.compare(second, [{ position: 0, figures: REFINED }])), { compared: 1 })
  t.equal(state.get(releases, second)?.sound, 0)
  for (const member of [3, 1, 2]) t.equal(scene.attest(member, second).code, 'OK')
  t.equal(state.get(releases, second)?.state, 'accepted')
  t.equal(scene.attest(1, second).code, 'ATTESTED_ALREADY')
})
