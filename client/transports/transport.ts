/** Options of one request. */
export interface RequestOptions {
  readonly signal?: AbortSignal
  /** Longest time for one attempt, in ms; the transport's own unless told. */
  readonly timeoutMs?: number
  /** Attempts after the first; the transport's own unless told. Requests that are not idempotent are never sent twice. */
  readonly retries?: number
}

/**
 * Parameters, or a function that makes them anew for each attempt: a signed request holds a nonce that a node takes once, so a repetition needs a
 * fresh signature.
 */
export type ParamsSource = object | (() => object)

/** One event of a subscription; `cursor` resumes after it. */
export interface SubscriptionEvent {
  readonly cursor: string
  readonly value: unknown
}

export interface Subscription {
  /** Ends the subscription; safe to call twice. */
  close(): Promise<void>
}

export interface SubscriptionHandlers {
  readonly onEvent: (event: SubscriptionEvent) => void
  /** The subscription has ended and will not resume by itself. */
  readonly onError: (error: unknown) => void
}

/** Raw bytes under a path of the node, beside JSON-RPC: vault chunks. */
export interface BytesRequest {
  readonly path: string
  readonly verb: 'GET' | 'PUT'
  /** Made anew for each attempt; holds the signed `stele-auth`. */
  readonly headers: () => Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Longest answer taken, in bytes. */
  readonly bytesMax: number
}

/** How a client reaches nodes. Implementations: `http`, `webSocket`, `fallback`. Errors are `BaseError` or the signal's own reason. */
export interface Transport {
  /** For people: the URL, or the list of them. */
  readonly name: string
  /** The decoded `result`, unchecked beyond its JSON-RPC frame. */
  request(method: string, params: ParamsSource, options?: RequestOptions): Promise<unknown>
  bytes(request: BytesRequest, options?: RequestOptions): Promise<Uint8Array>
  /** Transports to single nodes, in order of preference: a reader who distrusts one node's bytes asks the next. */
  nodes(): readonly Transport[]
  /**
   * Present where the transport can push. `params` gives the parameters of `node_subscribe` for a start after `after` (undefined: from now on); it is asked
   * again whenever the connection is lost, so that the events go on without gap or repeat.
   */
  subscribe?(params: (after: string | undefined) => object, handlers: SubscriptionHandlers, options?: RequestOptions): Promise<Subscription>
  /** Ends open connections; safe to call twice. */
  close(): Promise<void>
}
