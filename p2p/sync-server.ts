import type { Connection, Stream } from '@libp2p/interface'
import { SteleError } from '../primitives/error.ts'
import type { Clock, Logger } from '../primitives/ports.ts'
import { Deadline } from './deadline.ts'
import { PeerFault, closeReason, p2pError } from './errors.ts'
import { readFrames } from './frame-reader.ts'
import { sendFrame } from './frame-send.ts'
import { checkHello } from './hello.ts'
import type { P2pMetrics } from './metrics.ts'
import type { SyncOptions } from './options.ts'
import type { Peers } from './peers.ts'
import { errorFrame, kindByte, readRequest } from './sync-frames.ts'
import { TokenBucket } from './token-bucket.ts'

export interface RequestContext {
  /** Aborts when the asking side has gone or the time is up. */
  readonly signal: AbortSignal
}
/**
 * Answers a request of node `from` with bytes, or with a stream of items. A `SteleError` it throws reaches the caller as its code and
 * `retryable`, never as text; any other error reaches it as P2P_REMOTE_FAILED and is logged here.
 */
export type RequestHandler = (from: number, body: Uint8Array, context: RequestContext) => Promise<Uint8Array> | AsyncIterable<Uint8Array>

export interface SyncServerCollaborators { readonly peers: Peers; readonly metrics: P2pMetrics; readonly logger: Logger; readonly clock: Clock }

const NOTHING = new Uint8Array()

interface Client { running: number; readonly bucket: TokenBucket }

/** Answers the requests of other nodes, each within its allowance. */
export class SyncServer {
  readonly #options: SyncOptions
  readonly #chain: Uint8Array
  readonly #self: number
  readonly #with: SyncServerCollaborators
  readonly #handlers = new Map<string, RequestHandler>()
  readonly #clients = new Map<number, Client>()
  readonly #streams = new Set<Stream>()

  constructor(options: { readonly sync: SyncOptions; readonly chain: Uint8Array; readonly self: number }, collaborators: SyncServerCollaborators) {
    this.#options = options.sync
    this.#chain = options.chain
    this.#self = options.self
    this.#with = collaborators
  }

  handle(method: string, handler: RequestHandler): void { this.#handlers.set(method, handler) }

  stop(): void {
    for (const stream of this.#streams) stream.abort(closeReason('stopping'))
    this.#streams.clear()
  }

  /** Takes a stream another node opened. */
  accept(stream: Stream, connection: Connection): void {
    const from = this.#with.peers.nodeOf(connection)
    if (from === undefined) {
      stream.abort(closeReason('not on the roster'))
      return
    }
    const closed = new AbortController()
    let greeted = false
    let busy = false
    let waiting: Uint8Array | undefined
    const serve = async (payload: Uint8Array): Promise<void> => {
      busy = true
      for (let next: Uint8Array | undefined = payload; next !== undefined && !closed.signal.aborted; next = waiting) {
        waiting = undefined
        const { method, body } = readRequest(next)
        await this.#serve(stream, from, method, body, closed.signal)
      }
      busy = false
    }
    this.#streams.add(stream)
    readFrames(stream, this.#options.frameBytesMax, {
      onFrame: (payload) => {
        if (!greeted) {
          checkHello(payload, this.#chain, from, this.#self)
          greeted = true
          return
        }
        readRequest(payload)
        // An answer can reach the other side before its last write has settled here, so one request may wait; two are a fault.
        if (busy && waiting !== undefined) throw new PeerFault('P2P_FRAME_GARBLED', 'disconnect', 'requests came before the last one was answered')
        if (busy) waiting = payload
        else void serve(payload)
      },
      onEnd: (error) => {
        closed.abort()
        this.#streams.delete(stream)
        if (error instanceof PeerFault) this.#with.peers.report(from, error)
        if (stream.status === 'open') stream.close().catch(() => stream.abort(closeReason('could not close')))
      },
    })
  }

  /** One exchange, to its end or its refusal. Never rejects. */
  async #serve(stream: Stream, from: number, method: string, body: Uint8Array, closed: AbortSignal): Promise<void> {
    const client = this.#clientOf(from)
    const refusal = this.#refusal(from, client)
    let result = 'ok'
    client.running++
    try {
      if (refusal !== undefined) throw refusal
      const handler = this.#handlers.get(method)
      if (handler === undefined) throw p2pError('P2P_METHOD_UNKNOWN', 'no handler for this method', { method })
      await this.#answer(stream, handler, from, body, closed)
    } catch (error) {
      result = await this.#refuse(stream, from, method, error, closed)
    } finally {
      client.running--
      this.#with.metrics.requests.inc({ side: 'server', result })
    }
  }

  async #answer(stream: Stream, handler: RequestHandler, from: number, body: Uint8Array, closed: AbortSignal): Promise<void> {
    const deadline = new Deadline(this.#options.handlerTimeoutMs, closed, () => p2pError('P2P_TIMED_OUT', 'a handler took too long', {}, undefined, true))
    try {
      const answer = handler(from, body, { signal: deadline.signal })
      if (answer instanceof Promise) {
        await this.#sendWhole(stream, await deadline.over(answer), deadline)
        return
      }
      const items = answer[Symbol.asyncIterator]()
      try {
        for (let item = await deadline.over(items.next()); item.done !== true; item = await deadline.over(items.next())) {
          if (item.value.length >= this.#options.frameBytesMax) throw p2pError('P2P_MESSAGE_TOO_LARGE', 'an item of an answer is larger than a frame', { bytes: item.value.length })
          await send(stream, kindByte('item'), item.value, deadline.signal)
          deadline.extend()
        }
      } catch (error) {
        // Not awaited: a handler that hangs would never get there.
        items.return?.()?.catch((cause: unknown) => this.#with.logger.debug({ err: cause }, 'a handler failed while it was being ended'))
        throw error
      }
      await send(stream, kindByte('end'), NOTHING, deadline.signal)
    } finally {
      deadline.clear()
    }
  }

  async #sendWhole(stream: Stream, answer: Uint8Array, deadline: Deadline): Promise<void> {
    const partBytes = this.#options.frameBytesMax - 1
    let at = 0
    for (; answer.length - at > partBytes; at += partBytes) {
      await send(stream, kindByte('item'), answer.subarray(at, at + partBytes), deadline.signal)
      deadline.extend()
    }
    await send(stream, kindByte('last'), answer.subarray(at), deadline.signal)
  }

  /** Tells the caller why not; returns the code. When that cannot be sent either, the stream is given up. */
  async #refuse(stream: Stream, from: number, method: string, error: unknown, closed: AbortSignal): Promise<string> {
    if (closed.aborted) return 'abandoned'
    const known = error instanceof SteleError
    if (!known) this.#with.logger.error({ err: error, from, method }, 'a handler of requests failed')
    const code = known ? error.code : 'P2P_REMOTE_FAILED'
    if (stream.status !== 'open') return code
    try {
      await send(stream, errorFrame(code, known && error.retryable), NOTHING, closed)
    } catch (cause) {
      this.#with.logger.debug({ from, method, code, cause: cause instanceof Error ? cause.name : 'unknown' }, 'a refusal could not be sent')
    }
    return code
  }

  #refusal(from: number, client: Client): Error | undefined {
    if (!client.bucket.take()) {
      this.#with.peers.report(from, new PeerFault('P2P_REQUEST_FLOOD', 'ignore', 'a peer sends requests faster than its allowance'))
      return p2pError('P2P_BUSY', 'too many requests per second', {}, undefined, true)
    }
    if (client.running >= this.#options.concurrentPerPeerMax) return p2pError('P2P_BUSY', 'too many requests at once', {}, undefined, true)
    return undefined
  }

  #clientOf(node: number): Client {
    let client = this.#clients.get(node)
    if (client === undefined) {
      client = { running: 0, bucket: new TokenBucket({ perSecond: this.#options.requestsPerSecond, burst: this.#options.requestsBurst }, { clock: this.#with.clock }) }
      this.#clients.set(node, client)
    }
    return client
  }
}

/** Sends a frame; when that fails half-way, nothing can follow on this stream, so it is given up. */
async function send(stream: Stream, head: Uint8Array, body: Uint8Array, signal: AbortSignal): Promise<void> {
  try {
    await sendFrame(stream, head, body, signal)
  } catch (error) {
    stream.abort(closeReason('a frame could not be sent'))
    throw error
  }
}
