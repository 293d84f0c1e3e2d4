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
  /** Connections at once; beyond them a new one takes the place of the one that has been idle for the longest. */
  readonly connectionsMax: number
  /** Connections of one address at once. */
  readonly connectionsPerAddressMax: number
}
/** Connections that the system may accept beyond the limit, so that those that have to leave can be told why. */
const LEAVING_MAX = 64
export interface GuardMetrics { connections(count: number): void; refused(code: string): void }

/**
 * Refuses below HTTP: connections beyond those one address may hold, requests that do not arrive in time, bytes that are no HTTP.
 * Each is counted and, where a body can still be sent, answered as a JSON-RPC error without id. Whoever holds all connections and asks for nothing shuts nobody out: an idle one makes room.
 */
export class ConnectionGuard {
  readonly #options: GuardOptions
  readonly #metrics: GuardMetrics
  readonly #perAddress = new Map<string, number>()
  /** Open connections without a request under way, the longest idle first. */
  readonly #idle = new Set<Socket>()
  /** Requests under way on each. */
  readonly #busy = new WeakMap<Socket, number>()
  readonly #leaving = new WeakSet<Socket>()
  #open = 0

  constructor(options: GuardOptions, { metrics }: { readonly metrics: GuardMetrics }) {
    this.#options = options
    this.#metrics = metrics
  }

  /** Watches the connections of a server (those below TLS, if it has TLS); call it once, before the server listens. */
  watch(server: Server): void {
    const isPlain = !('setSecureContext' in server)
    server.maxConnections = this.#options.connectionsMax + LEAVING_MAX
    server.on('connection', (socket: Socket) => this.#opened(socket, isPlain))
    // The socket that requests come by is the one inside TLS.
    server.on(isPlain ? 'connection' : 'secureConnection', (socket: Socket) => this.#watchRest(socket))
    server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.#began(socket)
      response.once('close', () => this.#ended(socket))
    })
    server.on('upgrade', ({ socket }: IncomingMessage) => this.#began(socket))
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
    const { connectionsMax, connectionsPerAddressMax } = this.#options
    if (connectionsPerAddressMax < connectionsMax && held > connectionsPerAddressMax) this.#leave(socket, rpcError('RPC_CONNECTION_LIMIT', 'too many connections from this address', { details: { max: connectionsPerAddressMax } }), plain)
    else if (this.#open > connectionsMax && !this.#makeRoom()) this.#leave(socket, rpcError('RPC_CONNECTION_LIMIT', 'too many connections', { details: { max: connectionsMax } }), plain)
  }

  /** Closes the connection that has been idle for the longest; false when none is. Whoever held it sends its next request on a new one. */
  #makeRoom(): boolean {
    const [oldest] = this.#idle
    if (oldest === undefined) return false
    this.#idle.delete(oldest)
    oldest.destroy()
    return true
  }

  #watchRest(socket: Socket): void {
    if (socket.destroyed || this.#leaving.has(socket)) return
    this.#idle.add(socket)
    socket.once('close', () => this.#idle.delete(socket))
  }

  #began(socket: Socket): void {
    this.#idle.delete(socket)
    this.#busy.set(socket, (this.#busy.get(socket) ?? 0) + 1)
  }

  /** Requests may follow each other without waiting for answers. */
  #ended(socket: Socket): void {
    const left = (this.#busy.get(socket) ?? 1) - 1
    this.#busy.set(socket, left)
    if (left === 0 && !socket.destroyed) this.#idle.add(socket)
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
