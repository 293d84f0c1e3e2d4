import { refuse } from './refuse.ts'

/** One column, dictionary-coded: `values[codes[row]]` is the text of a cell. `values` are distinct and stand in order of first appearance. */
export interface Column { readonly name: string; readonly values: readonly string[]; readonly codes: Int32Array }

/** A table by columns. All `codes` have `rowCount` entries. */
export interface Table { readonly rowCount: number; readonly columns: readonly Column[] }

/** Bounds of what one process takes. `rows` × columns × 4 bytes is the memory of the cells; the dictionaries come on top. */
export interface TableLimits { readonly columns: number; readonly rows: number; readonly cellLength: number; readonly distinctPerColumn: number }
export const TABLE_LIMITS: TableLimits = { columns: 1_000, rows: 10_000_000, cellLength: 4_096, distinctPerColumn: 10_000_000 }

const FIRST_CAPACITY = 1_024

class ColumnBuilder {
  readonly name: string
  private codes = new Int32Array(FIRST_CAPACITY)
  private readonly values: string[] = []
  private readonly codeOf = new Map<string, number>()

  constructor(name: string) {
    this.name = name
  }

  get distinct(): number {
    return this.values.length
  }

  set(row: number, cell: string): void {
    if (row === this.codes.length) {
      const grown = new Int32Array(this.codes.length * 2)
      grown.set(this.codes)
      this.codes = grown
    }
    let code = this.codeOf.get(cell)
    if (code === undefined) {
      code = this.values.length
      this.codeOf.set(cell, code)
      this.values.push(cell)
    }
    this.codes[row] = code
  }

  build(rowCount: number): Column {
    return { name: this.name, values: this.values, codes: this.codes.slice(0, rowCount) }
  }
}

/**
 * Builds a table row by row. Memory is the dictionary plus four bytes a cell. Refuses unnamed or repeated columns, ragged rows and anything
 * above the limits, naming row (1-based, data rows), column and rule.
 */
export class TableBuilder {
  rowCount = 0
  private readonly builders: readonly ColumnBuilder[]
  private readonly limits: TableLimits

  constructor(names: readonly string[], limits: Partial<TableLimits> = {}) {
    this.limits = { ...TABLE_LIMITS, ...limits }
    if (names.length === 0) refuse('ANONYMIZATION_TABLE_EMPTY', { rule: 'at least one column' })
    if (names.length > this.limits.columns) refuse('ANONYMIZATION_LIMIT', { rule: `at most ${this.limits.columns} columns`, columns: names.length })
    const seen = new Set<string>()
    for (const [i, name] of names.entries()) {
      if (name === '') refuse('ANONYMIZATION_COLUMN_MISSING', { rule: 'every column has a name', column: i + 1 })
      if (seen.has(name)) refuse('ANONYMIZATION_COLUMN_DUPLICATE', { rule: 'column names are unique', column: name })
      seen.add(name)
    }
    this.builders = names.map((name) => new ColumnBuilder(name))
  }

  addRow(cells: readonly string[]): void {
    const row = this.rowCount + 1
    if (cells.length !== this.builders.length) refuse('ANONYMIZATION_ROW_RAGGED', { row, rule: `${this.builders.length} cells`, cells: cells.length })
    if (row > this.limits.rows) refuse('ANONYMIZATION_LIMIT', { row, rule: `at most ${this.limits.rows} rows` })
    for (let i = 0; i < cells.length; i++) {
      const builder = this.builders[i]!
      const cell = cells[i]!
      if (cell.length > this.limits.cellLength) refuse('ANONYMIZATION_LIMIT', { row, column: builder.name, rule: `at most ${this.limits.cellLength} characters a cell` })
      builder.set(this.rowCount, cell)
      if (builder.distinct > this.limits.distinctPerColumn) refuse('ANONYMIZATION_LIMIT', { row, column: builder.name, rule: `at most ${this.limits.distinctPerColumn} distinct values` })
    }
    this.rowCount++
  }

  build(): Table {
    if (this.rowCount === 0) refuse('ANONYMIZATION_TABLE_EMPTY', { rule: 'at least one row' })
    return { rowCount: this.rowCount, columns: this.builders.map((builder) => builder.build(this.rowCount)) }
  }
}

/** A table from whole columns of equal length. */
export function tableFromColumns(columns: readonly { readonly name: string; readonly cells: readonly string[] }[]): Table {
  const builder = new TableBuilder(columns.map(({ name }) => name))
  const rowCount = columns[0]?.cells.length ?? 0
  for (const { name, cells } of columns) if (cells.length !== rowCount) refuse('ANONYMIZATION_ROW_RAGGED', { row: Math.min(cells.length, rowCount) + 1, column: name, rule: 'all columns have the same length' })
  for (let row = 0; row < rowCount; row++) builder.addRow(columns.map(({ cells }) => cells[row]!))
  return builder.build()
}

/** The column of that name, or undefined. */
export function columnOf(table: Table, name: string): Column | undefined {
  return table.columns.find((column) => column.name === name)
}

/** The distinct values of a column, in order of first appearance: what the builders of hierarchies want. */
export function distinctValues(table: Table, name: string): readonly string[] {
  return columnOf(table, name)?.values ?? refuse('ANONYMIZATION_COLUMN_MISSING', { column: name, rule: 'the table has this column' })
}
