import { SteleError } from '../primitives/error.ts'
import { RPC_ERRORS } from './errors.ts'

/** JSON-RPC numbers: the specification's own, then those of EIP-1474 and EIP-1193 that clients know. The number groups; the string code is the contract. */
export const NUMBERS = {
  parse: -32700, request: -32600, method: -32601, params: -32602, internal: -32603,
  invalid: -32000, notFound: -32001, unavailable: -32002, rejected: -32003, notEnabled: -32004, limit: -32005,
  unauthenticated: 4100, forbidden: 4103, conflict: 4109, noQuorum: 4900,
} as const
type Group = keyof typeof NUMBERS

/** Messages the specification fixes; other groups carry the constant text of the error itself. */
const FIXED_MESSAGES: Partial<Record<Group, string>> = {
  parse: 'Parse error', request: 'Invalid Request', method: 'Method not found', params: 'Invalid params', internal: 'Internal error',
}

/** HTTP status when the whole call fails for a reason of transport; everything else answers 200. */
const HTTP_STATUS: Readonly<Record<string, number>> = {
  RPC_BODY_TOO_LARGE: 413, RPC_MEDIA_TYPE_UNSUPPORTED: 415, RPC_VERB_NOT_ALLOWED: 405, RPC_ROUTE_UNKNOWN: 404, RPC_HEADERS_INVALID: 400,
  RPC_HEADERS_TOO_LARGE: 431, RPC_REQUEST_SLOW: 408, RPC_CONNECTION_LIMIT: 429,
  RPC_HOST_REFUSED: 403, RPC_ORIGIN_REFUSED: 403, RPC_RATE_LIMITED: 429, RPC_OVERLOADED: 503, RPC_STOPPING: 503, RPC_CLIENT_CERTIFICATE_REQUIRED: 401,
}

const CODES: Readonly<Record<string, Group>> = {
  RPC_PARSE_ERROR: 'parse', RPC_INVALID_REQUEST: 'request', RPC_METHOD_UNKNOWN: 'method', RPC_PARAMS_INVALID: 'params', RPC_INTERNAL: 'internal',
  RPC_BATCH_TOO_LARGE: 'request', RPC_BODY_TOO_LARGE: 'request', RPC_MEDIA_TYPE_UNSUPPORTED: 'request', RPC_VERB_NOT_ALLOWED: 'request',
  RPC_ROUTE_UNKNOWN: 'request', RPC_HEADERS_INVALID: 'request', RPC_HEADERS_TOO_LARGE: 'request', RPC_CURSOR_INVALID: 'params', RPC_CHUNK_INVALID: 'params',
  RPC_RESPONSE_TOO_LARGE: 'rejected', RPC_RATE_LIMITED: 'limit', RPC_CONNECTION_LIMIT: 'limit', RPC_SUBSCRIPTION_LIMIT: 'limit', RPC_SUBSCRIPTION_LAGGED: 'limit',
  RPC_TIMED_OUT: 'unavailable', RPC_REQUEST_SLOW: 'unavailable', RPC_UNAVAILABLE: 'unavailable', RPC_OVERLOADED: 'unavailable', RPC_STOPPING: 'unavailable',
  RPC_NOT_FOUND: 'notFound', RPC_SUBSCRIPTION_UNKNOWN: 'notFound', RPC_METHOD_NOT_ENABLED: 'notEnabled',
  RPC_UNAUTHENTICATED: 'unauthenticated', RPC_CLIENT_CERTIFICATE_REQUIRED: 'unauthenticated',
  RPC_FORBIDDEN: 'forbidden', RPC_HOST_REFUSED: 'forbidden', RPC_ORIGIN_REFUSED: 'forbidden',
}

/**
 * Codes of other folders that may reach a caller, by exact name or by prefix (a key that ends in `_`); the longest match wins.
 * What matches nothing is the node's own trouble: the caller gets `RPC_INTERNAL` and a trace id, the log gets the rest.
 */
const FOREIGN: Readonly<Record<string, Group>> = {
  CODEC_: 'invalid', TX_: 'rejected', TX_WINDOW_FULL: 'limit', ACCOUNT_UNKNOWN: 'rejected', ACCOUNT_SUSPENDED: 'rejected', SIGNER_NOT_ACTIVE: 'rejected', REQUEST_: 'unauthenticated', REQUEST_PARAMS_INVALID: 'invalid',
  CONSENSUS_BUSY: 'limit', NOT_LEADER: 'unavailable', NO_LEADER: 'unavailable', NO_QUORUM: 'noQuorum', LEADER_FENCED: 'unavailable',
  P2P_UNREACHABLE: 'unavailable', P2P_TIMED_OUT: 'unavailable', P2P_CONNECTION_LOST: 'unavailable', P2P_BUSY: 'unavailable', P2P_ABORTED: 'unavailable', P2P_NOT_STARTED: 'unavailable',
  VAULT_NOT_FOUND: 'notFound', VAULT_INPUT_INVALID: 'invalid', VAULT_CHUNK_REFUSED: 'invalid', VAULT_ROOT_MISMATCH: 'invalid', VAULT_INCOMPLETE: 'conflict',
  VAULT_QUOTA: 'limit', VAULT_BUSY: 'limit', VAULT_DISK_FULL: 'unavailable', VAULT_DAMAGED: 'unavailable', VAULT_STOPPED: 'unavailable', VAULT_TOO_FEW_COPIES: 'unavailable',
  MAILBOX_NOT_FOUND: 'notFound', MAILBOX_DELETED: 'notFound', MAILBOX_INPUT_INVALID: 'invalid', MAILBOX_CONFLICT: 'conflict', MAILBOX_FULL: 'limit', MAILBOX_FORBIDDEN: 'forbidden', MAILBOX_DAMAGED: 'unavailable',
  BLOCK_PRUNED: 'notFound', PROOF_HEIGHT_UNAVAILABLE: 'invalid', RELEASE_REFUSED: 'forbidden', NODE_NOT_STARTED: 'unavailable', NODE_STOPPING: 'unavailable', NODE_REPAIR: 'unavailable', LEDGER_BUSY: 'limit',
}
const RETRYABLE_GROUPS: ReadonlySet<Group> = new Set(['unavailable', 'limit', 'noQuorum'])
const DETAILS_MAX = 16
const DETAIL_LENGTH_MAX = 256

export interface ErrorDetail { readonly path: string; readonly message: string }
/** `error.data`, one shape everywhere. */
export interface ErrorData {
  readonly code: string
  readonly retryable: boolean
  readonly retryAfterMs: number | null
  readonly hint: string
  readonly details: readonly ErrorDetail[]
  /** Address of the leader, when another node could have answered. */
  readonly leader?: string
  readonly traceId: string
  readonly docs: string
}
export interface RpcErrorObject { readonly code: number; readonly message: string; readonly data: ErrorData }

function groupOf(code: string): Group | undefined {
  const own = Object.hasOwn(CODES, code) ? CODES[code] : undefined
  if (own !== undefined) return own
  if (Object.hasOwn(FOREIGN, code)) return FOREIGN[code]
  // Prefixes are cut at underscores, from the right, so that the longest is found first.
  for (let end = code.lastIndexOf('_', code.length - 2); end > 0; end = code.lastIndexOf('_', end - 1)) {
    const prefix = code.slice(0, end + 1)
    if (Object.hasOwn(FOREIGN, prefix)) return FOREIGN[prefix]
  }
  return undefined
}

/** JSON-RPC number of a code, or undefined when the code must not reach a caller. */
export function numberOf(code: string): number | undefined {
  const group = groupOf(code)
  return group === undefined ? undefined : NUMBERS[group]
}

/** HTTP status that fits a code, 200 unless the transport itself refuses. */
export function httpStatusOf(code: string): number {
  return Object.hasOwn(HTTP_STATUS, code) ? HTTP_STATUS[code]! : 200
}

/** True of an error whose text and details a caller may see. */
export function isPublicError(error: unknown): error is SteleError {
  return error instanceof SteleError && groupOf(error.code) !== undefined
}

/**
 * What a caller gets for anything thrown. Only SteleErrors of a known code show their text and details; all others become `RPC_INTERNAL`
 * with the trace id, never a text of the exception. `details.retryAfterMs` and `details.leader` move to their own members.
 */
export function toErrorObject(error: unknown, traceId: string): RpcErrorObject {
  const shown = isPublicError(error) ? error : new SteleError({ code: 'RPC_INTERNAL', message: 'the node made a mistake', details: {} })
  const group = groupOf(shown.code) ?? 'internal'
  const { retryAfterMs, leader, issues, ...rest } = shown.details
  const text = RPC_ERRORS[shown.code as keyof typeof RPC_ERRORS] as string | undefined
  return {
    code: NUMBERS[group],
    message: FIXED_MESSAGES[group] ?? shown.message,
    data: {
      code: shown.code,
      retryable: shown.retryable || RETRYABLE_GROUPS.has(group),
      retryAfterMs: typeof retryAfterMs === 'number' ? Math.ceil(retryAfterMs) : null,
      hint: text ?? shown.message,
      details: isDetails(issues) ? issues : toDetails(rest, shown.message),
      ...(typeof leader === 'string' ? { leader } : {}),
      traceId,
      docs: `errors.md#${shown.code.toLowerCase()}`,
    },
  }
}

/** Values of an error as path and message; an error that names a place (`path`) and a rule becomes one entry. */
function toDetails({ path: place, rule, ...values }: Readonly<Record<string, unknown>>, message: string): ErrorDetail[] {
  const named = typeof place === 'string' ? [{ path: show(place), message: typeof rule === 'string' ? show(rule) : message }] : rule === undefined ? [] : [{ path: 'rule', message: show(rule) }]
  return [...named, ...Object.entries(values).map(([path, value]) => ({ path, message: show(value) }))].slice(0, DETAILS_MAX)
}

function isDetails(value: unknown): value is readonly ErrorDetail[] {
  return Array.isArray(value) && value.every((item: unknown) => typeof item === 'object' && item !== null && 'path' in item && 'message' in item)
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, Math.min(value.length, DETAIL_LENGTH_MAX / 2)).toString('hex')
  const text = typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each)) : String(value)
  return text.length > DETAIL_LENGTH_MAX ? `${text.slice(0, DETAIL_LENGTH_MAX - 1)}…` : text
}
