import type { Random } from '../../primitives/ports.ts'
import { isRetryable } from '../errors.ts'
import { webRandom } from '../platform.ts'
import { DEFAULT_RETRY, withRetries, type RetryPolicy } from './attempts.ts'
import type { BytesRequest, ParamsSource, RequestOptions, Subscription, SubscriptionHandlers, Transport } from './transport.ts'

/**
 * Several nodes as one: a request goes to the node that answered last, and to the next ones in turn when it fails in a way another node may not (no answer, no
 * leader, too busy). When all fail so, another round follows after a pause: an election takes a second or two, and the default policy outlasts it. A refusal for a
 * reason of the request itself is final: asking around would only hide it.
 */
export function fallback(transports: readonly Transport[], options: { readonly retry?: RetryPolicy; readonly random?: Pick<Random, 'jitter'> } = {}): Transport {
  if (transports.length === 0) throw new TypeError('fallback needs at least one transport')
  return new FallbackTransport(transports, options.retry ?? DEFAULT_RETRY, options.random ?? webRandom)
}

class FallbackTransport implements Transport {
  readonly name: string
  readonly subscribe?: NonNullable<Transport['subscribe']>
  readonly #transports: readonly Transport[]
  readonly #retry: RetryPolicy
  readonly #random: Pick<Random, 'jitter'>
  #preferred = 0

  constructor(transports: readonly Transport[], retry: RetryPolicy, random: Pick<Random, 'jitter'>) {
    this.#transports = transports
    this.#retry = retry
    this.#random = random
    this.name = transports.map(({ name }) => name).join(', ')
    const pushing = transports.filter((transport) => transport.subscribe !== undefined)
    if (pushing.length > 0) this.subscribe = (params, handlers, options) => this.#subscribeAny(pushing, params, handlers, options)
  }

  nodes(): readonly Transport[] { return this.#inOrder().flatMap((transport) => transport.nodes()) }

  request(method: string, params: ParamsSource, options: RequestOptions = {}): Promise<unknown> {
    return this.#rounds(options, (transport) => transport.request(method, params, { ...options, retries: 0 }))
  }

  bytes(request: BytesRequest, options: RequestOptions = {}): Promise<Uint8Array> {
    return this.#rounds(options, (transport) => transport.bytes(request, { ...options, retries: 0 }))
  }

  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()))
  }

  #rounds<T>({ signal, retries }: RequestOptions, ask: (transport: Transport) => Promise<T>): Promise<T> {
    const policy = retries === undefined ? this.#retry : { ...this.#retry, retries }
    return withRetries(policy, this.#random, signal, () => this.#round(ask, signal))
  }

  /** Each node gets one attempt; the last one's failure is told. */
  async #round<T>(ask: (transport: Transport) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    let failure: unknown
    for (const transport of this.#inOrder()) {
      try {
        const answer = await ask(transport)
        this.#preferred = this.#transports.indexOf(transport)
        return answer
      } catch (error) {
        if (signal?.aborted === true || !isRetryable(error)) throw error
        failure = error
      }
    }
    throw failure
  }

  async #subscribeAny(pushing: readonly Transport[], params: (after: string | undefined) => object, handlers: SubscriptionHandlers, options?: RequestOptions): Promise<Subscription> {
    let failure: unknown
    for (const transport of pushing) {
      try {
        return await transport.subscribe!(params, handlers, options)
      } catch (error) {
        if (!isRetryable(error)) throw error
        failure = error
      }
    }
    throw failure
  }

  #inOrder(): readonly Transport[] {
    return [...this.#transports.slice(this.#preferred), ...this.#transports.slice(0, this.#preferred)]
  }
}
