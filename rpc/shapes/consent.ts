import { Type } from 'typebox'
import type { Static } from 'typebox'
import { accountId, consentId, height, hexBytes, memberNumber, nullable, oneOf, record, timeMs, transactionId } from '../schema.ts'

const labels = Type.Array(Type.String({ pattern: '^[A-Za-z]{1,32}$' }), { maxItems: 64 })

export const consent = record({
  id: consentId,
  version: Type.Integer({ minimum: 1 }),
  status: oneOf(['active', 'revoked', 'tombstone']),
  grantee: nullable(record({ account: nullable(accountId), member: nullable(memberNumber) }, 'exactly one of the two is set; null for a tombstone')),
  from: timeMs, until: timeMs,
  requires: Type.Array(Type.Array(hexBytes(16, 'opaque tag')), { description: 'groups joined by and, tags within a group by or; none = every section' }),
  classes: labels, purposes: labels, actions: labels,
  confidentialityMax: oneOf(['U', 'L', 'M', 'N', 'R', 'V']),
  seq: Type.String({ pattern: '^(?:0|[1-9][0-9]{0,19})$' }),
  changedBy: transactionId, changedAt: height,
})
export type Consent = Static<typeof consent>
