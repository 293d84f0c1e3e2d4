import { randomBytes } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errorCode } from '../primitives/error.ts'
import type { SteleError } from '../primitives/error.ts'
import { httpStatusOf, toErrorObject } from './error-map.ts'
import type { RpcErrorCode } from './errors.ts'
import { rpcError } from './refuse.ts'
import { retryAfterSeconds } from './transport-errors.ts'

/** Time that a refused connection has to take its answer, in ms. */
const LEAVE_MS = 1_000

export interface GuardOptions {
  /** Connections of one address at once. */
  readonly connectionsPerAddressMax: number
}
export interface GuardMetrics { connections(count: number): void; refused(code: string): void }

/**
 * Refuses below HTTP: connections beyond those one address may hold, requests that do not arrive in time, bytes that are no HTTP.
 * Each is counted and, where a body can still be sent, answered as a JSON-RPC error without id.
 */
export class ConnectionGuard {
  readonly #options: GuardOptions
  readonly #metrics: GuardMetrics
  readonly #perAddress = new Map<string, number>()
  readonly #leaving = new WeakSet<Socket>()
  #open = 0

  constructor(options: GuardOptions, { metrics }: { readonly metrics: GuardMetrics }) {
    this.#options = options
    this.#metrics = metrics
  }

  /** Watches the connections of a server (those below TLS, if it has TLS); call it once, before the server listens. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#opened(socket, !('setSecureContext' in server)))
    server.on('drop', () => this.#metrics.refused('RPC_CONNECTION_LIMIT'))
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      request.resume()
      const { status, body, headers } = this.#refusal(rpcError('RPC_HEADERS_INVALID', 'the header expect asks for what is not offered here'))
      response.writeHead(status, headers).end(body)
    })
  }

  /** What the HTTP parser could not make a request of: the listener of `clientError`. */
  refuse(error: Error, socket: Socket): void {
    // A peer that has gone takes no answer.
    if (socket.destroyed || this.#leaving.has(socket)) return
    const code = errorCode(error)
    if (code === 'ECONNRESET' || code === 'EPIPE') return void socket.destroy()
    this.#leave(socket, parserRefusal(code), !answerUnderWay(socket))
  }

  #opened(socket: Socket, plain: boolean): void {
    const address = socket.remoteAddress ?? ''
    const held = (this.#perAddress.get(address) ?? 0) + 1
    this.#perAddress.set(address, held)
    this.#metrics.connections(++this.#open)
    socket.once('close', () => {
      const left = (this.#perAddress.get(address) ?? 1) - 1
      if (left === 0) this.#perAddress.delete(address)
      else this.#perAddress.set(address, left)
      this.#metrics.connections(--this.#open)
    })
    const max = this.#options.connectionsPerAddressMax
    if (held > max) this.#leave(socket, rpcError('RPC_CONNECTION_LIMIT', 'too many connections from this address', { details: { max } }), plain)
  }

  #leave(socket: Socket, error: SteleError, answered: boolean): void {
    this.#leaving.add(socket)
    const { status, body, headers } = this.#refusal(error)
    if (!answered || !socket.writable) return void socket.destroy()
    const timer = setTimeout(() => socket.destroy(), LEAVE_MS)
    socket.once('close', () => clearTimeout(timer))
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines}\r\n${body}`)
  }

  #refusal(error: SteleError): { readonly status: number; readonly body: string; readonly headers: Readonly<Record<string, string>> } {
    this.#metrics.refused(error.code)
    const status = httpStatusOf(error.code)
    const body = JSON.stringify({ jsonrpc: '2.0', error: toErrorObject(error, randomBytes(16).toString('hex')), id: null })
    const seconds = retryAfterSeconds(status, null)
    return { status, body, headers: { 'content-type': 'application/json; charset=utf-8', 'content-length': String(Buffer.byteLength(body)), connection: 'close', ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }) } }
  }
}

function parserRefusal(code: string | undefined): SteleError {
  const refuse = (own: RpcErrorCode, message: string): SteleError => rpcError(own, message, code === undefined ? {} : { details: { reason: code } })
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT': return rpcError('RPC_REQUEST_SLOW', 'the request did not arrive in time')
    case 'HPE_HEADER_OVERFLOW': return refuse('RPC_HEADERS_TOO_LARGE', 'the headers are too large')
    default: return refuse('RPC_HEADERS_INVALID', 'the bytes are not an HTTP request')
  }
}

/** True when an answer to an earlier request of this connection has begun: another one in its middle would be read as part of it. Node keeps it on the socket. */
function answerUnderWay(socket: Socket): boolean {
  return (socket as { readonly _httpMessage?: { readonly headersSent?: boolean } | null })._httpMessage?.headersSent === true
}
