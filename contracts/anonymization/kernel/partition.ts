import type { CodedColumn } from './coding.ts'
import type { Recoding } from './recoding.ts'
import { quotient } from './whole.ts'

/** Rows `start` to `end` (exclusive) of the records and, per quasi-identifier, the ranks they may hold and the level of the hierarchy node. */
export interface Partition { readonly start: number; readonly end: number; readonly low: Int32Array; readonly high: Int32Array; readonly level: Int32Array }

/**
 * The records that Mondrian cuts: row id and all ranks side by side, `[id, rank 0, rank 1, …]`, so that a cut moves memory in order and deep
 * partitions lie in the cache. Moving rows instead of indexes made a million rows six times faster.
 */
export class Records {
  readonly stride: number
  readonly data: Int32Array
  readonly rowCount: number
  private readonly scratch: Int32Array

  constructor(columns: readonly CodedColumn[], rows: Int32Array) {
    this.stride = columns.length + 1
    this.rowCount = rows.length
    this.data = new Int32Array(rows.length * this.stride)
    this.scratch = new Int32Array(rows.length * this.stride)
    for (let i = 0, at = 0; i < rows.length; i++, at += this.stride) this.data[at] = rows[i]!
    for (const [q, { codes }] of columns.entries()) for (let i = 0, at = q + 1; i < rows.length; i++, at += this.stride) this.data[at] = codes[rows[i]!]!
  }

  /** Moves rows with a rank ≤ `last` in column `q` before the others; both keep their order. Returns where the others begin. */
  cut(start: number, end: number, q: number, last: number): number {
    const { data, scratch, stride } = this
    let [write, spare] = [start * stride, 0]
    for (let at = start * stride, stop = end * stride; at < stop; at += stride) {
      const toLeft = data[at + q + 1]! <= last
      const target = toLeft ? data : scratch
      let to = toLeft ? write : spare
      for (let i = 0; i < stride; i++) target[to++] = data[at + i]!
      if (toLeft) write = to
      else spare = to
    }
    data.set(scratch.subarray(0, spare), write)
    return quotient(write, stride)
  }

  /** Rearranges rows: the new row `start + i` is the old row `from[i]`. */
  arrange(start: number, from: Int32Array): void {
    const { data, scratch, stride } = this
    for (let i = 0; i < from.length; i++) scratch.set(data.subarray(from[i]! * stride, (from[i]! + 1) * stride), i * stride)
    data.set(scratch.subarray(0, from.length * stride), start * stride)
  }

  /** Lowest and highest rank of column `q`. */
  range(start: number, end: number, q: number): readonly [low: number, high: number] {
    const { data, stride } = this
    let low = data[start * stride + q + 1]!
    let high = low
    for (let at = (start + 1) * stride + q + 1, stop = end * stride; at < stop; at += stride) {
      const rank = data[at]!
      if (rank < low) low = rank
      else if (rank > high) high = rank
    }
    return [low, high]
  }

  ids(): Int32Array {
    const out = new Int32Array(this.rowCount)
    for (let i = 0; i < out.length; i++) out[i] = this.data[i * this.stride]!
    return out
  }
}

/** The whole table as one partition. */
export function wholePartition(columns: readonly CodedColumn[], rowCount: number): Partition {
  const level = columns.map((column) => (column.coding === 'tree' ? column.hierarchy.levels.length - 1 : 0))
  return { start: 0, end: rowCount, low: new Int32Array(columns.length), high: Int32Array.from(columns, ({ texts }) => texts.length - 1), level: Int32Array.from(level) }
}

/** Finished partitions as a recoding; they cover the records without gap. */
export function partitionsToRecoding(columns: readonly CodedColumn[], records: Records, partitions: readonly Partition[]): Recoding {
  const sorted = partitions.toSorted((a, b) => a.start - b.start)
  const per = (read: (partition: Partition) => Int32Array): Int32Array[] => columns.map((_, q) => Int32Array.from(sorted, (partition) => read(partition)[q]!))
  const level = per((partition) => partition.level)
  return {
    order: records.ids(), starts: Int32Array.from([...sorted.map(({ start }) => start), records.rowCount]),
    low: per(({ low }) => low), high: per(({ high }) => high), level: columns.map(({ coding }, q) => (coding === 'tree' ? level[q] : undefined)), suppressed: new Int32Array(0),
  }
}
