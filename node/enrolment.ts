import { buildTransaction } from '../client/transaction.ts'
import { sendRawTransaction, waitForReceipt } from '../client/actions/index.ts'
import type { Client } from '../client/create-client.ts'
import { concatBytes, toHex, utf8Bytes } from '../primitives/bytes.ts'
import { identityCalls } from '../primitives/calls/identity.ts'
import type { ENROLLED_KINDS } from '../primitives/calls/identity.ts'
import { decode } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { sha256 } from '../primitives/hash.ts'
import { decodeTransaction } from '../primitives/transaction.ts'
import type { Transaction } from '../primitives/transaction.ts'
import type { Card } from './card-file.ts'
import type { CustodianDoorClient } from './custodian-door-client.ts'

export type EnrolledKind = (typeof ENROLLED_KINDS)[number]
export interface Enrolled { readonly account: Uint8Array; readonly height: number; /** False when this card had been enrolled before. */ readonly isNew: boolean }
export interface EnrolDesk { readonly client: Client; readonly door: Pick<CustodianDoorClient, 'enrolment' | 'keepEnrolment'> }

/** What a card is known by: its public keys. */
const cardId = ({ signKey, sealKey }: Card): Uint8Array => sha256(concatBytes(utf8Bytes('stele/card/v1\0'), signKey, sealKey))

/** Refusals after which the account of an earlier try cannot come to be any more. */
const OVER: ReadonlySet<string | undefined> = new Set(['TX_EXPIRED', 'TX_CANCELLED', 'CLIENT_TX_EXPIRED', 'CLIENT_TX_FAILED'])

/**
 * Enrols the account of a card once. An account's id is that of the transaction that makes it, so the custodian keeps transaction and tag key before anything stands on the ledger: whatever ends this half-way, the
 * same call goes on with the same account. Staff, who have no tag key, are enrolled without a custodian too, and `onForgetful` is told that nobody will remember it.
 * Throws CUSTODIAN_* (for a patient nothing was sent then), `CARD_ENROLLED` for another kind than before, CLIENT_*.
 */
export async function enrol({ client, door }: EnrolDesk, kind: EnrolledKind, card: Card, onForgetful: () => void = () => {}): Promise<Enrolled> {
  const { chain } = client
  const id = cardId(card)
  const memory = await recall(door, id, kind)
  if (memory === undefined) onForgetful()
  const earlier = memory?.transaction === undefined ? undefined : await finish(client, decodeTransaction(memory.transaction, chain.id), kind)
  if (earlier !== undefined) return earlier
  const { signKey, sealKey, tagKey } = card
  const transaction = buildTransaction({ chain: chain.id, account: client.signer(), contract: 'identity', call: 'enroll', args: { kind, signKey, sealKey } }, client)
  if (memory !== undefined) await door.keepEnrolment({ card: id, account: transaction.id, transaction: transaction.bytes, tagKey: kind === 'patient' ? tagKey : null })
  return { ...await send(client, transaction), isNew: true }
}

/** What the custodian remembers of a card; undefined where none answers and none is needed. */
async function recall(door: EnrolDesk['door'], card: Uint8Array, kind: EnrolledKind): Promise<{ readonly transaction: Uint8Array | undefined } | undefined> {
  try {
    return { transaction: await door.enrolment(card) }
  } catch (error) {
    if (kind === 'patient' || errorCode(error) !== 'CUSTODIAN_UNREACHABLE') throw error
    return undefined
  }
}

/** The account of an earlier enrolment: as it stands on the ledger, or by sending the same bytes again. Undefined when it never came to be and cannot any more. */
async function finish(client: Client, transaction: Transaction, kind: EnrolledKind): Promise<Enrolled | undefined> {
  const before = decode(identityCalls.enroll, transaction.body.args).kind
  try {
    const found = await client.callSigned('identity_account', { account: toHex(transaction.id), consistency: 'linearizable' })
    if (before !== kind) throw new SteleError({ code: 'CARD_ENROLLED', message: 'this card has been enrolled as another kind of account', details: { account: toHex(transaction.id), kind: before, asked: kind } })
    return { account: transaction.id, height: found.enrolledAt, isNew: false }
  } catch (error) {
    if (errorCode(error) !== 'RPC_NOT_FOUND') throw error
  }
  if (before !== kind) return undefined
  try {
    return { ...await send(client, transaction), isNew: true }
  } catch (error) {
    if (!OVER.has(errorCode(error))) throw error
    return undefined
  }
}

async function send(client: Client, transaction: Transaction): Promise<Omit<Enrolled, 'isNew'>> {
  await sendRawTransaction(client, transaction)
  const { id, height } = await waitForReceipt(client, transaction.id, { resend: transaction })
  return { account: id, height }
}
