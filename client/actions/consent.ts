import { toHex } from '../../primitives/bytes.ts'
import type { RpcConsent } from '../../primitives/rpc-types.ts'
import type { TagDictionary } from '../../privacy/tags.ts'
import { compileConsent, type ConsentChoices } from '../consent-choices.ts'
import type { Client, SignedOptions } from '../create-client.ts'
import { collectPages } from '../pages.ts'
import type { SendOptions } from './send-transaction.ts'
import { sendAndWait, type ConfirmedReceipt, type WaitOptions } from './wait-for-receipt.ts'

export interface ConsentOptions extends SendOptions, WaitOptions {
  /** The next sequence number; asked from the node when not given. Strictly increasing per patient, so that no delayed grant undoes a revoke. */
  readonly seq?: bigint
}

/** Grants what the choices say; the client's account is the patient. The consent's id is the transaction's. */
export async function grantConsent(client: Client, choices: ConsentChoices, tags: TagDictionary, options: ConsentOptions = {}): Promise<{ readonly consent: Uint8Array; readonly receipt: ConfirmedReceipt }> {
  const terms = compileConsent(choices, tags, client.nowMs())
  const receipt = await sendAndWait(client, { contract: 'consent', call: 'grant', args: { seq: await nextSeq(client, options), ...terms } }, options)
  return { consent: receipt.id, receipt }
}

/** Replaces version `replaces` of a consent by new terms; refused when another amendment came first. */
export async function amendConsent(
  client: Client, { consent, replaces, choices, tags }: { readonly consent: Uint8Array; readonly replaces: number; readonly choices: ConsentChoices; readonly tags: TagDictionary }, options: ConsentOptions = {},
): Promise<ConfirmedReceipt> {
  const terms = compileConsent(choices, tags, client.nowMs())
  return sendAndWait(client, { contract: 'consent', call: 'amend', args: { seq: await nextSeq(client, options), consent, replaces, ...terms } }, options)
}

/** Ends a consent. Once this is final no key is released or served again under it. Revoking one that is not there yet keeps it from coming. */
export async function revokeConsent(client: Client, consent: Uint8Array, options: ConsentOptions = {}): Promise<ConfirmedReceipt> {
  return sendAndWait(client, { contract: 'consent', call: 'revoke', args: { seq: await nextSeq(client, options), consent } }, options)
}

/** All consents of a patient account (the signing one unless told), newest first. */
export function listConsents(client: Client, { patient, ...options }: SignedOptions & { readonly patient?: Uint8Array } = {}): Promise<RpcConsent[]> {
  const of = toHex(patient ?? client.signer(options.account).id)
  return collectPages((page) => client.callSigned('consent_list', { patient: of, ...page }, options))
}

/** One more than the highest sequence number among the patient's consents. Two clients of one patient that race get the same one; the ledger takes the first. */
async function nextSeq(client: Client, { seq, account, signal }: ConsentOptions): Promise<bigint> {
  if (seq !== undefined) return seq
  const consents = await listConsents(client, { ...(account && { account }), ...(signal && { signal }) })
  return consents.reduce((highest, consent) => (BigInt(consent.seq) > highest ? BigInt(consent.seq) : highest), 0n) + 1n
}
