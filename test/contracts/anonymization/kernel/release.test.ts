/** Goal: a release says exactly what it should, survives being written and read, and a forged one is found out. */
import t from 'tap'
import { anonymize, checkRelease, classifierAccuracy, covarianceOver, meanOver, parseHierarchy, queryError, rationalToText, releaseHash, releaseRows, tableFromColumns, varianceOver } from '../../../../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition, Release } from '../../../../contracts/anonymization/kernel/index.ts'
import { releaseSchema } from '../../../../contracts/anonymization/release-format.ts'
import { releaseForm, releaseOfForm } from '../../../../contracts/anonymization/release-forms.ts'
import { decode, encode } from '../../../../primitives/codec.ts'
import { utf8Bytes } from '../../../../primitives/bytes.ts'

const CITY = parseHierarchy('city', 'Bern;BE;*\nBiel;BE;*\nZug;ZG;*\n')
const ROWS = Array.from({ length: 60 }, (_, i) => [String(20 + ((i * 7) % 50)), ['Bern', 'Biel', 'Zug'][i % 3]!, ['A', 'B', 'C', 'D'][(i * 5) % 4]!, (1.5 * ((i * 11) % 17)).toFixed(1)])
const table = tableFromColumns(['age', 'city', 'illness', 'dose'].map((name, i) => ({ name, cells: ROWS.map((row) => row[i]!) })))
const definition = (algorithm: DatasetDefinition['algorithm']): DatasetDefinition => ({
  attributes: [{ name: 'age', role: 'quasi-identifier', type: 'integer', hierarchy: algorithm.name === 'mondrian' ? undefined : parseHierarchy('age', Array.from({ length: 50 }, (_, i) => `${20 + i};${2 + Math.floor(i / 10)}0s;*`).join('\n')) }, { name: 'city', role: 'quasi-identifier', type: 'categorical', hierarchy: CITY }, { name: 'illness', role: 'sensitive', type: 'categorical' }, { name: 'dose', role: 'insensitive', type: 'decimal' }],
  policy: { k: 4, diversity: [{ attribute: 'illness', kind: 'distinct', l: '2' }], closeness: [{ attribute: 'illness', distance: 'equal', t: '0.6' }], suppressionLimit: '0.1' }, algorithm, statistics: { columns: ['age', 'dose'], crossProducts: true },
})
const strict = definition({ name: 'mondrian', mode: 'strict' })
const made = anonymize(table, strict)

t.test('means, variances and covariances over whole classes are those of the original', async (t) => {
  const all = [...made.classSizes.keys()]
  const [ages, doses] = [ROWS.map((row) => Number(row[0])), ROWS.map((row) => Number(row[3]))]
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length
  const [age, dose, pair] = made.statistics
  t.equal(rationalToText(meanOver(age!, made.classSizes, all), 9), mean(ages).toFixed(9))
  t.equal(rationalToText(meanOver(dose!, made.classSizes, all), 9), mean(doses).toFixed(9))
  t.equal(rationalToText(varianceOver(dose!, made.classSizes, all), 6), mean(doses.map((value) => (value - mean(doses)) ** 2)).toFixed(6))
  t.equal(rationalToText(covarianceOver(pair!, age!, dose!, made.classSizes, all), 6), mean(ages.map((value, i) => (value - mean(ages)) * (doses[i]! - mean(doses)))).toFixed(6))
})

for (const algorithm of [{ name: 'mondrian', mode: 'strict' }, { name: 'mondrian', mode: 'relaxed' }, { name: 'mondrian', mode: 'hierarchy' }, { name: 'datafly' }, { name: 'full-domain' }] as const) {
  t.test(`a ${JSON.stringify(algorithm)} release that went through canonical bytes is the same one`, async (t) => {
    const wanted = definition(algorithm)
    const release = anonymize(table, wanted)
    const again = releaseOfForm(decode(releaseSchema, encode(releaseSchema, releaseForm(release))))
    t.same([...releaseRows(again)], [...releaseRows(release)])
    t.equal(releaseHash(again), releaseHash(release))
    t.same(checkRelease(again, wanted, { hash: releaseHash(release), rowCount: 60 }).findings, [])
  })
}

/** The release with one thing changed. */
const forge = (change: (copy: { -readonly [Key in keyof Release]: Release[Key] }) => void): Release => {
  const copy = structuredClone(made) as { -readonly [Key in keyof Release]: Release[Key] }
  change(copy)
  return copy
}
const findings = (release: Release, expected = {}): readonly string[] => [...new Set(checkRelease(release, strict, expected).findings.map(({ code }) => code))]

t.test('the untouched release passes', async (t) => t.same(findings(made, { hash: releaseHash(made), rowCount: 60 }), []))

const FORGERIES: readonly (readonly [string, string, (copy: { -readonly [Key in keyof Release]: Release[Key] }) => void])[] = [
  ['a row moved to the next class', 'RELEASE_METRICS', (copy) => {
    copy.classSizes[0]!--
    copy.classSizes[1]!++
  }],
  ['two rows of a class exchanged', 'RELEASE_ORDER', (copy) => {
    const at = copy.payload[0]!.codes.findIndex((code, row) => row > 0 && row < made.classSizes[0]! && code !== copy.payload[0]!.codes[row - 1])
    for (const { codes } of copy.payload) [codes[at - 1], codes[at]] = [codes[at]!, codes[at - 1]!]
  }],
  ['a class of k − 1', 'RELEASE_K', (copy) => {
    copy.classSizes = Int32Array.from([3, ...copy.classSizes.subarray(1)])
    copy.rowCount = copy.classSizes.reduce((a, b) => a + b)
    copy.payload = copy.payload.map((column) => ({ ...column, codes: column.codes.slice(made.rowCount - copy.rowCount) }))
  }],
  ['a count changed', 'RELEASE_COUNT', (copy) => void (copy.suppressedCount = 1)],
  ['more suppressed than allowed', 'RELEASE_SUPPRESSION', (copy) => void (copy.suppressedCount = 20)],
  ['a loss made smaller', 'RELEASE_METRICS', (copy) => void (copy.metrics = { ...copy.metrics, ncp: { num: 0n, den: 1n } })],
  ['a sum of published values changed', 'RELEASE_STATISTICS', (copy) => void (copy.statistics = copy.statistics.map((each, i) => (i === 1 ? { ...each, sum: each.sum.map((sum, index) => (index === 0 ? sum + 1n : sum)) } : each)))],
  ['a sum out of the range of its class', 'RELEASE_STATISTICS', (copy) => void (copy.statistics = copy.statistics.map((each, i) => (i === 0 ? { ...each, sum: each.sum.map((sum) => sum * 9n), products: each.products.map((sum) => sum * 99n) } : each)))],
  ['a range turned round', 'RELEASE_VALUE', (copy) => void (copy.quasi = copy.quasi.map((column, q) => (q === 0 ? { ...column, values: column.values.map((value) => (value.kind === 'range' ? { ...value, low: value.high, high: value.low } : value)) } : column)))],
  ['a class that is all of one illness', 'RELEASE_MODEL', (copy) => void copy.payload[0]!.codes.fill(0, 0, made.classSizes[0])],
  ['an identifier slipped in', 'RELEASE_SHAPE', (copy) => void (copy.payload = [...copy.payload, { ...copy.payload[0]!, name: 'id' }])],
  ['codes without a value', 'RELEASE_SHAPE', (copy) => void copy.payload[0]!.codes.fill(99)],
]
for (const [title, code, change] of FORGERIES) t.test(`found out: ${title}`, async (t) => t.ok(findings(forge(change), { rowCount: 60 }).includes(code), findings(forge(change), { rowCount: 60 }).join()))

t.test('whatever is changed, the attested hash no longer fits', async (t) => {
  for (const [title, , change] of FORGERIES) t.not(releaseHash(forge(change)), releaseHash(made), title)
})

t.test('the original is not touched', async (t) => {
  const before = JSON.stringify(table.columns.map(({ values, codes }) => [values, [...codes]]))
  anonymize(table, strict)
  t.equal(JSON.stringify(table.columns.map(({ values, codes }) => [values, [...codes]])), before)
})

t.test('queries on an ungeneralised release have no error, and the reports are the same every time', async (t) => {
  const seed = utf8Bytes('report')
  const exact: DatasetDefinition = { ...strict, policy: { k: 1 } }
  const fine = queryError(table, exact, anonymize(table, exact), { seed, queries: 20, dimensions: 2 })
  t.equal(fine.largest.num, 0n)
  const coarse = queryError(table, strict, made, { seed, queries: 20, dimensions: 2 })
  t.ok(coarse.mean.num > 0n)
  t.same(queryError(table, strict, made, { seed, queries: 20, dimensions: 2 }), coarse)
  const accuracy = classifierAccuracy(table, strict, made, { target: 'illness', seed })
  t.same(classifierAccuracy(table, strict, made, { target: 'illness', seed }), accuracy)
  t.ok(accuracy.tested > 0)
})
