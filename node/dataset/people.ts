import { maybeFromHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { readCsvFile } from '../anonymize/table-file.ts'
import type { PersonRow } from './selection.ts'

/** Rows of a contributor's table with the account of each person, in file order; only the named columns. Throws `TABLE_HEADER`, `CSV_*`, `DEFINITION_INVALID` naming the line. */
export async function readPeople(path: string, columns: readonly string[], accountColumn: string): Promise<PersonRow[]> {
  const people: PersonRow[] = []
  let places: number[] = []
  let account = -1
  const onHeader = (names: readonly string[]): void => {
    const absent = [...columns, accountColumn].find((name) => !names.includes(name))
    if (absent !== undefined) throw new SteleError({ code: 'TABLE_HEADER', message: 'the table lacks a column', details: { column: absent, rule: 'the columns of the data set, and one with accounts' } })
    places = columns.map((name) => names.indexOf(name))
    account = names.indexOf(accountColumn)
  }
  await readCsvFile(path, {
    onHeader,
    onRow: (cells, line) => {
      const id = maybeFromHex(cells[account] ?? '')
      if (id?.length !== 32) throw new SteleError({ code: 'DEFINITION_INVALID', message: 'a cell holds no account', details: { line, column: accountColumn, rule: '32 bytes in lower-case hex' } })
      people.push({ account: id, row: places.map((place) => cells[place]!) })
    },
  })
  return people
}
