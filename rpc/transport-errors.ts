import type { FastifyError, FastifyReply } from 'fastify'
import { SteleError, errorCode } from '../primitives/error.ts'
import { NUMBERS, httpStatusOf, isPublicError, numberOf, toErrorObject } from './error-map.ts'
import { rpcError } from './refuse.ts'

/** What Fastify and its plugins throw before a handler runs → our errors. Others pass as they are. */
export function fromFastify(error: unknown, bodyBytesMax: number): unknown {
  if (error instanceof SteleError) return error
  switch (errorCode(error)) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': return rpcError('RPC_BODY_TOO_LARGE', 'the request body is too large', { details: { max: bodyBytesMax }, cause: error })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_EMPTY_TYPE': return rpcError('RPC_MEDIA_TYPE_UNSUPPORTED', 'the content type is not supported', { cause: error })
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY': return rpcError('RPC_PARSE_ERROR', 'the body is not JSON', { cause: error })
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_ASYNC_CONSTRAINT':
    case 'FST_ERR_MAX_PARAM_LENGTH': return rpcError('RPC_HEADERS_INVALID', 'the HTTP request is malformed', { cause: error })
    default: return (error as FastifyError | null)?.statusCode === 400 ? rpcError('RPC_HEADERS_INVALID', 'the HTTP request is malformed', { cause: error }) : error
  }
}

/** Writes an error that answers the whole HTTP request: a JSON-RPC body without id, the fitting status, `Retry-After` where one is known. */
export function sendTransportError(reply: FastifyReply, error: unknown, traceId: string, status: (error: unknown) => number = statusOf): FastifyReply {
  const object = toErrorObject(error, traceId)
  const code = status(error)
  const seconds = retryAfterSeconds(code, object.data.retryAfterMs)
  if (seconds !== undefined) void reply.header('retry-after', String(seconds))
  return reply.code(code).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify({ jsonrpc: '2.0', error: object, id: null }))
}

/** `Retry-After` in whole seconds, for 429 and 503 always. */
export function retryAfterSeconds(status: number, retryAfterMs: number | null): number | undefined {
  if (retryAfterMs !== null) return Math.max(1, Math.ceil(retryAfterMs / 1000))
  return status === 429 || status === 503 ? 1 : undefined
}

function statusOf(error: unknown): number {
  return isPublicError(error) ? httpStatusOf(error.code) : 500
}

/** HTTP status for routes that carry raw bytes, where the status is all a caller may look at. */
export function rawStatusOf(error: unknown): number {
  if (!isPublicError(error)) return 500
  const status = httpStatusOf(error.code)
  if (status !== 200) return status
  switch (numberOf(error.code)) {
    case NUMBERS.unauthenticated: return 401
    case NUMBERS.forbidden: return 403
    case NUMBERS.notFound: return 404
    case NUMBERS.conflict: return 409
    case NUMBERS.limit: return 429
    case NUMBERS.unavailable:
    case NUMBERS.noQuorum: return 503
    case NUMBERS.internal: return 500
    default: return 400
  }
}
