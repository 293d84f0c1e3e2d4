import { Type } from 'typebox'
import { toPageQuery, toProvenPage } from '../cursor.ts'
import { defineMethod } from '../registry.ts'
import { SAMPLE, SAMPLE_AS_OF, SAMPLE_TIME_MS } from '../samples.ts'
import { accountId, auth, cursor, hash, height, limit, order, provenPage, transactionId } from '../schema.ts'
import { auditEntry, permits, releaseCheck } from '../shapes/access.ts'
import { callerOf } from '../signed.ts'

/** Longest wait for a new permit, in ms. */
const PERMIT_WAIT_MS_MAX = 25_000
const decision = {
  request: SAMPLE.transaction, requester: SAMPLE.clinician, subject: SAMPLE.patient, record: SAMPLE.record, version: 1, sections: [0, 1], action: 'read', purpose: 'TREAT',
  decision: 'permit', basis: SAMPLE.consent, until: SAMPLE_TIME_MS + 300_000, readerKey: SAMPLE.sealKey, detailsHash: SAMPLE.hash,
}

export const accessAudit = defineMethod({
  name: 'access_audit',
  summary: 'Lists who asked for the records of a subject, and what was decided.',
  description: 'Permits and denials alike, with the sealed details and a proof of each final one. A node that has pruned a block lists its decisions without time and proof, and names its first block as `firstHeight`. For the subject and for auditors of its institution.',
  params: { subject: accountId, limit: Type.Optional(limit), cursor: Type.Optional(cursor), order: Type.Optional(order), auth },
  result: provenPage(auditEntry),
  errors: ['RPC_NOT_FOUND', 'RPC_UNAUTHENTICATED', 'RPC_CURSOR_INVALID'],
  examples: [{
    name: 'first page', params: { subject: SAMPLE.patient, auth: SAMPLE.auth },
    result: { items: [{ height: 1000, position: 0, timeMs: SAMPLE_TIME_MS, decision, final: true, details: SAMPLE.bytes, bundle: SAMPLE.bytes }], nextCursor: null, asOf: SAMPLE_AS_OF },
  }],
  access: 'signed',
  rateClass: 'read',
  handle: async (ports, params, context) => {
    const key = { method: 'access_audit', of: params.subject, order: params.order ?? 'newest' }
    return toProvenPage(key, await ports.audit.audit(params.subject, toPageQuery(key, params), callerOf(context)))
  },
})

export const accessReleaseCheck = defineMethod({
  name: 'access_releaseCheck',
  summary: 'Checks a permit once more before a key is released.',
  description: 'For custodians. The node asks the members for their newest appended heads under the nonce and checks consent, attributes and suspension again at the highest. Without answers from more than two thirds of the members `release` is false. The custodian verifies the signatures itself.',
  params: { request: transactionId, nonce: hash('32 fresh random bytes'), auth },
  result: releaseCheck,
  errors: ['RPC_NOT_FOUND', 'RPC_UNAUTHENTICATED', 'RPC_FORBIDDEN'],
  examples: [{
    name: 'a live permit', params: { request: SAMPLE.transaction, nonce: SAMPLE.nonce, auth: SAMPLE.auth },
    result: {
      request: SAMPLE.transaction, nonce: SAMPLE.nonce, heads: [{ member: 1, node: 1, height: 1042, hash: SAMPLE.block, term: 7, timeMs: SAMPLE_TIME_MS, signature: SAMPLE.signature }],
      needed: 3, release: false, code: 'RELEASE_TOO_FEW_HEADS', checkedAt: { height: 1042, hash: SAMPLE.block, timeMs: SAMPLE_TIME_MS }, asOf: SAMPLE_AS_OF,
    },
  }],
  access: 'signed',
  rateClass: 'heavy',
  handle: (ports, { request, nonce }, context) => ports.cluster.releaseCheck({ request, nonce }, callerOf(context), context.signal),
})

export const accessPermits = defineMethod({
  name: 'access_permits',
  summary: 'Follows the final permits over records in the care of the caller.',
  description: 'For custodians. Answers in block order, strictly after the given place, and waits up to `waitMs` when there is nothing yet. Go on with `next`.',
  params: {
    afterHeight: Type.Optional(height), afterPosition: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_ffff })), limit: Type.Optional(limit),
    waitMs: Type.Optional(Type.Integer({ minimum: 0, maximum: PERMIT_WAIT_MS_MAX })), auth,
  },
  result: permits,
  errors: ['RPC_UNAUTHENTICATED', 'RPC_FORBIDDEN'],
  examples: [{
    name: 'from a height on', params: { afterHeight: 990, waitMs: 20_000, auth: SAMPLE.auth },
    result: { items: [{ height: 1000, position: 0, timeMs: SAMPLE_TIME_MS, decision, bundle: SAMPLE.bytes }], next: { height: 1000, position: 0 }, asOf: SAMPLE_AS_OF },
  }],
  access: 'signed',
  rateClass: 'read',
  timeoutMs: PERMIT_WAIT_MS_MAX + 5_000,
  handle: (ports, { afterHeight = 0, afterPosition, limit: items = 100, waitMs = 0 }, context) =>
    // A height alone means after the whole block.
    ports.audit.permits({ after: { height: afterHeight, position: afterPosition ?? 0xffff_ffff }, limit: items, waitMs }, callerOf(context), context.signal),
})
