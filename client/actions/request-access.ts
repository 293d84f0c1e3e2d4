import { equalBytes, toHex } from '../../primitives/bytes.ts'
import type { Action, DecisionEvent, Purpose } from '../../primitives/calls/index.ts'
import { errorCode } from '../../primitives/error.ts'
import { detailsHash, sealDetails, type AuditDetails } from '../../privacy/audit-details.ts'
import { createSealKeyPair, type SealKeyPair } from '../../privacy/seal.ts'
import type { Client } from '../create-client.ts'
import { clientError } from '../errors.ts'
import { bytesOf } from '../hex.ts'
import { sleep } from '../platform.ts'
import { getAccount } from './identity.ts'
import { sendTransaction, type SendOptions } from './send-transaction.ts'
import { waitForReceipt, type ConfirmedReceipt, type WaitOptions } from './wait-for-receipt.ts'

export interface AccessInput {
  readonly subject: Uint8Array
  readonly record: Uint8Array
  /** 0, the default, asks for the newest. */
  readonly version?: number
  /** Strictly ascending; 0 is the descriptor. */
  readonly sections: readonly number[]
  readonly action: Action
  readonly purpose: Purpose
  /** Who asks, on which device and why: sealed to patient and auditors, never on the ledger. */
  readonly details: AuditDetails
  /** Seal keys (X25519) of the auditors who may read the details too. */
  readonly auditors?: readonly Uint8Array[]
}

/** The decision, which is the audit entry, with its verified proof and the one-time key that the sections will be sealed to. */
export interface AccessDecision {
  readonly request: Uint8Array
  readonly decision: DecisionEvent
  readonly receipt: ConfirmedReceipt
  readonly readerKeys: SealKeyPair
}

/**
 * Asks for access under a fresh one-time reader key and waits until the decision is final; then leaves the sealed details in the mailbox. Permits and denials
 * alike are returned: what is denied and what does not exist look the same. Throws what waiting throws, and `CLIENT_PROOF_MISMATCH`.
 */
export async function requestAccess(client: Client, input: AccessInput, options: SendOptions & WaitOptions = {}): Promise<AccessDecision> {
  const readerKeys = createSealKeyPair(client.random)
  const salt = client.random.bytes(32)
  const { subject, record, version = 0, sections, action, purpose, details } = input
  const hash = detailsHash(salt, details)
  const args = { subject, record, version, sections: [...sections], action, purpose, readerKey: readerKeys.publicKey, detailsHash: hash }
  const { transaction } = await sendTransaction(client, { contract: 'access', call: 'request', args }, options)
  const receipt = await waitForReceipt(client, transaction.id, { ...options, resend: transaction })
  const decision = decisionOf(receipt)
  const asked = equalBytes(decision.request, transaction.id) && equalBytes(decision.record, record) && equalBytes(decision.readerKey, readerKeys.publicKey)
  if (!asked || !equalBytes(decision.detailsHash, hash)) throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: toHex(transaction.id) } })
  await depositDetails(client, decision, salt, input, options)
  return { request: transaction.id, decision, receipt, readerKeys }
}

function decisionOf({ id, events }: ConfirmedReceipt): DecisionEvent {
  const event = events.find(({ contract, name }) => contract === 'access' && name === 'decision')
  if (event?.data === undefined) throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: toHex(id), rule: 'the receipt must hold a decision' } })
  return event.data as DecisionEvent
}

/** Seals the details to the patient, where the account may be seen, and to the auditors. With nobody to seal to nothing is left. */
async function depositDetails(client: Client, decision: DecisionEvent, salt: Uint8Array, { details, auditors = [] }: AccessInput, options: SendOptions): Promise<void> {
  const { account, signal } = options
  const signed = { ...(account && { account }), ...(signal && { signal }) }
  const recipients = [...(await patientKeys(client, decision.subject, signed)), ...auditors].slice(0, 8)
  if (recipients.length === 0) return
  const { request, record, version, readerKey } = decision
  const sealed = await sealDetails({ chain: client.chain.id, request, record, version, section: 0, readerKey }, salt, details, recipients, client.random)
  const entry = { request: toHex(request), section: 0, kind: 'details', sealed: toHex(sealed) } as const
  for (let attempt = 1; ; attempt++) {
    try {
      await client.callSigned('vault_mailbox_put', entry, signed)
      return
    } catch (error) {
      // Another node than the one that proved the decision may answer now, and be a block behind.
      if (errorCode(error) !== 'RPC_NOT_FOUND' || attempt >= DETAILS_ATTEMPTS) throw error
      await sleep(DETAILS_RETRY_MS, signal)
    }
  }
}

const DETAILS_ATTEMPTS = 20
const DETAILS_RETRY_MS = 100

async function patientKeys(client: Client, subject: Uint8Array, signed: SendOptions): Promise<Uint8Array[]> {
  try {
    const { sealKeys } = await getAccount(client, subject, signed)
    return sealKeys.map(({ key }) => bytesOf('sealKeys.key', key, 32))
  } catch (error) {
    // An account that does not exist or may not be seen: the denial stands on the ledger all the same.
    if (errorCode(error) === 'RPC_NOT_FOUND' || errorCode(error) === 'RPC_FORBIDDEN') return []
    throw error
  }
}
