import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Where the conformance cases lie: `STELE_CORPUS`, or a folder beside the checkout. */
const root = process.env['STELE_CORPUS'] ?? resolve(import.meta.dirname, '../../../shared/corpus')

/** The absolute path of a corpus file or folder; undefined when it is absent, so that the test can skip and say so. */
export function corpusPath(relative: string): string | undefined {
  const path = join(root, relative)
  return existsSync(path) ? path : undefined
}

export const CORPUS_ABSENT = 'the corpus is absent: set STELE_CORPUS'
