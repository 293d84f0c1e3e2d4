import { readFile, stat } from 'node:fs/promises'
import { headSchema, DOCUMENT_LIMITS } from '../../contracts/anonymization/release-format.ts'
import type { ReleaseHead } from '../../contracts/anonymization/release-format.ts'
import { releaseHead } from '../../contracts/anonymization/release-forms.ts'
import { cellText } from '../../contracts/anonymization/kernel/index.ts'
import type { Release } from '../../contracts/anonymization/kernel/index.ts'
import { releaseFrom } from '../../contracts/anonymization/release-forms.ts'
import { restoreCell } from '../../interop/csv/formula.ts'
import { fixedBytes, fromJson, struct, toJson } from '../../primitives/codec.ts'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { errorCode, SteleError } from '../../primitives/error.ts'
import { readParquet } from './parquet.ts'
import { readCsvFile } from './table-file.ts'

/** What is written beside a release: hash, dictionaries, claims and exact statistics. No row of it, and no value that the release does not hold. */
const manifestSchema = struct({ releaseHash: fixedBytes(32), fileHash: fixedBytes(32), claims: headSchema })
export interface Manifest { readonly releaseHash: string; readonly fileHash: string; readonly claims: ReleaseHead }

export function manifestText(release: Release, releaseHash: string, fileHash: string): string {
  return `${JSON.stringify(toJson(manifestSchema, { releaseHash: fromHex(releaseHash), fileHash: fromHex(fileHash), claims: releaseHead(release) }), null, 1)}\n`
}

/** Throws `DEFINITION_INVALID` when the file is no manifest, `TABLE_UNREADABLE`. */
export async function readManifest(path: string): Promise<Manifest> {
  try {
    if ((await stat(path)).size > DOCUMENT_LIMITS.bytesMax) throw new SteleError({ code: 'DEFINITION_INVALID', message: 'the manifest is larger than one can be', details: { file: path, bytesMax: DOCUMENT_LIMITS.bytesMax } })
    const { releaseHash, fileHash, claims } = fromJson(manifestSchema, JSON.parse(await readFile(path, 'utf8')))
    return { releaseHash: toHex(releaseHash), fileHash: toHex(fileHash), claims }
  } catch (error) {
    if (error instanceof SteleError && error.code !== 'CODEC_VALUE_INVALID') throw error
    if (error instanceof SteleError || error instanceof SyntaxError) throw new SteleError({ code: 'DEFINITION_INVALID', message: 'the file is no manifest of a release', details: { file: path, ...(error instanceof SteleError ? error.details : { rule: 'JSON' }) }, cause: error })
    throw new SteleError({ code: 'TABLE_UNREADABLE', message: 'the manifest cannot be read', details: { file: path, reason: errorCode(error) }, cause: error })
  }
}

/** A finding about the file itself, before the release in it can be judged. */
export interface FileFinding { readonly code: string; readonly rule: string; readonly column?: string; readonly row?: number }

/** Rows of a written release, in file order; formulas restored. */
async function* released(path: string): AsyncGenerator<readonly string[]> {
  if (path.endsWith('.parquet')) {
    const { header, rows } = await readParquet(await readFile(path))
    yield header
    yield* rows
    return
  }
  const rows: string[][] = []
  let names: readonly string[] = []
  await readCsvFile(path, { onHeader: (header) => { names = header }, onRow: (cells) => { rows.push(cells.map(restoreCell)) } }, { dialect: { delimiter: ',', trim: false } })
  yield names.map(restoreCell)
  yield* rows
}

/**
 * Reads a written release again and joins it with its claims: classes are the runs of rows with equal quasi-identifiers. Cells that the claims do not know
 * are findings, named by row (from 1) and column. Throws what the readers throw.
 */
export async function rereadRelease(path: string, claims: ReleaseHead): Promise<{ readonly release: Release; readonly findings: readonly FileFinding[] }> {
  const findings: FileFinding[] = []
  const names = [...claims.quasi.map(({ name }) => name), ...claims.payload.map(({ name }) => name)]
  const quasiCodes = releaseFrom(claims, { classSizes: new Int32Array(0), quasi: [], payload: [] }).quasi.map(({ values }) => new Map(values.map((value, code) => [cellText(value), code])))
  const payloadCodes = claims.payload.map(({ values }) => new Map(values.map((value, code) => [value, code])))
  const dictionaries = [...quasiCodes, ...payloadCodes]
  const quasi: number[][] = claims.quasi.map(() => [])
  const payload: number[][] = claims.payload.map(() => [])
  const classSizes: number[] = []
  let [row, last] = [-1, '']
  for await (const cells of released(path)) {
    if (row++ === -1) {
      if (cells.join('\0') !== names.join('\0')) findings.push({ code: 'RELEASE_SHAPE', rule: 'the columns of the manifest, in its order' })
      continue
    }
    const codes = cells.map((cell, at) => dictionaries[at]?.get(cell) ?? -1)
    const unknown = codes.indexOf(-1)
    if (unknown !== -1 && findings.length < 100) findings.push({ code: 'RELEASE_VALUE', rule: 'a value of the manifest', column: names[unknown] ?? String(unknown + 1), row })
    const key = codes.slice(0, quasi.length).join(',')
    if (key !== last || classSizes.length === 0) {
      quasi.forEach((list, q) => list.push(Math.max(0, codes[q] ?? 0)))
      classSizes.push(0)
      last = key
    }
    classSizes[classSizes.length - 1]!++
    payload.forEach((list, p) => list.push(Math.max(0, codes[quasi.length + p] ?? 0)))
  }
  const release = releaseFrom(claims, { classSizes: Int32Array.from(classSizes), quasi: quasi.map((list) => Int32Array.from(list)), payload: payload.map((list) => Int32Array.from(list)) })
  return { release: { ...release, rowCount: row }, findings }
}
