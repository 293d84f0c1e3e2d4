import type { Random } from '../../primitives/ports.ts'
import { clientError, isRetryable } from '../errors.ts'
import { sleep, webRandom } from '../platform.ts'
import { bounded, DEFAULT_RETRY, withRetries, type RetryPolicy } from './attempts.ts'
import { http } from './http.ts'
import { SocketConnection } from './socket-connection.ts'
import type { BytesRequest, ParamsSource, RequestOptions, Subscription, SubscriptionHandlers, Transport } from './transport.ts'

export interface WebSocketOptions {
  /** Time for one call, in ms, the opening of the connection included. */
  readonly timeoutMs?: number
  readonly retry?: RetryPolicy
  /** Longest pause between attempts to connect again, in ms. */
  readonly reconnectDelayMsMax?: number
  /** Another WebSocket class, for tests. */
  readonly WebSocket?: typeof WebSocket
  readonly random?: Pick<Random, 'jitter'>
}

const DEFAULTS = { timeoutMs: 15_000, reconnectDelayMsMax: 10_000 } as const
const SUBSCRIBE = 'node_subscribe'

/**
 * JSON-RPC over one WebSocket at `url` (for example `ws://127.0.0.1:8545/ws`), opened with the first call. Subscriptions survive a lost connection: they are
 * renewed after the last cursor seen, with pauses that grow and jitter. Vault chunks go over HTTP to the same host.
 */
export function webSocket(url: string, options: WebSocketOptions = {}): Transport {
  return new WebSocketTransport(url, options)
}

class WebSocketTransport implements Transport {
  readonly name: string
  readonly #options: Required<WebSocketOptions>
  readonly #http: Transport
  #connection: SocketConnection | undefined
  #closed = new AbortController()

  constructor(url: string, options: WebSocketOptions) {
    this.name = url
    this.#options = { ...DEFAULTS, retry: DEFAULT_RETRY, WebSocket: globalThis.WebSocket, random: webRandom, ...options }
    this.#http = http(url.replace(/^ws/, 'http').replace(/\/ws\/?$/, ''), { random: this.#options.random })
  }

  nodes(): readonly Transport[] { return [this] }

  request(method: string, params: ParamsSource, { signal, timeoutMs, retries }: RequestOptions = {}): Promise<unknown> {
    const { retry, random } = this.#options
    const policy = retries === undefined ? retry : { ...retry, retries }
    return withRetries(policy, random, signal, () => this.#bounded(method, timeoutMs, signal, async (inner) => {
      const connection = this.#open()
      return connection.call(method, typeof params === 'function' ? params() : params, inner)
    }))
  }

  bytes(request: BytesRequest, options?: RequestOptions): Promise<Uint8Array> { return this.#http.bytes(request, options) }

  async subscribe(params: (after: string | undefined) => object, handlers: SubscriptionHandlers, { signal, timeoutMs }: RequestOptions = {}): Promise<Subscription> {
    const stop = new AbortController()
    const ended = AbortSignal.any([stop.signal, this.#closed.signal, ...(signal === undefined ? [] : [signal])])
    let last: string | undefined
    let current: { readonly id: string; readonly connection: SocketConnection } | undefined
    const start = async (): Promise<void> => {
      // Not cut short by `ended`: the node would keep a subscription whose id nobody here ever learnt.
      const started = await this.#bounded(SUBSCRIBE, timeoutMs, undefined, async (inner) => {
        const connection = this.#open()
        return { connection, id: String(await connection.call(SUBSCRIBE, params(last), inner)) }
      })
      if (ended.aborted) {
        await started.connection.unsubscribe(started.id)
        throw ended.reason
      }
      current = started
      started.connection.listen(started.id, {
        onEvent: (event) => {
          last = event.cursor
          handlers.onEvent(event)
        },
        onEnd: (error) => void renew(error),
      })
    }
    const renew = async (error: unknown): Promise<void> => {
      let reason = error
      for (let attempt = 0; !ended.aborted && isRetryable(reason); attempt++) {
        try {
          await sleep(1 + this.#options.random.jitter(Math.min(this.#options.reconnectDelayMsMax, 200 * 2 ** attempt)), ended)
          return await start()
        } catch (failure) {
          reason = failure
        }
      }
      if (!ended.aborted) handlers.onError(reason)
    }
    await start()
    return {
      close: async () => {
        if (stop.signal.aborted) return
        stop.abort()
        if (current?.connection.unlisten(current.id) === true) await current.connection.unsubscribe(current.id)
      },
    }
  }

  async close(): Promise<void> {
    this.#closed.abort()
    this.#closed = new AbortController()
    this.#connection?.close()
    this.#connection = undefined
    await this.#http.close()
  }

  #open(): SocketConnection {
    if (this.#connection?.alive !== true) this.#connection = new SocketConnection(this.name, this.#options.WebSocket)
    return this.#connection
  }

  #bounded<T>(method: string, timeoutMs: number | undefined, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#options.WebSocket === undefined) throw clientError('CLIENT_NO_SUBSCRIPTIONS')
    return bounded(work, timeoutMs ?? this.#options.timeoutMs, signal, { node: this.name, metaMessages: [`Method: ${method}`, `Node: ${this.name}`] })
  }
}
