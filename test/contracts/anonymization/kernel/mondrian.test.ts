/** Goal: the Mondrian variants cut as the paper says and keep k. Method: small tables worked out by hand, then random tables against properties. */
import fc from 'fast-check'
import t from 'tap'
import { anonymize, checkRelease, flatHierarchy, parseHierarchy, releaseHash, releaseRows, tableFromColumns } from '../../../../contracts/anonymization/kernel/index.ts'
import type { Algorithm, DatasetDefinition, Table } from '../../../../contracts/anonymization/kernel/index.ts'

const CITIES = ['Bern', 'Biel', 'Thun', 'Zug']
const CITY = parseHierarchy('city', 'Bern;BE;*\nBiel;BE;*\nThun;BE;*\nZug;ZG;*\n')

function table(rows: readonly (readonly [age: number, city: string, illness: string])[]): Table {
  return tableFromColumns([{ name: 'age', cells: rows.map(([age]) => String(age)) }, { name: 'city', cells: rows.map(([, city]) => city) }, { name: 'illness', cells: rows.map(([, , illness]) => illness) }])
}

function definition(algorithm: Algorithm, k: number): DatasetDefinition {
  return {
    attributes: [{ name: 'age', role: 'quasi-identifier', type: 'integer' }, { name: 'city', role: 'quasi-identifier', type: 'categorical', hierarchy: CITY }, { name: 'illness', role: 'sensitive', type: 'categorical', hierarchy: flatHierarchy('illness', ['A', 'B', 'C']) }],
    policy: { k }, algorithm, statistics: { columns: ['age'], crossProducts: false },
  }
}

t.test('strict Mondrian cuts the widest column at its lower median and publishes the extremes of each class', async (t) => {
  const rows = [[20, 'Bern', 'A'], [30, 'Bern', 'B'], [40, 'Zug', 'A'], [50, 'Zug', 'C']] as const
  const release = anonymize(table(rows), definition({ name: 'mondrian', mode: 'strict' }, 2))
  t.strictSame([...releaseRows(release)], [['20..30', 'Bern', 'A'], ['20..30', 'Bern', 'B'], ['40..50', 'Zug', 'A'], ['40..50', 'Zug', 'C']])
  t.strictSame(release.statistics[0]?.sum, [50n, 90n], 'and the exact sums of the ages they were made from')
})

t.test('relaxed Mondrian deals rows with the median value to both sides', async (t) => {
  const rows = [[20, 'Bern', 'A'], [30, 'Bern', 'A'], [30, 'Bern', 'B'], [30, 'Bern', 'C']] as const
  t.equal(anonymize(table(rows), definition({ name: 'mondrian', mode: 'strict' }, 2)).metrics.classCount, 1, 'strict cannot part the rows of age 30')
  t.strictSame([...releaseRows(anonymize(table(rows), definition({ name: 'mondrian', mode: 'relaxed' }, 2)))].map(([age]) => age), ['20..30', '20..30', '30', '30'])
})

t.test('hierarchy Mondrian publishes labels of the hierarchy only', async (t) => {
  const rows = [[20, 'Bern', 'A'], [20, 'Thun', 'B'], [20, 'Zug', 'A'], [20, 'Zug', 'C']] as const
  t.strictSame([...releaseRows(anonymize(table(rows), definition({ name: 'mondrian', mode: 'hierarchy' }, 2)))].map(([, city]) => city), ['BE', 'BE', 'Zug', 'Zug'])
})

const row = fc.tuple(fc.integer({ min: -50, max: 120 }), fc.constantFrom(...CITIES), fc.constantFrom('A', 'B', 'C'))

for (const mode of ['strict', 'relaxed', 'hierarchy'] as const) {
  t.test(`whatever the rows, a ${mode} release passes its own check, in any order of rows the same one`, async (t) => {
    fc.assert(fc.property(fc.array(row, { minLength: 5, maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (rows, k) => {
      const wanted = definition({ name: 'mondrian', mode }, k)
      const release = anonymize(table(rows), wanted)
      const { ok, findings } = checkRelease(release, wanted, { rowCount: rows.length })
      if (!ok) t.fail('a release of ours does not pass', { findings })
      return ok && release.metrics.smallestClass >= k && releaseHash(anonymize(table(rows.toReversed()), wanted)) === releaseHash(release)
    }), { numRuns: 150, seed: 41 })
  })
}
