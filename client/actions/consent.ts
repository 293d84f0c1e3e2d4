import { toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
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
  const receipt = await inSequence(client, options, (seq) => sendAndWait(client, { contract: 'consent', call: 'grant', args: { seq, ...terms } }, options))
  return { consent: receipt.id, receipt }
}

/** Replaces version `replaces` of a consent by new terms for the same grantee; refused when another amendment came first. */
export async function amendConsent(
  client: Client, { consent, replaces, choices, tags }: { readonly consent: Uint8Array; readonly replaces: number; readonly choices: ConsentChoices; readonly tags: TagDictionary }, options: ConsentOptions = {},
): Promise<ConfirmedReceipt> {
  const terms = compileConsent(choices, tags, client.nowMs())
  return inSequence(client, options, (seq) => sendAndWait(client, { contract: 'consent', call: 'amend', args: { seq, consent, replaces, ...terms } }, options))
}

/** Ends a consent. Once this is final no key is released or served again under it. Revoking one that is not there yet keeps it from coming. */
export async function revokeConsent(client: Client, consent: Uint8Array, options: ConsentOptions = {}): Promise<ConfirmedReceipt> {
  return inSequence(client, options, (seq) => sendAndWait(client, { contract: 'consent', call: 'revoke', args: { seq, consent } }, options))
}

/** All consents of a patient account (the signing one unless told), newest first. */
export function listConsents(client: Client, { patient, ...options }: SignedOptions & { readonly patient?: Uint8Array } = {}): Promise<RpcConsent[]> {
  const of = toHex(patient ?? client.signer(options.account).id)
  return collectPages((page) => client.callSigned('consent_list', { patient: of, ...page }, options))
}

/** How far to jump when the number was taken: key changes share the sequence and do not show in the list. The ledger takes at most 65,536 ahead. */
const SEQ_JUMPS = [1n, 64n, 4_096n, 60_000n] as const

/**
 * Sends under the next sequence number: one above the highest among the patient's consents. When the ledger says that it was taken, a change of the consents
 * meanwhile (by another device of the patient, a revocation perhaps) stops it, so that nothing is granted that the patient has just thought better of;
 * otherwise it jumps further. A number given by the caller is used as it is.
 */
async function inSequence<T>(client: Client, { seq, account, signal }: ConsentOptions, send: (seq: bigint) => Promise<T>): Promise<T> {
  if (seq !== undefined) return send(seq)
  const highest = async (): Promise<bigint> => {
    const consents = await listConsents(client, { ...(account && { account }), ...(signal && { signal }) })
    return consents.reduce((most, consent) => (BigInt(consent.seq) > most ? BigInt(consent.seq) : most), 0n)
  }
  const base = await highest()
  for (const [attempt, jump] of SEQ_JUMPS.entries()) {
    try {
      return await send(base + jump)
    } catch (error) {
      const taken = error instanceof SteleError && error.code === 'CLIENT_TX_FAILED' && error.details['result'] === 'SEQ_TOO_LOW'
      if (!taken || attempt === SEQ_JUMPS.length - 1 || (await highest()) !== base) throw error
    }
  }
  throw unreachableSequence()
}

function unreachableSequence(): Error {
  return new SteleError({ code: 'INVARIANT_BROKEN', message: 'the attempts at a sequence number end in a return or a throw' })
}
