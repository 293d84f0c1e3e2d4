import type { CodedColumn, PayloadColumn } from './coding.ts'
import { releaseMetrics, releaseRisk } from './metrics.ts'
import type { Prepared } from './prepare.ts'
import type { Recoding } from './recoding.ts'
import type { Release, ReleasedPayload, ReleasedQuasi, ReleasedValue } from './release.ts'
import { sortRows } from './row-order.ts'
import { classStatistics } from './statistics.ts'
import { quotient } from './whole.ts'
import { rulerOf } from './width.ts'

/** Levels fit below this, so that (low, high, level) is one exact number for columns of up to ten million values. */
const LEVELS_MAX = 64

/** One quasi-identifier by class of the recoding: the distinct generalised values in rank order, and which one each class has. */
interface GeneralisedColumn { readonly column: CodedColumn; readonly keys: readonly number[]; readonly codes: Int32Array }

/** The run that tells nothing, of a column without hierarchy: it stands first, whatever values there are. */
const ANY_KEY = -1

const unpack = (key: number, size: number): { low: number; high: number; level: number } => {
  if (key === ANY_KEY) return { low: 0, high: size - 1, level: 0 }
  const run = quotient(key, LEVELS_MAX)
  return { low: quotient(run, size), high: run % size, level: key % LEVELS_MAX }
}

function generalise(column: CodedColumn, low: Int32Array, high: Int32Array, level: Int32Array | undefined): GeneralisedColumn {
  const size = column.texts.length
  const isAny = (from: number, to: number): boolean => column.coding === 'ordered' && size > 1 && from === 0 && to === size - 1
  const all = Array.from(low, (from, index) => (isAny(from, high[index]!) ? ANY_KEY : (from * size + high[index]!) * LEVELS_MAX + (level?.[index] ?? 0)))
  const keys = [...new Set(all)].sort((a, b) => a - b)
  const codeOf = new Map(keys.map((key, code) => [key, code]))
  return { column, keys, codes: Int32Array.from(all, (key) => codeOf.get(key)!) }
}

/** Of a chain of nodes that cover the same leaves the lowest: they tell the same, and classes that tell the same are one. */
function lowestLevels(column: CodedColumn, { low, high, level }: Recoding, q: number): Int32Array | undefined {
  if (column.coding !== 'tree') return undefined
  const { levels, nodeOf } = column.hierarchy
  return level[q]?.map((at, index) => {
    while (at > 0 && levels[at - 1]!.high[nodeOf[at - 1]![low[q]![index]!]!] === high[q]![index]!) at--
    return at
  })
}

function releasedValue(column: CodedColumn, key: number): ReleasedValue {
  const { low, high, level } = unpack(key, column.texts.length)
  if (column.coding === 'tree') {
    const { levels, nodeOf } = column.hierarchy
    if (level === levels.length - 1) return { kind: 'any' }
    const text = levels[level]!.labels[nodeOf[level]![low]!]!
    return level === 0 ? { kind: 'exact', text } : { kind: 'node', text, level }
  }
  if (low === high) return { kind: 'exact', text: column.texts[low]! }
  if (column.coding === 'numeric') return { kind: 'range', low: column.texts[low]!, high: column.texts[high]! }
  return key === ANY_KEY ? { kind: 'any' } : { kind: 'set', values: column.texts.slice(low, high + 1) }
}

/** Classes by their generalised values; classes of equal values are one class, as nobody could tell them apart. Returns the rank of each class of the recoding. */
function rankClasses(generalised: readonly GeneralisedColumn[], count: number): { rankOf: Int32Array; representatives: Int32Array } {
  const order = Int32Array.from({ length: count }, (_, i) => i)
  const compareClasses = (a: number, b: number): number => {
    for (const { codes } of generalised) if (codes[a] !== codes[b]) return codes[a]! - codes[b]!
    return 0
  }
  order.sort(compareClasses)
  const rankOf = new Int32Array(count)
  const representatives: number[] = []
  for (const [i, index] of order.entries()) {
    if (i === 0 || compareClasses(order[i - 1]!, index) !== 0) representatives.push(index)
    rankOf[index] = representatives.length - 1
  }
  return { rankOf, representatives: Int32Array.from(representatives) }
}

/** A release, and which prepared row stands at each of its places. */
export interface BuiltRelease { readonly release: Release; readonly order: Int32Array }

/** Puts a recoding into canonical order and adds what is published with it. With a subset only its rows are published; the class sizes of the whole table stand beside them. */
export function buildRelease(prepared: Prepared, recoding: Recoding, algorithm: string, subset: Uint8Array | undefined): BuiltRelease {
  const count = recoding.starts.length - 1
  const generalised = prepared.quasi.map((column, q) => generalise(column, recoding.low[q]!, recoding.high[q]!, recoding.levels === undefined ? lowestLevels(column, recoding, q) : recoding.level[q]))
  const { rankOf, representatives } = rankClasses(generalised, count)
  const classOf = new Int32Array(prepared.rowCount)
  const [sizes, population] = [new Int32Array(representatives.length), new Int32Array(representatives.length)]
  const rows = subset === undefined ? recoding.order : recoding.order.filter((row) => subset[row] === 1)
  for (let index = 0; index < count; index++) {
    const rank = rankOf[index]!
    for (let at = recoding.starts[index]!; at < recoding.starts[index + 1]!; at++) {
      const row = recoding.order[at]!
      classOf[row] = rank
      population[rank]!++
      if (subset === undefined || subset[row] === 1) sizes[rank]!++
    }
  }
  const order = sortRows(rows, [{ codes: classOf, distinct: representatives.length }, ...prepared.payload.map(({ codes, texts }) => ({ codes, distinct: texts.length }))])
  const published = Int32Array.from(representatives.keys()).filter((rank) => sizes[rank]! > 0)
  const quasi = generalised.map((column) => releaseQuasi(column, published.map((rank) => column.codes[representatives[rank]!]!)))
  const classSizes = published.map((rank) => sizes[rank]!)
  const populationSizes = subset === undefined ? undefined : published.map((rank) => population[rank]!)
  const { policy, statistics } = prepared.definition
  const suppressedCount = recoding.suppressed.reduce((sum, row) => sum + (subset === undefined ? 1 : subset[row]!), 0)
  const penalties = generalised.map((column) => penalty(column, published.map((rank) => column.codes[representatives[rank]!]!), classSizes))
  const release: Release = {
    version: 1, algorithm, rowCount: order.length, suppressedCount, droppedCount: prepared.droppedCount,
    quasi, classSizes, populationSizes, payload: prepared.payload.map((column) => releasePayload(column, order, prepared, subset)), levels: recoding.levels,
    metrics: releaseMetrics({ penalties, ranges: quasi.map(({ range }) => range), classSizes, suppressedCount, k: policy.k }),
    risk: releaseRisk(classSizes, populationSizes),
    statistics: classStatistics(prepared.numeric, order, classSizes, statistics?.crossProducts ?? false),
  }
  return { release, order }
}

/** Only values that are used are published. */
function releaseQuasi({ column, keys }: GeneralisedColumn, codes: Int32Array): ReleasedQuasi {
  const used = [...new Set(codes)].sort((a, b) => a - b)
  const renumber = new Map(used.map((code, i) => [code, i]))
  return { name: column.name, type: column.type, scale: column.coding === 'numeric' ? column.scale : 0, range: rulerOf(column).range, values: used.map((code) => releasedValue(column, keys[code]!)), codes: codes.map((code) => renumber.get(code)!) }
}

/** Σ rows × width over the classes. */
function penalty({ column, keys }: GeneralisedColumn, codes: Int32Array, sizes: Int32Array): bigint {
  const ruler = rulerOf(column)
  const widths = keys.map((key) => {
    const { low, high } = unpack(key, column.texts.length)
    return ruler.width(low, high)
  })
  const rows = new Array<number>(keys.length).fill(0)
  for (let index = 0; index < codes.length; index++) rows[codes[index]!]! += sizes[index]!
  return rows.reduce((sum, count, code) => sum + BigInt(count) * BigInt(widths[code]!), 0n)
}

function releasePayload({ name, role, type, codes, texts }: PayloadColumn, order: Int32Array, prepared: Prepared, subset: Uint8Array | undefined): ReleasedPayload {
  const { closeness = [], likeness = [] } = prepared.definition.policy
  const counted = role === 'sensitive' && [...closeness, ...likeness].some(({ attribute }) => attribute === name)
  const totals = new Int32Array(texts.length)
  for (let row = 0; row < codes.length; row++) if (subset === undefined || subset[row] === 1) totals[codes[row]!]!++
  const used = new Uint8Array(texts.length)
  if (counted) for (let rank = 0; rank < texts.length; rank++) used[rank] = totals[rank]! > 0 ? 1 : 0
  else for (const row of order) used[codes[row]!] = 1
  const renumber = new Int32Array(texts.length)
  const values: string[] = []
  for (const [rank, text] of texts.entries()) if (used[rank] === 1) renumber[rank] = values.push(text) - 1
  return { name, role, type, values, codes: order.map((row) => renumber[codes[row]!]!), originalCounts: counted ? totals.filter((_, rank) => used[rank] === 1) : undefined }
}
