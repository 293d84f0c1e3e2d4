import { join } from 'node:path'
import { DATA_OFFSET, FORMAT_VERSION, HEADER_OFFSETS, encodeSegmentHeader } from './ledger-format.ts'
import type { FileSystem, OpenFile } from './file-system.ts'

const ZEROS = new Uint8Array(1024 * 1024)
const SEGMENT_NAME = /^(\d{8})\.segment$/
const SPARE_NAME = /^(\d{8})\.spare$/

/** What all segments of one ledger have in common. */
export interface LedgerIdentity {
  readonly chainId: Uint8Array
  /** 16 random bytes; every checksum starts from them. */
  readonly salt: Uint8Array
}

export function segmentPath(directory: string, sequence: number): string {
  return join(directory, `${String(sequence).padStart(8, '0')}.segment`)
}

/** The next segment, complete but for its name: it becomes one by a rename. */
export function sparePath(directory: string, sequence: number): string {
  return join(directory, `${String(sequence).padStart(8, '0')}.spare`)
}

export function lockPath(directory: string): string {
  return join(directory, 'lock')
}

/** Sequences of the segments in `directory`, ascending; none when there is no such directory. */
export async function listSegments(fileSystem: FileSystem, directory: string): Promise<number[]> {
  return segmentsAmong(await fileSystem.list(directory))
}

/** Sequences of the segments among a directory's names, in their order. */
export function segmentsAmong(names: readonly string[]): number[] {
  return names.flatMap((name) => {
    const digits = SEGMENT_NAME.exec(name)?.[1]
    return digits === undefined ? [] : [Number(digits)]
  })
}

/** Highest sequence of a segment that was ever begun, by the names in the ledger's directory; 0 when none was. A spare is prepared only once the segment before it has its name: when that one's file is gone, the spare still tells of it. */
export function newestBegun(names: readonly string[]): number {
  return names.reduce((newest, name) => Math.max(newest, Number(SEGMENT_NAME.exec(name)?.[1] ?? 0), Number(SPARE_NAME.exec(name)?.[1] ?? 1) - 1), 0)
}

/**
 * Writes an empty segment at `path` and syncs it: real zeros, so that later appends change no file metadata and fdatasync has
 * only data to write. Node has no fallocate; the zeros are the price once per segment.
 */
export async function writeEmptySegment(fileSystem: FileSystem, path: string, identity: LedgerIdentity, sequence: number, segmentBytes: number): Promise<void> {
  const file = await fileSystem.open(path, 'create')
  try {
    for (let at = 0; at < segmentBytes; at += ZEROS.length) {
      await file.write([ZEROS.subarray(0, Math.min(ZEROS.length, segmentBytes - at))], at)
    }
    await writeSegmentHeader(file, identity, sequence, segmentBytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

export async function writeSegmentHeader(file: OpenFile, identity: LedgerIdentity, sequence: number, segmentBytes: number): Promise<void> {
  const header = encodeSegmentHeader({ version: FORMAT_VERSION, chainId: identity.chainId, salt: identity.salt, sequence, segmentBytes })
  for (const offset of HEADER_OFFSETS) await file.write([header], offset)
}

/** Bytes of the largest record that a segment can hold. */
export function recordBytesMax(segmentBytes: number): number {
  return segmentBytes - DATA_OFFSET
}

/** Makes `<sequence>.spare`. A half-written one of an earlier run is thrown away, since only the rename says that it is complete. */
export async function prepareSpare(fileSystem: FileSystem, directory: string, identity: LedgerIdentity, sequence: number, segmentBytes: number): Promise<void> {
  const path = sparePath(directory, sequence)
  const unfinished = `${path}.new`
  await writeEmptySegment(fileSystem, unfinished, identity, sequence, segmentBytes)
  await fileSystem.rename(unfinished, path)
  await fileSystem.syncDirectory(directory)
}

/** Turns the spare into the segment. Only then does a file of that name exist, so an existing segment always has its header. */
export async function activateSpare(fileSystem: FileSystem, directory: string, sequence: number): Promise<OpenFile> {
  const path = segmentPath(directory, sequence)
  await fileSystem.rename(sparePath(directory, sequence), path)
  await fileSystem.syncDirectory(directory)
  return fileSystem.open(path, 'write')
}

/** Removes spares and unfinished files; `openLedger` makes them anew, which is simpler than trusting what a crash left. */
export async function removeLeftovers(fileSystem: FileSystem, directory: string): Promise<void> {
  for (const name of await fileSystem.list(directory)) {
    if (/\.(spare|new|repair)$/.test(name)) await fileSystem.remove(join(directory, name))
  }
}

/** Deletes the segments before `first`, oldest first; durable when it resolves. Returns how many there were. */
export async function removePruned(fileSystem: FileSystem, directory: string, first: number): Promise<number> {
  const dispensable = (await listSegments(fileSystem, directory)).filter((sequence) => sequence < first)
  for (const sequence of dispensable) await fileSystem.remove(segmentPath(directory, sequence))
  if (dispensable.length > 0) await fileSystem.syncDirectory(directory)
  return dispensable.length
}
