import { u64Bytes } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { hash, sha256Stream } from '../primitives/hash.ts'
import { rootOfHashes } from '../primitives/merkle.ts'
import { GCM_TAG_BYTES } from './web-crypto.ts'

/** Sizes of encrypted sections; part of the format, so equal everywhere. */
export const BLOB_LIMITS = {
  /** Plaintext bytes in every chunk but the last, which holds 0 to this many. */
  plainChunkBytes: 1024 * 1024,
  /** Ciphertext bytes in every chunk but the last: plaintext and tag. */
  chunkBytes: 1024 * 1024 + GCM_TAG_BYTES,
  /** A blob has at most this many chunks (16 GiB), so that its list of hashes is at most 512 KiB. */
  chunksMax: 16_384,
} as const

/** The ciphertext of one section: what vaults keep. `size` counts ciphertext bytes. */
export interface BlobRef { readonly blob: Uint8Array; readonly size: bigint }

/**
 * Number of chunks of a blob of `size` ciphertext bytes; 0 when no blob can have that size. Only the last chunk may be
 * shorter, and none is shorter than a tag, so size alone fixes every chunk's place and length.
 */
export function chunkCount(size: bigint): number {
  const whole = BigInt(BLOB_LIMITS.chunkBytes)
  if (size < BigInt(GCM_TAG_BYTES) || size > whole * BigInt(BLOB_LIMITS.chunksMax)) return 0
  const rest = size % whole
  if (rest !== 0n && rest < BigInt(GCM_TAG_BYTES)) return 0
  return Number((size + whole - 1n) / whole)
}

/** Length of chunk `index` of a blob of `size` bytes; 0 when there is no such chunk. */
export function chunkLength(size: bigint, index: number): number {
  const count = chunkCount(size)
  if (!Number.isInteger(index) || index < 0 || index >= count) return 0
  return index < count - 1 ? BLOB_LIMITS.chunkBytes : Number(size - BigInt(index) * BigInt(BLOB_LIMITS.chunkBytes))
}

/** Leaf hash of a ciphertext chunk, SHA-256(0x00 ‖ chunk) (RFC 9162 §2.1.1), without copying the chunk. */
export function chunkHash(chunk: Uint8Array): Uint8Array {
  const state = sha256Stream()
  state.update(LEAF_PREFIX)
  state.update(chunk)
  return state.digest()
}
const LEAF_PREFIX = Uint8Array.of(0)

/** Blob id: hash('blob', root of the RFC 9162 tree over the ciphertext chunks, u64 size). */
export function blobId(chunkRoot: Uint8Array, size: bigint): Uint8Array {
  return hash('blob', chunkRoot, u64Bytes(size))
}

/** Id of the blob that has exactly these chunk hashes and this size. `SECTION_INPUT_INVALID` when their number does not fit the size. */
export function blobIdOfHashes(chunkHashes: readonly Uint8Array[], size: bigint): Uint8Array {
  if (chunkHashes.length === 0 || chunkHashes.length !== chunkCount(size) || chunkHashes.some((item) => item.length !== 32)) {
    throw new SteleError({
      code: 'SECTION_INPUT_INVALID', message: 'the chunk hashes do not fit the size of the blob',
      details: { field: 'chunkHashes', count: chunkHashes.length, expected: chunkCount(size) },
    })
  }
  return blobId(rootOfHashes(chunkHashes), size)
}
