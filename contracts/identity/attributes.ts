import { attributeValues } from '../../primitives/calls/attributes.ts'
import { identityCalls, identityEvents } from '../../primitives/calls/identity.ts'
import { members } from '../membership/tables.ts'
import { call, pass, refuserOf } from '../runtime/contract.ts'
import type { CheckContext } from '../runtime/contract.ts'
import { accounts, attributes } from './accounts.ts'
import { IDENTITY_CODES } from './codes.ts'

const refuse = refuserOf(IDENTITY_CODES)

function isKnownValue(context: CheckContext, name: Parameters<typeof attributeValues>[0], value: number): boolean {
  const table = attributeValues(name)
  return table === undefined ? context.get(members, value) !== undefined : Object.values(table).includes(value)
}

/** A member puts its word behind an attribute of any account; whose word counts is the policy's business. Certifying again replaces. */
export const certify = call({
  args: identityCalls.certify,
  check(context, { account, attribute, value, until }) {
    if (context.caller.kind !== 'institution') return refuse('CALLER_NOT_INSTITUTION')
    if (context.get(accounts, account) === undefined) return refuse('ACCOUNT_NOT_FOUND')
    if (!isKnownValue(context, attribute, value)) return refuse('ATTRIBUTE_VALUE_UNKNOWN')
    if (until <= context.block.timeMs) return refuse('UNTIL_PASSED')
    return pass(context.caller.member)
  },
  apply(context, { account, attribute, value, until }, issuer) {
    context.put(attributes, [account, attribute, issuer], { value, until })
    context.emit('certified', identityEvents.certified, { account, attribute, value, issuer, until })
  },
})

/** A member takes back its own word, and nobody else's. */
export const decertify = call({
  args: identityCalls.decertify,
  check(context, { account, attribute }) {
    if (context.caller.kind !== 'institution') return refuse('CALLER_NOT_INSTITUTION')
    if (context.get(attributes, account, attribute, context.caller.member) === undefined) return refuse('ATTRIBUTE_NOT_FOUND')
    return pass(context.caller.member)
  },
  apply(context, { account, attribute }, issuer) {
    context.delete(attributes, account, attribute, issuer)
    context.emit('decertified', identityEvents.decertified, { account, attribute, issuer })
  },
})
