// Goal: a node whose data were wiped learns from the others that its words count no more, and is not ready; a single liar cannot make a sound one say so.
import t from 'tap'
import { silentLogger } from '../../primitives/ports.ts'
import { RefusedBy, refusalsIn } from '../../node/refused-by.ts'
import type { Refusal } from '../../node/refused-by.ts'

function open(voters: number, answers: Readonly<Record<number, readonly Refusal[] | undefined>>) {
  const lines: object[] = []
  const refusedBy = new RefusedBy({ self: 3, voters: () => voters, ask: (node) => Promise.resolve(answers[node]), logger: { ...silentLogger, error: (details) => { lines.push(details) } } })
  return { refusedBy, lines }
}
const refusal = { node: 3, reason: 'its log ends at 0, it had committed 234' }

t.test('more refusals than liars are borne are believed, and told once', async (t) => {
  const { refusedBy, lines } = open(4, { 1: [{ node: 2, reason: 'x' }, refusal], 2: [refusal], 4: [refusal] })
  await refusedBy.look(4)
  t.same([refusedBy.nodes, lines], [[], []], 'one of four may lie')
  await refusedBy.look(1)
  t.same(refusedBy.nodes, [1, 4])
  await refusedBy.look(2)
  t.same(refusedBy.nodes, [1, 2, 4])
  t.match(lines, [{ code: 'NODE_REFUSED', by: [1, 4], reason: refusal.reason }])
  t.equal(lines.length, 1)
})

t.test('who does not answer, refuses others, or takes it back, refuses nobody here', async (t) => {
  const answers: Record<number, readonly Refusal[] | undefined> = { 1: undefined, 2: [{ node: 1, reason: 'x' }] }
  const { refusedBy } = open(3, answers)
  await refusedBy.look(1)
  await refusedBy.look(2)
  t.same(refusedBy.nodes, [])
  answers[1] = [refusal]
  await refusedBy.look(1)
  t.same(refusedBy.nodes, [1], 'at three nobody may lie')
  answers[1] = []
  await refusedBy.look(1)
  t.same(refusedBy.nodes, [])
})

t.test('garbage in an answer is left out', (t) => {
  for (const value of [undefined, 7, 'x', {}, [null, 1, 'x', {}, { node: '3', reason: 'x' }, { node: 3 }]]) t.same(refusalsIn(value), [])
  t.same(refusalsIn([{ node: 3, reason: 'y'.repeat(500) }]), [{ node: 3, reason: 'y'.repeat(200) }])
  t.equal(refusalsIn(Array.from({ length: 500 }, () => refusal)).length, 64)
  t.end()
})
