import { SteleError } from '../primitives/error.ts'

/** Codes of the world state and its database: what each means and what to do next. Never reused for another meaning. */
export const WORLD_ERRORS = {
  STATE_LOCKED: 'another process holds this data directory; stop it or choose another directory',
  STATE_OPEN_FAILED: 'the state database cannot be opened; check path, permissions and free space, then `stele doctor`',
  STATE_MISSING: 'there is no state beside the ledger; start the node once, which makes it again from the ledger, stop it, and run the command again',
  STATE_CLOSED: 'the state was used after it was closed',
  STATE_DAMAGED: 'stored state is not what was written (the details name the key or tree path); delete the state directory and let the ledger replay it',
  STATE_READ_FAILED: 'the database could not be read; see the cause, check the disk, and restart the node',
  STATE_VIEW_CLOSED: 'a view of the database was used after it was closed; take a new one, or hold it with `WorldState.read`',
  STATE_WRITE_FAILED: 'a batch could not be written, for instance because the disk is full; the node stops, free space and restart it',
  STATE_WRONG_CHAIN: 'this data directory belongs to another chain',
  STATE_VERSION_UNSUPPORTED: 'the state was written in the format of another version of this program; start that version, or delete the state folder: it is made again from the ledger',
  STATE_LAYER_STALE: 'a speculative layer was used after a competing layer became durable or after it was dropped',
  STATE_LIMIT: 'a key or value exceeds the limits of the state',
  STATE_CURSOR_INVALID: 'a page cursor does not belong to this query; start again without one',
} as const

export type WorldErrorCode = keyof typeof WORLD_ERRORS

/** An error of this folder's world state with the text of the table above; `details` name key, path or height. */
export function worldError(code: WorldErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown): SteleError {
  return new SteleError({ code, message: WORLD_ERRORS[code], details, cause })
}
