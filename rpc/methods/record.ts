import { Type } from 'typebox'
import { consistency, fresh, FRESHNESS_ERRORS } from '../consistency.ts'
import { toPageQuery, toProvenPage } from '../cursor.ts'
import { defineMethod } from '../registry.ts'
import { SAMPLE, SAMPLE_AS_OF, SAMPLE_TIME_MS } from '../samples.ts'
import { accountId, auth, cursor, limit, order, provenPage, recordId } from '../schema.ts'
import { recordVersion } from '../shapes/record.ts'
import { callerOf } from '../signed.ts'

const paging = { limit: Type.Optional(limit), cursor: Type.Optional(cursor), order: Type.Optional(order), auth, consistency }
const errors = ['RPC_NOT_FOUND', 'RPC_UNAUTHENTICATED', 'RPC_CURSOR_INVALID', ...FRESHNESS_ERRORS]
const sample = {
  record: SAMPLE.record, version: 1, subject: SAMPLE.patient,
  sections: [{ commitment: SAMPLE.hash, blob: SAMPLE.blob, size: '4112', class: 'clinical', confidentiality: 'N', tags: [SAMPLE.tag] }],
  custodians: [1], provenance: { activity: 'create', author: SAMPLE.tag, source: SAMPLE.tag, recordedAt: SAMPLE_TIME_MS },
  receipts: [{ node: 2, signature: SAMPLE.signature }], registeredBy: SAMPLE.transaction, registeredAt: 950, bundle: SAMPLE.bytes,
}

export const recordList = defineMethod({
  name: 'record_list',
  summary: 'Lists the records of a subject, each with its newest version.',
  description: 'Commitments and opaque tags only; what a record says is off the ledger. A node that has pruned the block of a registration lists the version without its transaction, storage receipts and proof, and names its first block as `firstHeight`.',
  params: { subject: accountId, ...paging },
  result: provenPage(recordVersion),
  errors,
  examples: [{ name: 'first page', params: { subject: SAMPLE.patient, auth: SAMPLE.auth }, result: { items: [sample], nextCursor: null, asOf: SAMPLE_AS_OF } }],
  access: 'signed',
  rateClass: 'read',
  handle: async (ports, params, context) => {
    await fresh(ports, params.consistency, context)
    const key = { method: 'record_list', of: params.subject, order: params.order ?? 'newest' }
    return toProvenPage(key, await ports.records.list(params.subject, toPageQuery(key, params), callerOf(context)))
  },
})

export const recordHistory = defineMethod({
  name: 'record_history',
  summary: 'Lists all versions of one record.',
  params: { record: recordId, ...paging },
  result: provenPage(recordVersion),
  errors,
  examples: [{ name: 'first page', params: { record: SAMPLE.record, auth: SAMPLE.auth }, result: { items: [sample], nextCursor: null, asOf: SAMPLE_AS_OF } }],
  access: 'signed',
  rateClass: 'read',
  handle: async (ports, params, context) => {
    await fresh(ports, params.consistency, context)
    const key = { method: 'record_history', of: params.record, order: params.order ?? 'newest' }
    return toProvenPage(key, await ports.records.history(params.record, toPageQuery(key, params), callerOf(context)))
  },
})
