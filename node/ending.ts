import { SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'

/** A part that takes this long to end is named in the log, in ms. */
const TOLD_MS = 5_000
/** A stop that takes longer is cut off, in ms: what was acknowledged is on disk anyway. */
export const STOP_MS_MAX = 30_000

/** Waits until `part` has ended; the log names it when that takes long. Rejects with what `ending` rejects with. */
export async function ended(part: string, ending: Promise<unknown>, logger: Logger, toldMs = TOLD_MS): Promise<void> {
  const timer = setTimeout(() => logger.warn({ part }, 'a part of the node takes long to stop'), toldMs)
  try {
    await ending
  } finally {
    clearTimeout(timer)
  }
}

/** A node that is to begin anew in its process cannot wait for ever for what it was: rejects with `NODE_STOP_STUCK` after `limitMs`, and with what `ending` rejects with. */
export async function endedInTime(ending: Promise<void>, limitMs = STOP_MS_MAX): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new SteleError({ code: 'NODE_STOP_STUCK', message: 'a part of the node did not stop, so it cannot begin anew', details: { seconds: limitMs / 1000 } })), limitMs)
  })
  try {
    await Promise.race([ending, late])
  } finally {
    clearTimeout(timer)
  }
}
