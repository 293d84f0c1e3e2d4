import { fromHex, equalBytes, toHex } from '../../primitives/bytes.ts'
import { aggregateAnswer, aggregateQuery, queryHash, type AggregateAnswer, type AggregateQuery } from '../../primitives/calls/aggregate-query.ts'
import { answerKey, type anonymizationEvents, type CallArgs } from '../../primitives/calls/index.ts'
import { decode, encode, type Infer } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { open } from '../../privacy/seal.ts'
import type { Client, SignedOptions } from '../create-client.ts'
import { clientError } from '../errors.ts'
import { bytesOf } from '../hex.ts'
import { sleep } from '../platform.ts'
import type { SendOptions } from './send-transaction.ts'
import { sendAndWait, waitForReceipt, type ConfirmedReceipt, type WaitOptions } from './wait-for-receipt.ts'

export type SpentEvent = Infer<typeof anonymizationEvents.spent>
export type AggregateInput = Omit<CallArgs<'anonymization', 'spend'>, 'query'> & { readonly query: AggregateQuery }
const RETRIES = 50
const RETRY_MS = 100

/** What a final receipt says was paid for. Throws `CLIENT_QUESTION_UNKNOWN` when it is of another call: the receipt proves which. */
function spentOf({ id, events }: ConfirmedReceipt): SpentEvent {
  const event = events.find(({ contract, name }) => contract === 'anonymization' && name === 'spent')
  if (event?.data === undefined) throw clientError('CLIENT_QUESTION_UNKNOWN', { details: { question: toHex(id), found: 'another transaction' } })
  return event.data as SpentEvent
}

/** What was paid for a question, by its final receipt. Throws `CLIENT_QUESTION_UNKNOWN` when `waitMs` pass and the node knows no transaction of this id; and as `waitForReceipt`. */
export async function readSpent(client: Client, question: Uint8Array, { waitMs = 5_000, ...options }: WaitOptions = {}): Promise<SpentEvent> {
  try {
    return spentOf(await waitForReceipt(client, question, { waitMs, ...options }))
  } catch (error) {
    if (errorCode(error) !== 'CLIENT_TIMED_OUT') throw error
    const { status } = await client.call('tx_status', { id: toHex(question) }, options)
    if (status !== 'unknown') throw error
    throw clientError('CLIENT_QUESTION_UNKNOWN', { retryable: true, details: { question: toHex(question), found: 'no transaction' }, cause: error })
  }
}

/**
 * Pays for an aggregate, waits until that is final, and leaves the question for the institutions that answer. The same question with the same mechanism and ε is paid for once, and answered
 * with the same noise, however often and by whomever of the recipient institution it is asked. Throws what waiting throws (`CLIENT_TX_FAILED` with `BUDGET_EXHAUSTED` and its kin).
 */
export async function askAggregate(client: Client, { query, ...terms }: AggregateInput, options: SendOptions & WaitOptions = {}): Promise<{ readonly request: Uint8Array; readonly spent: SpentEvent }> {
  const receipt = await sendAndWait(client, { contract: 'anonymization', call: 'spend', args: { ...terms, query: queryHash(query) } }, options)
  const spent = spentOf(receipt)
  if (!equalBytes(spent.answer, answerKey({ ...terms, query: queryHash(query) }))) throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: toHex(receipt.id) } })
  const { account, signal } = options
  const signed = { ...(account && { account }), ...(signal && { signal }) }
  // Another node than the one that proved the payment may answer now, and be a block behind.
  await retried(() => client.callSigned('vault_mailbox_put', { request: toHex(receipt.id), section: 0, kind: 'question', sealed: toHex(encode(aggregateQuery, query)) }, signed), RETRIES, signal)
  return { request: receipt.id, spent }
}

/** The answer to a paid question, opened; waits for it up to `waitMs`. Throws `CLIENT_QUESTION_UNKNOWN`, `CLIENT_TIMED_OUT` while institutions or the owner have not answered, SEAL_*, `CLIENT_PROOF_MISMATCH`. */
export async function readAggregate(client: Client, request: Uint8Array, { waitMs = 5_000, ...options }: SignedOptions & { readonly waitMs?: number } = {}): Promise<AggregateAnswer> {
  const spent = await readSpent(client, request, options)
  const { sealKeys } = client.signer(options.account)
  if (sealKeys === undefined) throw clientError('CLIENT_NO_ACCOUNT')
  const entry = await retried(() => client.callSigned('vault_mailbox_get', { request: toHex(request), section: 0, kind: 'answer' }, options), Math.ceil(waitMs / RETRY_MS), options.signal).catch((error: unknown) => {
    if (isAbsent(error)) throw clientError('CLIENT_TIMED_OUT', { retryable: true, details: { id: toHex(request), waitMs } })
    throw error
  })
  const context = { kind: 'answer', chain: client.chain.id, request, record: spent.dataset, version: spent.version, section: 0, readerKey: sealKeys.publicKey } as const
  const answer = decode(aggregateAnswer, await open(sealKeys.secretKey, context, bytesOf('sealed', entry.sealed)))
  if (!equalBytes(answer.answer, spent.answer)) throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: toHex(request) } })
  return answer
}

/** The question behind a payment, as the institutions fetch it; its hash is the one that was paid for. Throws `RPC_NOT_FOUND` until the asker has left it, `CLIENT_PROOF_MISMATCH`. */
export async function fetchQuestion(client: Client, request: Uint8Array, spent: SpentEvent, options: SignedOptions = {}): Promise<AggregateQuery> {
  const { sealed } = await client.callSigned('vault_mailbox_get', { request: toHex(request), section: 0, kind: 'question' }, options)
  const query = decode(aggregateQuery, fromHex(sealed))
  if (!equalBytes(queryHash(query), spent.query)) throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: toHex(request) } })
  return query
}

const isAbsent = (error: unknown): boolean => errorCode(error) === 'RPC_NOT_FOUND' || errorCode(error) === 'MAILBOX_NOT_FOUND'

async function retried<T>(run: () => Promise<T>, attempts: number, signal: AbortSignal | undefined): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      if (!isAbsent(error) || attempt >= attempts) throw error
      await sleep(RETRY_MS, signal)
    }
  }
}
