import type { AttributeDefinition } from './definition.ts'
import type { Hierarchy } from './hierarchy.ts'
import { byCodeUnits } from './hierarchy-builders.ts'
import { maybePlaces, maybeUnits, unitsToText } from './numbers.ts'
import { refuse } from './refuse.ts'
import type { Column } from './table.ts'

interface Coded {
  readonly name: string
  readonly type: AttributeDefinition['type']
  /** One rank per row. */
  readonly codes: Int32Array
  /** Text of each rank. */
  readonly texts: readonly string[]
}
/** Numbers and dates: ranks of the distinct values present, ascending. `units[rank]` = value · 10^scale. */
export interface NumericColumn extends Coded { readonly coding: 'numeric'; readonly units: readonly number[]; readonly scale: number }
/** Categories in a given order: ranks of the values present. */
export interface OrderedColumn extends Coded { readonly coding: 'ordered' }
/** Values with a hierarchy: the rank is the leaf; `texts` are all leaves, present or not. */
export interface TreeColumn extends Coded { readonly coding: 'tree'; readonly hierarchy: Hierarchy }
/** A quasi-identifier as the algorithms see it. Whatever the coding, a generalised value is a run of ranks. */
export type CodedColumn = NumericColumn | OrderedColumn | TreeColumn

/** A column that is published as it is. Ranks: by value for numbers and dates, else code units; texts stay as they were written. `units` for numbers and dates. */
export interface PayloadColumn extends Coded {
  readonly role: 'sensitive' | 'insensitive'
  readonly units: readonly number[] | undefined
  readonly scale: number
  readonly hierarchy: Hierarchy | undefined
}

/** `rankOf[code]` applied to every kept row. */
function recode(codes: Int32Array, rankOf: Int32Array, kept: Int32Array | undefined): Int32Array {
  const out = new Int32Array(kept?.length ?? codes.length)
  if (kept === undefined) for (let row = 0; row < out.length; row++) out[row] = rankOf[codes[row]!]!
  else for (let i = 0; i < out.length; i++) out[i] = rankOf[codes[kept[i]!]!]!
  return out
}

/** Which dictionary entries occur in the kept rows. */
function present({ codes, values }: Column, kept: Int32Array | undefined): number[] {
  if (kept === undefined) return values.map((_, code) => code)
  const seen = new Uint8Array(values.length)
  for (const row of kept) seen[codes[row]!] = 1
  return values.flatMap((_, code) => (seen[code] === 1 ? [code] : []))
}

/** The first kept row (1-based) that holds a value, for error details. */
function firstRow({ codes }: Column, code: number, kept: Int32Array | undefined): number {
  return (kept === undefined ? codes.indexOf(code) : kept[kept.findIndex((row) => codes[row] === code)]!) + 1
}

interface Numbers { readonly scale: number; readonly unitsOf: ReadonlyMap<number, number> }

function readNumbers({ name, type }: AttributeDefinition, column: Column, codes: readonly number[], kept: Int32Array | undefined): Numbers {
  const wrong = (code: number, rule: string): never => refuse('ANONYMIZATION_CELL_TYPE', { row: firstRow(column, code, kept), column: name, rule })
  let scale = 0
  for (const code of codes) scale = Math.max(scale, maybePlaces(type, column.values[code]!) ?? wrong(code, type === 'date' ? 'a date as YYYY-MM-DD' : `${type === 'integer' ? 'a whole number' : 'a decimal number'} of at most 15 digits`))
  return { scale, unitsOf: new Map(codes.map((code) => [code, maybeUnits(type, column.values[code]!, scale) ?? wrong(code, `at most 15 digits with ${scale} decimal places, as in other rows`)])) }
}

/** Ranks by value; two spellings of one number (`7`, `07`) are one value, and dates keep their text. */
export function codeNumeric(attribute: AttributeDefinition, column: Column, kept: Int32Array | undefined): NumericColumn {
  const codes = present(column, kept)
  const { scale, unitsOf } = readNumbers(attribute, column, codes, kept)
  const units = [...new Set(unitsOf.values())].sort((a, b) => a - b)
  const rank = new Map(units.map((value, i) => [value, i]))
  const rankOf = new Int32Array(column.values.length)
  const texts = units.map((value) => unitsToText(value, scale))
  for (const [code, value] of unitsOf) {
    rankOf[code] = rank.get(value)!
    if (attribute.type === 'date') texts[rankOf[code]] = column.values[code]!
  }
  return { coding: 'numeric', name: attribute.name, type: attribute.type, codes: recode(column.codes, rankOf, kept), texts, units, scale }
}

export function codeOrdered(attribute: AttributeDefinition, column: Column, kept: Int32Array | undefined): OrderedColumn {
  const codes = present(column, kept)
  const order = attribute.order ?? attribute.hierarchy?.leaves
  const place = order === undefined ? undefined : new Map(order.map((value, i) => [value, i]))
  if (place !== undefined) for (const code of codes) if (!place.has(column.values[code]!)) refuse('ANONYMIZATION_HIERARCHY_UNCOVERED', { row: firstRow(column, code, kept), column: attribute.name, rule: attribute.order === undefined ? 'every value is a leaf of the hierarchy' : 'every value stands in the order given' })
  const sorted = codes.map((code) => ({ code, text: column.values[code]! })).sort((a, b) => (place === undefined ? byCodeUnits(a.text, b.text) : place.get(a.text)! - place.get(b.text)!))
  const rankOf = new Int32Array(column.values.length)
  for (const [rank, { code }] of sorted.entries()) rankOf[code] = rank
  return { coding: 'ordered', name: attribute.name, type: attribute.type, codes: recode(column.codes, rankOf, kept), texts: sorted.map(({ text }) => text) }
}

export function codeTree(attribute: AttributeDefinition, column: Column, kept: Int32Array | undefined): TreeColumn {
  const hierarchy = attribute.hierarchy ?? refuse('ANONYMIZATION_HIERARCHY_ABSENT', { column: attribute.name, rule: 'this algorithm recodes along hierarchies' })
  const rankOf = new Int32Array(column.values.length)
  for (const code of present(column, kept)) rankOf[code] = hierarchy.leafOf.get(column.values[code]!) ?? refuse('ANONYMIZATION_HIERARCHY_UNCOVERED', { row: firstRow(column, code, kept), column: attribute.name, rule: 'every value is a leaf of the hierarchy' })
  return { coding: 'tree', name: attribute.name, type: attribute.type, codes: recode(column.codes, rankOf, kept), texts: hierarchy.leaves, hierarchy }
}

export function codePayload(attribute: AttributeDefinition, column: Column, kept: Int32Array | undefined): PayloadColumn {
  const codes = present(column, kept)
  const numbers = attribute.type === 'categorical' ? undefined : readNumbers(attribute, column, codes, kept)
  const hierarchy = attribute.hierarchy
  if (hierarchy !== undefined) for (const code of codes) if (!hierarchy.leafOf.has(column.values[code]!)) refuse('ANONYMIZATION_HIERARCHY_UNCOVERED', { row: firstRow(column, code, kept), column: attribute.name, rule: 'every value is a leaf of the hierarchy' })
  const sorted = codes.map((code) => ({ code, text: column.values[code]!, units: numbers?.unitsOf.get(code) ?? 0 })).sort((a, b) => a.units - b.units || byCodeUnits(a.text, b.text))
  const rankOf = new Int32Array(column.values.length)
  for (const [rank, { code }] of sorted.entries()) rankOf[code] = rank
  return {
    name: attribute.name, type: attribute.type, role: attribute.role as PayloadColumn['role'], codes: recode(column.codes, rankOf, kept),
    texts: sorted.map(({ text }) => text), units: numbers === undefined ? undefined : sorted.map(({ units }) => units), scale: numbers?.scale ?? 0, hierarchy,
  }
}
