import { SteleError } from '../../primitives/error.ts'
import type { CsvDialect } from './dialect.ts'
import type { CsvLimits } from './limits.ts'

/** Cuts text into records. */
export interface RecordScanner {
  push(text: string): void
  end(): void
  /** Line of the file that the next record begins on, from 1. */
  readonly line: number
  readonly dialect: CsvDialect
}

const QUOTE = 0x22
const LF = 0x0a
const CR = 0x0d
const BLANK = 0x20

/** What reading one cell found: where it ends, or that the text does not hold its end yet. */
interface CellEnd { readonly text: string; readonly next: number; readonly ends: 'cell' | 'record' }

/**
 * The scanner works on whole records: text that ends within one is kept and scanned again with the next, so that a quoted cell may span chunks.
 * The limit on a record bounds what is kept. Inside quotes everything is content and `""` is one quote (RFC 4180 §2.5 to 2.7); a quote within an
 * unquoted cell and text behind a closing quote are refused, because readers disagree on them.
 */
export function createRecordScanner(onRecord: (cells: string[], line: number) => void, dialect: CsvDialect, limits: CsvLimits): RecordScanner {
  const separator = dialect.delimiter.charCodeAt(0)
  let kept = ''
  let line = 1

  const refuse = (code: 'CSV_MALFORMED' | 'CSV_TOO_LARGE', message: string, column: number, rule: string): SteleError => new SteleError({ code, message, details: { line, column, rule } })

  /** The cell that begins at `from`; undefined when the text ends before it does. */
  const readCell = (text: string, from: number, column: number, last: boolean): CellEnd | undefined => {
    let at = from
    if (dialect.trim) while (text.charCodeAt(at) === BLANK) at++
    if (text.charCodeAt(at) === QUOTE) return readQuoted(text, at, column, last)
    const start = at
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === separator) return { text: content(text, start, at, column), next: at + 1, ends: 'cell' }
      if (code === LF) return { text: content(text, start, at, column), next: at + 1, ends: 'record' }
      if (code === CR) {
        if (at + 1 === text.length && !last) return undefined
        if (at + 1 < text.length && text.charCodeAt(at + 1) !== LF) throw refuse('CSV_MALFORMED', 'a carriage return stands alone', column, 'a line ends with LF or CR LF; a cell with CR stands in quotes')
        return { text: content(text, start, at, column), next: Math.min(text.length, at + 2), ends: 'record' }
      }
      if (code === QUOTE) throw refuse('CSV_MALFORMED', 'a quote stands inside an unquoted cell', column, 'a cell with a quote stands in quotes, and the quote is doubled')
    }
    return last ? { text: content(text, start, at, column), next: at, ends: 'record' } : undefined
  }

  const readQuoted = (text: string, from: number, column: number, last: boolean): CellEnd | undefined => {
    let close = from + 1
    for (;;) {
      close = text.indexOf('"', close)
      if (close === -1) {
        if (last) throw refuse('CSV_MALFORMED', 'a quoted cell has no end', column, 'a quote that opens a cell is closed by another')
        return undefined
      }
      if (close + 1 === text.length && !last) return undefined
      if (text.charCodeAt(close + 1) !== QUOTE) break
      close += 2
    }
    const inner = text.slice(from + 1, close)
    checkLength(inner.length, column)
    const value = inner.includes('"') ? inner.replaceAll('""', '"') : inner
    let at = close + 1
    if (dialect.trim) while (text.charCodeAt(at) === BLANK) at++
    if (at >= text.length) return last ? { text: value, next: at, ends: 'record' } : undefined
    const code = text.charCodeAt(at)
    if (code === separator) return { text: value, next: at + 1, ends: 'cell' }
    if (code === LF) return { text: value, next: at + 1, ends: 'record' }
    if (code === CR && at + 1 === text.length) return last ? { text: value, next: at + 1, ends: 'record' } : undefined
    if (code === CR && text.charCodeAt(at + 1) === LF) return { text: value, next: at + 2, ends: 'record' }
    throw refuse('CSV_MALFORMED', 'text follows a closing quote', column, 'after a closing quote come the separator or the end of the line')
  }

  const checkLength = (length: number, column: number): void => {
    if (length > limits.cellCharsMax) throw refuse('CSV_TOO_LARGE', 'a cell is longer than the limit', column, `a cell has at most ${limits.cellCharsMax} characters`)
  }
  const content = (text: string, start: number, end: number, column: number): string => {
    let stop = end
    if (dialect.trim) while (stop > start && text.charCodeAt(stop - 1) === BLANK) stop--
    checkLength(stop - start, column)
    return text.slice(start, stop)
  }

  /** One record from `from`; undefined when the text ends before it does. */
  const readRecord = (text: string, from: number, last: boolean): { readonly cells: string[]; readonly next: number } | undefined => {
    const cells: string[] = []
    let at = from
    for (;;) {
      const cell = readCell(text, at, cells.length + 1, last)
      if (cell === undefined) {
        if (text.length - from > limits.recordCharsMax) throw refuse('CSV_TOO_LARGE', 'a line does not end within the limit', cells.length + 1, `a record has at most ${limits.recordCharsMax} characters`)
        return undefined
      }
      cells.push(cell.text)
      if (cells.length > limits.columnsMax) throw refuse('CSV_TOO_LARGE', 'the table has more columns than the limit', cells.length, `a record has at most ${limits.columnsMax} cells`)
      at = cell.next
      if (at - from > limits.recordCharsMax) throw refuse('CSV_TOO_LARGE', 'a record is longer than the limit', cells.length, `a record has at most ${limits.recordCharsMax} characters`)
      if (cell.ends === 'record') return { cells, next: at }
    }
  }

  const scan = (text: string, last: boolean): void => {
    let at = 0
    while (at < text.length) {
      const record = readRecord(text, at, last)
      if (record === undefined) break
      onRecord(record.cells, line)
      line += lineCount(text, at, record.next)
      at = record.next
    }
    kept = text.slice(at)
  }
  return { push: (text) => scan(kept + text, false), end: () => scan(kept, true), get line() { return line }, dialect }
}

/** Line feeds in the span; a record without one still ended a line. */
function lineCount(text: string, from: number, to: number): number {
  let count = 0
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) count++
  return Math.max(1, count)
}
