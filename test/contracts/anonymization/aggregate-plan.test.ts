// Goal: a question is answered over the cells it names, with each row in one cell; what the data set does not have is refused by column and rule.
import t from 'tap'
import type { AggregateQuery } from '../../../primitives/calls/aggregate-query.ts'
import { errorCode, SteleError } from '../../../primitives/error.ts'
import { planAggregate } from '../../../contracts/anonymization/aggregate-plan.ts'
import { parseHierarchy } from '../../../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition } from '../../../contracts/anonymization/kernel/index.ts'

const DEFINITION: DatasetDefinition = {
  attributes: [
    { name: 'id', role: 'identifier', type: 'categorical', person: true }, { name: 'lineage', role: 'quasi-identifier', type: 'categorical', hierarchy: parseHierarchy('lineage', 'B.1.1;B.1;B;*\nB.1.2;B.1;B;*\nB.2.1;B.2;B;*\nP.1.1;P.1;P;*\n') },
    { name: 'onset', role: 'quasi-identifier', type: 'date' }, { name: 'sites', role: 'insensitive', type: 'integer' }, { name: 'cost', role: 'insensitive', type: 'integer' }, { name: 'region', role: 'sensitive', type: 'categorical' },
  ],
  policy: { k: 2 }, algorithm: { name: 'mondrian', mode: 'strict' },
}
const COLUMNS = ['lineage', 'onset', 'sites', 'cost', 'region']
const ROWS = [['B.1.1', '2026-01-01', '1', '10', 'north'], ['B.1.2', '2026-01-07', '2', '-500', 'north'], ['B.2.1', '2026-01-08', '1', '90', 'south'], ['P.1.1', '2026-02-30', '4', '7', 'south']]
const query = (changes: Partial<AggregateQuery> = {}): AggregateQuery => ({ by: [], where: [], measure: null, sharedBy: null, linkedBy: null, ...changes })
const values = (column: string, list: string[], level = 0): AggregateQuery['by'][number] => ({ kind: 'values', value: { column, level, values: list } })
const days = (from: string, step: number, count: number, column = 'onset'): AggregateQuery['by'][number] => ({ kind: 'days', value: { column, from, step, count } })
const counts = (changes: Partial<AggregateQuery>): string => planAggregate(query(changes), DEFINITION).evaluate(COLUMNS, ROWS).counts.join()

t.test('what the data set does not have is refused', async (t) => {
  for (const [changes, rule] of [
    [{ by: [values('nothing', ['x'])] }, /column of the data set/], [{ by: [values('id', ['x'])] }, /no identifier/], [{ by: [values('lineage', ['B'], 9)] }, /a level of/], [{ by: [values('region', ['north'], 1)] }, /a level of/],
    [{ by: [values('lineage', ['B.7'], 1)] }, /labels of that level/], [{ by: [values('region', ['north', 'north'])] }, /each value once/], [{ by: [days('2026-02-30', 7, 2)] }, /a day that exists/], [{ by: [days('2026-01-01', 0, 2)] }, /spans/],
    [{ by: [days('2026-01-01', 7, 2, 'region')] }, /column of dates/], [{ by: [days('2026-01-01', 1, 512), days('2026-01-01', 1, 3)] }, /at most 1024 cells/], [{ measure: { column: 'cost', low: 5n, high: 4n } }, /low ≤ high/],
    [{ measure: { column: 'region', low: 0n, high: 4n } }, /type integer/], [{ measure: { column: 'cost', low: 0n, high: 4n }, sharedBy: 'sites' }, /counted once/],
  ] as [Partial<AggregateQuery>, RegExp][]) {
    try {
      planAggregate(query(changes), DEFINITION)
      t.fail(String(rule))
    } catch (error) {
      t.equal(errorCode(error), 'ANONYMIZATION_QUERY_INVALID')
      t.match(error instanceof SteleError ? String(error.details['rule']) : '', rule)
    }
  }
})

t.test('cells that hold no whole number are named by row and column', async (t) => {
  const plan = planAggregate(query({ measure: { column: 'cost', low: 0n, high: 9n } }), DEFINITION)
  t.throws(() => plan.evaluate(COLUMNS, [ROWS[0]!, ['B.1.1', '2026-01-01', '1', '1.5', 'north']]), { code: 'ANONYMIZATION_CELL_TYPE', details: { row: 2, column: 'cost' } })
  t.throws(() => planAggregate(query({ sharedBy: 'sites' }), DEFINITION).evaluate(COLUMNS, [['B.1.1', '2026-01-01', '9', '1', 'north']]), { code: 'ANONYMIZATION_CELL_TYPE', details: { row: 1, column: 'sites' } })
})

t.test('counts by value, by label of a hierarchy, by span of days, by combinations and under conditions', async (t) => {
  t.equal(counts({}), '4')
  t.equal(counts({ by: [values('region', ['south', 'west', 'north'])] }), '2,0,2')
  t.equal(counts({ by: [values('lineage', ['B.1', 'B.2', 'P.1'], 1)] }), '2,1,1')
  t.equal(counts({ by: [days('2026-01-01', 7, 2)] }), '2,1', 'a day that does not exist lies in no span')
  t.equal(counts({ by: [values('region', ['north', 'south']), values('lineage', ['B', 'P'], 2)] }), '2,0,1,1')
  t.equal(counts({ by: [values('region', ['north', 'south'])], where: [{ column: 'lineage', level: 2, values: ['B'] }] }), '2,1')
})

t.test('sums are clamped, and everybody counts once where several institutions hold them', async (t) => {
  const plan = planAggregate(query({ by: [values('region', ['north', 'south'])], measure: { column: 'cost', low: -20n, high: 50n } }), DEFINITION)
  t.same(plan.evaluate(COLUMNS, ROWS).sums, [-10n, 57n])
  t.same(plan.sensitivity, { count: 1n, sum: 50n })
  const shared = planAggregate(query({ sharedBy: 'sites' }), DEFINITION)
  t.same([shared.unit, shared.sensitivity.count], [840n, 840n])
  t.same(shared.evaluate(COLUMNS, ROWS).counts, [840n + 420n + 840n + 210n])
})
