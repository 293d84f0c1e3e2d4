import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createCsvReader } from '../../interop/csv/reader.ts'
import type { CsvDialect } from '../../interop/csv/dialect.ts'
import { errorCode, SteleError } from '../../primitives/error.ts'

export interface CsvFileOptions {
  readonly dialect?: Partial<CsvDialect>
  /** Names of the columns of a file without a header; else the first record names them. */
  readonly columns?: readonly string[]
  /** Bytes read of how many; the total is undefined for standard input. */
  readonly onProgress?: (bytes: number, total: number | undefined) => void
}

export interface CsvSink {
  /** Called once, before the first row. */
  readonly onHeader: (names: readonly string[]) => void
  /** One data row; `line` is its line of the file. */
  readonly onRow: (cells: string[], line: number) => void
}

/** Bytes of one read: large enough for speed, small against any table. */
const CHUNK_BYTES = 256 * 1024

/**
 * Reads a CSV file, or standard input for `-`, row by row in bounded memory. Returns the dialect it found and the SHA-256 of the bytes, in hex.
 * Throws `CSV_*` naming line and column, `TABLE_EMPTY`, `TABLE_HEADER`, `TABLE_UNREADABLE`; all name the file.
 */
export async function readCsvFile(path: string, { onHeader, onRow }: CsvSink, { dialect, columns, onProgress }: CsvFileOptions = {}): Promise<{ readonly dialect: CsvDialect | undefined; readonly sha256: string }> {
  let header: readonly string[] | undefined
  const open = (names: readonly string[], width: number): void => {
    checkHeader(names, width)
    header = names
    onHeader(names)
  }
  const reader = createCsvReader((cells, line) => {
    if (header !== undefined) return onRow(cells, line)
    open(columns ?? cells, cells.length)
    if (columns !== undefined) onRow(cells, line)
  }, dialect === undefined ? {} : { dialect })
  const digest = createHash('sha256')
  try {
    const total = path === '-' ? undefined : (await stat(path)).size
    let bytes = 0
    for await (const chunk of (path === '-' ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES })) as AsyncIterable<Buffer>) {
      digest.update(chunk)
      reader.push(chunk)
      onProgress?.((bytes += chunk.length), total)
    }
    reader.end()
  } catch (error) {
    if (error instanceof SteleError) throw new SteleError({ code: error.code, message: error.message, details: { file: path, ...error.details }, cause: error })
    if (errorCode(error) === undefined) throw error
    throw new SteleError({ code: 'TABLE_UNREADABLE', message: 'the table cannot be read', details: { file: path, reason: errorCode(error) }, cause: error })
  }
  if (header === undefined) throw new SteleError({ code: 'TABLE_EMPTY', message: 'the file is empty', details: { file: path, rule: 'a table has a header and at least one row' } })
  return { dialect: reader.dialect, sha256: digest.digest('hex') }
}

function checkHeader(names: readonly string[], width: number): void {
  if (names.length !== width) throw new SteleError({ code: 'TABLE_HEADER', message: 'there are more or fewer names than columns', details: { names: names.length, columns: width, rule: 'one name for each column' } })
  const seen = new Set<string>()
  for (const [at, name] of names.entries()) {
    if (name.trim() === '') throw new SteleError({ code: 'TABLE_HEADER', message: 'a column has no name', details: { column: at + 1, rule: 'every column has a name; a file without a header takes --columns' } })
    if (seen.has(name)) throw new SteleError({ code: 'TABLE_HEADER', message: 'two columns have one name', details: { column: at + 1, name: name.slice(0, 64), rule: 'names of columns are unique' } })
    seen.add(name)
  }
}
