import { readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { errorCode, SteleError } from '../primitives/error.ts'

const SQLITE_BUSY = 5

/**
 * Takes the exclusive lock `path` for this process, or throws `LEDGER_LOCKED` with the holder's pid.
 *
 * Node has no file lock of its own, but its SQLite takes a kernel lock (fcntl) on the file: it falls with the process, also
 * after kill -9, holds between containers that share the directory, and a reused pid cannot fool it, as it does pid files.
 * The file `<path>.pid` only tells people who holds the lock; nothing is decided by it.
 */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  const pidPath = `${path}.pid`
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (!isBusy(error)) throw error
    throw new SteleError({
      code: 'LEDGER_LOCKED', message: 'another process uses this data directory', details: { path, pid: readPid(pidPath) }, cause: error,
    })
  }
  writeFileSync(pidPath, `${process.pid}\n`, { mode: 0o600 })
  let held = true
  return async () => {
    if (held) database.close()
    held = false
  }
}

function isBusy(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'errcode' in error && error.errcode === SQLITE_BUSY
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10)
    return Number.isSafeInteger(pid) ? pid : undefined
  } catch (error) {
    // The holder may not have written its pid yet.
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
