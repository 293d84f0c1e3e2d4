import { isRetryable } from '../errors.ts'
import type { BytesRequest, ParamsSource, RequestOptions, Subscription, SubscriptionHandlers, Transport } from './transport.ts'

/**
 * Several nodes as one: a request goes to the node that answered last, and to the next ones in turn when it fails in a way another node may not (no answer, no
 * leader, too busy). A refusal for a reason of the request itself is final: asking around would only hide it.
 */
export function fallback(transports: readonly Transport[]): Transport {
  if (transports.length === 0) throw new TypeError('fallback needs at least one transport')
  return new FallbackTransport(transports)
}

class FallbackTransport implements Transport {
  readonly name: string
  readonly subscribe?: NonNullable<Transport['subscribe']>
  readonly #transports: readonly Transport[]
  #preferred = 0

  constructor(transports: readonly Transport[]) {
    this.#transports = transports
    this.name = transports.map(({ name }) => name).join(', ')
    const pushing = transports.filter((transport) => transport.subscribe !== undefined)
    if (pushing.length > 0) this.subscribe = (params, handlers, options) => this.#subscribeAny(pushing, params, handlers, options)
  }

  nodes(): readonly Transport[] { return this.#inOrder().flatMap((transport) => transport.nodes()) }

  request(method: string, params: ParamsSource, options: RequestOptions = {}): Promise<unknown> {
    return this.#firstThatAnswers((transport, retries) => transport.request(method, params, { ...options, retries }), options)
  }

  bytes(request: BytesRequest, options: RequestOptions = {}): Promise<Uint8Array> {
    return this.#firstThatAnswers((transport, retries) => transport.bytes(request, { ...options, retries }), options)
  }

  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()))
  }

  /** Each node gets one attempt a round; only the last round's failure is told. Rounds = retries + 1. */
  async #firstThatAnswers<T>(ask: (transport: Transport, retries: number) => Promise<T>, { signal, retries = 2 }: RequestOptions): Promise<T> {
    for (let round = 0; ; round++) {
      const order = this.#inOrder()
      for (const [place, transport] of order.entries()) {
        const last = place === order.length - 1
        try {
          // In the last place of a round the transport's own delay with jitter applies before it tries once more.
          const answer = await ask(transport, last && round < retries ? 1 : 0)
          this.#preferred = this.#transports.indexOf(transport)
          return answer
        } catch (error) {
          if (signal?.aborted === true || !isRetryable(error) || (last && round >= retries)) throw error
        }
      }
    }
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
