import type { TreeColumn } from './coding.ts'
import type { Prepared } from './prepare.ts'

/** Distinct tuples of leaves of all quasi-identifiers, with how many rows hold each: what all nodes of the lattice are grouped from. */
export interface BaseTuples {
  readonly columns: readonly TreeColumn[]
  readonly count: number
  /** Leaf per column and tuple. */
  readonly leaves: readonly Int32Array[]
  /** Rows per tuple; rows of the subset per tuple (the same where there is none). */
  readonly rows: Int32Array
  readonly subsetRows: Int32Array
  /** Tuple of each row. */
  readonly tupleOf: Int32Array
  /** Row ids, tuple by tuple: tuple `i` has `byTuple[begins[i]]` up to, not including, `byTuple[begins[i + 1]]`. */
  readonly byTuple: Int32Array
  readonly begins: Int32Array
}

/** Distinct runs of codes over several columns, by refining one column at a time; no hashing of more than a pair. Returns a dense id per row and how many there are. */
function denseIds(columns: readonly Int32Array[], sizes: readonly number[], count: number): { ids: Int32Array; distinct: number } {
  let ids = new Int32Array(count)
  let distinct = 1
  for (const [q, codes] of columns.entries()) {
    const next = new Map<number, number>()
    const refined = new Int32Array(count)
    for (let i = 0; i < count; i++) {
      const key = ids[i]! * sizes[q]! + codes[i]!
      let id = next.get(key)
      if (id === undefined) next.set(key, (id = next.size))
      refined[i] = id
    }
    ids = refined
    distinct = next.size
  }
  return { ids, distinct }
}

export function baseTuples({ quasi, rowCount }: Prepared, subset: Uint8Array | undefined): BaseTuples {
  const columns = quasi.filter((column): column is TreeColumn => column.coding === 'tree')
  const { ids, distinct } = denseIds(columns.map(({ codes }) => codes), columns.map(({ texts }) => texts.length), rowCount)
  const [rows, subsetRows] = [new Int32Array(distinct), new Int32Array(distinct)]
  const leaves = columns.map(() => new Int32Array(distinct))
  for (let row = 0; row < rowCount; row++) {
    const id = ids[row]!
    if (rows[id]!++ === 0) for (const [q, { codes }] of columns.entries()) leaves[q]![id] = codes[row]!
    if (subset === undefined || subset[row] === 1) subsetRows[id]!++
  }
  const begins = new Int32Array(distinct + 1)
  for (let id = 0; id < distinct; id++) begins[id + 1] = begins[id]! + rows[id]!
  const byTuple = new Int32Array(rowCount)
  const next = begins.slice()
  for (let row = 0; row < rowCount; row++) byTuple[next[ids[row]!]!++] = row
  return { columns, count: distinct, leaves, rows, subsetRows, tupleOf: ids, byTuple, begins }
}

/** The tuples of one node of the lattice as classes: a class per tuple, and per class rows, rows of the subset, and one tuple that stands for it. */
export interface Grouping { readonly classOf: Int32Array; readonly count: number; readonly rows: Int32Array; readonly subsetRows: Int32Array; readonly representative: Int32Array }

/** Groups tuples by their generalised values with an open-addressing table of its own, reused from node to node: this is what full-domain search spends its time on. */
export class Grouper {
  private readonly base: BaseTuples
  private readonly mask: number
  private readonly slots: Int32Array
  private readonly classOf: Int32Array
  private readonly representative: Int32Array

  constructor(base: BaseTuples) {
    this.base = base
    let size = 4
    while (size < base.count * 2) size *= 2
    this.mask = size - 1
    this.slots = new Int32Array(size)
    this.classOf = new Int32Array(base.count)
    this.representative = new Int32Array(base.count)
  }

  /** `levels`: one per column. The arrays of the result are reused by the next call. */
  group(levels: readonly number[]): Grouping {
    const { base, mask, slots, classOf, representative } = this
    const maps = base.columns.map(({ hierarchy }, q) => hierarchy.nodeOf[levels[q]!]!)
    const { leaves } = base
    const width = maps.length
    slots.fill(-1)
    let count = 0
    for (let tuple = 0; tuple < base.count; tuple++) {
      let hash = 17
      for (let q = 0; q < width; q++) hash = Math.imul(hash, 31) + maps[q]![leaves[q]![tuple]!]! | 0
      hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
      let slot = (hash ^ (hash >>> 13)) & mask
      for (;;) {
        const index = slots[slot]!
        if (index === -1) {
          slots[slot] = count
          representative[count] = tuple
          classOf[tuple] = count++
          break
        }
        const other = representative[index]!
        let q = 0
        while (q < width && maps[q]![leaves[q]![tuple]!] === maps[q]![leaves[q]![other]!]) q++
        if (q === width) {
          classOf[tuple] = index
          break
        }
        slot = (slot + 1) & mask
      }
    }
    const [rows, subsetRows] = [new Int32Array(count), new Int32Array(count)]
    for (let tuple = 0; tuple < base.count; tuple++) {
      rows[classOf[tuple]!]! += base.rows[tuple]!
      subsetRows[classOf[tuple]!]! += base.subsetRows[tuple]!
    }
    return { classOf, count, rows, subsetRows, representative }
  }
}

/** Row ids class by class. */
export function rowsByClass(base: BaseTuples, { classOf, count, rows }: Grouping): { order: Int32Array; starts: Int32Array } {
  const starts = new Int32Array(count + 1)
  for (let index = 0; index < count; index++) starts[index + 1] = starts[index]! + rows[index]!
  const order = new Int32Array(base.byTuple.length)
  const next = starts.slice()
  for (let tuple = 0; tuple < base.count; tuple++) {
    const index = classOf[tuple]!
    for (let at = base.begins[tuple]!; at < base.begins[tuple + 1]!; at++) order[next[index]!++] = base.byTuple[at]!
  }
  return { order, starts }
}
