import type { FastifyRequest } from 'fastify'
import type { TLSSocket } from 'node:tls'
import { isLoopback } from './options.ts'
import type { RpcOptions } from './options.ts'
import { rpcError } from './refuse.ts'

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/
const NO_TRACE = '0'.repeat(32)

/** Trace id of a W3C `traceparent` header, when it is one. */
export function traceIdOf(request: FastifyRequest): string | undefined {
  const header = request.headers.traceparent
  const id = typeof header === 'string' ? TRACEPARENT.exec(header)?.[1] : undefined
  return id === NO_TRACE ? undefined : id
}

/** Host header without its port. */
function hostName(header: string): string {
  return header.startsWith('[') ? header.slice(0, header.indexOf(']') + 1) : (header.split(':', 1)[0] ?? '')
}

/**
 * Checks who may knock: the host name that was asked for (DNS rebinding), the web origin, the client's certificate.
 * Returns the origin to be named in CORS headers, if any. Throws RPC_HEADERS_INVALID, RPC_HOST_REFUSED, RPC_ORIGIN_REFUSED or RPC_CLIENT_CERTIFICATE_REQUIRED.
 */
export function checkDoor(options: RpcOptions, request: FastifyRequest): string | undefined {
  const { headers } = request
  // RFC 9112 §3.2: a request of HTTP/1.1 without Host is malformed.
  if (headers.host === undefined && request.raw.httpVersion === '1.1') throw rpcError('RPC_HEADERS_INVALID', 'the header host is missing')
  const host = headers.host ?? ''
  const known = options.allowedHosts.length > 0 || isLoopback(options.host)
  const name = hostName(host)
  if (known && name !== options.host && name !== '' && !isLoopback(name) && !options.allowedHosts.includes(name)) throw rpcError('RPC_HOST_REFUSED', 'this host name is not served')
  if (options.tls?.clientAuthority !== undefined && !(request.raw.socket as TLSSocket).authorized) {
    throw rpcError('RPC_CLIENT_CERTIFICATE_REQUIRED', 'a client certificate is required')
  }
  const { origin } = headers
  if (origin === undefined) return undefined
  if (options.allowedOrigins.includes(origin)) return origin
  // A page that this listener itself served is of the same origin.
  if (origin === `${options.tls === undefined ? 'http' : 'https'}://${host}`) return undefined
  throw rpcError('RPC_ORIGIN_REFUSED', 'this web origin may not call the node')
}
