import { equalBytes, toHex } from '../../primitives/bytes.ts'
import { decode, toJson } from '../../primitives/codec.ts'
import { decisionEvent, type DecisionEvent } from '../../primitives/calls/index.ts'
import { errorCode } from '../../primitives/error.ts'
import { receiptBundle, type ReceiptBundle } from '../../primitives/receipt.ts'
import type { RpcAuditEntry, RpcDecision } from '../../primitives/rpc-types.ts'
import { openDetails, type AuditDetails } from '../../privacy/audit-details.ts'
import type { SealKeyPair } from '../../privacy/seal.ts'
import type { Client, SignedOptions } from '../create-client.ts'
import { clientError } from '../errors.ts'
import { bytesOf } from '../hex.ts'
import { collectPages } from '../pages.ts'
import { decodeEvents } from '../transaction.ts'
import { verifyReceiptBundle } from '../verify-receipt.ts'

export interface AuditOptions extends SignedOptions {
  /** Whose trail; the signing account's own unless told. */
  readonly subject?: Uint8Array
  /** Opens the sealed details; the signing account's own unless told. */
  readonly sealKeys?: SealKeyPair
}

/** What became of the sealed details of an entry. */
export type DetailsState = 'open' | 'absent' | 'not-for-us' | 'invalid'

/** One decision about the subject, permit or denial. */
export interface AuditEntry {
  readonly height: number
  /** Block time, ms; undefined where the node has pruned the block. */
  readonly timeMs?: number
  readonly decision: DecisionEvent
  /** Proof verified offline against the client's chain; undefined while the block is not final, and where the node has pruned it: another member may still have it. */
  readonly bundle?: ReceiptBundle
  readonly details?: AuditDetails
  readonly detailsState: DetailsState
}

/**
 * The subject's audit trail, newest first, at one height. Every proof is verified and compared with what the node says of the entry: a node that lies is named by
 * `CLIENT_PROOF_MISMATCH` or PROOF_*. Sealed details that do not match the hash on the ledger are marked `invalid`, not hidden.
 */
export async function listAudit(client: Client, { subject, sealKeys, ...options }: AuditOptions = {}): Promise<AuditEntry[]> {
  const account = client.signer(options.account)
  const of = toHex(subject ?? account.id)
  const entries = await collectPages((page) => client.callSigned('access_audit', { subject: of, ...page }, options))
  const keys = sealKeys ?? account.sealKeys
  return Promise.all(entries.map((entry) => readEntry(client, entry, keys)))
}

async function readEntry(client: Client, entry: RpcAuditEntry, keys: SealKeyPair | undefined): Promise<AuditEntry> {
  if (entry.bundle === null) {
    const decision = decisionFromRpc(entry.decision)
    return { height: entry.height, ...(entry.timeMs !== null && { timeMs: entry.timeMs }), decision, ...(await readDetails(client, decision, entry.details, keys)) }
  }
  const bundle = decode(receiptBundle, bytesOf('bundle', entry.bundle))
  const { receipt, header } = verifyReceiptBundle(client.chain, bundle, { transaction: bytesOf('request', entry.decision.request, 32) })
  const event = decodeEvents(receipt).find(({ contract, name }) => contract === 'access' && name === 'decision')
  const decision = event?.data as DecisionEvent | undefined
  if (decision === undefined || !sameDecision(decision, entry.decision)) throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: entry.decision.request } })
  return { height: Number(header.height), timeMs: Number(header.timeMs), decision, bundle, ...(await readDetails(client, decision, entry.details, keys)) }
}

async function readDetails(client: Client, decision: DecisionEvent, sealed: string | null, keys: SealKeyPair | undefined): Promise<Pick<AuditEntry, 'details' | 'detailsState'>> {
  if (sealed === null) return { detailsState: 'absent' }
  if (keys === undefined) return { detailsState: 'not-for-us' }
  const { request, record, version, readerKey } = decision
  try {
    const { details } = await openDetails(keys, { chain: client.chain.id, request, record, version, section: 0, readerKey }, bytesOf('details', sealed), decision.detailsHash)
    return { details, detailsState: 'open' }
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (code === 'DETAILS_NOT_RECIPIENT') return { detailsState: 'not-for-us' }
    if (code.startsWith('DETAILS_') || code.startsWith('SEAL_')) return { detailsState: 'invalid' }
    throw error
  }
}

/** The node's decoded form of a decision as the event it claims to show. Throws `CLIENT_RESPONSE_INVALID`. */
export function decisionFromRpc(rpc: RpcDecision): DecisionEvent {
  const result = decisionEvent.fromJson({ ...rpc, until: String(rpc.until) })
  if ('fault' in result) throw clientError('CLIENT_RESPONSE_INVALID', { details: { field: `decision.${result.fault.path}`, rule: result.fault.rule } })
  return result.value
}

function sameDecision(proven: DecisionEvent, said: RpcDecision): boolean {
  return equalBytes(proven.request, bytesOf('request', said.request, 32)) && JSON.stringify(toJson(decisionEvent, proven)) === JSON.stringify(toJson(decisionEvent, decisionFromRpc(said)))
}
