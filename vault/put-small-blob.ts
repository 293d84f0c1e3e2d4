import { BLOB_LIMITS, blobId, chunkHash } from '../privacy/blob.ts'
import type { BlobRef } from '../privacy/blob.ts'
import { SteleError } from '../primitives/error.ts'
import type { BlobStore } from './ports.ts'

/**
 * Stores a blob of one chunk in one go: one file written, synced and moved into place, where announcing, sending and completing would open it three times.
 * Complete and on disk when this returns; bytes that are there already cost one look.
 */
export async function putSmallBlob(store: Pick<BlobStore, 'has' | 'stage'>, chunk: Uint8Array): Promise<BlobRef> {
  if (chunk.length > BLOB_LIMITS.chunkBytes) throw new SteleError({ code: 'VAULT_INPUT_INVALID', message: 'a blob of one chunk is no longer than a chunk', details: { length: chunk.length } })
  const ref = { blob: blobId(chunkHash(chunk), BigInt(chunk.length)), size: BigInt(chunk.length) }
  if (await store.has(ref.blob)) return ref
  const stage = await store.stage()
  try {
    await stage.append(chunk)
    return await stage.finish()
  } finally {
    await stage.abort()
  }
}
