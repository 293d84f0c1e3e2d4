import { clientError } from '../errors.ts'
import { decodeFrame, encodeRequest, readResult, refusal, type Frame } from './json-rpc.ts'
import type { SubscriptionEvent } from './transport.ts'

interface Listener {
  readonly onEvent: (event: SubscriptionEvent) => void
  /** Called once; retryable errors mean that the subscription may be renewed. */
  readonly onEnd: (error: unknown) => void
}

interface Pending {
  readonly method: string
  readonly resolve: (frame: Frame) => void
  readonly reject: (error: unknown) => void
}

/** Events that came before the caller could listen: the first push may overtake the answer that names the subscription. */
const EARLY_EVENTS_MAX = 256

/** One WebSocket and what waits on it. It is used once: when it closes, everything waiting fails as unreachable, and a new one is made. */
export class SocketConnection {
  readonly #url: string
  readonly #socket: WebSocket
  readonly #opened: Promise<void>
  readonly #pending = new Map<number, Pending>()
  readonly #listeners = new Map<string, Listener>()
  readonly #early: { readonly id: string; readonly event: SubscriptionEvent }[] = []
  #nextId = 1
  #lost: unknown

  constructor(url: string, Socket: typeof WebSocket) {
    this.#url = url
    this.#socket = new Socket(url)
    this.#opened = new Promise((resolve, reject) => {
      this.#socket.addEventListener('open', () => resolve(), { once: true })
      this.#socket.addEventListener('close', ({ code }) => {
        const error = clientError('CLIENT_UNREACHABLE', { retryable: true, details: { closeCode: code }, metaMessages: [`Node: ${url}`] })
        reject(error)
        this.#lose(error)
      }, { once: true })
    })
    // A failed opening is told to whoever calls; nobody may be waiting yet.
    this.#opened.catch(() => undefined)
    this.#socket.addEventListener('error', () => this.#socket.close())
    this.#socket.addEventListener('message', ({ data }) => this.#receive(data))
  }

  get alive(): boolean { return this.#lost === undefined && this.#socket.readyState <= 1 }

  /** Sends one call and resolves with its result. */
  async call(method: string, params: object, signal: AbortSignal): Promise<unknown> {
    await untilAborted(this.#opened, signal)
    if (this.#lost !== undefined) throw this.#lost
    const id = this.#nextId++
    const answer = new Promise<Frame>((resolve, reject) => this.#pending.set(id, { method, resolve, reject }))
    this.#socket.send(encodeRequest(id, method, params))
    try {
      return readResult(await untilAborted(answer, signal), id, { method, node: this.#url })
    } finally {
      this.#pending.delete(id)
    }
  }

  listen(id: string, listener: Listener): void {
    if (this.#lost !== undefined) return listener.onEnd(this.#lost)
    this.#listeners.set(id, listener)
    for (const early of this.#early.splice(0)) {
      if (early.id === id) listener.onEvent(early.event)
      else this.#early.push(early)
    }
  }

  /** Stops listening; false when nobody listened, because the connection has ended or the subscription was refused. */
  unlisten(id: string): boolean { return this.#listeners.delete(id) }

  /** Tells the node to end a subscription. */
  async unsubscribe(id: string): Promise<void> {
    if (!this.alive) return
    try {
      await this.call('node_unsubscribe', { subscription: id }, AbortSignal.timeout(2_000))
    } catch {
      // The node forgets the subscription with the connection at the latest, and nothing listens here any more.
    }
  }

  close(): void { this.#socket.close() }

  #receive(data: unknown): void {
    if (typeof data !== 'string') return this.#socket.close()
    let frame: Frame
    try {
      frame = decodeFrame(data)
    } catch (error) {
      this.#lose(error)
      return this.#socket.close()
    }
    if (frame.method === 'node_subscription') return this.#push(frame.params)
    const pending = typeof frame.id === 'number' ? this.#pending.get(frame.id) : undefined
    pending?.resolve(frame)
  }

  #push(params: unknown): void {
    const { subscription, result, cursor, error } = (typeof params === 'object' && params !== null ? params : {}) as Record<string, unknown>
    if (typeof subscription !== 'string') return
    const listener = this.#listeners.get(subscription)
    if (error !== undefined) {
      this.#listeners.delete(subscription)
      return listener?.onEnd(refusal(error, { method: 'node_subscription', node: this.#url }))
    }
    if (typeof cursor !== 'string') return
    const event = { cursor, value: result }
    if (listener !== undefined) return listener.onEvent(event)
    if (this.#early.length >= EARLY_EVENTS_MAX) this.#early.shift()
    this.#early.push({ id: subscription, event })
  }

  #lose(error: unknown): void {
    if (this.#lost !== undefined) return
    this.#lost = error
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
    const listeners = [...this.#listeners.values()]
    this.#listeners.clear()
    for (const { onEnd } of listeners) onEnd(error)
  }
}

/** Settles as `promise` does, or rejects with the signal's reason when that comes first. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
