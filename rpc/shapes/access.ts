import { Type } from 'typebox'
import type { Static } from 'typebox'
import { accountId, asOf, hash, height, hexBytes, hexUpTo, memberNumber, nodeNumber, nullable, oneOf, record, recordId, timeMs, transactionId } from '../schema.ts'

/** A decision as it stands on the ledger; it is the audit entry, permits and denials alike. */
export const decision = record({
  request: transactionId, requester: accountId, subject: accountId, record: recordId, version: Type.Integer({ minimum: 0 }),
  sections: Type.Array(Type.Integer({ minimum: 0, maximum: 0xffff }), { maxItems: 4096 }),
  action: Type.String({ pattern: '^[A-Za-z]{1,32}$' }), purpose: Type.String({ pattern: '^[A-Za-z0-9]{1,32}$' }),
  decision: oneOf(['permit', 'deny']), basis: hash('consent id of a permit; a hash of equal size for a denial'), until: timeMs,
  readerKey: hexBytes(32, 'one-time X25519 key of the reader'), detailsHash: hash('salted hash of the sealed details'),
})
export type Decision = Static<typeof decision>

export const auditEntry = record({
  height, position: Type.Integer({ minimum: 0 }), timeMs: nullable(timeMs), decision, final: Type.Boolean(),
  details: nullable(hexUpTo(64 * 1024, 'who, device and reason, sealed to patient and auditor; null when erased or not yet delivered')),
  bundle: nullable(hexUpTo(2 * 1024 * 1024, 'receipt bundle: verifies offline; null until final, and where this node has pruned the block')),
})
export type AuditEntry = Static<typeof auditEntry>

/** A final permit for one who holds keys, with the proof it must check before it releases anything. */
export const permit = record({ height, position: Type.Integer({ minimum: 0 }), timeMs, decision, bundle: hexUpTo(2 * 1024 * 1024, 'receipt bundle of the decision') })
export type Permit = Static<typeof permit>

export const permits = record({
  items: Type.Array(permit),
  next: record({ height, position: Type.Integer({ minimum: 0 }) }, 'go on from here; never skips and never repeats'),
  asOf,
})
export type Permits = Static<typeof permits>

/** Answer of one member's node: its newest appended head, signed under the caller's nonce, and its own recheck there. */
export const signedHead = record({
  member: memberNumber, node: nodeNumber, height, hash: hash('hash of the newest appended block'), term: Type.Integer({ minimum: 0 }), timeMs,
  signature: hexBytes(64, 'attestation key of the node over nonce, request and head'),
})
export type SignedHead = Static<typeof signedHead>

export const releaseCheck = record({
  request: transactionId, nonce: hash('the nonce of the caller'),
  heads: Type.Array(signedHead, { maxItems: 64 }),
  needed: Type.Integer({ minimum: 1, description: 'members that must answer: more than two thirds' }),
  release: Type.Boolean({ description: 'false also when too few members answered' }),
  code: Type.String({ pattern: '^[A-Z][A-Z0-9_]{0,63}$', description: 'OK, or why nothing may be released' }),
  checkedAt: record({ height, hash: hash('block hash'), timeMs }, 'the head at which consent, attributes and suspension were checked again'),
  asOf,
})
export type ReleaseCheck = Static<typeof releaseCheck>
