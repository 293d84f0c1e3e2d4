import type { CodedColumn } from '../../../contracts/anonymization/kernel/coding.ts'
import { cutTree } from '../../../contracts/anonymization/kernel/mondrian-hierarchy.ts'
import { halves, partitionRows } from '../../../contracts/anonymization/kernel/mondrian.ts'
import { Records } from '../../../contracts/anonymization/kernel/partition.ts'
import type { Partition } from '../../../contracts/anonymization/kernel/partition.ts'
import type { Recoding } from '../../../contracts/anonymization/kernel/recoding.ts'

/**
 * Hierarchy Mondrian with the numeric cut of Gong's "Basic Mondrian" run under Python 3, where `total / 2` is not rounded: the cut is at the first value at which at least half
 * the rows are counted, and neither half is held to k. For comparison with its figures only; it breaks k-anonymity.
 */
export function referenceHierarchyMondrian(columns: readonly CodedColumn[], rows: Int32Array, k: number): Recoding {
  const records = new Records(columns, rows)
  return partitionRows(columns, records, (partition, q) => {
    const column = columns[q]!
    return column.coding === 'tree' ? cutTree(records, column, partition, q, k, undefined) : cutWithoutK(records, partition, q, k)
  })
}

function cutWithoutK(records: Records, partition: Partition, q: number, k: number): readonly Partition[] | undefined {
  const { start, end } = partition
  const [low, high] = records.range(start, end, q)
  partition.low[q] = low
  partition.high[q] = high
  if (low === high || end - start < 2 * k) return undefined
  const ranks = Int32Array.from({ length: end - start }, (_, i) => records.data[(start + i) * records.stride + q + 1]!).sort()
  const at = ranks[Math.ceil(ranks.length / 2) - 1]!
  const next = ranks.find((rank) => rank > at)
  if (next === undefined) return undefined
  return halves(partition, records.cut(start, end, q, at), q, at, next)
}
