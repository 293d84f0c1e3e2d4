import type { DatasetDefinition, Table } from '../../../contracts/anonymization/kernel/index.ts'
import { anonymize, rationalToText } from '../../../contracts/anonymization/kernel/index.ts'
import { hierarchyMondrian } from '../../../contracts/anonymization/kernel/mondrian-hierarchy.ts'
import { relaxedMondrian, strictMondrian } from '../../../contracts/anonymization/kernel/mondrian.ts'
import { prepare } from '../../../contracts/anonymization/kernel/prepare.ts'
import type { Prepared } from '../../../contracts/anonymization/kernel/prepare.ts'
import { rational } from '../../../contracts/anonymization/kernel/rational.ts'
import type { Rational } from '../../../contracts/anonymization/kernel/rational.ts'
import type { Recoding } from '../../../contracts/anonymization/kernel/recoding.ts'
import { allRows } from '../../../contracts/anonymization/kernel/row-order.ts'
import { rulerOf } from '../../../contracts/anonymization/kernel/width.ts'
import { adultAttributes } from './adult-data.ts'
import { compareAll, fail, notOurs } from './expectation.ts'
import type { Outcome } from './expectation.ts'
import { referenceHierarchyMondrian } from './reference-hierarchy-mondrian.ts'

export type Mode = 'strict' | 'relaxed' | 'hierarchy'
/** What the tables of the corpus print of one run. */
export interface RunFigures { readonly ncp: Rational; readonly classes: number; readonly smallest: number; readonly largest: number; readonly discernibility: bigint; readonly averageClass: Rational; readonly distinct: number; readonly distinctSmallest: number; readonly rows: number }

const QUASI_DEFAULT = [0, 1, 4, 5, 6, 8, 9, 13]

/** Runs of Mondrian on Adult, remembered by mode and k. */
export class MondrianRuns {
  private readonly folder: string
  private readonly table: Table
  private readonly runs = new Map<string, RunFigures>()
  private readonly prepared = new Map<string, Prepared>()
  quasi: readonly number[] = QUASI_DEFAULT

  constructor(folder: string, table: Table) {
    this.folder = folder
    this.table = table
  }

  definition(mode: Mode, k: number): DatasetDefinition {
    return { attributes: adultAttributes(this.folder, this.table, this.quasi), policy: { k }, algorithm: { name: 'mondrian', mode, rowOrder: 'given' } }
  }

  release(mode: Mode, k: number): ReturnType<typeof anonymize> {
    return anonymize(this.table, this.definition(mode, k))
  }

  of(mode: Mode | 'reference-hierarchy', k: number): RunFigures {
    const columns = this.quasi.join()
    const known = this.runs.get(`${columns} ${mode} ${k}`)
    if (known !== undefined) return known
    const coding = mode === 'reference-hierarchy' ? 'hierarchy' : mode
    const prepared = this.prepared.get(`${columns} ${coding}`) ?? prepare(this.table, this.definition(coding, 2))
    this.prepared.set(`${columns} ${coding}`, prepared)
    const run = { strict: strictMondrian, relaxed: relaxedMondrian, hierarchy: hierarchyMondrian, 'reference-hierarchy': referenceHierarchyMondrian }[mode]
    const figures = figuresOf(prepared, run(prepared.quasi, allRows(prepared.rowCount), k), k)
    this.runs.set(`${columns} ${mode} ${k}`, figures)
    return figures
  }
}

function figuresOf({ quasi, rowCount }: Prepared, { starts, low, high }: Recoding, k: number): RunFigures {
  const sizes = Array.from({ length: starts.length - 1 }, (_, i) => starts[i + 1]! - starts[i]!)
  const tuples = new Map<string, number>()
  for (const [i, size] of sizes.entries()) {
    const key = quasi.map((_, q) => `${low[q]![i]!}-${high[q]![i]!}`).join()
    tuples.set(key, (tuples.get(key) ?? 0) + size)
  }
  const ncp = quasi.reduce((sum, column, q) => {
    const ruler = rulerOf(column)
    const lost = sizes.reduce((total, size, i) => total + BigInt(size) * BigInt(ruler.width(low[q]![i]!, high[q]![i]!)), 0n)
    return rational(sum.num * BigInt(ruler.range) + lost * sum.den, sum.den * BigInt(ruler.range))
  }, rational(0))
  return {
    ncp: rational(100n * ncp.num, ncp.den * BigInt(quasi.length * rowCount)), classes: sizes.length, smallest: Math.min(...sizes), largest: Math.max(...sizes), rows: rowCount,
    discernibility: sizes.reduce((sum, size) => sum + BigInt(size * size), 0n), averageClass: rational(rowCount, BigInt(sizes.length * k)), distinct: tuples.size, distinctSmallest: Math.min(...tuples.values()),
  }
}

/** Decimal places that a column of printed numbers has: as many as the longest of them. */
const placesOf = (numbers: readonly number[]): number => Math.max(0, ...numbers.map((number) => String(number).split('.')[1]?.length ?? 0))
const printed = (value: number, places: number): string => value.toFixed(places)

const MODES: readonly (readonly [RegExp, Mode])[] = [[/^strict/i, 'strict'], [/^relax/i, 'relaxed'], [/basic|hierarch/i, 'hierarchy']]

export interface MondrianOracle { readonly columns: readonly string[]; readonly source?: string; readonly [key: string]: unknown }

/** Whether a document is a table of Mondrian runs: `columns`, and lists of rows or an object from k to NCP under the name of an algorithm. */
export function isMondrianOracle(document: unknown): document is MondrianOracle {
  return typeof document === 'object' && document !== null && Array.isArray((document as { columns?: unknown }).columns) && (document as { columns: unknown[] }).columns.includes('k')
}

export function* checkOracle(name: string, oracle: MondrianOracle, runs: MondrianRuns): Generator<Outcome, void, undefined> {
  const listed = /columns (\d+(?:,\d+)+)/.exec(oracle.source ?? '')?.[1]
  runs.quasi = listed === undefined ? QUASI_DEFAULT : listed.split(',').map(Number)
  for (const [key, value] of Object.entries(oracle)) {
    if (['columns', 'source', 'published_readme'].includes(key)) continue
    const mode = MODES.find(([pattern]) => pattern.test(key))?.[1]
    const isRows = Array.isArray(value) && value.every(Array.isArray)
    const isByK = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).every((k) => /^\d+$/.test(k))
    if (mode === undefined || (!isRows && !isByK)) {
      yield notOurs(`${name} ${key}`, mode === undefined ? 'no algorithm of ours has this name' : 'neither rows nor values by k')
      continue
    }
    if (isByK) yield* checkByK(`${name} ${key}`, mode, value as Record<string, number>, runs)
    else yield* checkRows(`${name} ${key}`, mode, oracle.columns, value as number[][], runs)
  }
}

function* checkRows(id: string, mode: Mode, columns: readonly string[], rows: readonly (readonly number[])[], runs: MondrianRuns): Generator<Outcome, void, undefined> {
  const places = columns.map((_, i) => placesOf(rows.map((row) => row[i] ?? 0)))
  for (const row of rows) {
    const k = row[columns.indexOf('k')]!
    const figures = runs.of(mode === 'hierarchy' ? 'reference-hierarchy' : mode, k)
    const note = mode === 'hierarchy' ? hierarchyNote(figures, runs.of('hierarchy', k), 2) : `${figures.classes} classes, ${figures.distinct} distinct tuples`
    const actual: Readonly<Record<string, (digits: number) => string>> = {
      k: () => String(k), ncp_percent: (digits) => rationalToText(figures.ncp, digits), classes: () => String(figures.classes), min_size: () => String(figures.smallest), max_size: () => String(figures.largest),
      discernibility: () => String(figures.discernibility), c_avg: (digits) => rationalToText(figures.averageClass, digits),
    }
    const unknown = columns.filter((column) => !(column in actual))
    if (unknown.length > 0) yield fail(`${id} k=${k}`, `columns that are not known here: ${unknown.join(', ')}`)
    else yield compareAll(`${id} k=${k}`, columns.map((column, i) => [column, printed(row[i]!, places[i]!), actual[column]!(places[i]!)]), note)
  }
}

/** How ours, which keeps k, stands beside the reference, which does not. */
const hierarchyNote = (reference: RunFigures, ours: RunFigures, places: number): string => `by the reference's rule, whose smallest class is ${reference.smallest}; ours keeps k: ${rationalToText(ours.ncp, places)} %, ${ours.classes} classes, smallest ${ours.smallest}`

/**
 * NCP by k of "Basic Mondrian". That program does not hold the halves of a numeric cut to k and leaves classes of a single row, so its figures are met by its own rule,
 * and beside them stands what ours gives, which keeps k.
 */
function* checkByK(id: string, mode: Mode, byK: Readonly<Record<string, number>>, runs: MondrianRuns): Generator<Outcome, void, undefined> {
  const places = placesOf(Object.values(byK))
  for (const [text, expected] of Object.entries(byK)) {
    const k = Number(text)
    const [ours, reference] = [runs.of(mode, k), mode === 'hierarchy' ? runs.of('reference-hierarchy', k) : runs.of(mode, k)]
    const note = mode === 'hierarchy' ? hierarchyNote(reference, ours, places) : ''
    const kept = ours.smallest >= k
    yield kept ? compareAll(`${id} k=${k}`, [['ncp_percent', printed(expected, places), rationalToText(reference.ncp, places)]], note) : fail(`${id} k=${k}`, `our smallest class is ${ours.smallest}`)
  }
}

/** Rows `| k | mode | NCP % | classes | min | mean | seconds |` of a Markdown page that counts distinct tuples in relaxed rows. */
export function* checkMarkdown(name: string, text: string, runs: MondrianRuns): Generator<Outcome, void, undefined> {
  for (const line of text.split('\n')) {
    const cells = line.split('|').slice(1, -1).map((cell) => cell.trim())
    const mode = cells[1] === 'strict' || cells[1] === 'relaxed' ? cells[1] : undefined
    if (mode === undefined || !/^\d+$/.test(cells[0] ?? '') || cells.length < 6) continue
    const k = Number(cells[0])
    const figures = runs.of(mode, k)
    const digits = (cell: string): number => cell.split('.')[1]?.length ?? 0
    yield compareAll(`${name} ${mode} k=${k}`, [
      ['NCP %', cells[2], rationalToText(figures.ncp, digits(cells[2]!))], ['distinct tuples', cells[3], figures.distinct], ['smallest', cells[4], figures.distinctSmallest], ['mean', cells[5], rationalToText(rational(figures.rows, figures.distinct), digits(cells[5]!))],
    ], `${figures.distinct} distinct tuples, ${figures.classes} classes`)
  }
}
