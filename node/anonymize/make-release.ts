import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { anonymize, releaseHeader, releaseRows } from '../../contracts/anonymization/kernel/index.ts'
import type { Release } from '../../contracts/anonymization/kernel/index.ts'
import { formatCsvRecord } from '../../interop/csv/writer.ts'
import { SteleError } from '../../primitives/error.ts'
import { loadTable } from './load-table.ts'
import type { LoadedTable } from './load-table.ts'
import { openNewFile } from './new-file.ts'
import { findHierarchies, planRelease } from './plan.ts'
import type { Plan } from './plan.ts'
import type { ReleaseSpec } from './spec.ts'
import { writeParquet } from './parquet.ts'

export type OnProgress = (phase: string, done: number, total: number | undefined) => void

export interface ReleaseSource {
  readonly input: string
  readonly spec: ReleaseSpec
  readonly hierarchies?: string
  /** The definition file, beside which relative paths of hierarchies are looked up. */
  readonly base: string
  readonly onProgress: OnProgress
}

export interface Prepared { readonly loaded: LoadedTable; readonly plan: Plan }

/** Reads the table and completes the definition. Throws `CSV_*`, `TABLE_*`, `DEFINITION_INVALID`, `ANONYMIZATION_*`, naming row, column and rule. */
export async function prepareRelease({ input, spec, hierarchies, base, onProgress }: ReleaseSource): Promise<Prepared> {
  const files = await findHierarchies(hierarchies)
  const loaded = await loadTable(input, spec, onProgress)
  return { loaded, plan: await planRelease(spec, loaded.table, files, base) }
}

/** Runs the kernel. Throws `ANONYMIZATION_*`. */
export function makeRelease({ loaded: { table }, plan: { definition } }: Prepared, onProgress: OnProgress): Release {
  return anonymize(table, definition, { onProgress: ({ phase, done, total }) => onProgress(phase, done, total) })
}

/** Rows that are joined before they are written. */
const BATCH_ROWS = 4_096

/** Writes the rows as CSV, or as Parquet when the name ends so. Returns the SHA-256 of the file, in hex. Throws `OUTPUT_EXISTS`, `TABLE_UNREADABLE`. */
export async function writeRelease(release: Release, path: string, onProgress: OnProgress): Promise<string> {
  const out = await openNewFile(path)
  const digest = createHash('sha256')
  const write = async (bytes: Uint8Array): Promise<void> => {
    digest.update(bytes)
    await out.write(bytes)
  }
  try {
    if (path.endsWith('.parquet')) await write(writeParquet(release))
    else {
      let [batch, rows] = [formatCsvRecord(releaseHeader(release)), 0]
      for (const row of releaseRows(release)) {
        batch += formatCsvRecord(row)
        if (++rows % BATCH_ROWS !== 0) continue
        await write(Buffer.from(batch))
        batch = ''
        onProgress('writing', rows, release.rowCount)
      }
      await write(Buffer.from(batch))
    }
    await out.finish()
    return digest.digest('hex')
  } finally {
    await out.discard()
  }
}

/** Makes sure that the original is the file that was read. Throws `TABLE_CHANGED`. */
export async function demandUnchanged(path: string, sha256: string): Promise<void> {
  if (path === '-') return
  const digest = createHash('sha256')
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) digest.update(chunk)
  const now = digest.digest('hex')
  if (now !== sha256) throw new SteleError({ code: 'TABLE_CHANGED', message: 'the original was changed while it was worked on; run it again', details: { file: path, before: sha256, after: now } })
}

