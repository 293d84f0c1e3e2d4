import { checkDefinition } from './check-definition.ts'
import { codeTree, codeNumeric, codeOrdered, codePayload } from './coding.ts'
import type { CodedColumn, NumericColumn, PayloadColumn } from './coding.ts'
import { MISSING_DEFAULT } from './definition.ts'
import type { Algorithm, AttributeDefinition, DatasetDefinition } from './definition.ts'
import { refuse } from './refuse.ts'
import { columnOf } from './table.ts'
import type { Column, Table } from './table.ts'

/** A table ready for the algorithms: ranks instead of text. All columns have `rowCount` codes, in the order of the original rows that were kept. */
export interface Prepared {
  readonly rowCount: number
  readonly droppedCount: number
  /** Original row (0-based) of each kept row; undefined when none was dropped. */
  readonly kept: Int32Array | undefined
  /** Quasi-identifiers in the order of the definition. */
  readonly quasi: readonly CodedColumn[]
  /** Sensitive and insensitive columns in the order of the definition. */
  readonly payload: readonly PayloadColumn[]
  /** The columns that statistics are asked of, in that order. */
  readonly numeric: readonly NumericColumn[]
  readonly definition: DatasetDefinition
}

/** Checks definition and cells against each other and codes every column. Refuses, in this order: definition, policy, missing cells, duplicate persons, cells of a wrong type, values no hierarchy covers. */
export function prepare(table: Table, definition: DatasetDefinition): Prepared {
  checkDefinition(table, definition)
  const attributes = definition.attributes.map((attribute) => ({ attribute, column: columnOf(table, attribute.name)! }))
  const kept = completeRows(table, definition)
  const rowCount = kept?.length ?? table.rowCount
  if (rowCount === 0) refuse('ANONYMIZATION_TABLE_EMPTY', { rule: 'at least one complete row' })
  if (rowCount < definition.policy.k) refuse('ANONYMIZATION_K_ABOVE_ROWS', { k: definition.policy.k, rows: rowCount, rule: 'k ≤ rows' })
  for (const { attribute, column } of attributes) if (attribute.person === true) checkPersons(column, kept)
  const quasi = attributes.filter(({ attribute }) => attribute.role === 'quasi-identifier').map(({ attribute, column }) => codeQuasi(definition.algorithm, attribute, column, kept))
  const payload = attributes.filter(({ attribute }) => attribute.role === 'sensitive' || attribute.role === 'insensitive').map(({ attribute, column }) => codePayload(attribute, column, kept))
  const numeric = (definition.statistics?.columns ?? []).map((name) => codeNumeric(definition.attributes.find((attribute) => attribute.name === name)!, columnOf(table, name)!, kept))
  return { rowCount, droppedCount: table.rowCount - rowCount, kept, quasi, payload, numeric, definition }
}

function codeQuasi(algorithm: Algorithm, attribute: AttributeDefinition, column: Column, kept: Int32Array | undefined): CodedColumn {
  if (algorithm.name !== 'mondrian') return codeTree(attribute, column, kept)
  if (attribute.type !== 'categorical') return codeNumeric(attribute, column, kept)
  return algorithm.mode === 'hierarchy' ? codeTree(attribute, column, kept) : codeOrdered(attribute, column, kept)
}

/** Rows without a missing cell; undefined when that is all of them. */
function completeRows(table: Table, { missing = MISSING_DEFAULT }: DatasetDefinition): Int32Array | undefined {
  const markers = new Set(missing.markers)
  const incomplete = new Uint8Array(table.rowCount)
  let count = 0
  for (const { name, values, codes } of table.columns) {
    const unknown = values.map((value) => markers.has(value))
    if (!unknown.includes(true)) continue
    for (let row = 0; row < codes.length; row++) {
      if (!unknown[codes[row]!]) continue
      if (missing.treatment === 'refuse') refuse('ANONYMIZATION_CELL_MISSING', { row: row + 1, column: name, rule: 'every cell is known' })
      count += 1 - incomplete[row]!
      incomplete[row] = 1
    }
  }
  if (count === 0) return undefined
  const kept = new Int32Array(table.rowCount - count)
  for (let row = 0, at = 0; row < incomplete.length; row++) if (incomplete[row] === 0) kept[at++] = row
  return kept
}

function checkPersons({ name, codes, values }: Column, kept: Int32Array | undefined): void {
  const first = new Int32Array(values.length).fill(-1)
  const count = kept?.length ?? codes.length
  for (let i = 0; i < count; i++) {
    const row = kept === undefined ? i : kept[i]!
    const code = codes[row]!
    if (first[code] !== -1) refuse('ANONYMIZATION_PERSON_DUPLICATE', { row: row + 1, firstRow: first[code]! + 1, column: name, rule: 'one row a person' })
    first[code] = row
  }
}
