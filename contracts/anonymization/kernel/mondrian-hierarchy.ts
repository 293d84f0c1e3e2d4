import type { CodedColumn, TreeColumn } from './coding.ts'
import { MedianFinder } from './median.ts'
import { cutNumeric, partitionRows } from './mondrian.ts'
import { Records } from './partition.ts'
import type { Partition } from './partition.ts'
import type { ClassTest, Recoding, Report } from './recoding.ts'

/**
 * Mondrian along hierarchies: a categorical column is cut into the children of its node, a numeric one at the median. A cut happens only if every part that
 * holds rows holds at least `k` and passes `test`, so the values published are always labels of the hierarchy.
 * Source: LeFevre et al., ICDE 2006, §3.1 (partitioning with user-defined hierarchies); the reference program is Gong's "Basic Mondrian".
 */
export function hierarchyMondrian(columns: readonly CodedColumn[], rows: Int32Array, k: number, test?: ClassTest, report?: Report): Recoding {
  const records = new Records(columns, rows)
  const medians = new MedianFinder(records)
  return partitionRows(columns, records, (partition, q) => {
    const column = columns[q]!
    return column.coding === 'tree' ? cutTree(records, column, partition, q, k, test) : cutNumeric(records, medians, partition, q, k, test)
  }, report)
}

/** Cuts a partition into the children of its node in column `q`, if every child with rows keeps k and passes the test. */
export function cutTree(records: Records, { hierarchy }: TreeColumn, partition: Partition, q: number, k: number, test: ClassTest | undefined): readonly Partition[] | undefined {
  const { start, end } = partition
  const below = partition.level[q]! - 1
  if (below < 0) return undefined
  const childOf = hierarchy.nodeOf[below]!
  const first = childOf[partition.low[q]!]!
  const counts = new Int32Array(childOf[partition.high[q]!]! - first + 1)
  const { data, stride } = records
  for (let at = start * stride + q + 1, stop = end * stride; at < stop; at += stride) counts[childOf[data[at]!]! - first]!++
  if (counts.some((count) => count > 0 && count < k)) return undefined
  const parts: Partition[] = []
  const begins = new Int32Array(counts.length)
  for (let child = 0, at = start; child < counts.length; child++) {
    begins[child] = at
    if (counts[child] === 0) continue
    const [low, high, level] = [partition.low.slice(), partition.high.slice(), partition.level.slice()]
    low[q] = hierarchy.levels[below]!.low[first + child]!
    high[q] = hierarchy.levels[below]!.high[first + child]!
    level[q] = below
    parts.push({ start: at, end: at += counts[child]!, low, high, level })
  }
  if (parts.length > 1) sortByChild(records, partition, q, childOf, first, begins)
  if (test !== undefined && parts.length > 1 && !parts.every((part) => test(data, part.start, part.end, stride))) return undefined
  return parts
}

/** A stable counting sort of the rows by child. */
function sortByChild(records: Records, { start, end }: Partition, q: number, childOf: Int32Array, first: number, begins: Int32Array): void {
  const from = new Int32Array(end - start)
  const next = begins.slice()
  for (let row = start; row < end; row++) from[next[childOf[records.data[row * records.stride + q + 1]!]! - first]!++ - start] = row
  records.arrange(start, from)
}
