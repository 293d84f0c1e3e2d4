import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { checkRelease } from '../../contracts/anonymization/kernel/index.ts'
import type { Finding, Release, ReleaseCheck } from '../../contracts/anonymization/kernel/index.ts'
import { readManifest, rereadRelease } from './manifest.ts'
import type { FileFinding, Manifest } from './manifest.ts'
import type { Plan } from './plan.ts'

export interface FileCheck {
  readonly ok: boolean
  readonly findings: readonly (FileFinding | Finding)[]
  readonly release: Release
  readonly manifest: Manifest
  readonly check: ReleaseCheck
  readonly fileHash: string
}

/** Where a release's manifest lies unless told: beside it. */
export const manifestPath = (path: string): string => `${path}.manifest.json`

/**
 * Reads a written release and its manifest again and checks everything: the file's hash, every cell, the policy of the definition, counts and figures, and
 * the release hash. `rows`: how many the original had. Throws only for files that cannot be read.
 */
export async function checkFile(path: string, manifestFile: string, { definition }: Plan, rows: number | undefined): Promise<FileCheck> {
  const manifest = await readManifest(manifestFile)
  const { release, findings } = await rereadRelease(path, manifest.claims)
  const check = checkRelease(release, definition, { hash: manifest.releaseHash, ...(rows !== undefined && { rowCount: rows - manifest.claims.droppedCount }) })
  const fileHash = await sha256Of(path)
  const own: FileFinding[] = [...findings]
  if (fileHash !== manifest.fileHash) own.push({ code: 'RELEASE_HASH', rule: 'the bytes of the file are those that were written' })
  if (manifest.claims.rowCount !== release.rowCount) own.push({ code: 'RELEASE_COUNT', rule: `${manifest.claims.rowCount} rows, as the manifest says` })
  return { ok: check.ok && own.length === 0, findings: [...own, ...check.findings], release, manifest, check, fileHash }
}

async function sha256Of(path: string): Promise<string> {
  const digest = createHash('sha256')
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) digest.update(chunk)
  return digest.digest('hex')
}

/** A finding in one line: where, and which rule. */
export function findingText({ code, rule, ...place }: FileFinding | Finding): string {
  const { column, classIndex, row, expected, actual } = place as Partial<Finding>
  const where = [column === undefined ? '' : `column ${column}`, classIndex === undefined ? '' : `class ${classIndex + 1}`, row === undefined ? '' : `row ${row}`].filter((text) => text !== '').join(', ')
  return `${code}${where === '' ? '' : ` at ${where}`}: ${rule}${expected === undefined ? '' : `, expected ${expected}`}${actual === undefined ? '' : `, found ${actual}`}`
}
