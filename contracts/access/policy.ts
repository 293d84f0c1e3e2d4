import { LICENCES, ROLES, isRole } from '../../primitives/calls/attributes.ts'
import { purposeAncestry } from '../../primitives/calls/purposes.ts'
import type { Purpose } from '../../primitives/calls/purposes.ts'
import type { ChainParameters } from '../../primitives/genesis.ts'
import { certifiedValue } from '../identity/accounts.ts'
import type { Reader } from '../runtime/table.ts'

/** What the requester's own institution certifies about it, in force at block time; undefined = not certified or expired. */
export interface CertifiedFacts { readonly role: number | undefined; readonly licence: number | undefined }

export function certifiedFacts(reader: Reader, account: Uint8Array, member: number, timeMs: bigint): CertifiedFacts {
  return { role: certifiedValue(reader, account, 'role', member, timeMs), licence: certifiedValue(reader, account, 'licence', member, timeMs) }
}

/**
 * The consortium's own rule beside consent. The rule for the purpose decides, or else that of its nearest listed ancestor: a rule for
 * ETREAT narrows what the rule for TREAT would allow. A purpose with no rule on its line is denied.
 */
export function policyAllows(policy: ChainParameters['policy'], purpose: Purpose, facts: CertifiedFacts): boolean {
  for (const each of purposeAncestry(purpose)) {
    const rule = policy.find((candidate) => candidate.purpose === each)
    if (rule === undefined) continue
    const hasRole = facts.role !== undefined && rule.roles.some((role) => isRole(role) && ROLES[role] === facts.role)
    return hasRole && (!rule.licence || facts.licence === LICENCES.active)
  }
  return false
}
