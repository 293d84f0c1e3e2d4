import { Type } from 'typebox'
import type { RpcPorts } from '../ports.ts'
import { rpcError } from '../refuse.ts'
import { defineMethod } from '../registry.ts'
import { SAMPLE, SAMPLE_AS_OF } from '../samples.ts'
import { auth, hexUpTo, oneOf, transactionId } from '../schema.ts'
import { callerOf } from '../signed.ts'
import { txCancellation, txReceipt, txStatus } from '../shapes/transaction.ts'
import type { TxStatus } from '../shapes/transaction.ts'

/** Longest wait for an outcome, in ms, and the wait when none is named. */
export const WAIT_MS_MAX = 60_000
const WAIT_MS = 10_000
/** Room for the node to answer after the wait itself is over. */
const WAIT_CALL_MS = WAIT_MS_MAX + 5_000
const TRANSACTION_BYTES_MAX = 64 * 1024

const timeoutMs = Type.Optional(Type.Integer({ minimum: 0, maximum: WAIT_MS_MAX, description: 'longest wait in ms, 10,000 unless told; its end is not a failure' }))
const pending = { id: SAMPLE.transaction, status: 'pending', height: null, position: null, code: null, final: false, asOf: SAMPLE_AS_OF } as const
const committed = { ...pending, status: 'committed', height: 1043, position: 3, code: 'OK' } as const

/** Hex that its schema has checked → bytes. */
const toBytes = (hex: string): Uint8Array => {
  const bytes = Buffer.from(hex, 'hex')
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

async function send(ports: RpcPorts, transaction: string, wait: 'none' | 'accepted' | 'committed' | 'final', waitMs: number, signal: () => AbortSignal): Promise<TxStatus> {
  const status = await ports.transactions.send(toBytes(transaction))
  if (wait === 'none' || wait === 'accepted') return status
  return ports.transactions.wait(status.id, wait, waitMs, signal())
}

export const txSend = defineMethod({
  name: 'tx_send',
  summary: 'Submits a signed transaction.',
  description: 'The signature inside authorises it; nothing else does. Sending the same bytes again is harmless and tells the present status. `wait`: `none` and `accepted` return once the node holds it, `committed` and `final` once it is so or `timeoutMs` is over; the answer then says `pending` and carries the id. A timeout is never a failure.',
  params: { transaction: hexUpTo(TRANSACTION_BYTES_MAX, 'canonical bytes of the transaction with its signatures'), wait: Type.Optional(oneOf(['none', 'accepted', 'committed', 'final'], '`accepted` unless told')), timeoutMs },
  result: txStatus,
  errors: ['CODEC_NOT_CANONICAL', 'TX_WRONG_CHAIN', 'TX_SIGNATURES_MISMATCH', 'TX_SIGNATURE_INVALID', 'TX_EXPIRED', 'TX_VALID_TOO_FAR', 'TX_CANCELLED', 'ACCOUNT_UNKNOWN', 'ACCOUNT_SUSPENDED', 'SIGNER_NOT_ACTIVE', 'CONSENSUS_BUSY', 'NO_LEADER'],
  examples: [{ name: 'submit', params: { transaction: SAMPLE.bytes }, result: pending }, { name: 'submit and wait', params: { transaction: SAMPLE.bytes, wait: 'committed', timeoutMs: 5000 }, result: committed }],
  access: 'public',
  rateClass: 'write',
  timeoutMs: WAIT_CALL_MS,
  handle: (ports, { transaction, wait = 'accepted', timeoutMs: waitMs = WAIT_MS }, context) => send(ports, transaction, wait, waitMs, () => context.signal),
})

export const txStatusMethod = defineMethod({
  name: 'tx_status',
  summary: 'Tells what became of a transaction.',
  description: '`unknown` means that this node does not know it, not that it failed.',
  params: { id: transactionId },
  result: txStatus,
  errors: [],
  examples: [{ name: 'a committed one', params: { id: SAMPLE.transaction }, result: committed }],
  access: 'public',
  rateClass: 'read',
  handle: (ports, { id }) => ports.transactions.status(id),
})

export const txWait = defineMethod({
  name: 'tx_wait',
  summary: 'Waits until a transaction is committed or final.',
  description: 'Returns earlier when it fails or expires, and at the end of `timeoutMs` with the status it has then.',
  params: { id: transactionId, until: Type.Optional(oneOf(['committed', 'final'], '`committed` unless told')), timeoutMs },
  result: txStatus,
  errors: [],
  examples: [{ name: 'until final', params: { id: SAMPLE.transaction, until: 'final', timeoutMs: 30_000 }, result: { ...committed, status: 'final', final: true } }],
  access: 'public',
  rateClass: 'read',
  timeoutMs: WAIT_CALL_MS,
  handle: (ports, { id, until = 'committed', timeoutMs: waitMs = WAIT_MS }, context) => ports.transactions.wait(id, until, waitMs, context.signal),
})

export const txCancel = defineMethod({
  name: 'tx_cancel',
  summary: 'Takes back a transaction that still waits.',
  description: 'For the account that signed it. The node and every voter that can be reached take it out of their queues and refuse it from then on. `withdrawn`: all voters have done so. `partly`: some did not answer and may still include it until its `validUntil`. `tooLate`: it stands in a block; `included` is not committed yet, and if that block is dropped it does not wait for another. `unknown`: no voter held it. Nothing on the ledger forbids the transaction, so certainty comes only with its expiry.',
  params: { id: transactionId, auth },
  result: txCancellation,
  errors: ['RPC_UNAUTHENTICATED', 'RPC_FORBIDDEN', 'CONSENSUS_BUSY'],
  examples: [{ name: 'while a member is down', params: { id: SAMPLE.transaction, auth: SAMPLE.auth }, result: { id: SAMPLE.transaction, outcome: 'partly', nodes: [{ node: 1, answer: 'withdrawn' }, { node: 2, answer: 'absent' }, { node: 3, answer: 'silent' }], asOf: SAMPLE_AS_OF } }],
  access: 'signed',
  rateClass: 'write',
  handle: (ports, params, context) => ports.cancellations.cancel(params.id, params.auth, callerOf(context), context.signal),
})

export const txReceiptMethod = defineMethod({
  name: 'tx_receipt',
  summary: 'Gives the receipt of a transaction, with the proof that stands without any node.',
  params: { id: transactionId },
  result: txReceipt,
  errors: ['RPC_NOT_FOUND'],
  examples: [{
    name: 'a final one', params: { id: SAMPLE.transaction },
    result: { id: SAMPLE.transaction, status: 'final', height: 1043, position: 3, code: 'OK', cost: 120, events: [{ contract: 'consent', name: 'granted', data: SAMPLE.bytes }], bundle: SAMPLE.bytes, asOf: SAMPLE_AS_OF },
  }],
  access: 'public',
  rateClass: 'read',
  handle: async (ports, { id }) => {
    const receipt = await ports.transactions.receipt(id)
    if (receipt.id !== id) throw rpcError('RPC_INTERNAL', 'the receipt is of another transaction')
    return receipt
  },
})
