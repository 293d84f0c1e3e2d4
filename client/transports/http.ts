import type { Random } from '../../primitives/ports.ts'
import { clientError } from '../errors.ts'
import { webRandom } from '../platform.ts'
import { bounded, DEFAULT_RETRY, withRetries, type RetryPolicy } from './attempts.ts'
import { decodeFrame, encodeRequest, readResult, refusal } from './json-rpc.ts'
import type { BytesRequest, ParamsSource, RequestOptions, Transport } from './transport.ts'

export interface HttpOptions {
  /** Time for one attempt, in ms; too small gives up on slow answers, too large hides a dead node. */
  readonly timeoutMs?: number
  readonly retry?: RetryPolicy
  /** Largest answer taken, in bytes. */
  readonly responseBytesMax?: number
  /** Another `fetch`, for tests and for proxies. */
  readonly fetch?: typeof fetch
  readonly random?: Pick<Random, 'jitter'>
}

export const HTTP_DEFAULTS = { timeoutMs: 15_000, responseBytesMax: 16 * 1024 * 1024 } as const

/**
 * JSON-RPC over HTTP to one node at `url` (its base, for example `http://127.0.0.1:8545`), and its vault chunks beside it.
 * Every method of a node is idempotent (a transaction by its id, a chunk by its hash), so a request that may have been lost is sent again.
 */
export function http(url: string, options: HttpOptions = {}): Transport {
  return new HttpTransport(url.replace(/\/+$/, ''), options)
}

class HttpTransport implements Transport {
  readonly name: string
  readonly #options: Required<HttpOptions>
  #nextId = 1

  constructor(url: string, options: HttpOptions) {
    this.name = url
    // Called without a receiver, as browsers demand of their fetch.
    const plainFetch: typeof fetch = (input, init) => fetch(input, init)
    this.#options = { ...HTTP_DEFAULTS, retry: DEFAULT_RETRY, fetch: plainFetch, random: webRandom, ...options }
  }

  nodes(): readonly Transport[] { return [this] }

  async request(method: string, params: ParamsSource, options: RequestOptions = {}): Promise<unknown> {
    return this.#attempts(`Method: ${method}`, options, async (signal) => {
      const id = this.#nextId++
      const body = encodeRequest(id, method, typeof params === 'function' ? params() : params)
      const response = await this.#options.fetch(`${this.name}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal })
      const frame = decodeFrame(new TextDecoder().decode(await readBody(response, this.#options.responseBytesMax)))
      return readResult(frame, id, { method, node: this.name })
    })
  }

  async bytes({ path, verb, headers, body, bytesMax }: BytesRequest, options: RequestOptions = {}): Promise<Uint8Array> {
    return this.#attempts(`Request: ${verb} ${path}`, options, async (signal) => {
      const response = await this.#options.fetch(`${this.name}${path}`, {
        method: verb, signal, headers: { ...headers(), ...(body && { 'content-type': 'application/octet-stream' }) }, ...(body && { body: new Uint8Array(body) }),
      })
      if (response.ok) return readBody(response, bytesMax)
      throw await this.#refused(response, `${verb} ${path}`)
    })
  }

  async close(): Promise<void> { return Promise.resolve() }

  /** Refusals on the byte routes carry the same error object as JSON-RPC, bare or inside its frame. */
  async #refused(response: Response, method: string): Promise<Error> {
    const text = new TextDecoder().decode(await readBody(response, 64 * 1024))
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      value = undefined // Not one of our nodes' answers; the status alone says what there is to say.
    }
    const inner = typeof value === 'object' && value !== null && 'error' in value ? value.error : value
    const error = refusal(inner, { method, node: this.name })
    const retryable = response.status === 429 || response.status >= 500
    return error.code === 'CLIENT_REFUSED' ? clientError('CLIENT_REFUSED', { retryable, details: { status: response.status }, metaMessages: error.metaMessages }) : error
  }

  async #attempts<T>(what: string, { signal, timeoutMs, retries }: RequestOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { retry, random, timeoutMs: ownTimeoutMs } = this.#options
    const policy = retries === undefined ? retry : { ...retry, retries }
    return withRetries(policy, random, signal, () => bounded(work, timeoutMs ?? ownTimeoutMs, signal, { node: this.name, metaMessages: [what, `Node: ${this.name}`] }))
  }
}

/** The body, read piece by piece so that a hostile node cannot fill memory. */
async function readBody(response: Response, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  const reader = response.body?.getReader()
  if (reader === undefined) return new Uint8Array(0)
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    length += read.value.length
    if (length > bytesMax) {
      await reader.cancel()
      throw clientError('CLIENT_RESPONSE_INVALID', { details: { rule: 'must not be larger than was asked for', bytesMax } })
    }
    pieces.push(read.value)
  }
  const out = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}
