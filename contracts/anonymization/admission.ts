import type { DatasetTerms } from '../../primitives/calls/anonymization.ts'
import { purposeCovers } from '../../primitives/calls/purposes.ts'
import type { Purpose } from '../../primitives/calls/purposes.ts'
import { certifiedFacts, policyAllows } from '../access/policy.ts'
import { readAccount } from '../identity/accounts.ts'
import type { CheckContext } from '../runtime/contract.ts'

/**
 * Whether the caller may ask for this purpose: the data set serves the purpose and the caller's institution, the consortium's policy admits what is
 * certified about the caller, and the caller is not suspended. Consent is asked person by person when a release is selected and checked.
 */
export function isAdmitted(context: CheckContext, { purposes, recipients }: Pick<DatasetTerms, 'purposes' | 'recipients'>, purpose: Purpose): boolean {
  const { account, member } = context.caller
  if (readAccount(context, account)?.suspended !== false || !recipients.includes(member)) return false
  return purposes.some((rule) => purposeCovers(rule, purpose)) && policyAllows(context.block.parameters.policy, purpose, certifiedFacts(context, account, member, context.block.timeMs))
}
