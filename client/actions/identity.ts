import { toHex } from '../../primitives/bytes.ts'
import { attributeValues, type Attribute, type CallArgs } from '../../primitives/calls/index.ts'
import type { RpcAccount } from '../../primitives/rpc-types.ts'
import { ed25519KeyId } from '../../primitives/signature.ts'
import type { AccountKeys } from '../account.ts'
import type { Client, SignedOptions } from '../create-client.ts'
import { clientError } from '../errors.ts'
import type { SendOptions } from './send-transaction.ts'
import { sendAndWait, type ConfirmedReceipt, type WaitOptions } from './wait-for-receipt.ts'

type Kind = CallArgs<'identity', 'enroll'>['kind']

/**
 * Enrols an account with the given keys; the client signs as the institution of the relation. Returns the new account's id (the id of the
 * transaction), which the person keeps in the wallet.
 */
export async function enrolAccount(client: Client, { kind, keys }: { readonly kind: Kind; readonly keys: Pick<AccountKeys, 'signer' | 'sealKeys'> }, options?: SendOptions & WaitOptions): Promise<{ readonly account: Uint8Array; readonly receipt: ConfirmedReceipt }> {
  const args = { kind, signKey: ed25519KeyId(keys.signer.publicKey), sealKey: keys.sealKeys.publicKey }
  const receipt = await sendAndWait(client, { contract: 'identity', call: 'enroll', args }, options)
  return { account: receipt.id, receipt }
}

/**
 * Certifies an attribute of an account until `untilMs`; the client signs as an institution. `value` is a word of the attribute's table (`physician`,
 * `cardiology`, `active`) or, for `organisation`, a member number. Throws `CLIENT_CALL_INVALID` for an unknown word.
 */
export function certifyAttribute(
  client: Client, { account, attribute, value, untilMs }: { readonly account: Uint8Array; readonly attribute: Attribute; readonly value: string | number; readonly untilMs: number }, options?: SendOptions & WaitOptions,
): Promise<ConfirmedReceipt> {
  const args = { account, attribute, value: valueNumber(attribute, value), until: BigInt(untilMs) }
  return sendAndWait(client, { contract: 'identity', call: 'certify', args }, options)
}

/** Withdraws an attribute; only the institution that certified it may. */
export function decertifyAttribute(client: Client, args: { readonly account: Uint8Array; readonly attribute: Attribute }, options?: SendOptions & WaitOptions): Promise<ConfirmedReceipt> {
  return sendAndWait(client, { contract: 'identity', call: 'decertify', args }, options)
}

/** Kind, keys and attributes of an account, as far as the asking account may see them. */
export function getAccount(client: Client, account: Uint8Array, options?: SignedOptions): Promise<RpcAccount> {
  return client.callSigned('identity_account', { account: toHex(account) }, options)
}

function valueNumber(attribute: Attribute, value: string | number): number {
  if (typeof value === 'number') return value
  const table = attributeValues(attribute)
  const found = table !== undefined && Object.hasOwn(table, value) ? table[value] : undefined
  if (found === undefined) {
    throw clientError('CLIENT_CALL_INVALID', { details: { path: 'value', rule: table === undefined ? 'must be a member number' : `must be one of ${Object.keys(table).join(', ')}` } })
  }
  return found
}
