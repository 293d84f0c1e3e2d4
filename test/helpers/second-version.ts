import { identity } from '../../contracts/identity/contract.ts'
import { identityCalls } from '../../primitives/calls/identity.ts'
import { call, defineContract } from '../../contracts/runtime/contract.ts'
import type { Contract } from '../../contracts/index.ts'

/** A second version of the contract `identity` that no release holds: it enrols nobody any more. */
export const closedIdentity: Contract = defineContract({
  ...identity, version: 2, codes: { ...identity.codes, ENROLMENT_CLOSED: 'version 2 enrols nobody' },
  calls: { ...identity.calls, enroll: call({ args: identityCalls.enroll, check: () => ({ code: 'ENROLMENT_CLOSED' }), apply: () => undefined }) },
})

/** The same calls under the next version number: what a program holds that was updated for a vote to come. */
export function asSecondVersion(contract: Contract): Contract {
  return defineContract({ ...contract, version: 2 })
}
