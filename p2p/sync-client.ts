import type { Clock } from '../primitives/ports.ts'
import { concatBytes } from '../primitives/bytes.ts'
import { errorCode } from '../primitives/error.ts'
import type { AnswerQueue } from './answer-queue.ts'
import { Deadline } from './deadline.ts'
import { p2pError } from './errors.ts'
import { encodeHello } from './hello.ts'
import type { P2pMetrics } from './metrics.ts'
import type { SyncOptions } from './options.ts'
import type { Peers } from './peers.ts'
import { Slots } from './slots.ts'
import { ExchangeStream } from './sync-exchange.ts'

export const SYNC_PROTOCOL = '/stele/sync/1'

export interface RequestOptions {
  /** Longest wait: for the whole answer of `request`, for each next item of `stream`. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Largest answer of `request`, all of it together. */
  readonly maxBytes?: number
}

export interface SyncClientCollaborators { readonly peers: Peers; readonly metrics: P2pMetrics; readonly clock: Clock }

/** Asks other nodes. Streams are kept for the next request, so that only the first to a node pays for opening one. */
export class SyncClient {
  readonly #options: SyncOptions
  readonly #chain: Uint8Array
  readonly #self: number
  readonly #with: SyncClientCollaborators
  readonly #slots = new Map<number, Slots>()
  /** Every open stream; with a timer while it waits for its next use. */
  readonly #streams = new Map<ExchangeStream, NodeJS.Timeout | undefined>()
  #running = false

  constructor(options: { readonly sync: SyncOptions; readonly chain: Uint8Array; readonly self: number }, collaborators: SyncClientCollaborators) {
    this.#options = options.sync
    this.#chain = options.chain
    this.#self = options.self
    this.#with = collaborators
  }

  start(): void {
    this.#running = true
  }

  stop(): void {
    this.#running = false
    for (const [stream, timer] of this.#streams) {
      clearTimeout(timer)
      stream.close('stopping')
    }
    this.#streams.clear()
  }

  /** The whole answer of `node`. Codes: P2P_UNREACHABLE, P2P_TIMED_OUT, P2P_ABORTED, P2P_CONNECTION_LOST, P2P_ANSWER_TOO_LARGE, P2P_BUSY, P2P_METHOD_UNKNOWN, P2P_REMOTE_REFUSED, P2P_REMOTE_FAILED. */
  async request(node: number, method: string, body: Uint8Array, options: RequestOptions = {}): Promise<Uint8Array> {
    const { maxBytes = this.#options.answerBytesMax } = options
    const parts: Uint8Array[] = []
    let length = 0
    for await (const part of this.#items(node, method, body, options, 'total')) {
      length += part.length
      if (length > maxBytes) throw p2pError('P2P_ANSWER_TOO_LARGE', 'the answer is larger than the caller allows', { node, method, maxBytes })
      parts.push(part)
    }
    return parts.length === 1 ? parts[0]! : concatBytes(...parts)
  }

  /** The items of `node`'s answer as they come. Reading slowly slows the sender down; leaving the loop early ends the exchange. Codes as `request`. */
  stream(node: number, method: string, body: Uint8Array, options: Omit<RequestOptions, 'maxBytes'> = {}): AsyncIterable<Uint8Array> {
    return this.#items(node, method, body, options, 'per-item')
  }

  async *#items(node: number, method: string, body: Uint8Array, options: RequestOptions, limit: 'total' | 'per-item'): AsyncGenerator<Uint8Array> {
    const { metrics, clock } = this.#with
    const startMs = clock.monotonicMs()
    const deadline = new Deadline(options.timeoutMs ?? this.#options.requestTimeoutMs, options.signal, () => p2pError('P2P_TIMED_OUT', 'the other node did not answer in time', { node, method }, undefined, true))
    let result = 'abandoned'
    try {
      for await (const item of this.#exchange(node, method, body, deadline.signal)) {
        yield item
        if (limit === 'per-item') deadline.extend()
      }
      result = 'ok'
    } catch (error) {
      const given = options.signal?.aborted === true ? p2pError('P2P_ABORTED', 'the caller gave the request up', { node, method }, error) : error
      result = errorCode(given) ?? 'failed'
      throw given
    } finally {
      deadline.clear()
      metrics.requests.inc({ side: 'client', result })
      metrics.requestSeconds.observe((clock.monotonicMs() - startMs) / 1000)
    }
  }

  async *#exchange(node: number, method: string, body: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const bytesMax = this.#options.frameBytesMax - 64
    if (body.length > bytesMax) throw p2pError('P2P_MESSAGE_TOO_LARGE', 'a request is larger than allowed', { node, method, bytes: body.length, bytesMax })
    const slots = this.#slotsOf(node)
    if (!await slots.take(signal)) throw p2pError('P2P_BUSY', 'too many requests of this node wait for that one', { node, method }, undefined, true)
    try {
      const stream = await this.#acquire(node, method, signal)
      if (stream.closed) throw p2pError('P2P_CONNECTION_LOST', 'the connection broke before the request was sent', { node, method }, undefined, true)
      try {
        yield* itemsOf(stream.begin(method, body, signal), signal)
      } finally {
        this.#release(stream)
      }
    } finally {
      slots.give()
      if (slots.unused) this.#slots.delete(node)
    }
  }

  #slotsOf(node: number): Slots {
    let slots = this.#slots.get(node)
    if (slots === undefined) {
      slots = new Slots({ slots: this.#options.concurrentPerPeerMax, queueMax: this.#options.queuedPerPeerMax })
      this.#slots.set(node, slots)
    }
    return slots
  }

  async #acquire(node: number, method: string, signal: AbortSignal): Promise<ExchangeStream> {
    for (const [stream, timer] of this.#streams) {
      if (stream.node === node && timer !== undefined && stream.idle) {
        clearTimeout(timer)
        this.#streams.set(stream, undefined)
        return stream
      }
    }
    const connection = this.#running ? this.#with.peers.connection(node) : undefined
    if (connection === undefined) throw p2pError('P2P_UNREACHABLE', 'there is no connection to this node', { node, method }, undefined, true)
    const raw = await connection.newStream(SYNC_PROTOCOL, { signal }).catch((cause: unknown) => {
      throw signal.aborted ? signal.reason : p2pError('P2P_CONNECTION_LOST', 'no stream could be opened to this node', { node, method }, cause, true)
    })
    const stream = new ExchangeStream(node, raw, encodeHello(this.#chain, this.#self, node), this.#options.frameBytesMax, {
      onFault: (fault) => this.#with.peers.report(node, fault),
      onClosed: (closed) => {
        clearTimeout(this.#streams.get(closed))
        this.#streams.delete(closed)
      },
    })
    if (!stream.closed) this.#streams.set(stream, undefined)
    return stream
  }

  /** Keeps a stream whose exchange is complete; gives up one that is in the middle of an answer nobody wants. */
  #release(stream: ExchangeStream): void {
    if (stream.closed || !this.#streams.has(stream)) return
    if (!stream.idle) {
      stream.close('the answer is not wanted any more')
      return
    }
    const timer = setTimeout(() => stream.close('unused'), this.#options.idleStreamMs)
    timer.unref()
    this.#streams.set(stream, timer)
  }
}

/** Drains a queue until its end, or until `signal` aborts. */
async function* itemsOf(queue: AnswerQueue, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const onAbort = (): void => queue.fail(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    for (let item = await queue.next(); item !== undefined; item = await queue.next()) yield item
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
