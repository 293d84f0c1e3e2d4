import { array, fixedBytes, oneOf, struct, u32, u64 } from '../codec.ts'
import type { Infer } from '../codec.ts'
import { accountId, hash32, transactionId } from '../ids.ts'
import { action, purpose } from './labels.ts'
import { RECORD_LIMITS } from './records.ts'

const sections = array(u32, { min: 1, max: RECORD_LIMITS.sectionsMax })

/** Arguments of the `access` calls. `version` 0 asks for the newest. `sections` strictly ascending. `readerKey`: X25519, fresh for this request. */
export const accessCalls = {
  request: struct({
    subject: accountId, record: fixedBytes(32), version: u32, sections, action, purpose, readerKey: fixedBytes(32), detailsHash: hash32,
  }),
} as const
export type AccessRequest = Infer<typeof accessCalls.request>

/**
 * The decision is the audit entry. A permit names the version it resolved to, its basis (consent id, or the subject's own account) and the
 * block time at which it ends (exclusive). A denial repeats what was asked, with a basis that names nothing and its own block time.
 */
export const decisionEvent = struct({
  request: transactionId, requester: accountId, subject: accountId, record: fixedBytes(32), version: u32, sections, action, purpose,
  decision: oneOf('permit', 'deny'), basis: hash32, until: u64, readerKey: fixedBytes(32), detailsHash: hash32,
})
export type DecisionEvent = Infer<typeof decisionEvent>

export const accessEvents = { decision: decisionEvent } as const
