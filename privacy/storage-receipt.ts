import { concatBytes, u32Bytes, u64Bytes } from '../primitives/bytes.ts'
import { domainBytes } from '../primitives/hash.ts'
import type { BlobRef } from './blob.ts'

/** What a storage receipt covers: every blob of one record version, in the order of its sections. */
export interface StoredRecord {
  readonly chain: Uint8Array
  readonly record: Uint8Array
  readonly version: number
  readonly blobs: readonly BlobRef[]
}

/** One node's signed word that it keeps every blob of a record version, whole and on disk. */
export interface StorageReceipt { readonly node: number; readonly signature: Uint8Array }

/**
 * The bytes a node signs with its attestation key: domain 'storage-receipt' ‖ chain ‖ record ‖ u32 version ‖ (blob ‖ u64 size) per section.
 * One signature covers all sections, so no receipt of one section can be carried over to another record or version.
 */
export function storageReceiptMessage({ chain, record, version, blobs }: StoredRecord): Uint8Array {
  const list = blobs.map(({ blob, size }) => concatBytes(blob, u64Bytes(size)))
  return domainBytes('storage-receipt', chain, record, u32Bytes(version), ...list)
}
