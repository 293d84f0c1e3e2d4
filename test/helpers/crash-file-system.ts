import { SteleError } from '../../primitives/error.ts'
import type { FileSystem, OpenFile, Timers } from '../../state/file-system.ts'

const SECTOR_BYTES = 512

interface DiskFile {
  /** What a reader sees now. */
  bytes: Uint8Array
  /** What a crash leaves. */
  durable: Uint8Array
  /** Writes since the last sync, in order. */
  unsynced: { offset: number; bytes: Uint8Array }[]
}

/** Thrown by every call after the crash: the process it stands for is gone. */
export class Crashed extends Error {}

export interface CrashOptions {
  /** The call with this number (from 1: write, sync, rename, remove, syncDirectory, create) does not happen, nor any later one. */
  crashAt?: number
  /** What becomes of unsynced bytes: all lost, all kept, or each 512-byte sector by chance from `seed`. */
  unsynced?: 'lost' | 'kept' | 'some'
  seed?: number
  /** Syncs of files with this ending resolve without making anything durable: the mutation that must be caught. */
  ignoreSyncOf?: string
}

/**
 * A disk in memory that forgets. `crash()` ends one life: names not followed by `syncDirectory` go back, unsynced bytes are
 * lost, kept or torn at sectors; what is left is the disk of the next life. Faults are set by `fault`.
 */
export class CrashFileSystem implements FileSystem {
  options: CrashOptions = {}
  /** Numbered calls so far in this life. */
  calls = 0
  syncs = 0
  /** Called before each numbered call; throw to make it fail, return a promise to make it wait. */
  fault: (call: 'write' | 'sync' | 'create' | 'rename', path: string) => void | Promise<void> = () => undefined
  #names = new Map<string, DiskFile>()
  #durableNames = new Map<string, DiskFile>()
  #locks = new Set<string>()
  #crashed = false

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<OpenFile> {
    this.#mustLive()
    if (mode === 'create') {
      this.#step()
      await this.fault('create', path)
      if (this.#names.has(path)) throw Object.assign(new Error('exists'), { code: 'EEXIST' })
      this.#names.set(path, { bytes: new Uint8Array(0), durable: new Uint8Array(0), unsynced: [] })
    }
    const file = this.#find(path)
    return {
      write: async (parts, offset) => {
        this.#step()
        await this.fault('write', path)
        let at = offset
        for (const part of parts) {
          writeAt(file, 'bytes', part, at)
          file.unsynced.push({ offset: at, bytes: part.slice() })
          at += part.length
        }
      },
      read: async (offset, length) => {
        this.#mustLive()
        return file.bytes.slice(offset, offset + length)
      },
      sync: async () => {
        this.#step()
        this.syncs++
        try {
          await this.fault('sync', path)
        } catch (error) {
          file.unsynced = [] // As on Linux: after a failed sync the pages count as clean, are still shown, and no later sync writes them.
          throw error
        }
        if (this.options.ignoreSyncOf !== undefined && path.endsWith(this.options.ignoreSyncOf)) return
        for (const write of file.unsynced) writeAt(file, 'durable', write.bytes, write.offset)
        file.unsynced = []
      },
      size: async () => file.bytes.length,
      close: async () => this.#mustLive(),
    }
  }

  openSync(path: string): { readSync(offset: number, length: number): Uint8Array; closeSync(): void } {
    this.#mustLive()
    const file = this.#find(path)
    return { readSync: (offset, length) => file.bytes.slice(offset, offset + length), closeSync: () => undefined }
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step()
    await this.fault('rename', from)
    const file = this.#find(from)
    this.#names.delete(from)
    this.#names.set(to, file)
  }

  async remove(path: string): Promise<void> {
    this.#step()
    this.#find(path)
    this.#names.delete(path)
  }

  async list(directory: string): Promise<string[]> {
    this.#mustLive()
    return [...this.#names.keys()].filter((path) => path.startsWith(`${directory}/`)).map((path) => path.slice(directory.length + 1)).sort()
  }

  async makeDirectory(): Promise<void> {
    this.#mustLive()
  }

  async syncDirectory(): Promise<void> {
    this.#step()
    this.#durableNames = new Map(this.#names)
  }

  async lock(path: string): Promise<() => Promise<void>> {
    this.#mustLive()
    if (this.#locks.has(path)) throw new SteleError({ code: 'LEDGER_LOCKED', message: 'another process uses this data directory', details: { path } })
    this.#locks.add(path)
    return async () => {
      this.#locks.delete(path)
    }
  }

  /** The disk as the next life finds it. */
  crash(): CrashFileSystem {
    this.#crashed = true
    const random = randomFrom(this.options.seed ?? 1)
    const next = new CrashFileSystem()
    for (const [path, file] of this.#durableNames) {
      const bytes = leftOf(file, this.options.unsynced ?? 'lost', random)
      const left: DiskFile = { bytes, durable: bytes.slice(), unsynced: [] }
      next.#names.set(path, left)
      next.#durableNames.set(path, left)
    }
    return next
  }

  /** The disk after kill -9 of the process alone: what was written is seen, but it is no more durable than before. */
  kill(): CrashFileSystem {
    this.#crashed = true
    const next = new CrashFileSystem()
    next.#names = new Map(this.#names)
    next.#durableNames = new Map(this.#durableNames)
    return next
  }

  /** The bytes of a file, to be changed in place by tests that damage them. */
  bytesOf(path: string): Uint8Array {
    return this.#find(path).bytes
  }

  /** Takes a file away as a lost directory entry would. */
  lose(path: string): void {
    this.#names.delete(path)
    this.#durableNames.delete(path)
  }

  /** Cuts a file short, as a damaged file system does. */
  truncate(path: string, bytes: number): void {
    const file = this.#find(path)
    file.bytes = file.bytes.slice(0, bytes)
    file.durable = file.durable.slice(0, bytes)
  }

  /** An independent copy of what readers see now. */
  copy(): CrashFileSystem {
    const next = new CrashFileSystem()
    for (const [path, file] of this.#names) {
      const left: DiskFile = { bytes: file.bytes.slice(), durable: file.bytes.slice(), unsynced: [] }
      next.#names.set(path, left)
      next.#durableNames.set(path, left)
    }
    return next
  }

  #find(path: string): DiskFile {
    const file = this.#names.get(path)
    if (file === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' })
    return file
  }

  #step(): void {
    this.#mustLive()
    this.calls++
    if (this.calls === this.options.crashAt) {
      this.#crashed = true
      throw new Crashed('crashed')
    }
  }

  #mustLive(): void {
    if (this.#crashed) throw new Crashed('crashed')
  }
}

/** Timers that fire when the test says so. */
export class ManualTimers implements Timers {
  readonly #waiting = new Set<() => void>()

  get count(): number { return this.#waiting.size }

  set(callback: () => void): () => void {
    this.#waiting.add(callback)
    return () => { this.#waiting.delete(callback) }
  }

  fire(): void {
    const due = [...this.#waiting]
    this.#waiting.clear()
    for (const callback of due) callback()
  }
}

/** mulberry32: small, seeded, good enough to choose sectors. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

function leftOf(file: DiskFile, unsynced: 'lost' | 'kept' | 'some', random: () => number): Uint8Array {
  if (unsynced === 'kept') return file.bytes.slice()
  if (unsynced === 'lost') return file.durable.slice()
  // The disk may have written any of the touched sectors before it lost power, each as it stood then or now.
  const left = new Uint8Array(Math.max(file.durable.length, file.bytes.length))
  left.set(file.durable)
  for (const write of file.unsynced) {
    const first = Math.floor(write.offset / SECTOR_BYTES) * SECTOR_BYTES
    for (let sector = first; sector < write.offset + write.bytes.length; sector += SECTOR_BYTES) {
      if (random() < 0.5) continue
      const start = Math.max(sector, write.offset)
      const end = Math.min(sector + SECTOR_BYTES, write.offset + write.bytes.length)
      left.set(write.bytes.subarray(start - write.offset, end - write.offset), start)
    }
  }
  return left
}

function writeAt(file: DiskFile, side: 'bytes' | 'durable', bytes: Uint8Array, offset: number): void {
  const end = offset + bytes.length
  if (file[side].length < end) {
    const { buffer, byteOffset } = file[side]
    if (byteOffset === 0 && buffer.byteLength >= end) file[side] = new Uint8Array(buffer, 0, end)
    else {
      // Room to grow: segments are filled with zeros piece by piece, and a copy for each piece would be most of a test's time.
      const grown = new Uint8Array(new ArrayBuffer(Math.max(end, 2 * buffer.byteLength)), 0, end)
      grown.set(file[side])
      file[side] = grown
    }
  }
  file[side].set(bytes, offset)
}
