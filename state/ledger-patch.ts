import type { FileSystem } from './file-system.ts'
import { segmentPath, writeEmptySegment, writeSegmentHeader } from './ledger-segment.ts'
import type { LedgerIdentity } from './ledger-segment.ts'

const COPY_BYTES = 1024 * 1024

export interface Patch {
  readonly offset: number
  readonly bytes: Uint8Array
}

/**
 * Replaces byte ranges of a segment so that a crash leaves either the old file or the new one: copy, patch, sync, rename, sync
 * the directory. A segment that is gone is made anew, empty but for the patches.
 */
export async function patchSegment(fileSystem: FileSystem, directory: string, identity: LedgerIdentity, sequence: number, segmentBytes: number, patches: readonly Patch[], missing: boolean): Promise<void> {
  const path = segmentPath(directory, sequence)
  const copy = `${path}.repair`
  if ((await fileSystem.list(directory)).some((name) => copy.endsWith(name))) await fileSystem.remove(copy)
  if (missing) await writeEmptySegment(fileSystem, copy, identity, sequence, segmentBytes)
  else await copyFile(fileSystem, path, copy)
  const file = await fileSystem.open(copy, 'write')
  try {
    for (const { offset, bytes } of patches) await file.write([bytes], offset)
    await writeSegmentHeader(file, identity, sequence, segmentBytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await fileSystem.rename(copy, path)
  await fileSystem.syncDirectory(directory)
}

async function copyFile(fileSystem: FileSystem, from: string, to: string): Promise<void> {
  const source = await fileSystem.open(from, 'read')
  const target = await fileSystem.open(to, 'create')
  try {
    for (let at = 0; ; at += COPY_BYTES) {
      const bytes = await source.read(at, COPY_BYTES)
      if (bytes.length === 0) return
      await target.write([bytes], at)
    }
  } finally {
    await source.close()
    await target.close()
  }
}
