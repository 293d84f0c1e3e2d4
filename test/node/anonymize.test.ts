// Goal: a steward's table becomes a sound release, everything odd is refused by name, and what was written can be read and checked again. Method: the commands' own parts on files.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runCli } from '../../node/cli.ts'
import { checkFile, manifestPath } from '../../node/anonymize/check-file.ts'
import { automaticHierarchy, doublingWidths, typeOfValues } from '../../node/anonymize/columns.ts'
import { prepareRelease } from '../../node/anonymize/make-release.ts'
import type { Prepared } from '../../node/anonymize/make-release.ts'
import { specFrom } from '../../node/anonymize/options.ts'
import type { SpecOptions } from '../../node/anonymize/options.ts'
import { publish } from '../../node/anonymize/publish.ts'
import { barChart } from '../../node/anonymize/report/charts.ts'
import { html } from '../../node/anonymize/report/html.ts'
import { renderReport } from '../../node/anonymize/report/page.ts'
import { readSpec } from '../../node/anonymize/spec.ts'
import { binClassSizes } from '../../node/anonymize/summary.ts'
import type { ReleaseSummary } from '../../node/anonymize/summary.ts'
import { SteleError } from '../../primitives/error.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'

const quiet = (): void => undefined
const DISEASES = ['flu', 'asthma', 'diabetes', 'angina', '=cmd|calc']

/** 60 people, each disease twelve times; a name, an age, a ZIP code, a sex. */
function people(change: (cells: string[], row: number) => string[] = (cells) => cells): string {
  const rows = Array.from({ length: 60 }, (_, i) => change([`p${i}`, String(20 + ((i * 7) % 50)), `5${String(10_000 + ((i * 37) % 90)).slice(1)}`, i % 2 === 0 ? 'f' : 'm', DISEASES[i % 5]!, String(100 + i)], i))
  return ['person,age,zip,sex,disease,cost', ...rows.map((cells) => cells.join(','))].join('\n')
}
const OPTIONS: SpecOptions = { k: 4, qi: ['age', 'zip', 'sex'], sensitive: ['disease'], person: 'person', keep: ['cost'], statistics: ['cost'] }

interface Place { readonly directory: string; readonly input: string; readonly out: string }

function placeOf(t: { testdir(files: Record<string, string>): string }, text = people()): Place {
  const directory = t.testdir({ 'table.csv': text })
  return { directory, input: join(directory, 'table.csv'), out: join(directory, 'release.csv') }
}

async function prepare({ input }: Place, options: SpecOptions = OPTIONS): Promise<Prepared> {
  return prepareRelease({ input, spec: specFrom(undefined, options), base: '-', onProgress: quiet })
}

async function make(place: Place, options: SpecOptions = OPTIONS, out = place.out): Promise<{ readonly summary: ReleaseSummary; readonly prepared: Prepared }> {
  const prepared = await prepare(place, options)
  const summary = await publish({ input: place.input, out, manifest: manifestPath(out), report: join(place.directory, 'report.html'), prepared, spec: specFrom(undefined, options), utility: true, at: '2026-01-01', onProgress: quiet })
  return { summary, prepared }
}

async function refusal(run: () => Promise<unknown>): Promise<{ readonly code: string; readonly details: Readonly<Record<string, unknown>> }> {
  try {
    await run()
  } catch (error) {
    if (error instanceof SteleError) return { code: error.code, details: error.details }
    throw error
  }
  return { code: 'none', details: {} }
}

t.test('what is odd in a table is refused by row, column and rule, and nothing is written', async (t) => {
  const of = async (text: string, options: SpecOptions = OPTIONS): Promise<unknown> => {
    const place = placeOf(t, text)
    const found = await refusal(() => make(place, options))
    t.notOk(existsSync(place.out) || existsSync(manifestPath(place.out)), 'nothing is left behind')
    return found
  }
  t.match(await of(people((cells, row) => (row === 7 ? ['p3', ...cells.slice(1)] : cells))), { code: 'ANONYMIZATION_PERSON_DUPLICATE', details: { row: 8 } })
  t.match(await of(people((cells, row) => (row === 4 ? [cells[0]!, '', ...cells.slice(2)] : cells))), { code: 'ANONYMIZATION_CELL_MISSING', details: { row: 5, column: 'age' } })
  t.match(await of(people((cells, row) => (row === 4 ? [cells[0]!, ...cells.slice(2)] : cells))), { code: 'CSV_MALFORMED', details: { line: 6, cells: 5, expected: 6 } })
  t.match(await of(people(), { ...OPTIONS, k: 61 }), { code: 'ANONYMIZATION_K_ABOVE_ROWS' })
  t.match(await of(people(), { ...OPTIONS, l: '6' }), { code: 'ANONYMIZATION_UNSATISFIABLE', details: { rule: /diversity of disease/ } })
  t.match(await of(people(), { ...OPTIONS, qi: ['age', 'postcode'] }), { code: 'TABLE_HEADER', details: { column: 'postcode' } })
  t.match(await of('age,age\n1,2\n'), { code: 'TABLE_HEADER' })
  t.match(await of(''), { code: 'TABLE_EMPTY' })
  t.match(await of(`a,b,${'x,'.repeat(1_000)}\n`), { code: 'CSV_TOO_LARGE', details: { line: 1 } })
  const place = placeOf(t)
  t.match(await refusal(() => make({ ...place, input: join(place.directory, 'absent.csv') })), { code: 'TABLE_UNREADABLE', details: { reason: 'ENOENT' } })
})

t.test('a release that is not fully defined is refused before the table is read', async (t) => {
  const asked = (options: SpecOptions): Promise<unknown> => refusal(async () => specFrom(undefined, options))
  t.match(await asked({ k: 5 }), { code: 'DEFINITION_INVALID', details: { option: '--qi' } })
  t.match(await asked({ qi: ['a'] }), { code: 'DEFINITION_INVALID', details: { option: '--k' } })
  t.match(await asked({ k: 5, qi: ['a'], l: '2' }), { code: 'DEFINITION_INVALID', details: { option: '--sensitive' } })
  t.match(await asked({ k: 5, qi: ['a'], sensitive: ['a'] }), { code: 'DEFINITION_INVALID', details: { column: 'a' } })
  for (const [source, member] of [
    [{ version: 2 }, 'version'], [{ version: 1, k: 5 }, 'definition.k'], [{ version: 1, attributes: [{ name: 'a', role: 'boss' }] }, 'attributes[0].role'], [{ version: 1, attributes: [{ name: 'a', role: 'sensitive', hierarchy: { widths: [1] } }] }, 'attributes[0].hierarchy.widths'],
    [{ version: 1, policy: { k: '5' } }, 'policy.k'], [{ version: 1, policy: { suppressionLimit: 'some' } }, 'policy.suppressionLimit'], [{ version: 1, algorithm: { name: 'magic' } }, 'algorithm.name'],
  ] as const) t.match(await refusal(async () => readSpec(source)), { code: 'DEFINITION_INVALID', details: { member } }, JSON.stringify(source))
})

t.test('a release keeps its policy, leaves out identifiers and unnamed columns, and neutralises formulas', async (t) => {
  const place = placeOf(t)
  const before = readFileSync(place.input)
  const { summary } = await make(place, { ...OPTIONS, l: '2' })
  t.same(readFileSync(place.input), before, 'the original is as it was')
  t.match(summary, { counts: { released: 60, suppressed: 0 }, input: { leftOut: [], rows: 60 }, statistics: ['cost'] })
  t.ok(summary.counts.smallest >= 4)
  t.match(summary.utility, { queries: { count: 200, dimensions: 2, medianError: /^\d\.\d{4}$/ }, classifiers: [{ target: 'disease', original: /^0\./, released: /^0\./, baseline: /^0\./ }] })
  t.ok(summary.rules.every(({ ok }) => ok))
  const text = readFileSync(place.out, 'utf8')
  t.notMatch(text, /p\d|person/)
  t.match(text, /,'=cmd\|calc,/)
  t.notMatch(text, /[\n,]=cmd/)
  const { claims } = JSON.parse(readFileSync(manifestPath(place.out), 'utf8')) as { claims: { statistics: [{ sum: string[] }] } }
  t.equal(claims.statistics[0].sum.reduce((sum, each) => sum + Number(each), 0), 60 * 100 + (59 * 60) / 2, 'sums of whole classes are those of the original')
  t.equal((await refusal(() => make(place))).code, 'OUTPUT_EXISTS')
})

t.test('what was written is sound when read again, as CSV and as Parquet, and any change to it is found and named', async (t) => {
  const place = placeOf(t)
  const { prepared } = await make(place)
  const manifest = manifestPath(place.out)
  const check = async (path: string): Promise<{ ok: boolean; found: readonly string[] }> => {
    const { ok, findings } = await checkFile(path, manifest, prepared.plan, 60)
    return { ok, found: findings.map(({ code, rule }) => `${code} ${rule}`) }
  }
  t.match(await check(place.out), { ok: true, found: [] })
  const lines = readFileSync(place.out, 'utf8').split('\r\n')
  const tampered = async (name: string, change: (lines: string[]) => string[]): Promise<string> => {
    const path = join(place.directory, name)
    writeFileSync(path, change([...lines]).join('\r\n'))
    const { ok, found } = await check(path)
    t.notOk(ok, name)
    return found.join('\n')
  }
  t.match(await tampered('one row moved', (all) => { [all[1], all[50]] = [all[50]!, all[1]!]; return all }), /RELEASE_(?:K|ORDER)/)
  t.match(await tampered('one row dropped', (all) => [all[0]!, ...all.slice(2)]), /RELEASE_COUNT/)
  t.match(await tampered('a diagnosis changed', (all) => [all[0]!, all[1]!.replace(/(?:flu|asthma|diabetes|angina|'=cmd\|calc)/, (word) => (word === 'flu' ? 'asthma' : 'flu')), ...all.slice(2)]), /RELEASE_HASH hash/)
  t.match(await tampered('a foreign value', (all) => [all[0]!, all[1]!.replace(/,[fm*],/, ',x,'), ...all.slice(2)]), /RELEASE_VALUE/)
  t.match(await tampered('a column renamed', ([head, ...rest]) => [head!.replace('zip', 'plz'), ...rest]), /RELEASE_SHAPE/)
  const parquet = join(place.directory, 'release.parquet')
  await make(place, OPTIONS, parquet).catch((error: SteleError) => t.equal(error.code, 'OUTPUT_EXISTS', 'the report of the first'))
  const other = { ...place, directory: t.testdir({ 'table.csv': people() }) }
  const { summary } = await make({ ...other, input: join(other.directory, 'table.csv') }, OPTIONS, join(other.directory, 'release.parquet'))
  t.equal(readFileSync(join(other.directory, 'release.parquet')).subarray(0, 4).toString(), 'PAR1')
  t.ok(summary.rules.every(({ ok }) => ok))
  for (const [text, rule] of [['{', 'JSON'], ['{}', /./]] as const) {
    writeFileSync(manifest, text)
    t.match(await refusal(() => check(place.out)), { code: 'DEFINITION_INVALID', details: { rule } })
  }
})

t.test('types and hierarchies are found from the values', async (t) => {
  for (const [name, values, type] of [['age', ['3', '-4'], 'integer'], ['zip', ['12345'], 'categorical'], ['code', ['007', '123'], 'categorical'], ['bmi', ['21.5', '3'], 'decimal'], ['day', ['2026-01-31'], 'date'], ['x', ['a'], 'categorical'], ['age', ['3', '90+'], 'categorical']] as const) t.equal(typeOfValues(name, values), type, name)
  t.same(doublingWidths([17, 90]), [5, 10, 20, 40])
  t.same(doublingWidths([1, 2]), [])
  for (const list of [[0, 3], [0, 1_000_000], [-5, 400]]) for (const [i, width] of doublingWidths(list).entries()) t.ok(Number.isInteger(width) && (i === 0 || width % doublingWidths(list)[i - 1]! === 0), String(width))
  const labels = (name: string, type: Parameters<typeof automaticHierarchy>[1], values: readonly string[], value: string): string[] => {
    const { hierarchy: { levels, leafOf, nodeOf } } = automaticHierarchy(name, type, values)
    return levels.map((level, at) => level.labels[nodeOf[at]![leafOf.get(value)!]!]!)
  }
  t.same(labels('age', 'integer', ['17', '34', '90'], '34'), ['34', '30..34', '30..39', '20..39', '0..39', '*'])
  t.same(labels('age', 'categorical', ['17', '60', '90+'], '90+').at(-2), '90+', 'the oldest keep to themselves')
  t.same(labels('zip', 'categorical', ['02139', '02140'], '02139'), ['02139', '0213*', '021**', '02***', '0****', '*'])
  t.same(labels('bmi', 'decimal', ['20.5', '29.0'], '20.5').slice(1, 2), ['20.5..20.9'])
})

t.test('the report is one page without scripts or anything from elsewhere, tells its pictures in words, and escapes names', async (t) => {
  const place = placeOf(t, people().replace('cost', 'cost<script>alert(1)</script>'))
  await make(place, { ...OPTIONS, keep: ['cost<script>alert(1)</script>'], statistics: ['cost<script>alert(1)</script>'] })
  const page = readFileSync(join(place.directory, 'report.html'), 'utf8')
  t.notMatch(page, /<script|<link|<img|<iframe|https?:\/\/|@import|url\(/)
  t.match(page, /default-src 'none'/)
  t.match(page, /&#60;script&#62;/)
  t.match(page, /prefers-color-scheme: dark/)
  t.equal(page.match(/<svg role="img" aria-labelledby="(\S+) (\S+)"/g)?.length, 5)
  for (const [, title, description] of page.matchAll(/<svg role="img" aria-labelledby="(\S+) (\S+)"/g)) t.ok(page.includes(`<title id="${title!}">`) && page.includes(`<desc id="${description!}">`))
  t.equal(page.match(/<details>/g)?.length, 5, 'every picture has its numbers as a table')
  t.notMatch(page, /p\d\d|flu|asthma/, 'no cell of the table')
  t.notMatch(page, new RegExp(place.directory), 'no folder')
  t.equal(html`<b>${'<"&>'}</b>`.text, '<b>&#60;&#34;&#38;&#62;</b>')
  t.match(barChart({ id: 'x', title: 'T', description: 'D', head: ['a', 'b'], bars: [{ label: 'none', value: 0, text: '0' }] }).text, /width="0"/)
  t.same(binClassSizes([3, 4, 7, 8, 30], 4), [{ label: '1–3', classes: 1, rows: 3 }, { label: '4–7', classes: 2, rows: 11 }, { label: '8–15', classes: 1, rows: 8 }, { label: '16–31', classes: 1, rows: 30 }])
  t.match(renderReport((await make(placeOf(t))).summary, { at: 'now' }), /every rule of the policy is met/)
})

t.test('the commands answer with exit codes', async (t) => {
  const place = placeOf(t)
  const rest = ['--k', '4', '--qi', 'age,zip,sex', '--sensitive', 'disease', '--json']
  const run = (...args: string[]): Promise<number> => runCli(['node', 'stele', 'anonymize', place.input, ...rest, ...args])
  t.equal(await run(), 2, 'neither --out nor --check')
  t.equal(await run('--out', place.out), 0)
  t.equal(await run('--check', place.out), 0)
  writeFileSync(place.out, readFileSync(place.out, 'utf8').replace('flu', 'asthma'))
  t.equal(await run('--check', place.out), 4)
  process.exitCode = 0
})

const adult = corpusPath('adult/adult.data')

t.test('Adult, as published: 1,795 classes at k = 10 by strict Mondrian, the loss of the reference', { skip: adult === undefined ? CORPUS_ABSENT : false }, async (t) => {
  const columns = 'age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,sex,capital-gain,capital-loss,hours,native-country,income'.split(',')
  const order = (name: string): string[] => [...new Set(readFileSync(adult!, 'utf8').trim().split('\n').filter((line) => !line.includes('?')).map((line) => line.split(', ')[columns.indexOf(name)]!))]
  const directory = t.testdir({})
  const qi = ['age', 'workclass', 'education-num', 'marital-status', 'occupation', 'race', 'sex', 'native-country']
  const ordered = readSpec({ version: 1, attributes: qi.map((name) => ({ name, role: 'quasi-identifier', hierarchy: 'flat', ...(['age', 'education-num'].includes(name) ? {} : { order: order(name) }) })) })
  const spec = specFrom(ordered, { k: 10, sensitive: ['income'], missing: 'drop-row', algorithm: 'strict', columns })
  const prepared = await prepareRelease({ input: adult!, spec, base: '-', onProgress: quiet })
  const out = join(directory, 'adult.csv')
  const summary = await publish({ input: adult!, out, manifest: manifestPath(out), report: undefined, prepared, spec, utility: false, at: '', onProgress: quiet })
  t.match(summary, { counts: { released: 30_162, dropped: 2_399, classes: 1_795, smallest: 10 }, metrics: { loss: '0.1124', discernibility: '673672', averageClassSize: '1.68' } })
})
