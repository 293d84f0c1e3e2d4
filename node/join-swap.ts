import { existsSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { mkdir } from 'node:fs/promises'
import { SteleError, errorCode } from '../primitives/error.ts'
import { SnapshotFolder, syncFolder, writeWhole } from '../state/snapshot-folder.ts'

/** Where a node keeps what it takes from a snapshot until all of it is there: nothing in it counts before `commitJoin`. */
export const joinFolder = (dataDir: string): string => join(dataDir, 'join')
export const snapshotsFolder = (dataDir: string): string => join(dataDir, 'snapshots')

/** Parts of the staging folder. `parts` becomes a snapshot that this node can serve. */
export const STAGED = { state: 'state', ledger: 'ledger', parts: 'parts' } as const
const COMMIT = 'commit'

/** True when an installation was begun and has not come to its end. */
export const isJoinBegun = (dataDir: string): boolean => existsSync(joinFolder(dataDir))

/** From here on the installation counts: everything staged is durable and checked, and `completeJoin` goes on after any crash. */
export async function commitJoin(dataDir: string, height: number): Promise<void> {
  await writeWhole(join(joinFolder(dataDir), COMMIT), new TextEncoder().encode(String(height)))
  await syncFolder(joinFolder(dataDir))
}

/**
 * Puts a committed installation in place of what the node had; does nothing when there is none. Each step may be repeated, so a crash anywhere is followed by the next start.
 * The ledger that is replaced goes last of all: until then it can be looked at.
 */
export async function completeJoin(dataDir: string, chain: Uint8Array): Promise<number | undefined> {
  const folder = joinFolder(dataDir)
  const height = await committedHeight(folder)
  if (height === undefined) return undefined
  const snapshots = new SnapshotFolder(snapshotsFolder(dataDir), chain)
  await mkdir(snapshots.path, { recursive: true, mode: 0o700 })
  await replace(join(folder, STAGED.parts), snapshots.of(height))
  await replace(join(folder, STAGED.state), join(dataDir, 'state'))
  await replace(join(folder, STAGED.ledger), join(dataDir, 'ledger'))
  await syncFolder(snapshots.path)
  await syncFolder(dataDir)
  await rm(folder, { recursive: true, force: true })
  for (const replaced of [snapshots.of(height), join(dataDir, 'state'), join(dataDir, 'ledger')]) await rm(asideOf(replaced), { recursive: true, force: true })
  await syncFolder(dataDir)
  return height
}

async function committedHeight(folder: string): Promise<number | undefined> {
  try {
    const height = Number(await readFile(join(folder, COMMIT), 'utf8'))
    if (Number.isSafeInteger(height) && height > 0) return height
    throw new SteleError({ code: 'SNAPSHOT_INVALID', message: 'the note of a finished installation cannot be read', details: { folder } })
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

const asideOf = (path: string): string => `${path}.replaced`

async function replace(from: string, to: string): Promise<void> {
  if (!existsSync(from)) return // Done before a crash.
  if (existsSync(to)) {
    await rm(asideOf(to), { recursive: true, force: true })
    await rename(to, asideOf(to))
  }
  await rename(from, to)
}
