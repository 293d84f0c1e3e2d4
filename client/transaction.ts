import { CALLS, callSchema, eventSchema, type CallArgs, type CallName, type ContractName } from '../primitives/calls/index.ts'
import { decode, encode, type Schema } from '../primitives/codec.ts'
import type { Random } from '../primitives/ports.ts'
import type { Receipt } from '../primitives/receipt.ts'
import { createTransaction, TRANSACTION_LIMITS, type Transaction } from '../primitives/transaction.ts'
import type { Account } from './account.ts'
import type { Chain } from './chain.ts'
import { clientError } from './errors.ts'
import { platformNow, webRandom, type NowMs } from './platform.ts'

/** How long a transaction stays valid unless told otherwise, ms: half of what any ledger allows, or of what this one does, to leave room for clocks that differ. */
export const DEFAULT_LIFETIME_MS: number = TRANSACTION_LIMITS.lifetimeMsMax / 2

export interface BuildTransactionOptions<C extends ContractName, N extends CallName<C>> {
  /** Chain id, 32 bytes. */
  readonly chain: Uint8Array
  readonly account: Account
  readonly contract: C
  readonly call: N
  readonly args: CallArgs<C, N>
  /** ms since the epoch; block time beyond it makes the transaction expire. */
  readonly validUntilMs?: number
  /** 16 bytes; equal calls with equal salt are one transaction. */
  readonly salt?: Uint8Array
}

/**
 * Encodes the arguments by the call's schema, builds the body and signs it. The result's `bytes` are what a node takes, `id` names it from now on;
 * sending the same bytes again is harmless. A client as second argument gives its clock and what its chain allows. Throws `CLIENT_CALL_INVALID`.
 */
export function buildTransaction<C extends ContractName, N extends CallName<C>>(
  options: BuildTransactionOptions<C, N>, { random = webRandom, nowMs = platformNow, chain: known }: { readonly random?: Random; readonly nowMs?: NowMs; readonly chain?: Pick<Chain, 'genesis'> } = {},
): Transaction {
  const { chain, account, contract, call } = options
  const lifetimeMs = known === undefined ? DEFAULT_LIFETIME_MS : Math.min(DEFAULT_LIFETIME_MS, Math.floor(known.genesis.parameters.lifetimeMsMax / 2))
  const validUntil = BigInt(options.validUntilMs ?? nowMs() + lifetimeMs)
  const args = encodeArgs(contract, call, options.args)
  return createTransaction({ chain, account: account.id, contract, call, args, validUntil, salt: options.salt ?? random.bytes(16) }, account.signer)
}

/** One decoded event of a receipt. */
export interface DecodedEvent {
  readonly contract: string
  readonly name: string
  /** In the event's schema; undefined for an event this client does not know. */
  readonly data: unknown
}

export function decodeEvents(receipt: Receipt): DecodedEvent[] {
  return receipt.events.map(({ contract, name, data }) => {
    const schema = eventSchema(contract, name)
    return { contract, name, data: schema === undefined ? undefined : decode(schema, data) }
  })
}

function encodeArgs(contract: string, call: string, args: unknown): Uint8Array {
  const schema: Schema<unknown> | undefined = callSchema(contract, call)
  if (schema === undefined) {
    throw clientError('CLIENT_CALL_INVALID', { details: { contract: String(contract).slice(0, 64), call: String(call).slice(0, 64), contracts: Object.keys(CALLS) } })
  }
  try {
    return encode(schema, args)
  } catch (cause) {
    const details = cause !== null && typeof cause === 'object' && 'details' in cause ? (cause.details as Record<string, unknown>) : {}
    throw clientError('CLIENT_CALL_INVALID', { details: { contract, call, ...details }, cause })
  }
}
