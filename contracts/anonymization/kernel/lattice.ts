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

/** The tuples of one node of the lattice as classes: per class rows, rows of the subset, and one base tuple that stands for it. */
export interface Grouping { readonly count: number; readonly rows: Int32Array; readonly subsetRows: Int32Array; readonly representative: Int32Array; classOf(): Int32Array }

/** Tuples that some columns have already been generalised of: fewer than the base tuples, and `reducedOf` leads from those to these. */
interface ReducedTuples { readonly count: number; readonly representative: Int32Array; readonly rows: Int32Array; readonly subsetRows: Int32Array; readonly reducedOf: Int32Array }

/** Numbers that are remembered between nodes at most (four bytes each). */
const CACHE_NUMBERS_MAX = 32_000_000

/**
 * Groups tuples by their generalised values: this is what full-domain search spends its time on. Nodes that share the levels of the widest columns are grouped from tuples that
 * were generalised there once (roll-up); an open-addressing table finds equal tuples.
 */
export class Grouper {
  private readonly base: BaseTuples
  /** Columns with the most leaves: half of them. */
  private readonly wide: readonly number[]
  private readonly reductions = new Map<string, ReducedTuples>()
  private remembered = 0
  private readonly all: ReducedTuples

  constructor(base: BaseTuples) {
    this.base = base
    const byLeaves = base.columns.map((_, q) => q).sort((a, b) => base.columns[b]!.hierarchy.leaves.length - base.columns[a]!.hierarchy.leaves.length || a - b)
    this.wide = byLeaves.slice(0, (byLeaves.length + 1) >> 1)
    const identity = Int32Array.from({ length: base.count }, (_, tuple) => tuple)
    this.all = { count: base.count, representative: identity, rows: base.rows, subsetRows: base.subsetRows, reducedOf: identity }
  }

  /** `levels`: one per column. */
  group(levels: readonly number[]): Grouping {
    const reduced = this.reduce(levels)
    const { classOf, ...grouped } = groupTuples(this.base, reduced, levels)
    return { ...grouped, classOf: () => reduced.reducedOf.map((tuple) => classOf[tuple]!) }
  }

  private reduce(levels: readonly number[]): ReducedTuples {
    const key = this.wide.map((q) => levels[q]).join()
    const known = this.reductions.get(key)
    if (known !== undefined) return known
    const { classOf, ...grouped } = groupTuples(this.base, this.all, levels.map((level, q) => (this.wide.includes(q) ? level : 0)))
    const reduced = { ...grouped, reducedOf: classOf }
    this.remembered += 3 * reduced.count + this.base.count
    if (this.remembered > CACHE_NUMBERS_MAX) {
      this.reductions.clear()
      this.remembered = 3 * reduced.count + this.base.count
    }
    this.reductions.set(key, reduced)
    return reduced
  }
}

type Grouped = Omit<Grouping, 'classOf'> & { readonly classOf: Int32Array }

function groupTuples(base: BaseTuples, from: ReducedTuples, levels: readonly number[]): Grouped {
  const columns = base.columns.map(({ hierarchy }, q) => ({ nodeOf: hierarchy.nodeOf[levels[q]!]!, leaves: base.leaves[q]!, nodes: hierarchy.levels[levels[q]!]!.labels.length })).filter(({ nodes }) => nodes > 1)
  let size = 4
  while (size < from.count * 2) size *= 2
  const mask = size - 1
  const slots = new Int32Array(size).fill(-1)
  const [classOf, representative, hashes] = [new Int32Array(from.count), new Int32Array(from.count), new Int32Array(from.count)]
  const [rows, subsetRows] = [new Int32Array(from.count), new Int32Array(from.count)]
  for (const { nodeOf, leaves } of columns) for (let i = 0; i < from.count; i++) hashes[i] = Math.imul(hashes[i]!, 31) + nodeOf[leaves[from.representative[i]!]!]! | 0
  const isEqual = (a: number, b: number): boolean => {
    for (let q = 0; q < columns.length; q++) {
      const { nodeOf, leaves } = columns[q]!
      if (nodeOf[leaves[a]!] !== nodeOf[leaves[b]!]) return false
    }
    return true
  }
  let count = 0
  for (let i = 0; i < from.count; i++) {
    const tuple = from.representative[i]!
    const mixed = Math.imul(hashes[i]! ^ (hashes[i]! >>> 15), 0x2c1b3c6d)
    let slot = (mixed ^ (mixed >>> 13)) & mask
    let index = slots[slot]!
    while (index !== -1 && !isEqual(tuple, representative[index]!)) index = slots[(slot = (slot + 1) & mask)]!
    if (index === -1) {
      index = count++
      slots[slot] = index
      representative[index] = tuple
    }
    classOf[i] = index
    rows[index]! += from.rows[i]!
    subsetRows[index]! += from.subsetRows[i]!
  }
  return { count, classOf, rows: rows.slice(0, count), subsetRows: subsetRows.slice(0, count), representative: representative.slice(0, count) }
}

/** Row ids class by class. */
export function rowsByClass(base: BaseTuples, grouping: Grouping): { order: Int32Array; starts: Int32Array } {
  const { count, rows } = grouping
  const classOf = grouping.classOf()
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
