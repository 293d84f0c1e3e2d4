import type { CodedColumn } from './coding.ts'
import { MedianFinder } from './median.ts'
import type { Median } from './median.ts'
import { Records, partitionsToRecoding, wholePartition } from './partition.ts'
import type { Partition } from './partition.ts'
import type { ClassTest, Recoding, Report } from './recoding.ts'
import { rulerOf, widestColumn } from './width.ts'

/** Rows between two calls of the report. */
const REPORT_ROWS = 50_000

/** Cuts one partition at column `q`, or says that it cannot be cut there. May narrow the bounds of `partition` for column `q`: they are arrays. */
export type Cut = (partition: Partition, q: number) => readonly Partition[] | undefined

/**
 * The frame of all Mondrian variants: take the column of the widest normalised range, cut, go on with the parts; when it cannot be cut there, try the next
 * widest; a partition that cannot be cut anywhere is a class. Depth first with a stack of its own, so that depth is bounded by memory alone.
 */
export function partitionRows(columns: readonly CodedColumn[], records: Records, cut: Cut, report?: Report): Recoding {
  const rulers = columns.map(rulerOf)
  const done: Partition[] = []
  const open = [wholePartition(columns, records.rowCount)]
  let [rows, reported] = [0, 0]
  for (let partition = open.pop(); partition !== undefined; partition = open.pop()) {
    const allowed = new Uint8Array(columns.length).fill(1)
    let parts: readonly Partition[] | undefined
    for (let tries = 0; tries < columns.length && parts === undefined; tries++) {
      const q = widestColumn(rulers, partition.low, partition.high, allowed)
      allowed[q] = 0
      parts = cut(partition, q)
    }
    if (parts !== undefined) for (const part of parts.toReversed()) open.push(part)
    else {
      done.push(partition)
      rows += partition.end - partition.start
      if (report !== undefined && rows - reported >= REPORT_ROWS) report((reported = rows))
    }
  }
  return partitionsToRecoding(columns, records, done)
}

/** The two halves of a partition cut at a run of ranks. */
export function halves({ start, end, low, high, level }: Partition, middle: number, q: number, leftHigh: number, rightLow: number): readonly Partition[] {
  const [lower, upper] = [high.slice(), low.slice()]
  lower[q] = leftHigh
  upper[q] = rightLow
  return [{ start, end: middle, low: low.slice(), high: lower, level }, { start: middle, end, low: upper, high: high.slice(), level }]
}

/**
 * Strict Mondrian, median cut: the parts do not overlap. `rows`: the rows to recode, in any order; the order of rows within a class is the given one.
 * Every part keeps at least `k` rows and passes `test`. About O(q · n log n).
 * Source: LeFevre, DeWitt, Ramakrishnan, "Mondrian Multidimensional K-Anonymity", ICDE 2006, §4.
 */
export function strictMondrian(columns: readonly CodedColumn[], rows: Int32Array, k: number, test?: ClassTest, report?: Report): Recoding {
  const records = new Records(columns, rows)
  const medians = new MedianFinder(records)
  return partitionRows(columns, records, (partition, q) => cutNumeric(records, medians, partition, q, k, test), report)
}

/** The cut of strict Mondrian, also for the numeric columns of hierarchy Mondrian. The bounds of the partition become the extremes present. */
export function cutNumeric(records: Records, medians: MedianFinder, partition: Partition, q: number, k: number, test: ClassTest | undefined): readonly Partition[] | undefined {
  const { start, end } = partition
  const median = medianOf(records, medians, partition, q, k)
  if (median === undefined || median.at === median.next) return undefined
  const { at, next } = median
  const middle = start + countUpTo(records, start, end, q, at)
  if (middle - start < k || end - middle < k) return undefined
  records.cut(start, end, q, at)
  if (test !== undefined && !(test(records.data, start, middle, records.stride) && test(records.data, middle, end, records.stride))) return undefined
  return halves(partition, middle, q, at, next)
}

/** Narrows the bounds of column `q` to the extremes present. The median there; undefined when the partition cannot be cut at it. */
function medianOf(records: Records, medians: MedianFinder, { start, end, low, high }: Partition, q: number, k: number): Median | undefined {
  const [least, most] = records.range(start, end, q)
  low[q] = least
  high[q] = most
  return least === most || end - start < 2 * k ? undefined : medians.find(start, end, q, least, most)
}

function countUpTo({ data, stride }: Records, start: number, end: number, q: number, rank: number): number {
  let count = 0
  for (let at = start * stride + q + 1, stop = end * stride; at < stop; at += stride) if (data[at]! <= rank) count++
  return count
}

/**
 * Relaxed Mondrian: rows with the median value are dealt out so that both halves have equal size; ranges may overlap. The order of `rows` matters:
 * the last rows with the median value go left first.
 * Source: LeFevre et al., ICDE 2006, §4.2 ("relaxed multidimensional partitioning").
 */
export function relaxedMondrian(columns: readonly CodedColumn[], rows: Int32Array, k: number, test?: ClassTest, report?: Report): Recoding {
  const records = new Records(columns, rows)
  const medians = new MedianFinder(records)
  return partitionRows(columns, records, (partition, q) => {
    const median = medianOf(records, medians, partition, q, k)
    if (median === undefined) return undefined
    const [{ start, end }, { at, next }] = [partition, median]
    const before = test === undefined ? undefined : records.data.slice(start * records.stride, end * records.stride)
    const { middle, valuesRight } = deal(records, start, end, q, at)
    if (test !== undefined && !(test(records.data, start, middle, records.stride) && test(records.data, middle, end, records.stride))) {
      records.data.set(before!, start * records.stride)
      return undefined
    }
    return halves(partition, middle, q, at, valuesRight ? at : next)
  }, report)
}

/** Puts rows below `at`, and as many rows at `at` as make half, to the left. `valuesRight`: whether rows at `at` are left over for the right. */
function deal(records: Records, start: number, end: number, q: number, at: number): { middle: number; valuesRight: boolean } {
  const { data, stride } = records
  const [left, equal, right]: [number[], number[], number[]] = [[], [], []]
  for (let row = start; row < end; row++) {
    const rank = data[row * stride + q + 1]!
    ;(rank < at ? left : rank === at ? equal : right).push(row)
  }
  const half = (end - start) >> 1
  while (left.length < half && equal.length > 0) left.push(equal.pop()!)
  records.arrange(start, Int32Array.from([...left, ...right, ...equal]))
  return { middle: start + left.length, valuesRight: equal.length > 0 }
}
