import type { RpcErrorData } from '../../primitives/rpc-types.ts'
import { BaseError, clientError } from '../errors.ts'

/** The request object of JSON-RPC 2.0 §4. */
export function encodeRequest(id: number, method: string, params: object): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params })
}

export interface Frame {
  readonly id?: unknown
  readonly method?: unknown
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: unknown
}

/** One JSON-RPC object of an untrusted answer. Throws `CLIENT_RESPONSE_INVALID`. */
export function decodeFrame(text: string): Frame {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The engine's message quotes the answer, which may hold a record: it is dropped on purpose.
    throw clientError('CLIENT_RESPONSE_INVALID', { details: { rule: 'must be JSON', length: text.length } })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !('jsonrpc' in value) || value.jsonrpc !== '2.0') {
    throw clientError('CLIENT_RESPONSE_INVALID', { details: { rule: 'must be a JSON-RPC 2.0 object' } })
  }
  return value as Frame
}

/** The `result` of an answer to `id`, or throws the refusal as a `BaseError` with the node's own code. */
export function readResult(frame: Frame, id: number, context: { readonly method: string; readonly node: string }): unknown {
  if (frame.error !== undefined) throw refusal(frame.error, context)
  if (frame.id !== id || !('result' in frame)) {
    throw clientError('CLIENT_RESPONSE_INVALID', { details: { rule: 'must answer the request that was sent', method: context.method } })
  }
  return frame.result
}

/** What a node refused, as an error of ours. Texts and details of nodes are bounded: they are shown to people. */
export function refusal(error: unknown, { method, node }: { readonly method: string; readonly node: string }): BaseError {
  const { code: number, message, data } = (typeof error === 'object' && error !== null ? error : {}) as { code?: unknown; message?: unknown; data?: unknown }
  const metaMessages = [`Method: ${method}`, `Node: ${node}`]
  if (!isErrorData(data)) {
    return clientError('CLIENT_REFUSED', { details: { number: typeof number === 'number' ? number : null, text: cut(message) }, metaMessages })
  }
  const issues = Object.fromEntries(data.details.slice(0, 16).map(({ path, message: text }) => [cut(path), cut(text)]))
  const { retryAfterMs, leader, traceId } = data
  return new BaseError({
    code: data.code, message: cut(data.hint), retryable: data.retryable, metaMessages,
    details: { ...issues, ...(retryAfterMs !== null && { retryAfterMs }), ...(leader !== undefined && { leader: cut(leader) }), traceId: cut(traceId) },
  })
}

function isErrorData(data: unknown): data is RpcErrorData {
  if (typeof data !== 'object' || data === null) return false
  const { code, retryable, hint, details } = data as Partial<Record<keyof RpcErrorData, unknown>>
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) && typeof retryable === 'boolean' && typeof hint === 'string' && Array.isArray(details)
}

function cut(text: unknown): string {
  return String(text ?? '').replaceAll(/\p{Cc}/gu, ' ').slice(0, 512)
}
