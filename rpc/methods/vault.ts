import { Type } from 'typebox'
import { defineMethod } from '../registry.ts'
import { SAMPLE, SAMPLE_AS_OF, SAMPLE_TIME_MS } from '../samples.ts'
import { auth, blobId, hash, hexUpTo, record, recordId, transactionId, u64 } from '../schema.ts'
import { blobHashes, blobStatus, mailboxEntry, mailboxItem, mailboxKind, storageReceipts } from '../shapes/vault.ts'
import { callerOf } from '../signed.ts'

/** Replication talks to other nodes about up to 100 MB. */
const COMMIT_MS_MAX = 120_000
/** Bytes of one blob that comes inside the request; the whole request is bounded by the body limit. */
const INLINE_BYTES_MAX = 256 * 1024
const section = Type.Integer({ minimum: 0, maximum: 0xffff_ffff, description: 'section of the record; of kind `joint`: member × 4,096 + sequence' })
const status = { blob: SAMPLE.blob, size: '2097184', chunks: 2, missing: [[1, 1]], complete: false } as const
const entry = { request: SAMPLE.transaction, section: 1, kind: 'key', sealed: SAMPLE.bytes, storedAt: SAMPLE_TIME_MS } as const
const refusals = ['RPC_NOT_FOUND', 'RPC_UNAUTHENTICATED']

export const vaultBegin = defineMethod({
  name: 'vault_begin',
  summary: 'Begins or resumes the upload of a ciphertext blob.',
  description: 'Chunks then go to PUT /vault/<blob>/<index> as octets. The answer lists those still missing; beginning again is harmless.',
  params: { blob: blobId, size: u64('ciphertext bytes'), chunkRoot: hash('RFC 9162 root over the chunks'), auth },
  result: blobStatus,
  errors: [...refusals, 'VAULT_INPUT_INVALID', 'VAULT_QUOTA', 'VAULT_BUSY'],
  examples: [{ name: 'resume', params: { blob: SAMPLE.blob, size: '2097184', chunkRoot: SAMPLE.root, auth: SAMPLE.auth }, result: status }],
  access: 'signed',
  rateClass: 'write',
  handle: (ports, { blob, size, chunkRoot }, context) => ports.vault.begin({ blob, size, chunkRoot }, callerOf(context)),
})

export const vaultStatus = defineMethod({
  name: 'vault_status',
  summary: 'Tells which chunks of a blob the node still lacks.',
  params: { blob: blobId, auth },
  result: blobStatus,
  errors: refusals,
  examples: [{ name: 'half way', params: { blob: SAMPLE.blob, auth: SAMPLE.auth }, result: status }],
  access: 'signed',
  rateClass: 'read',
  handle: (ports, { blob }, context) => ports.vault.status(blob, callerOf(context)),
})

export const vaultHashes = defineMethod({
  name: 'vault_hashes',
  summary: 'Gives the hashes of a blob\'s chunks, so that each can be checked as it comes.',
  description: 'The hashes give the blob id, so nobody has to be trusted for them.',
  params: { blob: blobId, auth },
  result: blobHashes,
  errors: [...refusals, 'VAULT_NOT_FOUND', 'VAULT_DAMAGED'],
  examples: [{ name: 'one chunk', params: { blob: SAMPLE.blob, auth: SAMPLE.auth }, result: { blob: SAMPLE.blob, size: '4112', hashes: SAMPLE.hash } }],
  access: 'signed',
  rateClass: 'read',
  handle: (ports, { blob }, context) => ports.vault.hashes(blob, callerOf(context)),
})

export const vaultCommit = defineMethod({
  name: 'vault_commit',
  summary: 'Replicates the blobs of a record version and gathers the storage receipts that its registration demands.',
  description: 'Blobs are uploaded before; one of a single chunk may come along as `bytes` instead, so that a small record takes one request.',
  params: { record: recordId, version: Type.Integer({ minimum: 1, maximum: 0xffff_ffff }), blobs: Type.Array(record({ blob: blobId, size: u64('ciphertext bytes'), bytes: Type.Optional(hexUpTo(INLINE_BYTES_MAX, 'ciphertext of a blob of one chunk')) }), { minItems: 1, maxItems: 256, description: 'in the order of the sections' }), auth },
  result: storageReceipts,
  errors: [...refusals, 'VAULT_INCOMPLETE', 'VAULT_ROOT_MISMATCH', 'VAULT_TOO_FEW_COPIES'],
  examples: [{
    name: 'one section', params: { record: SAMPLE.record, version: 1, blobs: [{ blob: SAMPLE.blob, size: '4112' }], auth: SAMPLE.auth },
    result: { record: SAMPLE.record, version: 1, receipts: [{ node: 2, member: 2, signature: SAMPLE.signature }], needed: 3, asOf: SAMPLE_AS_OF },
  }],
  access: 'signed',
  rateClass: 'heavy',
  timeoutMs: COMMIT_MS_MAX,
  handle: (ports, { record: id, version, blobs }, context) => ports.vault.commit({ record: id, version, blobs }, callerOf(context), context.signal),
})

export const mailboxPut = defineMethod({
  name: 'vault_mailbox_put',
  summary: 'Leaves a sealed key or sealed audit details for those who may open it, masked counts for the other contributors of a joint release, or a part of an aggregate.',
  description: 'For an aggregate `request` is the transaction that paid for it: the asker leaves the question (section 0), each institution its sealed share (section: its member number), the owner of the data set the sealed answer (section 0). Masked counts and parts of aggregates go through the node of the caller\'s own institution.',
  params: { request: transactionId, section, kind: mailboxKind, sealed: hexUpTo(64 * 1024, 'sealed bytes'), auth },
  result: record({ stored: Type.Boolean() }),
  errors: [...refusals, 'MAILBOX_FORBIDDEN', 'MAILBOX_CONFLICT', 'MAILBOX_FULL'],
  examples: [{ name: 'a key', params: { request: SAMPLE.transaction, section: 1, kind: 'key', sealed: SAMPLE.bytes, auth: SAMPLE.auth }, result: { stored: true } }],
  access: 'signed',
  rateClass: 'write',
  handle: async (ports, { request, section: of, kind, sealed }, context) => {
    await ports.mailbox.put({ request, section: of, kind, sealed }, callerOf(context))
    return { stored: true }
  },
})

export const mailboxGet = defineMethod({
  name: 'vault_mailbox_get',
  summary: 'Fetches a sealed key or sealed audit details.',
  params: { request: transactionId, section, kind: mailboxKind, auth },
  result: mailboxEntry,
  errors: refusals,
  examples: [{ name: 'a key', params: { request: SAMPLE.transaction, section: 1, kind: 'key', auth: SAMPLE.auth }, result: entry }],
  access: 'signed',
  rateClass: 'read',
  handle: (ports, { request, section: of, kind }, context) => ports.mailbox.get(request, of, kind, callerOf(context)),
})

export const mailboxDelete = defineMethod({
  name: 'vault_mailbox_delete',
  summary: 'Erases a mailbox entry. Erasing what is not there is harmless.',
  params: { request: transactionId, section, kind: mailboxKind, auth },
  result: record({ deleted: Type.Boolean() }),
  errors: refusals,
  examples: [{ name: 'a key', params: { request: SAMPLE.transaction, section: 1, kind: 'key', auth: SAMPLE.auth }, result: { deleted: true } }],
  access: 'signed',
  rateClass: 'write',
  handle: async (ports, { request, section: of, kind }, context) => ({ deleted: await ports.mailbox.delete(request, of, kind, callerOf(context)) }),
})

export const mailboxList = defineMethod({
  name: 'vault_mailbox_list',
  summary: 'Lists what lies in the mailbox for a request.',
  params: { request: transactionId, auth },
  result: record({ items: Type.Array(mailboxItem, { maxItems: 1024 }) }),
  errors: refusals,
  examples: [{ name: 'one key', params: { request: SAMPLE.transaction, auth: SAMPLE.auth }, result: { items: [{ request: SAMPLE.transaction, section: 1, kind: 'key', size: 80, storedAt: SAMPLE_TIME_MS }] } }],
  access: 'signed',
  rateClass: 'read',
  handle: async (ports, { request }, context) => ({ items: await ports.mailbox.list(request, callerOf(context)) }),
})
