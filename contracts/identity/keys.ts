import { equalBytes } from '../../primitives/bytes.ts'
import { identityCalls, identityEvents } from '../../primitives/calls/identity.ts'
import type { AccountKey } from '../../primitives/calls/identity.ts'
import { keyIdToPublicKey } from '../../primitives/signature.ts'
import { call, pass, refuserOf } from '../runtime/contract.ts'
import type { CheckContext } from '../runtime/contract.ts'
import { invariant } from '../../primitives/assert.ts'
import { accounts, KEYS_PER_ROLE_MAX, sequenceFault, writeSequence } from './accounts.ts'
import type { Account } from './accounts.ts'
import { IDENTITY_CODES } from './codes.ts'

const refuse = refuserOf(IDENTITY_CODES)

function keysOf(account: Account, { kind }: AccountKey): Account['signKeys'] {
  return kind === 'sign' ? account.signKeys : account.sealKeys
}

function withKeys(account: Account, { kind }: AccountKey, keys: Account['signKeys']): Account {
  return kind === 'sign' ? { ...account, signKeys: keys } : { ...account, sealKeys: keys }
}

function own(context: CheckContext): Account {
  const account = context.get(accounts, context.caller.account)
  invariant(account !== undefined, 'an authorised account exists')
  return account
}

/** Adds a key to the caller's own account; it acts from the next block on, so that authorisation within a block has one answer. */
export const addKey = call({
  args: identityCalls.addKey,
  check(context, { seq, key }) {
    const account = own(context)
    const fault = sequenceFault(context, context.caller.account, seq)
    if (fault !== undefined) return refuse(fault)
    if (key.kind === 'sign' && keyIdToPublicKey(key.value) === undefined) return refuse('KEY_ALGORITHM_UNKNOWN')
    const held = keysOf(account, key)
    if (held.some((each) => equalBytes(each.key, key.value))) return refuse('KEY_EXISTS')
    if (held.length >= KEYS_PER_ROLE_MAX) return refuse('KEYS_TOO_MANY')
    return pass(withKeys(account, key, [...held, { key: key.value, from: context.block.height + 1n }]))
  },
  apply(context, { seq, key }, account) {
    writeSequence(context, context.caller.account, seq)
    context.put(accounts, [context.caller.account], account)
    context.emit('keyAdded', identityEvents.keyAdded, { account: context.caller.account, key })
  },
})

/** Removes a key from the caller's own account, at once: a stolen key signs nothing after the transaction that removes it. */
export const removeKey = call({
  args: identityCalls.removeKey,
  check(context, { seq, key }) {
    const account = own(context)
    const fault = sequenceFault(context, context.caller.account, seq)
    if (fault !== undefined) return refuse(fault)
    const held = keysOf(account, key)
    const kept = held.filter((each) => !equalBytes(each.key, key.value))
    if (kept.length === held.length) return refuse('KEY_NOT_FOUND')
    // A key that acts only from the next block on does not count: the account must not be without one meanwhile.
    if (!kept.some((each) => each.from <= context.block.height)) return refuse('KEY_LAST')
    return pass(withKeys(account, key, kept))
  },
  apply(context, { seq, key }, account) {
    writeSequence(context, context.caller.account, seq)
    context.put(accounts, [context.caller.account], account)
    context.emit('keyRemoved', identityEvents.keyRemoved, { account: context.caller.account, key })
  },
})
