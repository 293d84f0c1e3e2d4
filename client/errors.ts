import { SteleError, type SteleErrorInit } from '../primitives/error.ts'

/** Codes of client/: what each means; what to do next. */
export const CLIENT_ERRORS = {
  CLIENT_UNREACHABLE: 'no node could be reached or kept the connection; check the URL and that the node runs, then send the same request again',
  CLIENT_TIMED_OUT: 'no answer came in time; the outcome is unknown, never failed: ask for the status of the same id, or send the same bytes again',
  CLIENT_RESPONSE_INVALID: 'what answered is not a Stele node of a version this client understands; check the URL and the versions',
  CLIENT_REFUSED: 'the node refused the request without a code of ours; the details hold its JSON-RPC number',
  CLIENT_CHAIN_MISMATCH: 'the node belongs to another chain than the client was made for; check the URL and the genesis file',
  CLIENT_NO_ACCOUNT: 'the action signs and the client has no account; pass one to createClient or to the action',
  CLIENT_NO_SUBSCRIPTIONS: 'the transport cannot subscribe; use webSocket(url), or poll',
  CLIENT_WALLET_INVALID: 'the wallet file or its seed does not have the right form; details name the member and the rule',
  CLIENT_CALL_INVALID: 'there is no such contract call, or its arguments do not fit; details name the path and the rule',
  CLIENT_CONSENT_INVALID: 'the choices cannot be made into a consent; details name the field and the rule',
  CLIENT_RECORD_INVALID: 'the record to register is empty, too large or labelled wrongly; details name the field and the rule',
  CLIENT_TX_FAILED: 'the transaction is in a block and had no effect; details.result is the code of the contract',
  CLIENT_TX_EXPIRED: 'block time passed the transaction\'s validUntil before it was included; sign it anew with a later one',
  CLIENT_QUESTION_UNKNOWN: 'the node knows no paid question of this id: details say whether the id is of another transaction or of none; check it against what `stele dataset ask` printed (it is not the id of the data set)',
  CLIENT_STORAGE_TOO_FEW: 'too few members hold the ciphertext to register the record; wait until more nodes are up and call again, nothing is uploaded twice',
  CLIENT_ACCESS_DENIED: 'the decision on the ledger is a denial, or there is nothing there: the two look alike',
  CLIENT_KEY_NOT_RELEASED: 'the permit is final but no key arrived before it ended; is the custodian running? ask for access again',
  CLIENT_CHUNK_UNAVAILABLE: 'no node gave a chunk that matches the commitment on the ledger; try again when more nodes are up',
  CLIENT_HISTORY_FORKED: 'a final block does not have the checkpoint you keep in its history: members signed two histories, or the checkpoint is false; keep both and tell the members',
  CLIENT_PROOF_PRUNED: 'the node has pruned the block that proves this; ask a member that keeps more, or one with an archive',
  CLIENT_PROOF_MISMATCH: 'a proof is valid but proves something else than what was asked; do not trust the node that sent it',
} as const

export type ClientErrorCode = keyof typeof CLIENT_ERRORS

export interface BaseErrorInit extends SteleErrorInit {
  /** Lines that help a person and hold no secret: the method, the node's URL, the transaction id. */
  readonly metaMessages?: readonly string[]
}

/**
 * What every action of the client throws. `shortMessage` is the sentence alone, `message` the whole text for a terminal, `docsPath` where to read on.
 * Match on `code`; `retryable` says whether the same request may succeed later. The shape follows viem's `BaseError`.
 */
export class BaseError extends SteleError {
  readonly shortMessage: string
  readonly metaMessages: readonly string[]
  readonly docsPath: string

  constructor(init: BaseErrorInit) {
    const docsPath = `docs/errors.md#${init.code.toLowerCase()}`
    const metaMessages = init.metaMessages ?? []
    super({ ...init, message: [init.message, ...metaMessages, `Code: ${init.code}`, `See: ${docsPath}`].join('\n') })
    this.name = 'BaseError'
    this.shortMessage = init.message
    this.metaMessages = metaMessages
    this.docsPath = docsPath
  }

  /** The first error in the chain of causes, this one included, for which `fits` holds. */
  walk(fits: (error: unknown) => boolean): unknown {
    let error: unknown = this
    for (let depth = 0; depth < 16 && error !== undefined; depth++) {
      if (fits(error)) return error
      error = error instanceof Error ? error.cause : undefined
    }
    return undefined
  }
}

/** A `BaseError` with one of the client's own codes and its text from the table. */
export function clientError(code: ClientErrorCode, init: Omit<BaseErrorInit, 'code' | 'message'> = {}): BaseError {
  return new BaseError({ code, message: CLIENT_ERRORS[code], ...init })
}

/** Anything a node or library threw, as a `BaseError` that keeps its code; an abort stays what it is. */
export function toBaseError(error: unknown, metaMessages: readonly string[] = []): unknown {
  if (error instanceof BaseError || !(error instanceof SteleError)) return error
  return new BaseError({ code: error.code, message: error.message, details: error.details, retryable: error.retryable, cause: error, metaMessages })
}

/**
 * Rejects with what `work` rejects with; where a node was lost or did not answer, with the id of the transaction besides: its outcome is unknown then, and only by its id can anybody ask for it.
 */
export async function namingTransaction<T>(id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof BaseError) || error.details['id'] !== undefined || (error.code !== 'CLIENT_UNREACHABLE' && error.code !== 'CLIENT_TIMED_OUT')) throw error
    throw new BaseError({ code: error.code, message: error.shortMessage, retryable: error.retryable, details: { ...error.details, id }, metaMessages: [...error.metaMessages, `Transaction: ${id} (its outcome is unknown: ask for its status at any node)`], cause: error.cause })
  }
}

/** True when the same request may succeed later without being changed. */
export function isRetryable(error: unknown): boolean {
  return error instanceof SteleError && error.retryable
}
