import { Type } from 'typebox'
import type { Static } from 'typebox'
import { asOf, blobId, hexBytes, hexUpTo, memberNumber, nodeNumber, oneOf, record, recordId, timeMs, transactionId, u64 } from '../schema.ts'

/** One ciphertext chunk and its authentication tag, in bytes. */
export const CHUNK_BYTES_MAX = 1024 * 1024 + 16

export const blobStatus = record({
  blob: blobId, size: u64('ciphertext bytes'), chunks: Type.Integer({ minimum: 1, description: 'number of chunks' }),
  missing: Type.Array(Type.Tuple([Type.Integer({ minimum: 0 }), Type.Integer({ minimum: 0 })]), { maxItems: 1024, description: 'ranges [first, last] still to be sent; the first 1,024' }),
  complete: Type.Boolean(),
})
export type BlobStatus = Static<typeof blobStatus>

export const storageReceipts = record({
  record: recordId, version: Type.Integer({ minimum: 1 }),
  receipts: Type.Array(record({ node: nodeNumber, member: memberNumber, signature: hexBytes(64, 'storage receipt over record, version and blobs') })),
  needed: Type.Integer({ minimum: 1, description: 'receipts that records.register demands' }),
  asOf,
})
export type StorageReceipts = Static<typeof storageReceipts>

export const mailboxKind = oneOf(['key', 'details', 'joint', 'question', 'share', 'answer'])
export const mailboxEntry = record({
  request: transactionId, section: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }), kind: mailboxKind,
  sealed: hexUpTo(64 * 1024, 'sealed bytes'), storedAt: timeMs,
})
export type MailboxEntry = Static<typeof mailboxEntry>
export const mailboxItem = record({ request: transactionId, section: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }), kind: mailboxKind, size: Type.Integer({ minimum: 1 }), storedAt: timeMs })
export type MailboxItem = Static<typeof mailboxItem>

/** Most chunks of one blob whose hashes fit into an answer (64 GiB). */
const CHUNK_COUNT_MAX = 65_536
export const blobHashes = record({ blob: blobId, size: u64('ciphertext bytes'), hashes: hexUpTo(32 * CHUNK_COUNT_MAX, 'leaf hashes of the chunks, joined; they give the blob id') })
export type BlobHashes = Static<typeof blobHashes>
