import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../state/database.ts'
import type { Database } from '../state/database.ts'
import { memoryDatabase } from '../state/memory-database.ts'

/** A ledger of more segments than this is executed again into a database in the temporary folder: its state might not fit into memory. */
export const MEMORY_SEGMENTS_MAX = 2

/** Where verification builds the state once more; gone after `remove`, and never inside the folder that is verified. */
export interface Scratch { readonly database: Database; remove(): Promise<void> }

export async function openScratch(segments: number): Promise<Scratch> {
  if (segments <= MEMORY_SEGMENTS_MAX) return { database: memoryDatabase(), remove: () => Promise.resolve() }
  const folder = await mkdtemp(join(tmpdir(), 'stele-verify-'))
  return { database: await openDatabase(folder), remove: () => rm(folder, { recursive: true, force: true }) }
}
