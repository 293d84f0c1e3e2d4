import type { Clock, Logger } from '../primitives/ports.ts'
import { errorCode } from '../primitives/error.ts'
import { Deadlines } from './deadlines.ts'
import { isPublicError } from './error-map.ts'
import type { ErrorDetail } from './error-map.ts'
import type { RpcMetrics } from './metrics.ts'
import type { Caller, RequestVerifier } from './ports.ts'
import type { RateLimiter } from './rate-limit.ts'
import { rpcError } from './refuse.ts'
import type { BoundMethod } from './registry.ts'
import { CallScope } from './scope.ts'
import type { RequestScope } from './scope.ts'

/** Members of a by-name form beyond which errors are not listed one by one. */
const MEMBERS_LISTED_MAX = 64
const ISSUES_MAX = 16

export interface InvokerOptions {
  readonly callTimeoutMs: number
  /** Calls in progress at once; more are refused with `RPC_OVERLOADED`. */
  readonly openCallsMax: number
}

/**
 * Runs one call: shape of the parameters → limit by address → schema → signature → limit by account → handler, under a deadline.
 * Cheap refusals come first, so that garbage costs the node little.
 */
export class Invoker {
  readonly #options: InvokerOptions
  readonly #verifier: RequestVerifier
  readonly #limiter: RateLimiter
  readonly #metrics: RpcMetrics
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #deadlines = new Deadlines()
  #open = 0

  constructor(options: InvokerOptions, collaborators: { readonly verifier: RequestVerifier; readonly limiter: RateLimiter; readonly metrics: RpcMetrics; readonly logger: Logger; readonly clock: Clock }) {
    this.#options = options
    this.#verifier = collaborators.verifier
    this.#limiter = collaborators.limiter
    this.#metrics = collaborators.metrics
    this.#logger = collaborators.logger
    this.#clock = collaborators.clock
  }

  /** Calls in progress. */
  get open(): number {
    return this.#open
  }

  /** Result of the method. Rejects with a SteleError of ours, or with whatever the handler threw. */
  async invoke(method: BoundMethod | undefined, name: string, params: unknown, scope: RequestScope): Promise<unknown> {
    if (params !== undefined && (typeof params !== 'object' || params === null)) {
      throw rpcError('RPC_PARAMS_INVALID', 'params must be an object or an array', { issues: [{ path: '/params', message: 'must be an object or an array' }] })
    }
    if (method === undefined) throw rpcError('RPC_METHOD_UNKNOWN', 'no method has this name', { details: { method: name.slice(0, 64) } })
    if (this.#open >= this.#options.openCallsMax) throw rpcError('RPC_OVERLOADED', 'too many calls are open', { details: { retryAfterMs: 100 } })
    const startedMs = this.#clock.monotonicMs()
    this.#open++
    let code = 'OK'
    try {
      return await this.#run(method, params, scope)
    } catch (error) {
      code = isPublicError(error) ? error.code : 'RPC_INTERNAL'
      throw error
    } finally {
      this.#open--
      this.#metrics.call(method.name, code, (this.#clock.monotonicMs() - startedMs) / 1000)
    }
  }

  async #run(method: BoundMethod, params: object | undefined, scope: RequestScope): Promise<unknown> {
    this.#limiter.take(method.rateClass, scope.remote)
    const named = byName(method, params)
    const auth = 'auth' in named && typeof named.auth === 'string' ? named.auth : undefined
    if (method.access === 'signed' && auth === undefined) throw rpcError('RPC_UNAUTHENTICATED', 'this call needs a signed request', { details: { method: method.name } })
    if (!method.validator.Check(named)) throw invalidParams(method, named)
    const caller = auth === undefined ? undefined : await this.#authenticate(method, named, auth)
    const call = new CallScope(scope, caller)
    try {
      const outcome = method.handle(named, call)
      return outcome instanceof Promise ? await this.#deadline(outcome, method, call) : outcome
    } finally {
      call.finish()
    }
  }

  async #authenticate(method: BoundMethod, named: object, auth: string): Promise<Caller> {
    const { auth: _signature, ...params } = named as Record<string, unknown>
    const caller = await this.#verifier.verify({ method: method.name, params, auth })
    this.#limiter.take(method.rateClass, caller.account)
    return caller
  }

  #deadline(outcome: Promise<unknown>, method: BoundMethod, call: CallScope): Promise<unknown> {
    const timeoutMs = method.timeoutMs ?? this.#options.callTimeoutMs
    return new Promise((resolve, reject) => {
      const deadline = this.#deadlines.add(timeoutMs, () => {
        call.abort()
        reject(rpcError('RPC_TIMED_OUT', 'the node did not answer in time', { details: { timeoutMs } }))
      })
      outcome.then((result) => {
        this.#deadlines.remove(deadline)
        resolve(result)
      }, (error: unknown) => {
        this.#deadlines.remove(deadline)
        reject(error)
      })
    })
  }

  /** Logs what a caller is not shown. Refusals are the callers' own business and stay at debug. */
  report(error: unknown, name: string, scope: RequestScope): void {
    const known = isPublicError(error)
    const fields = { event: 'rpc-call', method: known ? name.slice(0, 64) : name, traceId: scope.traceId, code: errorCode(error) }
    if (known) this.#logger.debug(fields, 'call refused')
    else this.#logger.error({ ...fields, error }, 'call failed inside the node')
  }
}

/** By-name form of the parameters. Null in an optional position means: left out. */
function byName(method: BoundMethod, params: object | undefined): object {
  if (params === undefined) return {}
  if (!Array.isArray(params)) return params
  if (method.rest !== undefined) return { [method.rest]: params }
  if (params.length > method.positions.length) {
    throw rpcError('RPC_PARAMS_INVALID', 'too many parameters', { issues: [{ path: `/params/${method.positions.length}`, message: `the method takes ${method.positions.length} at most: ${method.positions.join(', ')}` }] })
  }
  const named: Record<string, unknown> = {}
  method.positions.forEach((name, i) => {
    if (i < params.length && !(params[i] === null && !method.required.has(name))) named[name] = params[i]
  })
  return named
}

function invalidParams(method: BoundMethod, named: object): Error {
  const unknown = Object.keys(named).filter((name) => !method.positions.includes(name))
  const issues: ErrorDetail[] = unknown.slice(0, ISSUES_MAX).map((name) => ({ path: `/params/${name.slice(0, 64)}`, message: `is not a parameter; known are ${method.positions.join(', ') || 'none'}` }))
  if (unknown.length <= MEMBERS_LISTED_MAX) {
    for (const { keyword, instancePath, params, message } of method.validator.Errors(named)) {
      if (issues.length >= ISSUES_MAX) break
      if (keyword === 'boolean' || (keyword === 'additionalProperties' && instancePath === '')) continue
      const missing = 'requiredProperties' in params && Array.isArray(params.requiredProperties) ? params.requiredProperties : []
      const found: ErrorDetail[] = missing.length > 0
        ? missing.map((name: unknown) => ({ path: `/params${instancePath}/${String(name)}`, message: 'is required' }))
        : [{ path: `/params${instancePath}`.slice(0, 128), message: `${message.slice(0, 128)}${meaning(method, instancePath)}` }]
      issues.push(...found)
    }
  }
  return rpcError('RPC_PARAMS_INVALID', 'the parameters break the schema of the method', { issues })
}

/** Says what the parameter at `path` is, so that a broken pattern is more than a riddle. */
function meaning(method: BoundMethod, path: string): string {
  const text = method.meanings.get(path.split('/')[1] ?? '')
  return text === undefined ? '' : ` (${text})`
}
