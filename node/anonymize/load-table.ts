import { TableBuilder } from '../../contracts/anonymization/kernel/index.ts'
import type { Table } from '../../contracts/anonymization/kernel/index.ts'
import type { CsvDialect } from '../../interop/csv/dialect.ts'
import { SteleError } from '../../primitives/error.ts'
import { readCsvFile } from './table-file.ts'
import type { ReleaseSpec } from './spec.ts'

export interface LoadedTable {
  readonly table: Table
  /** Columns of the file that are not in the table: identifiers, and those without a role. */
  readonly leftOut: readonly string[]
  readonly dialect: CsvDialect | undefined
  /** SHA-256 of the file's bytes, lower-case hex. */
  readonly sha256: string
}

/** Reads the columns that a specification names; identifiers stay out unless they name the person. Throws what the CSV reader and the kernel's table throw, and `TABLE_HEADER`. */
export async function loadTable(path: string, { attributes, columns, delimiter }: ReleaseSpec, onProgress: (phase: string, done: number, total: number | undefined) => void): Promise<LoadedTable> {
  const wanted = new Set(attributes.filter(({ role, person }) => role !== 'identifier' || person === true).map(({ name }) => name))
  let builder: TableBuilder | undefined
  let picks: number[] = []
  let leftOut: readonly string[] = []
  const onHeader = (names: readonly string[]): void => {
    const absent = attributes.find(({ name }) => !names.includes(name))
    if (absent !== undefined) throw new SteleError({ code: 'TABLE_HEADER', message: 'the table lacks a column that the release names', details: { column: absent.name, rule: 'one of the columns of the first line; a file without a header takes --columns', there: names.slice(0, 20) } })
    picks = names.flatMap((name, at) => (wanted.has(name) ? [at] : []))
    leftOut = names.filter((name) => !wanted.has(name))
    builder = new TableBuilder(picks.map((at) => names[at]!))
  }
  const { dialect, sha256 } = await readCsvFile(path, { onHeader, onRow: (cells) => builder!.addRow(picks.map((at) => cells[at]!)) }, {
    ...(columns && { columns }), ...(delimiter !== undefined && { dialect: { delimiter } }), onProgress: (done, total) => onProgress('reading', done, total),
  })
  return { table: builder!.build(), leftOut, dialect, sha256 }
}
