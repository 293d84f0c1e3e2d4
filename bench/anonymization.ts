/**
 * How fast is the anonymization kernel? Strict Mondrian with k = 10 on UCI Adult (where the corpus is) or a table of its size, and on a million rows, eight quasi-identifiers each: making a release, checking
 * it, and beside them plain Python with the same cuts, where there is a python3. Run: `node bench/anonymization.ts [--adult FILE] [--rows 1000000] [--json]`.
 * LAST RESULT, 2026-11-21, 2 quiet cores: Adult release 53 ms, check 4.0 ms (0.07), Python 257 ms, same classes and loss; a million rows 1.98 s, check 69 ms (0.03), 380 MiB.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { TableBuilder, anonymize, checkRelease, rationalToText, releaseHash } from '../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition, Release, Table } from '../contracts/anonymization/kernel/index.ts'
import { prepare } from '../contracts/anonymization/kernel/prepare.ts'
import { median, residentMiB } from './measure.ts'

const K = 10
const ADULT_ROWS = 30_162
/** Distinct values per quasi-identifier of UCI Adult: age, workclass, education, marital status, occupation, race, sex, country. */
const DISTINCT = [73, 7, 16, 7, 14, 5, 2, 41]
const NAMES = ['age', 'workclass', 'education', 'marital', 'occupation', 'race', 'sex', 'country', 'income']

/** A table of Adult's shape, values skewed towards the first ones, from a fixed seed. */
function syntheticTable(rows: number): Table {
  let state = 1
  const draw = (below: number): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % below
  const builder = new TableBuilder(NAMES)
  for (let row = 0; row < rows; row++) builder.addRow([...DISTINCT.map((distinct) => String(Math.min(draw(distinct * 997) % distinct, draw(distinct * 991) % distinct))), String(draw(2))])
  return builder.build()
}

/** The columns of adult.data that the published tables use; rows with a `?` are left out. */
function adultTable(path: string): Table {
  const builder = new TableBuilder(NAMES)
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const cells = line.replaceAll(' ', '').split(',')
    if (cells.length === 15 && !line.includes('?')) builder.addRow([0, 1, 4, 5, 6, 8, 9, 13, 14].map((i) => cells[i]!))
  }
  return builder.build()
}

function definitionOf(table: Table): DatasetDefinition {
  const isNumeric = (name: string): boolean => table.columns.find((column) => column.name === name)!.values.every((value) => /^\d+$/.test(value))
  return { attributes: NAMES.map((name) => ({ name, role: name === 'income' ? 'sensitive' : 'quasi-identifier', type: name !== 'income' && isNumeric(name) ? 'integer' : 'categorical', order: isNumeric(name) ? undefined : table.columns.find((column) => column.name === name)!.values })), policy: { k: K }, algorithm: { name: 'mondrian', mode: 'strict' } }
}

interface Figure { readonly name: string; readonly rows: number; readonly makeMs: number; readonly checkMs: number; readonly hashMs: number; readonly checkToMake: number; readonly classes: number; readonly ncpPercent: string; readonly residentMiB: number; readonly pythonMs: number | undefined; readonly pythonAgrees: boolean | undefined }

function measure(name: string, table: Table, runs: number): Figure {
  const definition = definitionOf(table)
  const times = { make: [] as number[], check: [] as number[], hash: [] as number[] }
  let release: Release | undefined
  for (let run = 0; run < runs; run++) {
    const started = performance.now()
    release = anonymize(table, definition)
    const made = performance.now()
    const { ok } = checkRelease(release, definition, { rowCount: table.rowCount })
    const checked = performance.now()
    releaseHash(release)
    if (!ok) throw new Error('the release does not pass its own check')
    times.make.push(made - started)
    times.check.push(checked - made)
    times.hash.push(performance.now() - checked)
  }
  const [makeMs, checkMs, hashMs] = [median(times.make), median(times.check), median(times.hash)]
  const ncpPercent = rationalToText({ num: release!.metrics.ncp.num * 100n, den: release!.metrics.ncp.den }, 4)
  const python = pythonReference(table, definition)
  return { name, rows: table.rowCount, makeMs, checkMs, hashMs, checkToMake: checkMs / makeMs, classes: release!.metrics.classCount, ncpPercent, residentMiB: residentMiB(process.pid), pythonMs: python && python.seconds * 1_000, pythonAgrees: python && python.classes === release!.metrics.classCount && python.ncp === ncpPercent }
}

/** The same cuts in Python over the same numbers; undefined without python3. Larger tables are left to the kernel. */
function pythonReference(table: Table, definition: DatasetDefinition): { seconds: number; classes: number; ncp: string } | undefined {
  if (table.rowCount > 100_000) return undefined
  const { quasi } = prepare(table, definition)
  const lines = Array.from({ length: table.rowCount }, (_, row) => quasi.map((column) => (column.coding === 'numeric' ? column.units[column.codes[row]!] : column.codes[row])).join(' '))
  const { status, stdout } = spawnSync('python3', [new URL('mondrian-reference.py', import.meta.url).pathname], { input: `${K}\n${lines.join('\n')}`, encoding: 'utf8', maxBuffer: 2 ** 20 })
  if (status !== 0) return undefined
  const [seconds, classes, ncp] = stdout.trim().split(' ')
  return { seconds: Number(seconds), classes: Number(classes), ncp: ncp! }
}

const { values } = parseArgs({ options: { adult: { type: 'string' }, rows: { type: 'string', default: '1000000' }, json: { type: 'boolean', default: false } } })
const adult = values.adult ?? `${process.env['STELE_CORPUS'] ?? '../shared/corpus'}/adult/adult.data`
const figures = [
  existsSync(adult) ? measure('UCI Adult', adultTable(adult), 9) : measure('table of the size of Adult', syntheticTable(ADULT_ROWS), 9),
  measure('a million rows', syntheticTable(Number(values.rows)), 3),
]
if (values.json) console.log(JSON.stringify(figures, null, 2))
else {
  for (const { name, rows, makeMs, checkMs, hashMs, checkToMake, classes, ncpPercent, residentMiB: memory, pythonMs, pythonAgrees } of figures) {
    const beside = pythonMs === undefined ? '' : `; Python ${pythonMs.toFixed(0)} ms, ${pythonAgrees === true ? 'same classes and loss' : 'OTHER classes or loss'}`
    console.log(`${name} (${rows} × ${DISTINCT.length}, k = ${K}): release ${makeMs.toFixed(0)} ms, check ${checkMs.toFixed(1)} ms (${checkToMake.toFixed(2)} of it), hash ${hashMs.toFixed(1)} ms, ${classes} classes, NCP ${ncpPercent} %, ${memory.toFixed(0)} MiB${beside}`)
  }
}
