import { identityCalls, identityEvents } from '../../primitives/calls/identity.ts'
import { keyIdToPublicKey } from '../../primitives/signature.ts'
import { call, defineContract, pass, refuserOf } from '../runtime/contract.ts'
import type { CheckContext, Checked } from '../runtime/contract.ts'
import { accounts } from './accounts.ts'
import type { Account } from './accounts.ts'
import { certify, decertify } from './attributes.ts'
import { IDENTITY_CODES } from './codes.ts'
import { addKey, removeKey } from './keys.ts'

const refuse = refuserOf(IDENTITY_CODES)

/** Creates an account whose id is this transaction's id; the caller's institution becomes its relation. */
const enroll = call({
  args: identityCalls.enroll,
  check(context, { signKey }) {
    if (context.caller.kind !== 'institution') return refuse('CALLER_NOT_INSTITUTION')
    if (keyIdToPublicKey(signKey) === undefined) return refuse('KEY_ALGORITHM_UNKNOWN')
    return pass(context.caller.member)
  },
  apply(context, { kind, signKey, sealKey }, member) {
    const from = context.block.height + 1n
    const account = context.transactionId
    context.put(accounts, [account], { kind, member, suspended: false, createdHeight: context.block.height, signKeys: [{ key: signKey, from }], sealKeys: [{ key: sealKey, from }] })
    context.emit('enrolled', identityEvents.enrolled, { account, kind, member })
  },
})

function mayRule(context: CheckContext, id: Uint8Array): Checked<Account> {
  if (context.caller.kind !== 'institution') return refuse('CALLER_NOT_INSTITUTION')
  const account = context.get(accounts, id)
  if (account === undefined) return refuse('ACCOUNT_NOT_FOUND')
  if (account.member !== context.caller.member) return refuse('CALLER_NOT_ENROLLER')
  return account.kind === 'institution' ? refuse('ACCOUNT_NOT_SUSPENDABLE') : pass(account)
}

/** Suspending twice, or resuming what is not suspended, changes nothing and is no error. */
const suspend = call({
  args: identityCalls.suspend,
  check: (context, { account }) => mayRule(context, account),
  apply(context, { account }, found) {
    context.put(accounts, [account], { ...found, suspended: true })
    context.emit('suspended', identityEvents.suspended, { account })
  },
})

const resume = call({
  args: identityCalls.resume,
  check: (context, { account }) => mayRule(context, account),
  apply(context, { account }, found) {
    context.put(accounts, [account], { ...found, suspended: false })
    context.emit('resumed', identityEvents.resumed, { account })
  },
})

/** Accounts, keys, certified attributes, suspension. */
export const identity = defineContract({ name: 'identity', version: 1, codes: IDENTITY_CODES, calls: { enroll, certify, decertify, addKey, removeKey, suspend, resume } })
