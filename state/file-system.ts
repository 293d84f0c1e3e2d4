/**
 * What the ledger needs from a disk. The production implementation is `node-file-system.ts`; tests use one in memory that
 * forgets what was not synced. Every promise rejects with the operating system's error (`ENOSPC`, `EIO`, `ENOENT`…).
 */
export interface OpenFile {
  /** Writes all parts one after the other at `offset` (bytes); nothing is durable before `sync` resolves. */
  write(parts: readonly Uint8Array[], offset: number): Promise<void>
  /** Up to `length` bytes from `offset`; shorter only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** fdatasync: resolves when everything written to this file before the call is durable. */
  sync(): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

/** A file opened for blocking reads of single records, which are most likely in the page cache. */
export interface SyncReader {
  readSync(offset: number, length: number): Uint8Array
  closeSync(): void
}

export interface FileSystem {
  /** `create` fails with `EEXIST` on an existing file; the name itself is durable only after `syncDirectory`. */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<OpenFile>
  openSync(path: string): SyncReader
  /** Replaces `to` atomically; durable after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Names in a directory, ascending; rejects with `ENOENT` when there is none. */
  list(directory: string): Promise<string[]>
  /** Creates the directory and its parents when absent. */
  makeDirectory(directory: string): Promise<void>
  /** Makes created, renamed and removed names of this directory durable. */
  syncDirectory(directory: string): Promise<void>
  /** Takes the exclusive lock `path` or rejects with `LEDGER_LOCKED` (pid of the holder in the details). Resolves to its release. The kernel releases it when the process dies. */
  lock(path: string): Promise<() => Promise<void>>
}

/** Timer port, so that tests decide when the idle sync happens. `set` returns its cancel function; a waiting timer does not keep the process alive. */
export interface Timers {
  set(callback: () => void, delayMs: number): () => void
}
