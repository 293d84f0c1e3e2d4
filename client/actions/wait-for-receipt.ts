import { toHex } from '../../primitives/bytes.ts'
import type { CallArgs, CallName, ContractName } from '../../primitives/calls/index.ts'
import { decode } from '../../primitives/codec.ts'
import { receiptBundle, type Receipt, type ReceiptBundle } from '../../primitives/receipt.ts'
import type { RpcTxReceipt, RpcTxStatus } from '../../primitives/rpc-types.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import type { Client } from '../create-client.ts'
import { clientError, namingTransaction } from '../errors.ts'
import { bytesOf } from '../hex.ts'
import { decodeEvents, type DecodedEvent } from '../transaction.ts'
import type { RequestOptions } from '../transports/transport.ts'
import { verifyReceiptBundle } from '../verify-receipt.ts'
import { withMembers } from './follow-members.ts'
import { sendRawTransaction, sendTransaction, type SendOptions } from './send-transaction.ts'

export interface WaitOptions extends RequestOptions {
  /** `committed`: a majority holds it, no failure of nodes undoes it. `final`: a quorum attested it, so no liar among them does either. */
  readonly until?: 'committed' | 'final'
  /** Longest wait in all, ms. Then `CLIENT_TIMED_OUT`: the outcome is unknown. */
  readonly waitMs?: number
  /** The signed bytes: sent again, to whichever node answers, when a node says it does not know them. Its first holder may have died before it told anybody. */
  readonly resend?: Pick<Transaction, 'bytes'>
}

export const WAIT_DEFAULTS = { waitMs: 60_000, pollMsMax: 10_000, resendPollMs: 2_000 } as const

/** What became of a transaction. `bundle` is there once it is final, already verified against the client's chain. */
export interface ConfirmedReceipt {
  readonly id: Uint8Array
  readonly height: number
  readonly events: readonly DecodedEvent[]
  readonly bundle?: ReceiptBundle
  /** Block time, ms; there with the bundle. */
  readonly timeMs?: number
}

/**
 * Waits until a transaction is committed or final (the default) and returns its receipt; a final one is verified offline before it is returned.
 * Long polls `tx_wait`, on whichever node answers, so it survives the loss of a node or a leader.
 * Throws `CLIENT_TX_FAILED` (details.result), `CLIENT_TX_EXPIRED`, `CLIENT_TIMED_OUT`, `CLIENT_UNREACHABLE` (both with details.id: the outcome is unknown), PROOF_* or CERTIFICATE_*.
 */
export function waitForReceipt(client: Client, id: Uint8Array, options?: WaitOptions): Promise<ConfirmedReceipt> {
  return namingTransaction(toHex(id), () => awaitReceipt(client, id, options))
}

async function awaitReceipt(client: Client, id: Uint8Array, { until = 'final', waitMs = WAIT_DEFAULTS.waitMs, resend, ...options }: WaitOptions = {}): Promise<ConfirmedReceipt> {
  const hex = toHex(id)
  const status = await waitForStatus(client, hex, { until, waitMs, resend }, options)
  if (status.status === 'expired') throw clientError('CLIENT_TX_EXPIRED', { details: { id: hex } })
  if (status.status === 'failed') throw clientError('CLIENT_TX_FAILED', { details: { id: hex, result: status.code, height: status.height } })
  const receipt = await client.call('tx_receipt', { id: hex }, options)
  if (receipt.bundle === null) return unproven(id, receipt)
  const bundle = decode(receiptBundle, bytesOf('bundle', receipt.bundle))
  const { receipt: proven, header } = await withMembers(client, bundle.finality.certificate, (members) => verifyReceiptBundle({ id: client.chain.id, members }, bundle, { transaction: id }), options)
  if (proven.code !== 'OK') throw clientError('CLIENT_TX_FAILED', { details: { id: hex, result: proven.code, height: Number(header.height) } })
  return { id, height: Number(header.height), events: decodeEvents(proven), bundle, timeMs: Number(header.timeMs) }
}

/** `sendTransaction` and `waitForReceipt` in one. */
export async function sendAndWait<C extends ContractName, N extends CallName<C>>(
  client: Client, call: { readonly contract: C; readonly call: N; readonly args: CallArgs<C, N> }, { until, waitMs, ...options }: SendOptions & WaitOptions = {},
): Promise<ConfirmedReceipt> {
  const { transaction } = await sendTransaction(client, call, options)
  const { signal, timeoutMs } = options
  return waitForReceipt(client, transaction.id, { resend: transaction, ...(until && { until }), ...(waitMs !== undefined && { waitMs }), ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) })
}

const ENOUGH = { committed: ['committed', 'final', 'failed', 'expired'], final: ['final', 'expired'] } as const

interface Goal { readonly until: 'committed' | 'final'; readonly waitMs: number; readonly resend: Pick<Transaction, 'bytes'> | undefined }

async function waitForStatus(client: Client, id: string, { until, waitMs, resend }: Goal, options: RequestOptions): Promise<RpcTxStatus> {
  const deadline = client.nowMs() + waitMs
  for (;;) {
    const left = deadline - client.nowMs()
    if (left <= 0) throw clientError('CLIENT_TIMED_OUT', { retryable: true, details: { id, waitMs } })
    const pollMs = Math.max(1, Math.min(left, resend === undefined ? WAIT_DEFAULTS.pollMsMax : WAIT_DEFAULTS.resendPollMs))
    const status = await client.call('tx_wait', { id, until, timeoutMs: pollMs }, { timeoutMs: pollMs + 5_000, ...options })
    // A failure that is not final yet could still be undone by a liar; who waits for finality waits for that too.
    if ((ENOUGH[until] as readonly string[]).includes(status.status) || (status.status === 'failed' && status.final)) return status
    if (status.status === 'unknown' && resend !== undefined) await sendRawTransaction(client, resend, options)
  }
}

function unproven(id: Uint8Array, receipt: RpcTxReceipt): ConfirmedReceipt {
  const events: Receipt['events'] = receipt.events.map(({ contract, name, data }) => ({ contract, name, data: bytesOf('events.data', data) }))
  return { id, height: receipt.height, events: decodeEvents({ tx: id, position: receipt.position, code: receipt.code, cost: receipt.cost, events }) }
}
