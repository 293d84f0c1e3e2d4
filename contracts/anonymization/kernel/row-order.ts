/** A stable counting sort of `rows` by `keys[row]`, keys being below `distinct`. */
export function sortRowsBy(rows: Int32Array, keys: Int32Array, distinct: number): Int32Array {
  const begins = new Int32Array(distinct + 1)
  for (const row of rows) begins[keys[row]! + 1]!++
  for (let i = 0; i < distinct; i++) begins[i + 1]! += begins[i]!
  const out = new Int32Array(rows.length)
  for (let i = 0; i < rows.length; i++) out[begins[keys[rows[i]!]!]!++] = rows[i]!
  return out
}

/** Columns to sort by, first one first. */
export interface SortKey { readonly codes: Int32Array; readonly distinct: number }

/** Rows in the order of several columns of ranks (least significant first, each pass stable). Ties keep their order; rows that tie are equal in every key. */
export function sortRows(rows: Int32Array, keys: readonly SortKey[]): Int32Array {
  return keys.toReversed().reduce((order, { codes, distinct }) => sortRowsBy(order, codes, distinct), rows)
}

/** 0, 1, …, count − 1. */
export function allRows(count: number): Int32Array {
  const rows = new Int32Array(count)
  for (let row = 0; row < count; row++) rows[row] = row
  return rows
}
