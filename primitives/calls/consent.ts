import { array, struct, u32, u64, variant } from '../codec.ts'
import type { Infer } from '../codec.ts'
import { accountId, memberId, transactionId } from '../ids.ts'
import { action, coarseClass, confidentiality, purpose, tag } from './labels.ts'

/** Whom a consent serves: one account, or every account that a member institution has enrolled. */
export const grantee = variant({ account: accountId, member: memberId })
export type Grantee = Infer<typeof grantee>

/**
 * What a consent allows. All parts must hold at once; within a list any one suffices.
 * `from` ≤ block time < `until`, u64 ms: a client turns "until 31 March" into the first instant of 1 April, so whole days stay whole.
 * `requires`: groups of tags, ANDed; within a group one tag of the section suffices; [] = every section.
 * `classes`: [] = all. `confidentialityMax`: the highest level shown. `purposes` cover their children. `actions` cover only themselves.
 */
const terms = {
  grantee, from: u64, until: u64, requires: array(array(tag, { min: 1, max: 32 }), { max: 4 }), classes: array(coarseClass, { max: 7 }),
  confidentialityMax: confidentiality, purposes: array(purpose, { min: 1, max: 16 }), actions: array(action, { min: 1, max: 7 }),
}
export const consentTerms = struct(terms)
export type ConsentTerms = Infer<typeof consentTerms>

/** Arguments of the `consent` calls; only the patient's own account may send them. A consent's id is the id of its grant transaction. */
export const consentCalls = {
  grant: struct({ seq: u64, ...terms }),
  amend: struct({ seq: u64, consent: transactionId, replaces: u32, ...terms }),
  revoke: struct({ seq: u64, consent: transactionId }),
} as const

export const consentEvents = {
  granted: struct({ consent: transactionId, patient: accountId, grantee, version: u32 }),
  amended: struct({ consent: transactionId, patient: accountId, grantee, version: u32 }),
  revoked: struct({ consent: transactionId, patient: accountId }),
} as const
