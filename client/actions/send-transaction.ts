import { toHex } from '../../primitives/bytes.ts'
import type { CallArgs, CallName, ContractName } from '../../primitives/calls/index.ts'
import type { RpcTxCancellation, RpcTxStatus } from '../../primitives/rpc-types.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import type { Client, SignedOptions } from '../create-client.ts'
import { namingTransaction } from '../errors.ts'
import { buildTransaction } from '../transaction.ts'
import type { RequestOptions } from '../transports/transport.ts'

export interface SendOptions extends SignedOptions {
  /** ms since the epoch. */
  readonly validUntilMs?: number
  readonly salt?: Uint8Array
}

/** Sends signed bytes; sending them again is harmless and answers with the present status. A timeout means "unknown", never "failed". */
export function sendRawTransaction(client: Client, transaction: Pick<Transaction, 'bytes'>, options?: RequestOptions): Promise<RpcTxStatus> {
  return client.call('tx_send', { transaction: toHex(transaction.bytes) }, options)
}

/**
 * Takes back a transaction of the signing account that still waits. `withdrawn` means that every voter has dropped it and refuses it; only `expired` (`tx_status`) is certain. Use another salt to have the same call done
 * after all: these bytes are refused from then on.
 */
export function cancelTransaction(client: Client, id: Uint8Array, options?: SignedOptions): Promise<RpcTxCancellation> {
  return client.callSigned('tx_cancel', { id: toHex(id) }, options)
}

/** Builds, signs and sends one contract call. Returns the transaction, whose `id` names it from now on, and its status at the door. When a node is lost meanwhile, `details.id` of the error names it. */
export async function sendTransaction<C extends ContractName, N extends CallName<C>>(
  client: Client, call: { readonly contract: C; readonly call: N; readonly args: CallArgs<C, N> }, options: SendOptions = {},
): Promise<{ readonly transaction: Transaction; readonly status: RpcTxStatus }> {
  const { account, validUntilMs, salt, ...request } = options
  const transaction = buildTransaction(
    { chain: client.chain.id, account: client.signer(account), ...call, ...(validUntilMs !== undefined && { validUntilMs }), ...(salt && { salt }) }, client,
  )
  return { transaction, status: await namingTransaction(toHex(transaction.id), () => sendRawTransaction(client, transaction, request)) }
}
