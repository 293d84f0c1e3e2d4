// Goal: answers are paid for before they are given, once, by who may ask, over institutions that are fixed by the first question; tiny ones do not answer.
import t from 'tap'
import { anonymizationEvents, ROLES } from '../../../primitives/calls/index.ts'
import type { CallArgs } from '../../../primitives/calls/index.ts'
import { decode } from '../../../primitives/codec.ts'
import type { Infer } from '../../../primitives/codec.ts'
import type { Receipt } from '../../../primitives/receipt.ts'
import { readerOf } from '../../../contracts/index.ts'
import { aggregateSites, budgets } from '../../../contracts/anonymization/tables.ts'
import { bytes32 } from '../../helpers/contract-world.ts'
import type { Actor } from '../../helpers/contract-world.ts'
import { DATASET, Scene } from '../../helpers/dataset-scene.ts'

const contribute = ({ world }: Scene, actor: Actor, changes: Partial<CallArgs<'anonymization', 'contribute'>> = {}): string =>
  world.call(actor, 'anonymization', 'contribute', { dataset: DATASET, version: 1, persons: 30, original: bytes32('rows'), ...changes }).code
const spend = ({ world }: Scene, actor: Actor, query: string, epsilon: number, changes: Partial<CallArgs<'anonymization', 'spend'>> = {}): Receipt =>
  world.call(actor, 'anonymization', 'spend', { dataset: DATASET, version: 1, purpose: 'HRESCH', query: bytes32(query), mechanism: 'laplace', epsilon, ...changes })
const spent = (receipt: Receipt): Infer<typeof anonymizationEvents.spent> => decode(anonymizationEvents.spent, receipt.events[0]!.data)
const joined = (): Scene => {
  const scene = new Scene()
  for (const member of [3, 1, 2]) contribute(scene, scene.world.institution(member))
  return scene
}

t.test('institutions that answer are large enough, each once, before the first question', async (t) => {
  const scene = new Scene()
  const { world, researcher } = scene
  t.equal(contribute(scene, researcher), 'INSTITUTION_NEEDED')
  t.equal(contribute(scene, world.institution(1), { version: 2 }), 'DATASET_UNKNOWN')
  t.equal(contribute(scene, world.institution(1), { persons: 4 }), 'CONTRIBUTION_SMALL', 'k is 5')
  for (const member of [3, 1]) t.equal(contribute(scene, world.institution(member)), 'OK')
  t.equal(contribute(scene, world.institution(1)), 'CONTRIBUTED_TWICE')
  t.equal(spend(scene, researcher, 'q', 10).code, 'SITES_TOO_FEW')
  t.equal(contribute(scene, world.institution(2), { persons: 5 }), 'OK')
  t.same(spent(spend(scene, researcher, 'q', 10)).sites, [1, 2, 3])
  t.equal(contribute(scene, world.institution(4)), 'CONTRIBUTIONS_CLOSED')
  t.same(readerOf(world.state).get(aggregateSites, DATASET, 1), { members: [1, 2, 3], closed: true })
  scene.define({}, { version: 2 })
  t.equal(contribute(scene, world.institution(4), { version: 2 }), 'OK', 'a new version begins anew')
})

t.test('epsilon is spent before an answer, once for each answer and recipient, and never comes back', async (t) => {
  const scene = joined()
  const { world, researcher } = scene
  const colleague = world.enroll(2, 'researcher', 'colleague')
  t.equal(spend(scene, colleague, 'q', 10).code, 'QUERY_NOT_PERMITTED')
  t.equal(spend(scene, researcher, 'q', 10, { purpose: 'TREAT' }).code, 'QUERY_NOT_PERMITTED')
  t.equal(spend(scene, researcher, 'q', 10, { dataset: bytes32('none') }).code, 'QUERY_NOT_PERMITTED')
  t.equal(spend(scene, researcher, 'q', 0).code, 'EPSILON_INVALID')
  const first = spent(spend(scene, researcher, 'q', 600_000))
  t.match(first, { charged: 600_000, epsilon: 600_000, left: 400_000, recipient: 2, owner: 1, requester: researcher.account, query: bytes32('q'), mechanism: 'laplace' })
  world.certify(2, colleague.account, 'role', ROLES.researcher)
  const again = spent(spend(scene, colleague, 'q', 600_000))
  t.match(again, { charged: 0, epsilon: 600_000, left: 400_000, requester: colleague.account }, 'the same answer, asked by a colleague')
  t.same(again.answer, first.answer)
  t.equal(spend(scene, colleague, 'q', 600_000, { mechanism: 'gaussian' }).code, 'BUDGET_EXHAUSTED', 'other noise is another answer')
  t.equal(spend(scene, researcher, 'r', 400_001).code, 'BUDGET_EXHAUSTED')
  t.match(spent(spend(scene, researcher, 'r', 400_000)), { left: 0 })
  t.match(spent(spend(scene, researcher, 'r', 400_000)), { charged: 0, left: 0 }, 'what is paid stays answered')
  t.equal(readerOf(world.state).get(budgets, DATASET, 'HRESCH', 2), 1_000_000)
})
