import type { RegisterArgs } from '../../primitives/calls/records.ts'
import { bestBasis, liveConsents } from '../consent/basis.ts'
import { labelsOf } from '../consent/coverage.ts'
import { accounts } from '../identity/accounts.ts'
import { certifiedFacts, policyAllows } from '../access/policy.ts'
import type { CheckContext } from '../runtime/contract.ts'

/** Writing names no purpose of its own; consents and policy are asked for treatment, whose children do not suffice. */
const WRITING_PURPOSE = 'TREAT'

/**
 * Who may register for a subject: the institution that enrolled it, or an account to which the subject has granted `write` (`append` for an
 * appending version) over every section's labels and which the policy admits. Rests on the arguments and the subject alone, never on whether the record exists.
 */
export function mayRegister(context: CheckContext, args: RegisterArgs): boolean {
  const { caller, block } = context
  const subject = context.get(accounts, args.subject)
  if (subject === undefined || subject.kind !== 'patient') return false
  if (caller.kind === 'institution' && caller.member === subject.member) return true
  if (subject.suspended || !policyAllows(block.parameters.policy, WRITING_PURPOSE, certifiedFacts(context, caller.account, caller.member, block.timeMs))) return false
  const use = { timeMs: block.timeMs, action: args.provenance.activity === 'append' ? 'append' : 'write', purpose: WRITING_PURPOSE } as const
  return bestBasis(liveConsents(context, args.subject, caller.account, caller.member), use, args.sections.map(labelsOf)) !== undefined
}
