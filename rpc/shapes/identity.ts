import { Type } from 'typebox'
import type { Static } from 'typebox'
import { accountId, asOf, height, hexBytes, keyId, memberNumber, nodeNumber, nullable, oneOf, record, slug, timeMs } from '../schema.ts'

export const ACCOUNT_KINDS = ['institution', 'patient', 'clinician', 'researcher', 'device', 'service', 'auditor'] as const

export const account = record({
  id: accountId,
  kind: oneOf(ACCOUNT_KINDS),
  member: memberNumber,
  suspended: Type.Boolean(),
  enrolledAt: height,
  signKeys: Type.Array(record({ key: keyId, from: height })),
  sealKeys: Type.Array(record({ key: hexBytes(32, 'X25519 public key'), from: height })),
  attributes: Type.Array(record({ attribute: oneOf(['role', 'specialty', 'organisation', 'licence']), value: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }), until: timeMs })),
  asOf,
})
export type Account = Static<typeof account>

export const members = record({
  items: Type.Array(record({
    member: memberNumber, name: Type.String({ maxLength: 64 }), account: accountId, operatorKey: keyId,
    nodes: Type.Array(record({ node: nodeNumber, attestationKey: keyId, peer: nullable(Type.String({ maxLength: 128 })), voter: Type.Boolean() })),
    sealKey: nullable(hexBytes(32, 'X25519 public key that seals to this institution')),
    status: oneOf(['active', 'pending', 'removed']),
    attributes: Type.Array(slug),
  })),
  asOf,
})
export type Members = Static<typeof members>
