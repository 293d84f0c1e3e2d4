import { rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { releaseHash } from '../../contracts/anonymization/kernel/index.ts'
import { SteleError } from '../../primitives/error.ts'
import { checkFile, findingText } from './check-file.ts'
import { demandUnchanged, makeRelease, writeRelease } from './make-release.ts'
import type { OnProgress, Prepared } from './make-release.ts'
import { manifestText } from './manifest.ts'
import { openNewFile } from './new-file.ts'
import { renderReport } from './report/page.ts'
import { rulesOf } from './rules.ts'
import type { ReleaseSpec } from './spec.ts'
import { summarise } from './summary.ts'
import { measureUtility } from './utility.ts'
import type { ReleaseSummary } from './summary.ts'

export interface PublishInput {
  readonly input: string
  readonly out: string
  readonly manifest: string
  readonly report: string | undefined
  readonly prepared: Prepared
  readonly spec: ReleaseSpec
  /** Measure query error and classifier accuracy too: several times the work of the release. */
  readonly utility: boolean
  /** When, as people read it; stands in the report alone. */
  readonly at: string
  readonly onProgress: OnProgress
}

/**
 * Makes a release, writes it with its manifest, reads both again and checks them, makes sure that the original is as it was, and reports. A release that does not
 * pass its own check is taken away again: `RELEASE_UNSOUND` with the first findings.
 */
export async function publish({ input, out, manifest, report, prepared, spec, utility, at, onProgress }: PublishInput): Promise<ReleaseSummary> {
  const { loaded, plan } = prepared
  const release = makeRelease(prepared, onProgress)
  const hash = releaseHash(release)
  const fileHash = await writeRelease(release, out, onProgress)
  try {
    await writeText(manifest, manifestText(release, hash, fileHash))
    onProgress('checking', 0, 1)
    const found = await checkFile(out, manifest, plan, loaded.table.rowCount)
    if (!found.ok) throw new SteleError({ code: 'RELEASE_UNSOUND', message: 'the release did not pass its own check and was taken away', details: { findings: found.findings.slice(0, 5).map(findingText) } })
    await demandUnchanged(input, loaded.sha256)
    const measured = utility ? measureUtility(loaded.table, plan.definition, release, hash, onProgress) : undefined
    const summary = summarise({
      input: { file: nameOf(input), sha256: loaded.sha256, rows: loaded.table.rowCount, leftOut: loaded.leftOut, separator: loaded.dialect?.delimiter ?? spec.delimiter ?? ',' },
      output: { file: nameOf(out), sha256: fileHash, releaseHash: hash }, plan, release, rules: rulesOf(plan.definition.policy, found.release, found.check), ...(measured && { utility: measured }),
    })
    if (report !== undefined) await writeText(report, renderReport(summary, { at }))
    return summary
  } catch (error) {
    await Promise.all([out, manifest].map((path) => rm(path, { force: true })))
    throw error
  }
}

/** The report may be passed on: it names files, not the folders they lie in. */
const nameOf = (path: string): string => (path === '-' ? 'standard input' : basename(path))

async function writeText(path: string, text: string): Promise<void> {
  const file = await openNewFile(path)
  try {
    await file.write(text)
    await file.finish()
  } finally {
    await file.discard()
  }
}
