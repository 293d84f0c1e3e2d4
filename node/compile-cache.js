// Where compiled code is kept between runs. Plain JavaScript as launch.js, which needs it before any TypeScript.
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** Bits of a mode by which a group or everybody may write. */
const OTHERS_WRITE = 0o022

/** Throws when somebody other than `owners` could put something into the folder. A link is nobody's own folder. */
function ownedBy(owners, path) {
  const about = lstatSync(path)
  if (!about.isDirectory() || !owners.includes(about.uid) || (about.mode & OTHERS_WRITE) !== 0) throw new Error('others may write')
}

export function compileCacheFolder(env = process.env, uid = process.getuid()) {
  if (env.NODE_COMPILE_CACHE) return env.NODE_COMPILE_CACHE
  try {
    const cache = isAbsolute(env.XDG_CACHE_HOME || '') ? env.XDG_CACHE_HOME : join(env.HOME || homedir(), '.cache')
    const folder = join(cache, 'stele')
    // One after the other: `recursive` does not end below /proc.
    for (const path of [cache, folder]) if (!existsSync(path)) mkdirSync(path, { mode: 0o700 })
    ownedBy([uid, 0], cache)
    ownedBy([uid], folder)
    return folder
  } catch {
    return undefined // No folder of the user's own, such as for a service without a home: then nothing is kept.
  }
}
