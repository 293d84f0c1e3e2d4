import { fixedBytes, oneOf, struct, u32, u64, variant } from '../codec.ts'
import type { Infer } from '../codec.ts'
import { accountId, accountKind, keyId, memberId } from '../ids.ts'
import { attribute } from './attributes.ts'

/** A key of an account: a signing key (algorithm byte ‖ key) or an X25519 key to which others seal. */
export const accountKey = variant({ sign: keyId, seal: fixedBytes(32) })
export type AccountKey = Infer<typeof accountKey>

/** Kinds that an institution may enrol; `institution` itself exists from genesis only. */
export const ENROLLED_KINDS = ['patient', 'clinician', 'researcher', 'device', 'service', 'auditor'] as const

/** Arguments of the `identity` calls. Sent by institutions, but for the two key calls, which only the account itself sends. */
export const identityCalls = {
  enroll: struct({ kind: oneOf(...ENROLLED_KINDS), signKey: keyId, sealKey: fixedBytes(32) }),
  certify: struct({ account: accountId, attribute, value: u32, until: u64 }),
  decertify: struct({ account: accountId, attribute }),
  addKey: struct({ seq: u64, key: accountKey }),
  removeKey: struct({ seq: u64, key: accountKey }),
  suspend: struct({ account: accountId }),
  resume: struct({ account: accountId }),
} as const

export const identityEvents = {
  enrolled: struct({ account: accountId, kind: accountKind, member: memberId }),
  certified: struct({ account: accountId, attribute, value: u32, issuer: memberId, until: u64 }),
  decertified: struct({ account: accountId, attribute, issuer: memberId }),
  keyAdded: struct({ account: accountId, key: accountKey }),
  keyRemoved: struct({ account: accountId, key: accountKey }),
  suspended: struct({ account: accountId }),
  resumed: struct({ account: accountId }),
} as const
