import { parquetReadObjects } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { releaseHeader, releaseRows } from '../../contracts/anonymization/kernel/index.ts'
import type { Release } from '../../contracts/anonymization/kernel/index.ts'

/**
 * A release as one Parquet file: generalised and categorical columns as UTF-8, columns of whole numbers as INT64, of decimals as DOUBLE
 * unless that would change their text, empty cells as
 * null. Held in memory as a whole. Parquet has no formulas, so cells stand as they are.
 */
export function writeParquet(release: Release): Uint8Array {
  const names = releaseHeader(release)
  const cells: string[][] = names.map(() => [])
  for (const row of releaseRows(release)) for (let at = 0; at < row.length; at++) cells[at]!.push(row[at]!)
  const types = names.map((_, at) => (at < release.quasi.length ? 'categorical' : release.payload[at - release.quasi.length]!.type))
  const columnData = names.map((name, at) => {
    const column = cells[at]!
    // A number is written as one only where reading it gives the same text, so that nothing is lost.
    if (types[at] === 'integer' && column.every((cell) => cell === '' || String(BigInt(cell)) === cell)) return { name, type: 'INT64' as const, data: column.map((cell) => (cell === '' ? null : BigInt(cell))) }
    if (types[at] === 'decimal' && column.every((cell) => cell === '' || String(Number(cell)) === cell)) return { name, type: 'DOUBLE' as const, data: column.map((cell) => (cell === '' ? null : Number(cell))) }
    return { name, type: 'STRING' as const, data: column.map((cell) => (cell === '' ? null : cell)) }
  })
  return new Uint8Array(parquetWriteBuffer({ columnData, createdBy: 'stele' }))
}

/** Header and rows of a Parquet file that `writeParquet` made, as text; for reading a release again. */
export async function readParquet(bytes: Uint8Array): Promise<{ readonly header: readonly string[]; readonly rows: readonly (readonly string[])[] }> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  const objects = await parquetReadObjects({ file })
  const header = Object.keys(objects[0] ?? {})
  return { header, rows: objects.map((object) => header.map((name) => (object[name] === null || object[name] === undefined ? '' : String(object[name])))) }
}
