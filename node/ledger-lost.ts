import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { FileSystem } from '../state/file-system.ts'
import { hasLedger } from '../state/ledger-image.ts'

/** What a node writes into its data folder only once it has a ledger there. Vault, mailbox, archives and evidence are not among it: a new node may be given those of another. */
const TRACES = /^(state(\..*)?|presence\.json|snapshots|join|ledger\.replaced|hold(-\d+)?\.json|recovery-\d+\.json)$/

/**
 * Refuses a start that would make a new ledger where there was one. Terms, votes and attestations stand in the ledger alone: under a new one the node could vote a second time in a term, or
 * attest to a second block at a height. A data folder of which nothing is left cannot be told from a new one; there the others refuse what the node says (node/presence.ts). Throws `LEDGER_LOST`.
 */
export async function mustNotHaveLostLedger(dataDir: string, node: number, fileSystem: FileSystem): Promise<void> {
  const directory = join(dataDir, 'ledger')
  if (await hasLedger(fileSystem, directory)) return
  const found: string[] = []
  for (const name of (await readdir(dataDir)).sort()) if (TRACES.test(name) && await holdsSomething(join(dataDir, name))) found.push(name)
  if (found.length === 0) return
  throw new SteleError({
    code: 'LEDGER_LOST', message: 'the ledger of this node is gone, and with it the record of its votes and attestations; it must not run again under this number',
    details: { dataDir, missing: 'ledger', found, node },
  })
}

/** A file, or a folder with more in it than what a fresh disk has. */
async function holdsSomething(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).some((name) => name !== 'lost+found')
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') return true
    throw error
  }
}
