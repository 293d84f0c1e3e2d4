import Fastify from 'fastify'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { errorCode } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import { createLedgerMetrics } from './ledger-metrics.ts'
import type { PrometheusRegister } from './metrics-register.ts'
import { NO_SCHEMAS } from './no-schemas.ts'
import { DEFAULT_HEALTH_OPTIONS, isLoopback } from './options.ts'
import type { HealthOptions } from './options.ts'
import type { ReadingsPort } from './ports.ts'
import { readinessChecks } from './readiness.ts'
import type { Check } from './readiness.ts'
import { rpcError } from './refuse.ts'

export interface HealthCollaborators {
  readonly readings: ReadingsPort
  readonly register: PrometheusRegister
  readonly logger: Logger
  readonly build: { readonly version: string; readonly node: string }
}

/**
 * The second listener: `/livez` (the process answers), `/readyz` (it should get traffic; 503 with reasons otherwise; `?verbose` lists all
 * checks), `/healthz` (as readyz), `/metrics`. Probes look at readings in memory and never wait for the disk or for others.
 */
export class HealthServer {
  readonly #options: HealthOptions
  readonly #app: FastifyInstance
  readonly #logger: Logger
  #started: Promise<string> | undefined
  #stopped: Promise<void> | undefined

  /** Throws `RPC_BIND_REFUSED` for a host that is not loopback without `allowInsecure`. */
  constructor(options: Partial<HealthOptions>, { readings, register, logger, build }: HealthCollaborators) {
    this.#options = { ...DEFAULT_HEALTH_OPTIONS, ...options }
    this.#logger = logger
    if (!isLoopback(this.#options.host) && !this.#options.allowInsecure) throw rpcError('RPC_BIND_REFUSED', 'the host of the health listener is not loopback', { details: { host: this.#options.host } })
    const show = createLedgerMetrics(register, build)
    this.#app = Fastify({ logger: false, schemaController: NO_SCHEMAS, forceCloseConnections: true, requestTimeout: 10_000, bodyLimit: 1024, http: { connectionsCheckingInterval: 1_000, headersTimeout: 10_000 } })
    this.#app.get('/livez', (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok\n'))
    const ready = (request: { readonly query: unknown }, reply: FastifyReply): FastifyReply => answer(reply, readinessChecks(readings.read(), this.#options), request.query)
    this.#app.get('/readyz', ready)
    this.#app.get('/healthz', ready)
    this.#app.get('/metrics', async (_request, reply) => {
      show(readings.read())
      return reply.header('content-type', register.contentType).send(await register.text())
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

  /** Safe to call twice. Stop it last, so that probes see the shutdown. */
  stop(): Promise<void> {
    this.#stopped ??= Promise.resolve(this.#app.close())
    return this.#stopped
  }

  async #listen(): Promise<string> {
    const { host, port } = this.#options
    try {
      const url = await this.#app.listen({ host, port })
      this.#logger.info({ event: 'health-listening', url }, 'health and metrics listen')
      return url
    } catch (cause) {
      await this.#app.close()
      throw rpcError('RPC_LISTEN_FAILED', 'the health listener could not open its port', { details: { host, port, reason: errorCode(cause) ?? 'unknown' }, cause })
    }
  }
}

function answer(reply: FastifyReply, checks: readonly Check[], query: unknown): FastifyReply {
  const ok = checks.every((check) => check.ok)
  const verbose = typeof query === 'object' && query !== null && 'verbose' in query
  const lines = checks.filter((check) => verbose || !check.ok).map(({ ok: holds, name, text }) => (holds ? `[+]${name} ok (${text})` : `[-]${name} ${text}`))
  return reply.code(ok ? 200 : 503).type('text/plain; charset=utf-8').header('cache-control', 'no-store').send([...lines, ok ? 'ready' : 'not ready', ''].join('\n'))
}
