import type { FileSystem, OpenFile } from '../../state/file-system.ts'
import { SeededRandom } from '../helpers/raft-random.ts'
import type { Life, Scheduler } from './scheduler.ts'

const SECTOR_BYTES = 512
/** Offsets move by this much at least when a write goes astray: to another page of the file. */
const PAGE_BYTES = 4096

interface Write { readonly offset: number; readonly bytes: Uint8Array }

interface DiskFile {
  /** What a reader sees: the page cache. */
  cache: Uint8Array
  /** What a power cut leaves of the synced writes. */
  platter: Uint8Array
  /** Writes since the last sync, in order. */
  unsynced: Write[]
  /** Writes of the last sync: nothing durable vouches for them yet, so damage to them cannot be told from a torn write (DESIGN §5.8). */
  fresh: Write[]
  /** What an unfaithful sync or a stray write has done to the platter, to show at the next start: only once a later sync has succeeded. */
  lied: Write[]
}

/** What the swarm does to a disk. Numbers count calls from the moment of arming; undefined: not armed. */
export interface DiskFaults {
  /** Microseconds of one call. */
  latencyUs: number
  full: boolean
  /** Calls until the process crashes inside one. */
  crashIn: number | undefined
  /** The next sync reports success and keeps nothing (a lying or lost write). */
  lieNext: boolean
  /** Called when something durable vouches for what such a sync has lost, before anything more is written. */
  whenDue: (() => void) | undefined
  /** The next write lands on another page of its file. */
  strayNext: boolean
  /** The next sync fails with EIO. */
  failNextSync: boolean
}

/** What the fault did, for the report. */
export interface DiskCounts { lies: number; strays: number; flips: number; torn: number; spoilt: number }

/**
 * A disk in memory that outlives its process. It forgets what was not synced, in any subset of sectors; it can lie, lose its way, flip bits, be full or slow. Damage that the
 * design cannot notice (to the newest synced batch before anything vouches for it) is held back: the promise is checked, nothing beyond it.
 */
export class SimDisk {
  readonly faults: DiskFaults = { latencyUs: 100, full: false, crashIn: undefined, lieNext: false, whenDue: undefined, strayNext: false, failNextSync: false }
  readonly counts: DiskCounts = { lies: 0, strays: 0, flips: 0, torn: 0, spoilt: 0 }
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  #names = new Map<string, DiskFile>()
  #durableNames = new Map<string, DiskFile>()
  /** What a crash does to writes that no sync covered. */
  unsyncedFate: 'lost' | 'kept' | 'some' = 'some'

  constructor(scheduler: Scheduler, seed: number) {
    this.#scheduler = scheduler
    this.#random = new SeededRandom(seed)
  }

  /** The disk as the process `life` sees it. `onCrash` is called when a call is where the process shall die. */
  attach(life: Life, onCrash: () => void): FileSystem {
    const call = <Result>(work: () => Result, slowdown = 1): Promise<Result> => this.#call(life, onCrash, work, slowdown)
    const locks = new Set<string>()
    return {
      open: (path, mode) => call(() => this.#open(path, mode, call)),
      openSync: (path) => {
        const file = this.#find(path)
        return { readSync: (offset, length) => file.cache.slice(offset, offset + length), closeSync: () => undefined }
      },
      rename: (from, to) => call(() => {
        const file = this.#find(from)
        this.#names.delete(from)
        this.#names.set(to, file)
      }),
      remove: (path) => call(() => { this.#names.delete(path) }),
      list: (directory) => call(() => [...this.#names.keys()].filter((path) => path.startsWith(`${directory}/`)).map((path) => path.slice(directory.length + 1)).sort()),
      makeDirectory: () => call(() => undefined),
      syncDirectory: () => call(() => { this.#durableNames = new Map(this.#names) }, 5),
      lock: (path) => call(() => {
        if (locks.has(path)) throw new Error('locked twice by one process')
        locks.add(path)
        return async () => { locks.delete(path) }
      }),
    }
  }

  /** Ends a life by a power cut. Returns true when acknowledged data was harmed by an earlier fault. */
  powerCut(): boolean {
    let harmed = false
    this.#names = new Map(this.#durableNames)
    for (const file of new Set(this.#names.values())) {
      if (this.unsyncedFate === 'kept') for (const write of file.unsynced) put(file, 'platter', write)
      if (this.unsyncedFate === 'some') this.#tear(file)
      for (const write of file.lied) put(file, 'platter', write)
      harmed ||= file.lied.length > 0
      file.lied = []
      file.unsynced = []
      // What was synced last stays fresh: while the power is away nothing vouches for it either.
      file.cache = file.platter.slice()
    }
    return harmed
  }

  /** Ends the process alone (kill -9): the system still writes what it had taken. */
  kill(): void {
    for (const file of this.#names.values()) {
      for (const write of file.unsynced) put(file, 'platter', write)
      file.fresh.push(...file.unsynced)
      file.unsynced = []
    }
    this.#durableNames = new Map(this.#names)
  }

  /** Flips one bit of something that was durable and vouched for. False when there is nothing yet. */
  flipBit(): boolean {
    const segments = [...this.#durableNames].filter(([path, file]) => path.endsWith('.segment') && this.#names.get(path) === file)
    if (segments.length === 0) return false
    const [, file] = this.#random.pick(segments)
    const end = lastNonZero(file.platter)
    for (let tries = 0; tries < 20; tries++) {
      const at = this.#random.chance(0.2) ? this.#random.below(4 * PAGE_BYTES) : this.#random.below(end + 1)
      if (at >= file.platter.length || [...file.fresh, ...file.unsynced, ...file.lied].some(({ offset, bytes }) => at >= offset - PAGE_BYTES && at < offset + bytes.length)) continue
      const bit = 1 << this.#random.below(8)
      file.platter[at]! ^= bit
      file.cache[at]! ^= bit
      this.counts.flips++
      return true
    }
    return false
  }

  /**
   * While the power is away a file of the ledger goes, turns to zeros or loses its end; `which` picks it and how much is left. False when nothing may be harmed: that the newest file is gone is
   * told by the spare behind it, and what a cut takes of the last two files but their beginnings is told by nothing while their last batch is the newest.
   */
  spoil(how: 'gone' | 'zeroed' | 'cut', which: number): boolean {
    const paths = [...this.#durableNames.keys()].filter((path) => path.endsWith('.segment')).sort()
    const at = which % paths.length
    const path = paths[at]
    if (path === undefined) return false
    const file = this.#find(path)
    if (how === 'gone') {
      if (at === paths.length - 1 && ![...this.#durableNames.keys()].some((name) => name.endsWith('.spare') && name > path)) return false
      for (const names of [this.#names, this.#durableNames]) names.delete(path)
    } else {
      const kept = how === 'zeroed' ? 0 : which % (at < paths.length - 2 ? file.platter.length : 4 * PAGE_BYTES)
      file.platter = how === 'zeroed' ? new Uint8Array(file.platter.length) : file.platter.slice(0, kept)
      file.cache = file.platter.slice()
    }
    this.counts.spoilt++
    return true
  }

  /** Puts the files of a directory in place of those of another, durably and as one step (`completeJoin` does it in several, each of which may be repeated). */
  replaceDirectory(from: string, to: string): void {
    for (const names of [this.#names, this.#durableNames]) {
      for (const path of [...names.keys()]) if (path.startsWith(`${to}/`)) names.delete(path)
      for (const [path, file] of [...names]) {
        if (!path.startsWith(`${from}/`)) continue
        names.delete(path)
        names.set(to + path.slice(from.length), file)
      }
    }
  }

  /** Durable bytes of all files, to compare in tests. */
  get files(): ReadonlyMap<string, Uint8Array> {
    return new Map([...this.#durableNames].map(([path, file]) => [path, file.platter]))
  }

  #call<Result>(life: Life, onCrash: () => void, work: () => Result, slowdown: number): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (!life.alive) return // The process is gone; nobody waits for this.
      if (this.faults.crashIn !== undefined && --this.faults.crashIn <= 0) {
        this.faults.crashIn = undefined
        onCrash()
        return
      }
      const latencyUs = this.faults.latencyUs * slowdown * (0.5 + this.#random.next())
      this.#scheduler.schedule(latencyUs, life, () => {
        try {
          const result = work()
          if (life.alive) resolve(result) // A power cut inside the call leaves nobody to hear of it.
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  #open(path: string, mode: 'read' | 'write' | 'create', call: <Result>(work: () => Result, slowdown?: number) => Promise<Result>): OpenFile {
    if (mode === 'create') {
      if (this.#names.has(path)) throw Object.assign(new Error('the file exists'), { code: 'EEXIST' })
      this.#mustHaveRoom()
      this.#names.set(path, { cache: new Uint8Array(0), platter: new Uint8Array(0), unsynced: [], fresh: [], lied: [] })
    }
    const file = this.#find(path)
    return {
      write: (parts, offset) => {
        const bytes = concat(parts)
        // Seen by readers at once, as in a page cache; full disks are noticed before anything is changed.
        if (!this.faults.full) this.#write(file, { offset, bytes })
        const full = this.faults.full
        return call(() => { if (full) this.#mustHaveRoom(true) })
      },
      read: (offset, length) => call(() => file.cache.slice(offset, offset + length)),
      sync: () => {
        const covered = file.unsynced.length
        return call(() => this.#sync(file, covered), 5)
      },
      size: () => call(() => file.cache.length),
      close: () => call(() => undefined),
    }
  }

  #write(file: DiskFile, write: Write): void {
    put(file, 'cache', write)
    file.unsynced.push(write)
  }

  #sync(file: DiskFile, covered: number): void {
    if (this.faults.failNextSync) {
      this.faults.failNextSync = false
      // As on Linux: the pages count as clean afterwards, so no later sync writes them (cockroach#37102).
      file.unsynced.splice(0, covered)
      throw Object.assign(new Error('input/output error'), { code: 'EIO' })
    }
    const done = file.unsynced.splice(0, covered)
    this.#mend(file, done)
    // A later sync succeeded, so what was spoilt before it is vouched for by now, and the harm may come out.
    const harmless = this.#harmOf(file, done)
    for (const write of done) put(file, 'platter', write)
    file.fresh = done
    if (harmless === undefined) return
    file.lied.push(...harmless)
    const told = this.faults.whenDue
    this.faults.whenDue = undefined
    told?.()
  }

  /** `end`: where the lost record ends. */
  #pendingHarm: { readonly file: DiskFile; readonly writes: readonly Write[]; readonly end: number } | undefined

  /** What was lost and is written once more, in full and synced, is there again: no disk takes a write back because it had lost an earlier one of the same bytes. */
  #mend(file: DiskFile, done: readonly Write[]): void {
    const stillLost = (harm: Write): boolean => !done.some(({ offset, bytes }) => offset <= harm.offset && offset + bytes.length >= harm.offset + harm.bytes.length)
    if (file.lied.length > 0) file.lied = file.lied.filter(stillLost)
    if (this.#pendingHarm?.file !== file) return
    const writes = this.#pendingHarm.writes.filter(stillLost)
    this.#pendingHarm = writes.length === 0 ? undefined : { ...this.#pendingHarm, writes }
  }

  /** Works out the harm of an armed fault, and hands out that of the sync before. */
  #harmOf(file: DiskFile, done: readonly Write[]): readonly Write[] | undefined {
    const due = this.#pendingHarm?.file === file && done.some((write) => vouches(write, this.#pendingHarm!.end)) ? this.#pendingHarm.writes : undefined
    if (due !== undefined) this.#pendingHarm = undefined
    const record = done.find(({ offset }) => offset >= 4 * PAGE_BYTES)
    if (record === undefined || due !== undefined) return due
    const end = record.offset + record.bytes.length
    if (this.faults.lieNext) {
      this.faults.lieNext = false
      this.counts.lies++
      this.#pendingHarm = { file, end, writes: [{ offset: record.offset, bytes: window(file.platter, record.offset, record.bytes.length) }] }
    } else if (this.faults.strayNext) {
      this.faults.strayNext = false
      this.counts.strays++
      const pages = Math.max(1, Math.floor((record.offset - 4 * PAGE_BYTES) / PAGE_BYTES))
      const astray = record.offset - PAGE_BYTES * (1 + this.#random.below(pages))
      const stray = astray >= 4 * PAGE_BYTES && astray + record.bytes.length <= record.offset ? [{ offset: astray, bytes: record.bytes }] : []
      this.#pendingHarm = { file, end, writes: [{ offset: record.offset, bytes: window(file.platter, record.offset, record.bytes.length) }, ...stray] }
    }
    return undefined
  }

  /** Any subset of the touched sectors may have reached the platter. */
  #tear(file: DiskFile): void {
    for (const { offset, bytes } of file.unsynced) {
      const first = Math.floor(offset / SECTOR_BYTES) * SECTOR_BYTES
      for (let sector = first; sector < offset + bytes.length; sector += SECTOR_BYTES) {
        if (this.#random.chance(0.5)) {
          this.counts.torn++
          continue
        }
        const start = Math.max(sector, offset)
        const end = Math.min(sector + SECTOR_BYTES, offset + bytes.length)
        put(file, 'platter', { offset: start, bytes: bytes.subarray(start - offset, end - offset) })
      }
    }
  }

  #find(path: string): DiskFile {
    const file = this.#names.get(path)
    if (file === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' })
    return file
  }

  #mustHaveRoom(full = this.faults.full): void {
    if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  }
}

/** A slot, or a record behind what ended at `end`. What a start clears or rewrites elsewhere says nothing about it. */
function vouches({ offset, bytes }: Write, end: number): boolean {
  return (offset === PAGE_BYTES || offset === 2 * PAGE_BYTES || offset >= end) && bytes.some((byte) => byte !== 0)
}

function put(file: DiskFile, side: 'cache' | 'platter', { offset, bytes }: Write): void {
  const end = offset + bytes.length
  if (side === 'cache') {
    if (file.cache.length < end) file.cache = grown(file.cache, end)
    file.cache.set(bytes, offset)
  } else {
    if (file.platter.length < end) file.platter = grown(file.platter, end)
    file.platter.set(bytes, offset)
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  const longer = new Uint8Array(length)
  longer.set(bytes)
  return longer
}

function window(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  const found = new Uint8Array(length)
  found.set(bytes.subarray(offset, offset + length))
  return found
}

/** Small writes are cut from one buffer: making one for each costs more than filling it. */
const CHUNK_BYTES = 1 << 16
let chunk = new Uint8Array(CHUNK_BYTES)
let chunkUsed = 0

function bytesOf(length: number): Uint8Array {
  if (length > CHUNK_BYTES / 8) return new Uint8Array(length)
  if (chunkUsed + length > CHUNK_BYTES) {
    chunk = new Uint8Array(CHUNK_BYTES)
    chunkUsed = 0
  }
  chunkUsed += length
  return chunk.subarray(chunkUsed - length, chunkUsed)
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const bytes = bytesOf(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

function lastNonZero(bytes: Uint8Array): number {
  let at = bytes.length - 1
  while (at > 0 && bytes[at] === 0) at--
  return at
}
