import { accessSync, constants, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errorCode, SteleError } from '../primitives/error.ts'

/** All bytes of a file that a person names. `INPUT_UNREADABLE` with path and reason, also for an empty one: nobody means to store nothing. */
export async function readWhole(path: string): Promise<Uint8Array> {
  const refuse = (reason: string, cause?: unknown): SteleError => new SteleError({ code: 'INPUT_UNREADABLE', message: 'the file cannot be read', details: { path, reason }, cause })
  const failed = (cause: unknown): never => { throw refuse(errorCode(cause) ?? 'unknown', cause) }
  const found = await stat(path).catch(failed)
  // A device has no end.
  if (!found.isFile() && !found.isFIFO()) throw refuse(found.isDirectory() ? 'EISDIR' : 'not a file')
  const bytes = await readFile(path).catch(failed)
  if (bytes.length === 0) throw refuse('empty')
  return new Uint8Array(bytes)
}

/** Refuses an output path before anything is asked or done: `OUTPUT_EXISTS` for what is there already (with `replace` only a folder), `OUTPUT_UNWRITABLE` for a folder that is absent or not ours. */
export function mustBeWritable(path: string, { replace = false }: { readonly replace?: boolean } = {}): void {
  const there = statSync(path, { throwIfNoEntry: false })
  if (there !== undefined && (!replace || there.isDirectory())) throw new SteleError({ code: 'OUTPUT_EXISTS', message: 'nothing is overwritten; choose another path', details: { path: resolve(path) } })
  const folder = dirname(resolve(path))
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new SteleError({ code: 'OUTPUT_UNWRITABLE', message: 'nothing can be written there', details: { folder, reason: errorCode(cause) ?? 'unknown' }, cause })
  }
}
