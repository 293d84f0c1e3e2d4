import { randomBytes } from 'node:crypto'
import type { WebSocket } from 'ws'
import type { Logger } from '../primitives/ports.ts'
import { isPublicError, toErrorObject } from './error-map.ts'
import type { JsonRpcDispatcher } from './json-rpc.ts'
import type { RpcMetrics } from './metrics.ts'
import type { RpcOptions } from './options.ts'
import type { EventFeed, FeedItem } from './ports.ts'
import { rpcError } from './refuse.ts'
import type { SubscriptionHost } from './registry.ts'
import { RequestScope } from './scope.ts'

/** Calls of one socket that run at once; then the socket is not read until one ends. */
const MESSAGES_OPEN_MAX = 32
/** Time a reader has to take leave, in ms, before the connection is cut. */
const LEAVE_MS = 2_000
const TRY_LATER = 1013
const UNSUPPORTED_DATA = 1003

type Topic = Parameters<SubscriptionHost['subscribe']>[0]
interface Subscription { readonly controller: AbortController; cursor: string | null }

export interface ConnectionCollaborators {
  readonly socket: WebSocket
  readonly remote: string
  readonly dispatcher: JsonRpcDispatcher
  readonly events: EventFeed
  readonly metrics: RpcMetrics
  readonly logger: Logger
  changed(): void
}

/**
 * One WebSocket: calls as over HTTP, and subscriptions. A feed is pulled only while the socket takes bytes, so a slow reader holds back its
 * own feed and nothing else; one that takes nothing for `socketLagMs` is told that it lags, with the last cursor it was sent, and closed (1013).
 */
export class SocketConnection implements SubscriptionHost {
  readonly #options: RpcOptions
  readonly #to: ConnectionCollaborators
  readonly #subscriptions = new Map<string, Subscription>()
  /** Feeds whose subscriber has not been told its id yet; pushes never come before the answer. */
  readonly #starting: (() => void)[] = []
  readonly #scopes = new Set<RequestScope>()
  #waiting: (() => void)[] = []
  #alive = true
  #closing = false

  constructor(options: RpcOptions, collaborators: ConnectionCollaborators) {
    this.#options = options
    this.#to = collaborators
    const { socket } = collaborators
    socket.on('pong', () => { this.#alive = true })
    socket.on('error', (error) => this.#to.logger.debug({ event: 'rpc-socket', error }, 'WebSocket error'))
    socket.on('message', (data, isBinary) => {
      if (isBinary) return this.close(UNSUPPORTED_DATA, 'messages are text')
      // A text message is one Buffer of valid UTF-8: ws checks it, and `binaryType` stays at its default.
      void this.#message(String(data))
    })
  }

  get subscriptionCount(): number {
    return this.#subscriptions.size
  }

  /** Starts a feed; throws what the feed throws at once (`RPC_CURSOR_INVALID`) and `RPC_SUBSCRIPTION_LIMIT`. */
  subscribe(topic: Topic, after: string | null): string {
    const max = this.#options.subscriptionsPerSocket
    if (this.#subscriptions.size >= max) throw rpcError('RPC_SUBSCRIPTION_LIMIT', 'too many subscriptions on this connection', { details: { max } })
    const controller = new AbortController()
    const feed = this.#open(topic, after, controller.signal)
    const id = randomBytes(8).toString('hex')
    const subscription = { controller, cursor: after }
    this.#subscriptions.set(id, subscription)
    this.#starting.push(() => void this.#pump(id, subscription, feed))
    this.#to.changed()
    return id
  }

  unsubscribe(id: string): boolean {
    const subscription = this.#subscriptions.get(id)
    subscription?.controller.abort()
    const existed = this.#subscriptions.delete(id)
    if (existed) this.#to.changed()
    return existed
  }

  /** Cuts a reader that did not answer the ping before. */
  ping(): void {
    if (!this.#alive) return this.#to.socket.terminate()
    this.#alive = false
    this.#to.socket.ping()
  }

  /** Begins the closing handshake and cuts the connection when the other side does not take part. Safe to call twice. */
  close(code: number, reason: string): void {
    if (this.#closing) return
    this.#closing = true
    const { socket } = this.#to
    const timer = setTimeout(() => socket.terminate(), LEAVE_MS)
    socket.once('close', () => clearTimeout(timer))
    socket.close(code, reason)
    this.dispose()
  }

  /** Ends all that the connection left running. Safe to call twice. */
  dispose(): void {
    this.#closing = true
    for (const scope of this.#scopes) scope.close()
    for (const { controller } of this.#subscriptions.values()) controller.abort()
    this.#subscriptions.clear()
    this.#wake()
  }

  async #message(text: string): Promise<void> {
    const { socket, dispatcher, remote } = this.#to
    const scope = new RequestScope(remote, undefined, this)
    this.#scopes.add(scope)
    if (this.#scopes.size >= MESSAGES_OPEN_MAX) socket.pause()
    const answer = await dispatcher.handle(text, scope)
    const released = (): void => dispatcher.released(scope)
    if (answer !== undefined && await this.#room()) this.#send(answer, released)
    else released()
    this.#scopes.delete(scope)
    if (this.#scopes.size < MESSAGES_OPEN_MAX) socket.resume()
    for (const start of this.#starting.splice(0)) start()
  }

  #open(topic: Topic, after: string | null, signal: AbortSignal): AsyncIterable<FeedItem<unknown>> {
    const { events } = this.#to
    switch (topic.kind) {
      case 'headers': return events.headers(after, signal)
      case 'txStatus': return events.txStatus(topic.ids, after, signal)
      case 'audit': return events.audit(topic.subject, topic.caller, after, signal)
    }
  }

  async #pump(id: string, subscription: Subscription, feed: AsyncIterable<FeedItem<unknown>>): Promise<void> {
    const { signal } = subscription.controller
    try {
      for await (const { cursor, value } of feed) {
        if (signal.aborted) return
        if (!(await this.#room())) return
        if (signal.aborted) return
        subscription.cursor = cursor
        this.#send(notification({ subscription: id, result: value, cursor }))
      }
      if (!signal.aborted) this.#send(notification({ subscription: id, ended: true }))
    } catch (error) {
      if (signal.aborted) return
      const traceId = randomBytes(16).toString('hex')
      if (!isPublicError(error)) this.#to.logger.error({ event: 'rpc-feed', traceId, error }, 'feed failed inside the node')
      this.#send(notification({ subscription: id, error: toErrorObject(error, traceId), cursor: subscription.cursor }))
    } finally {
      this.unsubscribe(id)
    }
  }

  /** Waits until the socket takes bytes; false when the connection is closing or its reader lags (it is then closed). */
  async #room(): Promise<boolean> {
    const { socket } = this.#to
    if (this.#closing) return false
    if (socket.bufferedAmount <= this.#options.socketQueueBytesMax) return true
    const drained = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), this.#options.socketLagMs)
      this.#waiting.push(() => { clearTimeout(timer); resolve(true) })
    })
    if (!drained) this.#lag()
    return drained && !this.#closing
  }

  #lag(): void {
    if (this.#closing) return
    this.#to.metrics.lagged()
    const error = toErrorObject(rpcError('RPC_SUBSCRIPTION_LAGGED', 'the reader is too slow'), randomBytes(16).toString('hex'))
    for (const [id, { cursor }] of this.#subscriptions) this.#send(notification({ subscription: id, lagged: true, error, cursor }))
    this.close(TRY_LATER, 'lagged')
  }

  /** `done` is called once the frame was taken by the system, or dropped. */
  #send(frame: string, done?: () => void): void {
    const { socket } = this.#to
    if (socket.readyState !== socket.OPEN) return done?.()
    socket.send(frame, () => {
      done?.()
      if (socket.bufferedAmount <= this.#options.socketQueueBytesMax / 2) this.#wake()
    })
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }
}

function notification(params: object): string {
  return JSON.stringify({ jsonrpc: '2.0', method: 'node_subscription', params })
}
