import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { errorCode, SteleError } from '../primitives/error.ts'
import { isBegun } from '../state/ledger-image.ts'
import { lockPath } from '../state/ledger-segment.ts'
import { loadConfig } from './config.ts'
import { ledgerFolder } from './verify-ledger.ts'

const SQLITE_BUSY = 5

export interface VerifyPlace { readonly dataDir: string; readonly genesis: string }

/**
 * Finds what to verify. `directory`: a data folder (holds ledger/), or a folder whose config.yaml names one. The genesis file is `genesis` when given, else the one the configuration
 * names, else `genesis.json` in the folder or up to two above. Throws `VERIFY_NO_DATA`, `VERIFY_GENESIS_MISSING` or CONFIG_*.
 */
export function findPlace(directory: string, genesis: string | undefined): VerifyPlace {
  const folder = resolve(directory)
  mustBeReadable(folder)
  const configPath = [folder, dirname(folder)].map((base) => join(base, 'config.yaml')).find((path) => existsSync(path))
  const config = configPath === undefined || genesis !== undefined && existsSync(ledgerFolder(folder)) ? undefined : loadConfig(configPath)
  const dataDir = existsSync(ledgerFolder(folder)) ? folder : config !== undefined && dirname(configPath!) === folder ? config.dataDir : join(folder, 'data')
  if (!hasLedger(ledgerFolder(dataDir))) {
    throw new SteleError({ code: 'VERIFY_NO_DATA', message: 'there is no ledger in this folder; name a node\'s data folder, or the folder of its config.yaml', details: { directory: folder } })
  }
  const near = [config?.genesis, ...[folder, dirname(folder), dirname(dirname(folder))].map((base) => join(base, 'genesis.json'))]
  const found = genesis === undefined ? near.find((path) => path !== undefined && existsSync(path)) : resolve(genesis)
  if (found === undefined) throw new SteleError({ code: 'VERIFY_GENESIS_MISSING', message: 'no genesis file lies near the folder; name it with --genesis FILE', details: { directory: folder } })
  return { dataDir, genesis: found }
}

/** A folder that this user may not read would else be told as one that is not there. */
function mustBeReadable(folder: string): void {
  try {
    readdirSync(folder)
  } catch (cause) {
    throw new SteleError({ code: 'VERIFY_NO_DATA', message: 'there is no folder here that can be read', details: { directory: folder, reason: errorCode(cause) }, cause })
  }
}

/** Also one of which hardly anything is left: that is damage, not a folder that never held a ledger. */
function hasLedger(folder: string): boolean {
  return existsSync(folder) && isBegun(readdirSync(folder))
}

/** True while a process holds the folder. Asks the lock by a read-only look, so that not one byte of the folder changes; state/ledger-lock.ts explains the lock. */
export function isRunning(dataDir: string): boolean {
  const path = lockPath(ledgerFolder(dataDir))
  if (!existsSync(path)) return false
  const database = new DatabaseSync(path, { readOnly: true, timeout: 0 })
  try {
    database.prepare('SELECT count(*) FROM sqlite_master').get()
    return false
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'errcode' in error && error.errcode === SQLITE_BUSY) return true
    throw error
  } finally {
    database.close()
  }
}
