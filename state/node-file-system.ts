import { close, closeSync, fdatasync, fstat, open, openSync, read, readSync, write, writev, writevSync } from 'node:fs'
import { mkdir, open as openHandle, readdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import type { FileSystem, OpenFile, Timers } from './file-system.ts'
import { takeLock } from './ledger-lock.ts'

const FLAGS = { read: 'r', write: 'r+', create: 'wx+' } as const
/** Linux accepts at most 1,024 buffers in one writev. */
const PARTS_PER_WRITE_MAX = 1024

const DIRECT_WRITE_BYTES_MAX = 64 * 1024

const openFile = promisify(open)
const closeFile = promisify(close)
const syncFile = promisify(fdatasync)
const statFile = promisify(fstat)

/** The real disk through node:fs. Syncs and large writes run on the thread pool, so the event loop never waits for the platter. */
export const nodeFileSystem: FileSystem = {
  async open(path, mode): Promise<OpenFile> {
    const fd = await openFile(path, FLAGS[mode], 0o600)
    return {
      write: (parts, offset) => writeAll(fd, parts, offset),
      read: (offset, length) => readUpTo(fd, offset, length),
      sync: () => syncFile(fd),
      size: async () => (await statFile(fd)).size,
      close: () => closeFile(fd),
    }
  },
  openSync(path) {
    const fd = openSync(path, 'r')
    return { readSync: (offset, length) => readUpToSync(fd, offset, length), closeSync: () => closeSync(fd) }
  },
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path),
  list: async (directory) => (await readdir(directory)).sort(),
  async makeDirectory(directory) {
    const first = await mkdir(directory, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    for (let made = directory; made.length >= first.length; made = dirname(made)) await nodeFileSystem.syncDirectory(dirname(made))
  },
  async syncDirectory(directory) {
    const handle = await openHandle(directory, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  lock: takeLock,
}

export const nodeTimers: Timers = {
  set(callback, delayMs) {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

async function writeAll(fd: number, parts: readonly Uint8Array[], offset: number): Promise<void> {
  let at = offset
  for (let first = 0; first < parts.length; first += PARTS_PER_WRITE_MAX) {
    let group = parts.slice(first, first + PARTS_PER_WRITE_MAX)
    while (group.length > 0) {
      const written = await writeOnce(fd, group, at)
      // A disk that fills up may take only a part; the next call then reports ENOSPC.
      at += written
      group = dropBytes(group, written)
    }
  }
}

async function writeOnce(fd: number, parts: readonly Uint8Array[], offset: number): Promise<number> {
  // A small write only copies into the page cache; a trip to the thread pool would cost several times as much.
  if (parts.reduce((sum, part) => sum + part.length, 0) <= DIRECT_WRITE_BYTES_MAX) return writevSync(fd, parts, offset)
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, written: number): void => (error === null ? resolve(written) : reject(error))
    const only = parts[0]
    if (parts.length === 1 && only !== undefined) write(fd, only, 0, only.length, offset, done)
    else writev(fd, parts, offset, done)
  })
}

function dropBytes(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count
  const rest: Uint8Array[] = []
  for (const part of parts) {
    if (left >= part.length) left -= part.length
    else {
      rest.push(left === 0 ? part : part.subarray(left))
      left = 0
    }
  }
  return rest
}

function readUpTo(fd: number, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  return new Promise((resolve, reject) => {
    const next = (got: number): void => {
      read(fd, bytes, got, length - got, offset + got, (error, count) => {
        if (error !== null) reject(error)
        else if (count === 0 || got + count === length) resolve(bytes.subarray(0, got + count))
        else next(got + count)
      })
    }
    next(0)
  })
}

function readUpToSync(fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let got = 0
  while (got < length) {
    const count = readSync(fd, bytes, got, length - got, offset + got)
    if (count === 0) break
    got += count
  }
  return bytes.subarray(0, got)
}
