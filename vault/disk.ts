import { open, readdir, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode, SteleError } from '../primitives/error.ts'

/** Our error for a failed file operation; ours pass through unchanged. */
export function diskError(error: unknown, operation: string): SteleError {
  if (error instanceof SteleError) return error
  const code = errorCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new SteleError({ code: 'VAULT_DISK_FULL', message: 'the disk has no room left', details: { operation }, cause: error, retryable: true })
  }
  return new SteleError({ code: 'VAULT_IO', message: 'a file operation failed', details: { operation, code }, cause: error })
}

export const isMissing = (error: unknown): boolean => errorCode(error) === 'ENOENT'

/** Runs `task` on an open file and closes it whatever happens. */
export async function withFile<T>(path: string, flags: string, task: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags, 0o600)
  try {
    return await task(file)
  } finally {
    await file.close()
  }
}

/** Makes renames, creations and removals in `directory` survive a power failure. */
export async function syncDirectory(directory: string): Promise<void> {
  await withFile(directory, 'r', async (handle) => handle.sync())
}

/** Exactly `length` bytes at `position`; undefined when the file ends before. */
export async function readExactly(file: FileHandle, position: number, length: number): Promise<Uint8Array | undefined> {
  const out = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(out, done, length - done, position + done)
    if (bytesRead === 0) return undefined
    done += bytesRead
  }
  return out
}

export async function writeFully(file: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** Writes a small file so that after a crash either the old or the new content is there, whole. `temporary` lies in the same file system. */
export async function replaceFile(path: string, temporary: string, bytes: Uint8Array): Promise<void> {
  try {
    await withFile(temporary, 'w', async (file) => {
      await writeFully(file, 0, bytes)
      await file.datasync()
    })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(dirname(path))
}

/** Names in a directory, in byte order; none when it does not exist. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}
