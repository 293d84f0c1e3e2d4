import { Type } from 'typebox'
import { consistency, fresh, FRESHNESS_ERRORS } from '../consistency.ts'
import { toPage, toPageQuery } from '../cursor.ts'
import { defineMethod } from '../registry.ts'
import { SAMPLE, SAMPLE_AS_OF, SAMPLE_TIME_MS } from '../samples.ts'
import { accountId, auth, cursor, limit, order, page } from '../schema.ts'
import { consent } from '../shapes/consent.ts'
import { callerOf } from '../signed.ts'

export const consentList = defineMethod({
  name: 'consent_list',
  summary: 'Lists the consents of a patient account.',
  params: { patient: accountId, limit: Type.Optional(limit), cursor: Type.Optional(cursor), order: Type.Optional(order), auth, consistency },
  result: page(consent),
  errors: ['RPC_NOT_FOUND', 'RPC_UNAUTHENTICATED', 'RPC_CURSOR_INVALID', ...FRESHNESS_ERRORS],
  examples: [{
    name: 'first page', params: { patient: SAMPLE.patient, limit: 1, auth: SAMPLE.auth },
    result: {
      items: [{
        id: SAMPLE.consent, version: 1, status: 'active', grantee: { account: SAMPLE.clinician, member: null }, from: SAMPLE_TIME_MS, until: SAMPLE_TIME_MS + 2_592_000_000, requires: [[SAMPLE.tag]],
        classes: [], purposes: ['TREAT'], actions: ['read'], confidentialityMax: 'R', seq: '1', changedBy: SAMPLE.consent, changedAt: 900,
      }],
      nextCursor: null, asOf: SAMPLE_AS_OF,
    },
  }],
  access: 'signed',
  rateClass: 'read',
  handle: async (ports, params, context) => {
    await fresh(ports, params.consistency, context)
    const key = { method: 'consent_list', of: params.patient, order: params.order ?? 'newest' }
    return toPage(key, await ports.consents.list(params.patient, toPageQuery(key, params), callerOf(context)))
  },
})
