import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Set in the process that runs in a mount namespace of its own. */
const INSIDE = 'STELE_NEMESIS_NAMESPACE'
const NAMESPACE = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--user', '--map-root-user']

export const isInNamespace = (): boolean => process.env[INSIDE] !== undefined

/** The command that runs this program again where it may mount, and where every mount goes with its last process; undefined when this machine permits none. */
export function namespaceCommand(): { readonly file: string; readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv } | undefined {
  const trial = spawnSync('unshare', [...NAMESPACE, 'sh', '-c', 'mount -t tmpfs -o size=64k tmpfs /mnt'], { stdio: 'ignore' })
  if (trial.status !== 0) return undefined
  return { file: 'unshare', args: [...NAMESPACE, process.execPath, ...process.argv.slice(1)], env: { ...process.env, [INSIDE]: '1' } }
}

/** A small disk in memory that can be filled. */
export class SmallDisk {
  readonly path: string
  readonly #balloon: string

  constructor(path: string, mebibytes: number) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'tmpfs', path], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`a tmpfs could not be mounted at ${path}: ${stderr.trim()}`)
    this.path = path
    this.#balloon = join(path, 'balloon')
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  /** Takes all space that is left. */
  fill(): void {
    const file = openSync(this.#balloon, 'a')
    const bytes = Buffer.alloc(64 * 1024)
    try {
      for (let size = bytes.length; size >= 1;) {
        try {
          if (writeSync(file, bytes, 0, size) < size) size = Math.floor(size / 2)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
          size = Math.floor(size / 2)
        }
      }
    } finally {
      closeSync(file)
    }
  }

  free(): void {
    rmSync(this.#balloon, { force: true })
  }

  unmount(): void {
    spawnSync('umount', ['--lazy', this.path], { stdio: 'ignore' })
  }
}
