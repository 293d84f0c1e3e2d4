import type { FileHandle } from 'node:fs/promises'
import { concatBytes, equalBytes, u64Bytes, utf8Bytes } from '../primitives/bytes.ts'
import { blobIdOfHashes, chunkCount } from '../privacy/blob.ts'
import { readExactly, writeFully } from './disk.ts'

/**
 * One blob as one file: chunks one after the other, then the index: 32-byte hash per chunk ‖ u64 size ‖ "STELEBL1".
 * Size fixes every position, so chunks may be written in any order; a hash of zeros means the chunk is not known yet.
 */
const MAGIC = utf8Bytes('STELEBL1')
const FOOT_BYTES = 8 + MAGIC.length
const ABSENT = new Uint8Array(32)

export interface BlobIndex { readonly size: bigint; readonly hashes: readonly Uint8Array[] }

/** Bytes of the whole file. */
export function blobFileBytes(size: bigint): bigint {
  return size + BigInt(32 * chunkCount(size) + FOOT_BYTES)
}

/** Position of the hash of chunk `index`. */
export function hashPosition(size: bigint, index: number): number {
  return Number(size) + 32 * index
}

export async function writeIndex(file: FileHandle, size: bigint, hashes: readonly Uint8Array[]): Promise<void> {
  await writeFully(file, Number(size), concatBytes(...hashes, u64Bytes(size), MAGIC))
}

/** Hashes of a blob none of whose chunks is known. */
export function unknownHashes(size: bigint): Uint8Array[] {
  return Array.from({ length: chunkCount(size) }, () => ABSENT)
}

export function isKnown(hash: Uint8Array): boolean {
  return !equalBytes(hash, ABSENT)
}

/** The index of a blob file, unchecked but for its form; undefined when the file is none or is cut. */
export async function readIndex(file: FileHandle): Promise<BlobIndex | undefined> {
  const { size: fileBytes } = await file.stat({ bigint: true })
  if (fileBytes < BigInt(FOOT_BYTES)) return undefined
  const foot = await readExactly(file, Number(fileBytes) - FOOT_BYTES, FOOT_BYTES)
  if (foot === undefined || !equalBytes(foot.subarray(8), MAGIC)) return undefined
  const size = new DataView(foot.buffer).getBigUint64(0)
  const count = chunkCount(size)
  if (count === 0 || blobFileBytes(size) !== fileBytes) return undefined
  const bytes = await readExactly(file, Number(size), 32 * count)
  if (bytes === undefined) return undefined
  return { size, hashes: Array.from({ length: count }, (_, i) => bytes.subarray(32 * i, 32 * i + 32)) }
}

/** Whether an index is the one of `blob`. */
export function indexFits(index: BlobIndex, blob: Uint8Array): boolean {
  return equalBytes(blobIdOfHashes(index.hashes, index.size), blob)
}
