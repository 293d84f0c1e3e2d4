import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { Clock, Logger, MetricsRegister } from '../primitives/ports.ts'
import { ConnectionGuard } from './connection-guard.ts'
import { renderPage } from './docs.ts'
import { checkDoor, traceIdOf } from './doors.ts'
import { isPublicError } from './error-map.ts'
import { Invoker } from './invoke.ts'
import { JsonRpcDispatcher } from './json-rpc.ts'
import { methodList } from './methods/index.ts'
import { specificationMethods } from './methods/specification.ts'
import { createRpcMetrics } from './metrics.ts'
import type { RpcMetrics } from './metrics.ts'
import { discoverMethod, openRpcDocument } from './open-rpc.ts'
import { NO_SCHEMAS } from './no-schemas.ts'
import { ANSWER_SMALL_BYTES, DEFAULT_RPC_OPTIONS, RESPONSE_BYTES_MAX, defaultsFor, isLoopback } from './options.ts'
import type { RpcOptions } from './options.ts'
import type { RpcPorts } from './ports.ts'
import { RateLimiter } from './rate-limit.ts'
import { rpcError } from './refuse.ts'
import { bindMethods, WrittenResult } from './registry.ts'
import { RequestScope } from './scope.ts'
import { SocketHub } from './stream.ts'
import { fromFastify, sendTransportError } from './transport-errors.ts'
import { addVaultRoutes } from './vault-routes.ts'

const JSON_TYPES = ['application/json', 'application/json-rpc', 'application/jsonrequest']
const OCTETS = 'application/octet-stream'
const JSON_REPLY = 'application/json; charset=utf-8'

export interface RpcCollaborators {
  readonly ports: RpcPorts
  readonly logger: Logger
  readonly metrics: MetricsRegister
  readonly clock: Clock
  /** Version of the software, for `rpc.discover`. */
  readonly version: string
}

/**
 * The public listener: JSON-RPC at `POST /rpc`, chunks at `/vault/<blob>/<index>`, subscriptions on `/ws`, a page for people at `/`.
 * Translation only; everything it knows comes through the ports.
 */
export class RpcServer {
  readonly #options: RpcOptions
  readonly #logger: Logger
  readonly #dispatcher: JsonRpcDispatcher
  readonly #hub: SocketHub
  readonly #metrics: RpcMetrics
  readonly #app: FastifyInstance
  readonly #scopes = new Set<RequestScope>()
  #stopping = false
  #started: Promise<string> | undefined
  #stopped: Promise<void> | undefined

  /** Throws `RPC_BIND_REFUSED` when the options would open the node beyond this machine unprotected, and `RPC_TLS_INVALID`. */
  constructor(options: Partial<RpcOptions>, { ports, logger, metrics, clock, version }: RpcCollaborators) {
    this.#options = { ...defaultsFor(options.host ?? DEFAULT_RPC_OPTIONS.host), ...options }
    this.#logger = logger
    const { host, tls, allowInsecure } = this.#options
    if (!isLoopback(host) && tls === undefined && !allowInsecure) throw rpcError('RPC_BIND_REFUSED', 'the host is not loopback and the listener is not protected', { details: { host } })
    const definitions = this.#options.specificationExamples ? [...methodList, ...specificationMethods] : methodList
    const document = new WrittenResult(openRpcDocument(definitions, version))
    const page = renderPage(definitions, version)
    const methods = new Map([...bindMethods(definitions, ports), ['rpc.discover', discoverMethod(document)] as const])
    const rpcMetrics = this.#metrics = createRpcMetrics(metrics)
    const limiter = new RateLimiter(this.#options.rates, { clock })
    const invoker = new Invoker(this.#options, { verifier: ports.requests, limiter, metrics: rpcMetrics, logger, clock })
    this.#dispatcher = new JsonRpcDispatcher({ ...this.#options, responseBytesMax: RESPONSE_BYTES_MAX }, { methods, invoker })
    this.#hub = new SocketHub(this.#options, { dispatcher: this.#dispatcher, events: ports.events, metrics: rpcMetrics, logger })
    const guard = new ConnectionGuard(this.#options, { metrics: rpcMetrics })
    this.#app = createApp(this.#options, guard)
    guard.watch(this.#app.server)
    this.#addHooks()
    // Routes wait for the plugins: a limit that is registered later than a route does not cover it.
    void this.#app.register(rateLimit, {
      global: true, max: this.#options.requestsPerSecond, timeWindow: 1000, cache: 10_000, keyGenerator: (request) => request.ip,
      addHeaders: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false, 'retry-after': false },
      addHeadersOnExceeding: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
      errorResponseBuilder: (_request, { ttl }) => rpcError('RPC_RATE_LIMITED', 'too many requests from this address', { details: { retryAfterMs: ttl } }),
    })
    void this.#app.register(async (app) => {
      await this.#hub.register(app)
      app.post('/rpc', { onRequest: requireJson }, (request, reply) => this.#answer(request, reply))
      app.get('/', (_request, reply) => reply.header('content-type', 'text/html; charset=utf-8').header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'").send(page))
      app.get('/openrpc.json', (_request, reply) => reply.header('content-type', JSON_REPLY).send(document.json))
      app.route({ method: ['GET', 'PUT', 'PATCH', 'DELETE'], url: '/rpc', onRequest: refuseVerb, handler: refuseVerb })
      addVaultRoutes(app, this.#options, { ports, limiter, logger })
    })
  }

  /** For tests: the Fastify instance, for `inject`. */
  get app(): FastifyInstance {
    return this.#app
  }

  /** Opens the port; resolves with the URL. Safe to call twice. Throws `RPC_LISTEN_FAILED`. */
  start(): Promise<string> {
    this.#started ??= this.#listen()
    return this.#started
  }

  /** Refuses new requests, tells subscribers to go (1001), ends waits early, lets answers under way finish. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#close()
    return this.#stopped
  }

  async #listen(): Promise<string> {
    const { host, port, tls } = this.#options
    try {
      await this.#app.listen({ host, port })
    } catch (cause) {
      await this.#app.close()
      throw rpcError('RPC_LISTEN_FAILED', 'the RPC listener could not open its port', { details: { host, port, reason: errorCode(cause) ?? 'unknown' }, cause })
    }
    const address = this.#app.server.address()
    const bound = typeof address === 'object' && address !== null ? address.port : port
    const url = `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${bound}`
    this.#logger.info({ event: 'rpc-listening', url }, 'RPC listens')
    return url
  }

  async #close(): Promise<void> {
    this.#stopping = true
    this.#hub.close()
    for (const scope of this.#scopes) scope.close()
    const closed = this.#app.close()
    // An answer that is under way leaves its connection open and idle, for as long as connections are kept: nobody but this closes it. And nobody else times out a request that never comes to its end.
    const idle = setInterval(() => this.#app.server.closeIdleConnections(), CLOSE_IDLE_MS)
    const rest = setTimeout(() => this.#app.server.closeAllConnections(), CLOSE_MS_MAX)
    try {
      await closed
    } finally {
      clearInterval(idle)
      clearTimeout(rest)
    }
  }

  #addHooks(): void {
    const { bodyBytesMax } = this.#options
    this.#app.addHook('onRequest', (request, reply, done) => {
      try {
        if (this.#stopping) throw rpcError('RPC_STOPPING', 'the node is shutting down')
        const origin = checkDoor(this.#options, request)
        if (origin !== undefined) void reply.headers({ 'access-control-allow-origin': origin, vary: 'origin' })
        if (origin !== undefined && request.method === 'OPTIONS') {
          void reply.code(204).headers({ 'access-control-allow-methods': 'POST, PUT, GET', 'access-control-allow-headers': 'content-type, stele-auth, traceparent', 'access-control-max-age': '600' }).send()
          return
        }
      } catch (error) {
        done(error as Error)
        return
      }
      done()
    })
    // A refused upgrade leaves a socket that nobody reads, so that not even its end would be seen.
    this.#app.addHook('onResponse', (request, _reply, done) => {
      if (request.headers.upgrade !== undefined && request.ws !== true) request.raw.socket.destroy()
      done()
    })
    this.#app.setErrorHandler((error, request, reply) => this.#refuse(fromFastify(error, bodyBytesMax), request, reply))
    this.#app.setNotFoundHandler((request, reply) => this.#refuse(rpcError('RPC_ROUTE_UNKNOWN', 'nothing is served at this path'), request, reply))
  }

  #refuse(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const scope = new RequestScope(request.ip, traceIdOf(request))
    // A request whose connection failed under it was counted there, or its sender went away.
    if (request.raw.errored === null) this.#metrics.refused(isPublicError(error) ? error.code : 'RPC_INTERNAL')
    if (!isPublicError(error)) this.#logger.error({ event: 'rpc-request', traceId: scope.traceId, error }, 'request failed inside the node')
    return sendTransportError(reply, error, scope.traceId)
  }

  async #answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const scope = new RequestScope(request.ip, traceIdOf(request))
    this.#scopes.add(scope)
    const onClose = (): void => scope.close()
    reply.raw.on('close', onClose)
    try {
      const text = textOf(request.body)
      const answer = text instanceof SteleError ? this.#dispatcher.refusal(text, scope) : await this.#dispatcher.handle(text, scope)
      if (answer === undefined) return reply.code(204).send()
      return reply.header('content-type', JSON_REPLY).send(answer)
    } finally {
      this.#scopes.delete(scope)
      reply.raw.off('close', onClose)
      this.#releaseWhenTaken(scope, reply)
    }
  }

  /** An answer counts until the system has taken it; a caller that takes nothing of a large one for `requestTimeoutMs` is cut off. */
  #releaseWhenTaken(scope: RequestScope, reply: FastifyReply): void {
    if (scope.heldBytes <= ANSWER_SMALL_BYTES || scope.closed) return this.#dispatcher.released(scope)
    reply.raw.socket?.setTimeout(this.#options.requestTimeoutMs)
    reply.raw.once('close', () => this.#dispatcher.released(scope))
  }
}

/** While the listener closes: how often idle connections are looked for, and how long answers under way may take, in ms. */
const CLOSE_IDLE_MS = 50
const CLOSE_MS_MAX = 5_000

/** How often Node looks for requests that take too long, in ms, at the least. */
const SLOW_CHECK_MS = 1_000

function createApp(options: RpcOptions, guard: ConnectionGuard): FastifyInstance {
  const http = { connectionsCheckingInterval: Math.min(SLOW_CHECK_MS, options.headersTimeoutMs), headersTimeout: Math.min(options.headersTimeoutMs, options.requestTimeoutMs), requestTimeout: options.requestTimeoutMs, requireHostHeader: false } as const
  const settings = {
    logger: false, schemaController: NO_SCHEMAS, bodyLimit: options.bodyBytesMax, requestTimeout: options.requestTimeoutMs, keepAliveTimeout: options.keepAliveMs, trustProxy: false,
    forceCloseConnections: 'idle', return503OnClosing: false, routerOptions: { maxParamLength: 128, caseSensitive: true },
    frameworkErrors: (error: unknown, _request: FastifyRequest, reply: FastifyReply) => { sendTransportError(reply, fromFastify(error, options.bodyBytesMax), '0'.repeat(32)) },
    clientErrorHandler: (error: Error, socket: Socket) => guard.refuse(error, socket),
  } as const
  try {
    const app = options.tls === undefined ? Fastify({ ...settings, http }) : (Fastify({
      ...settings,
      https: {
        ...http, handshakeTimeout: options.headersTimeoutMs,
        key: options.tls.key, cert: options.tls.certificate, minVersion: 'TLSv1.3',
        // Without a certificate the request is refused with a JSON-RPC error rather than a TLS alert that says nothing.
        ...(options.tls.clientAuthority === undefined ? {} : { ca: options.tls.clientAuthority, requestCert: true, rejectUnauthorized: false }),
      },
    }) as unknown as FastifyInstance)
    app.removeAllContentTypeParsers()
    app.addContentTypeParser([...JSON_TYPES, OCTETS], { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    return app
  } catch (cause) {
    throw rpcError('RPC_TLS_INVALID', 'the TLS key or certificate cannot be used', { cause })
  }
}

/** The type decides before a body is read; a browser cannot send it across origins without asking first. */
function requireJson(request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  done(type !== undefined && JSON_TYPES.includes(type) ? undefined : rpcError('RPC_MEDIA_TYPE_UNSUPPORTED', 'calls are application/json'))
}

function refuseVerb(_request: FastifyRequest, reply: FastifyReply): never {
  void reply.header('allow', 'POST')
  throw rpcError('RPC_VERB_NOT_ALLOWED', 'calls are POST requests')
}

function textOf(body: unknown): string | SteleError {
  if (!(body instanceof Buffer)) return rpcError('RPC_PARSE_ERROR', 'the body is empty')
  // JSON is UTF-8 (RFC 8259 §8.1); replacing bad bytes would change what was said.
  return isUtf8(body) ? body.toString('utf8') : rpcError('RPC_PARSE_ERROR', 'the body is not UTF-8')
}
