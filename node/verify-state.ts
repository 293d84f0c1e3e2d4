import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { equalBytes, toHex } from '../primitives/bytes.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { openDatabase } from '../state/database.ts'
import { openStoredState } from '../state/world-state.ts'
import type { WorldState } from '../state/world-state.ts'
import type { HeaderRules } from './chain-rules.ts'
import { blockAt } from './verify-chain.ts'
import { checkDatabaseFiles } from './verify-tables.ts'
import type { ScannedLedger } from './verify-ledger.ts'
import type { Finding, VerifyJournal } from './verify-report.ts'

/** A state database opened beside the original, so that not one byte of the original changes. */
export interface StateCopy { readonly world: WorldState; readonly files: number; close(): Promise<void> }

/**
 * Opens a copy of the state database, after its files' checksums were compared: tables, which never change, by symbolic link, the few others copied. LevelDB writes on opening, so
 * the original is never opened. Undefined when it cannot be opened; the journal says why.
 */
export async function openStateCopy(directory: string, chain: Uint8Array, journal: VerifyJournal): Promise<StateCopy | undefined> {
  const files = await checkDatabaseFiles(directory, journal)
  const copy = await mkdtemp(join(tmpdir(), 'stele-verify-'))
  const remove = (): Promise<void> => rm(copy, { recursive: true, force: true })
  try {
    for (const name of await readdir(directory)) {
      if (/^\d+\.(ldb|sst)$/.test(name)) await symlink(resolve(directory, name), join(copy, name))
      else if (name !== 'LOCK' && !name.startsWith('LOG')) await copyFile(join(directory, name), join(copy, name))
    }
    const world = await openStoredState(await openDatabase(copy), { chain })
    return { world, files, close: async () => { await world.close(); await remove() } }
  } catch (error) {
    await remove()
    journal.find(stateFinding(error, directory))
    return undefined
  }
}

function stateFinding(error: unknown, file: string): Finding {
  const code = errorCode(error)
  if (!(error instanceof SteleError) || code === undefined || code === 'INVARIANT_BROKEN') throw error
  return { part: 'state', code, rule: error.message, file, details: { ...error.details, path: undefined } }
}

/** The state against the chain (position, block hash, applied entry, root) and against itself (every tree node, every value). */
export async function checkState({ world }: StateCopy, rules: HeaderRules, ledger: ScannedLedger, directory: string, journal: VerifyJournal, signal: AbortSignal | undefined): Promise<{ values: number; nodes: number }> {
  const { height, appliedIndex, blockHash } = world.position
  const find = (code: string, rule: string, details: Readonly<Record<string, unknown>> = {}): void => journal.find({ part: 'state', code, rule, height, file: directory, details })
  const block = height === 0 ? undefined : blockAt(ledger, rules.chain, height)
  if (height > 0 && block === undefined) find('STATE_BEHIND', 'the ledger holds the block the state stands at', { ledgerHeight: ledger.image.state.index.lastHeight })
  if (!equalBytes(blockHash, height === 0 ? rules.chain : block?.hash ?? blockHash)) find('STATE_DAMAGED', 'the state stands at the block of that height', { block: toHex(blockHash) })
  if (block !== undefined && !equalBytes(world.root, block.header.stateRoot)) find('STATE_DAMAGED', 'the root is the one its block\'s header names', { root: toHex(world.root), expected: toHex(block.header.stateRoot) })
  const log = ledger.image.state.index
  if (appliedIndex > log.lastIndex || log.heightAt(appliedIndex) !== height) find('STATE_BEHIND', 'the applied entry is the newest of its height in the ledger', { appliedIndex, lastIndex: log.lastIndex })
  try {
    return await world.verifyAll(signal)
  } catch (error) {
    journal.find(stateFinding(error, directory))
    return { values: 0, nodes: 0 }
  }
}

export function stateFolder(dataDir: string): string | undefined {
  const folder = join(dataDir, 'state')
  return existsSync(folder) ? folder : undefined
}
