// Goal: a question that links persons is about an identifier and nothing else, bounded in size; its answer takes the standing dummies off, hides small cells, and takes no share that differs.
import t from 'tap'
import { combineLinked, planLinked } from '../../../contracts/anonymization/linked-query.ts'
import type { DatasetDefinition } from '../../../contracts/anonymization/kernel/index.ts'
import type { AggregateQuery } from '../../../primitives/calls/aggregate-query.ts'
import { noiseBound } from '../../../privacy/linkage/noise.ts'
import { bytes32 } from '../../helpers/contract-world.ts'

const DEFINITION: DatasetDefinition = {
  attributes: [{ name: 'id', role: 'identifier', type: 'categorical', person: true }, { name: 'name', role: 'identifier', type: 'categorical' }, { name: 'disease', role: 'sensitive', type: 'categorical' }],
  policy: { k: 5 }, algorithm: { name: 'mondrian', mode: 'strict' },
}
const query = (changes: Partial<AggregateQuery> = {}): AggregateQuery => ({ by: [], where: [], measure: null, sharedBy: null, linkedBy: 'id', ...changes })
const PAID = { mechanism: 'laplace', epsilon: 1_000_000 } as const
const SIZES = { sites: 3, size: 1_000 }

t.test('what cannot be linked is refused by column and rule', async (t) => {
  for (const [changes, paid, sizes, rule] of [
    [{ linkedBy: 'disease' }, PAID, SIZES, /identifier/], [{ linkedBy: 'name' }, PAID, SIZES, /names the person/], [{ linkedBy: 'nothing' }, PAID, SIZES, /identifier/], [{ linkedBy: null }, PAID, SIZES, /identifier/],
    [{ sharedBy: 'disease' }, PAID, SIZES, /cells are counted/], [{ measure: { column: 'disease', low: 0n, high: 1n } }, PAID, SIZES, /cells are counted/], [{ by: [{ kind: 'values', value: { column: 'disease', level: 0, values: ['flu'] } }] }, PAID, SIZES, /cells are counted/],
    [{ where: [{ column: 'id', level: 0, values: ['x'] }] }, PAID, SIZES, /no identifier/], [{}, { ...PAID, mechanism: 'gaussian' }, SIZES, /laplace/], [{}, PAID, { ...SIZES, sites: 1 }, /2 to 8/], [{}, PAID, { ...SIZES, sites: 9 }, /2 to 8/],
    [{}, PAID, { ...SIZES, size: 17_000 }, /at most 50000/], [{}, { ...PAID, epsilon: 1 }, SIZES, /larger epsilon/],
  ] as [Partial<AggregateQuery>, Parameters<typeof planLinked>[2], Parameters<typeof planLinked>[3], RegExp][]) t.throws(() => planLinked(query(changes), DEFINITION, paid, sizes), { code: 'ANONYMIZATION_QUERY_INVALID', details: { rule } })
})

t.test('conditions decide who is linked', async (t) => {
  const { isMeant, column, added } = planLinked(query({ where: [{ column: 'disease', level: 0, values: ['flu', 'asthma'] }] }), DEFINITION, PAID, SIZES)
  t.same([column, added], ['id', 504])
  t.same(['flu', 'gout', 'asthma'].map((disease) => isMeant(['id', 'disease'], ['1', disease])), [true, false, true])
})

t.test('an answer: persons in all and by number of institutions, small ones hidden, differing shares taken for none', async (t) => {
  const answer = bytes32('answer')
  const still = BigInt(3 * noiseBound(1_000_000))
  const cells = [40n, 4n, -6n].map((count) => count + still)
  const shares = [3, 1, 2].map((member) => ({ answer, member, cells }))
  const paid = { sites: [1, 2, 3], answer, epsilon: 1_000_000, smallest: 5 }
  t.same(combineLinked(shares, paid), { answer, sites: 3, unit: 1, counts: [38n, 40n, null, null], sums: null })
  t.equal(combineLinked(shares.slice(1), paid), undefined)
  t.equal(combineLinked([...shares.slice(1), { ...shares[0]!, cells: cells.with(1, 9n) }], paid), undefined)
  t.equal(combineLinked([...shares.slice(1), { ...shares[0]!, cells: cells.slice(1) }], paid), undefined)
  t.equal(combineLinked([...shares.slice(1), { ...shares[0]!, answer: bytes32('other') }], paid), undefined)
  t.equal(combineLinked([], { ...paid, sites: [] }), undefined)
})
