import { SteleError } from '../../primitives/error.ts'
import { guessDialect } from './dialect.ts'
import type { CsvDialect } from './dialect.ts'
import { CSV_LIMITS } from './limits.ts'
import type { CsvLimits } from './limits.ts'
import { createRecordScanner } from './record-scanner.ts'
import type { RecordScanner } from './record-scanner.ts'

/** Receives one record. `line` is the line of the file on which it begins, from 1. The array is the receiver's to keep. */
export type OnRecord = (cells: string[], line: number) => void

export interface CsvReader {
  /** Takes the next bytes of the file; calls `onRecord` for every record that ends in them. */
  push(bytes: Uint8Array): void
  /** The file has ended: gives the last record, which need not end its line. */
  end(): void
  /** What the first line was taken for; undefined before it was seen. */
  readonly dialect: CsvDialect | undefined
}

export interface CsvReaderOptions {
  /** What is known of the dialect; the rest is guessed from the first line. */
  readonly dialect?: Partial<CsvDialect>
  readonly limits?: CsvLimits
}

/**
 * A push parser for CSV (RFC 4180) and its relatives: `;`, tab or `|` between cells, blanks after separators, line feed alone at line ends, a byte
 * order mark. Every record must have as many cells as the first; empty lines are passed over when the table has more than one column.
 * Memory: one record and one chunk. Stops at the first violation with `CSV_MALFORMED`, `CSV_TOO_LARGE` or `CSV_NOT_TEXT`, whose details name line,
 * column and rule, never a cell's content.
 */
export function createCsvReader(onRecord: OnRecord, { dialect: known = {}, limits = CSV_LIMITS }: CsvReaderOptions = {}): CsvReader {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let scanner: RecordScanner | undefined
  let opening = ''
  let records = 0
  let width: number | undefined

  const take = (cells: string[], line: number): void => {
    if (cells.length === 1 && cells[0] === '' && width !== 1) return
    width ??= cells.length
    if (cells.length !== width) throw new SteleError({ code: 'CSV_MALFORMED', message: 'a record has another number of cells than the first', details: { line, cells: cells.length, expected: width, rule: 'every record has as many cells as the first one' } })
    // The first record may be a header, so one more than the limit is read.
    if (++records > limits.rowsMax + 1) throw new SteleError({ code: 'CSV_TOO_LARGE', message: 'the table has more rows than the limit', details: { line, rowsMax: limits.rowsMax, rule: 'split the table' } })
    onRecord(cells, line)
  }
  const open = (text: string): RecordScanner => {
    const guessed = guessDialect(text)
    return createRecordScanner(take, { delimiter: known.delimiter ?? guessed.delimiter, trim: known.trim ?? guessed.trim }, limits)
  }
  const scan = (text: string): void => {
    if (text.includes('\0')) throw new SteleError({ code: 'CSV_NOT_TEXT', message: 'the file holds a NUL character', details: { line: scanner?.line ?? 1, rule: 'a table is text; is this a binary file?' } })
    if (scanner !== undefined) return scanner.push(text)
    opening += text
    const lineEnd = /\r?\n/.exec(opening)
    if (lineEnd === null && opening.length <= limits.recordCharsMax) return
    scanner = open(opening.slice(0, lineEnd?.index ?? limits.recordCharsMax))
    scanner.push(opening)
    opening = ''
  }
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true })
    } catch (cause) {
      throw new SteleError({ code: 'CSV_NOT_TEXT', message: 'the file is not UTF-8 text', details: { line: scanner?.line ?? 1, rule: 'at or after this line a byte sequence is no UTF-8; convert the file' }, cause })
    }
  }
  return {
    push: (bytes) => scan(decode(bytes)),
    end: () => {
      scan(decode())
      if (scanner === undefined && opening !== '') {
        scanner = open(opening)
        scanner.push(opening)
      }
      scanner?.end()
    },
    get dialect() { return scanner?.dialect },
  }
}
