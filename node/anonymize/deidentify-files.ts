import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { formatCsvRecord } from '../../interop/csv/writer.ts'
import type { CsvDialect } from '../../interop/csv/dialect.ts'
import { BUNDLE_LIMITS } from '../../interop/fhir/bundle.ts'
import { createDeidentifier } from '../../interop/deidentify/deidentifier.ts'
import type { DeidentifierOptions } from '../../interop/deidentify/deidentifier.ts'
import type { Mapping } from '../../interop/deidentify/mapping.ts'
import type { DeidentifyReport } from '../../interop/deidentify/report.ts'
import { errorCode, SteleError } from '../../primitives/error.ts'
import type { NewFile } from './new-file.ts'
import { readCsvFile } from './table-file.ts'

export interface DeidentifyInput extends DeidentifierOptions {
  /** Files or folders: FHIR bundles (`.json`), or one flat table (`.csv`) when the mapping's rows are `Row`. */
  readonly sources: readonly string[]
  readonly mapping: Mapping
  readonly dialect?: Partial<CsvDialect>
  readonly onProgress?: (phase: string, done: number, total: number | undefined) => void
}

/** Writes the mapped rows to `out` and returns what was removed. Throws `FHIR_*`, `CSV_*`, `DEIDENTIFY_*`, naming the file. */
export async function deidentifyFiles({ sources, mapping, dialect, onProgress, ...options }: DeidentifyInput, out: NewFile): Promise<DeidentifyReport> {
  const deidentifier = createDeidentifier(mapping, options)
  await out.write(formatCsvRecord(mapping.columns.map(({ name }) => name)))
  const flat = mapping.rows === 'Row'
  const files = await listFiles(sources, flat ? '.csv' : '.json')
  for (const [at, file] of files.entries()) {
    onProgress?.('reading files', at, files.length)
    const rows = flat ? await readRows(file) : await inFile(file, async () => deidentifier.addBundle(await readBounded(file)))
    for (const row of rows) await out.write(formatCsvRecord(row))
  }
  return deidentifier.report()

  async function readRows(file: string): Promise<string[][]> {
    let names: readonly string[] = []
    const rows: string[][] = []
    const onRow = (cells: string[], line: number): void => {
      const row = deidentifier.addRow(Object.fromEntries(names.map((name, column) => [name, cells[column] ?? ''])), line)
      if (row.length > 0) rows.push(row)
    }
    await readCsvFile(file, { onHeader: (header) => { names = header }, onRow }, { ...(dialect && { dialect }), onProgress: (done, total) => onProgress?.('reading', done, total) })
    const known = new Set(names)
    const absent = mapping.columns.find(({ path }) => path.length > 0 && !known.has(path[0]!.name))
    if (absent !== undefined) throw new SteleError({ code: 'TABLE_HEADER', message: 'the table lacks a column of the mapping', details: { file, column: absent.path[0]!.name, rule: 'a path of a flat table is the name of a column' } })
    return rows
  }
}

async function readBounded(file: string): Promise<Uint8Array> {
  const found = await stat(file)
  // A device has no end and no size to be bounded by.
  if (!found.isFile() && !found.isFIFO()) throw new SteleError({ code: 'TABLE_UNREADABLE', message: 'the file cannot be read', details: { reason: 'not a file' } })
  const { size } = found
  if (size > BUNDLE_LIMITS.bundleBytesMax) throw new SteleError({ code: 'FHIR_TOO_LARGE', message: 'the bundle is larger than the limit', details: { bytes: size, bundleBytesMax: BUNDLE_LIMITS.bundleBytesMax } })
  return readFile(file)
}

/** Files as named; of a folder those with the ending, by name. */
async function listFiles(sources: readonly string[], ending: string): Promise<string[]> {
  const lists = await Promise.all(sources.map(async (source) => inFile(source, async () => {
    if (!(await stat(source)).isDirectory()) return [source]
    const names = (await readdir(source)).filter((name) => name.toLowerCase().endsWith(ending)).sort()
    return names.map((name) => join(source, name))
  })))
  const files = lists.flat()
  if (files.length === 0) throw new SteleError({ code: 'TABLE_UNREADABLE', message: 'there is no file to read', details: { sources, rule: `a folder holds at least one ${ending} file` } })
  return files
}

async function inFile<T>(file: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof SteleError) throw new SteleError({ code: error.code, message: error.message, details: { file, ...error.details }, cause: error })
    if (errorCode(error) === undefined) throw error
    throw new SteleError({ code: 'TABLE_UNREADABLE', message: 'the file cannot be read', details: { file, reason: errorCode(error) }, cause: error })
  }
}
