import type { Hierarchy } from './hierarchy.ts'

/** A sensitive column as the models see it: one rank per row and how often each rank occurs in the whole (the whole subset, where there is one). */
export interface SensitiveColumn {
  readonly name: string
  readonly codes: Int32Array
  readonly distinct: number
  /** Counts over the whole, per rank. */
  readonly totals: Int32Array
  /** Rows of the whole. */
  total: number
  readonly hierarchy: Hierarchy | undefined
  /** Leaf of the hierarchy, per rank. */
  readonly leafOf: Int32Array | undefined
}

/** How often each value of one sensitive column occurs in a class. Reused from class to class: only values that were touched are cleared. */
export class Histogram {
  readonly column: SensitiveColumn
  readonly counts: Int32Array
  /** Ranks present, in order of first appearance. */
  readonly touched: Int32Array
  distinct = 0
  size = 0

  constructor(column: SensitiveColumn) {
    this.column = column
    this.counts = new Int32Array(column.distinct)
    this.touched = new Int32Array(column.distinct)
  }

  clear(): void {
    for (let i = 0; i < this.distinct; i++) this.counts[this.touched[i]!] = 0
    this.distinct = 0
    this.size = 0
  }

  addRow(row: number): void {
    this.add(this.column.codes[row]!, 1)
  }

  add(rank: number, count: number): void {
    if (this.counts[rank] === 0) this.touched[this.distinct++] = rank
    this.counts[rank]! += count
    this.size += count
  }
}
