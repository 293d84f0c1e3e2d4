import { randomBytes } from 'node:crypto'
import type { Caller } from './ports.ts'
import type { CallContext, SubscriptionHost } from './registry.ts'

/**
 * One HTTP request or WebSocket message. Signals and trace ids are made when somebody asks for them: the hot path does not.
 */
export class RequestScope {
  readonly remote: string
  readonly subscriptions: SubscriptionHost | undefined
  /** Bytes of this message's answers that the dispatcher counts until it is told `released`. */
  heldBytes = 0
  #traceId: string | undefined
  #closed = false
  readonly #calls = new Set<CallScope>()

  constructor(remote: string, traceId?: string, subscriptions?: SubscriptionHost) {
    this.remote = remote
    this.#traceId = traceId
    this.subscriptions = subscriptions
  }

  /** 32 hex digits that join this request's log lines and its errors. */
  get traceId(): string {
    this.#traceId ??= randomBytes(16).toString('hex')
    return this.#traceId
  }

  get closed(): boolean {
    return this.#closed
  }

  /** The client has gone or the node stops: every call of this request hears it. Safe to call twice. */
  close(): void {
    this.#closed = true
    for (const call of this.#calls) call.abort()
    this.#calls.clear()
  }

  /** Called by a call whose handler asked for its signal. */
  adopt(call: CallScope): void {
    if (this.#closed) call.abort()
    else this.#calls.add(call)
  }

  release(call: CallScope): void {
    this.#calls.delete(call)
  }
}

/** One call of a request. */
export class CallScope implements CallContext {
  readonly caller: Caller | undefined
  readonly #request: RequestScope
  #controller: AbortController | undefined
  #aborted = false

  constructor(request: RequestScope, caller: Caller | undefined) {
    this.#request = request
    this.caller = caller
  }

  get remote(): string {
    return this.#request.remote
  }

  get traceId(): string {
    return this.#request.traceId
  }

  get subscriptions(): SubscriptionHost | undefined {
    return this.#request.subscriptions
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort()
      else this.#request.adopt(this)
    }
    return this.#controller.signal
  }

  abort(): void {
    this.#aborted = true
    this.#controller?.abort()
  }

  /** The call is over: what it left running must end too. */
  finish(): void {
    if (this.#controller === undefined) return
    this.#request.release(this)
    this.#controller.abort()
  }
}
