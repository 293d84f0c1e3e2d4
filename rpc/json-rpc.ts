import type { SteleError } from '../primitives/error.ts'
import { WrittenResult } from './registry.ts'
import type { BoundMethod } from './registry.ts'
import type { Invoker } from './invoke.ts'
import { toErrorObject } from './error-map.ts'
import type { RpcErrorObject } from './error-map.ts'
import { ANSWER_SMALL_BYTES } from './options.ts'
import { rpcError } from './refuse.ts'
import type { RequestScope } from './scope.ts'

/** What a caller may send as `id`; a number that JavaScript would round is kept as its text (`RawJson`). */
type Id = string | number | null | RawJson
interface RawJson { readonly rawJSON: string }
/** Parts of the JSON built-in that the type library does not know yet (source text access, in Node since 21). */
interface JsonWithSource {
  rawJSON(text: string): RawJson
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
}
const json = JSON as unknown as JsonWithSource

export interface DispatcherOptions {
  readonly batchMax: number
  readonly batchConcurrency: number
  /** Largest answer, in characters of JSON (ASCII except for echoed ids). */
  readonly responseBytesMax: number
  /** Characters of all answers that were made and not released yet; then larger ones are `RPC_OVERLOADED`. */
  readonly answerBytesMax: number
}
const MEMBERS = new Set(['jsonrpc', 'method', 'params', 'id'])

/**
 * JSON-RPC 2.0 over any transport: text in, text out. Every corner of the specification is decided here; what a method does is not.
 * Ids are echoed exactly; a request without `id` is a notification and gets no answer, not even an error; `id: null` is a request.
 */
export class JsonRpcDispatcher {
  readonly #options: DispatcherOptions
  readonly #methods: ReadonlyMap<string, BoundMethod>
  readonly #invoker: Invoker
  #heldBytes = 0

  constructor(options: DispatcherOptions, collaborators: { readonly methods: ReadonlyMap<string, BoundMethod>; readonly invoker: Invoker }) {
    this.#options = options
    this.#methods = collaborators.methods
    this.#invoker = collaborators.invoker
  }

  /** Answers one message. Undefined when nothing is to be sent (only notifications). Never rejects. */
  async handle(text: string, scope: RequestScope): Promise<string | undefined> {
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch (cause) {
      return this.refusal(rpcError('RPC_PARSE_ERROR', 'the body is not JSON', { cause }), scope)
    }
    if (!Array.isArray(message)) return this.#one(message, text, scope)
    if (message.length === 0) return this.refusal(rpcError('RPC_INVALID_REQUEST', 'the batch is empty'), scope)
    if (message.length > this.#options.batchMax) {
      return this.refusal(rpcError('RPC_BATCH_TOO_LARGE', 'the batch holds too many calls', { details: { calls: message.length, max: this.#options.batchMax } }), scope)
    }
    return this.#batch(message, text, scope)
  }

  /** The answer of this message has left the node, or never will. Safe to call twice. */
  released(scope: RequestScope): void {
    this.#heldBytes -= scope.heldBytes
    scope.heldBytes = 0
  }

  /** The answer to a message of which not even the id is known, as for a transport that refuses it. */
  refusal(error: SteleError, scope: RequestScope): string {
    return failure(null, toErrorObject(error, scope.traceId))
  }

  async #one(request: unknown, text: string, scope: RequestScope): Promise<string | undefined> {
    return this.#answer(request, () => rawIds(text), scope)
  }

  async #batch(requests: readonly unknown[], text: string, scope: RequestScope): Promise<string | undefined> {
    const { batchConcurrency, responseBytesMax } = this.#options
    const answers: (string | undefined)[] = []
    let raw: unknown
    let next = 0
    let bytes = 2
    const source = (i: number) => () => { raw ??= rawIds(text); return Array.isArray(raw) ? raw[i] : undefined }
    const worker = async (): Promise<void> => {
      for (let i = next++; i < requests.length; i = next++) {
        const answer = bytes > responseBytesMax ? this.#tooLarge(requests[i], source(i), scope) : await this.#answer(requests[i], source(i), scope)
        if (answer === undefined) continue
        const fits = bytes + answer.length < responseBytesMax
        bytes += answer.length + 1
        answers[i] = fits ? answer : this.#tooLarge(requests[i], source(i), scope)
      }
    }
    await Promise.all(Array.from({ length: Math.min(batchConcurrency, requests.length) }, worker))
    const sent = answers.filter((answer) => answer !== undefined)
    return sent.length === 0 ? undefined : `[${sent.join(',')}]`
  }

  /** One request object → its answer. `source` re-reads the message with numbers as text, only asked for ids that JavaScript would change. */
  async #answer(request: unknown, source: () => unknown, scope: RequestScope): Promise<string | undefined> {
    if (typeof request !== 'object' || request === null || Array.isArray(request)) {
      return this.refusal(rpcError('RPC_INVALID_REQUEST', 'a request is a JSON object'), scope)
    }
    const hasId = Object.hasOwn(request, 'id')
    const id = hasId ? idOf(request, source) : undefined
    const problem = malformed(request, hasId && id === undefined)
    // A request that is malformed is no notification: it gets an answer, with its id where that could be read.
    if (problem !== undefined) return failure(id ?? null, toErrorObject(problem, scope.traceId))
    const { method: name, params } = request as { method: string; params?: unknown }
    try {
      const result = await this.#invoker.invoke(this.#methods.get(name), name, params, scope)
      if (!hasId) return undefined
      const answer = result instanceof WrittenResult ? `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result.json}}` : JSON.stringify({ jsonrpc: '2.0', id, result: result ?? null })
      if (answer.length > this.#options.responseBytesMax) return this.#tooLarge(request, source, scope)
      if (this.#hold(answer.length, scope)) return answer
      return failure(id ?? null, toErrorObject(rpcError('RPC_OVERLOADED', 'too many answers wait for their readers', { details: { retryAfterMs: 1_000 } }), scope.traceId))
    } catch (error) {
      this.#invoker.report(error, name, scope)
      return hasId ? failure(id ?? null, toErrorObject(error, scope.traceId)) : undefined
    }
  }

  /** Counts an answer until its message is released. False when readers that do not read hold as much as may be held. */
  #hold(bytes: number, scope: RequestScope): boolean {
    if (this.#heldBytes + bytes > this.#options.answerBytesMax && scope.heldBytes + bytes > ANSWER_SMALL_BYTES) return false
    this.#heldBytes += bytes
    scope.heldBytes += bytes
    return true
  }

  #tooLarge(request: unknown, source: () => unknown, scope: RequestScope): string | undefined {
    if (typeof request !== 'object' || request === null || !Object.hasOwn(request, 'id')) return undefined
    const error = rpcError('RPC_RESPONSE_TOO_LARGE', 'the answer is larger than the node sends', { details: { max: this.#options.responseBytesMax } })
    return failure(idOf(request, source) ?? null, toErrorObject(error, scope.traceId))
  }
}

function failure(id: Id, error: RpcErrorObject): string {
  return JSON.stringify({ jsonrpc: '2.0', error, id })
}

/** The id as it must be echoed, or undefined when it is none. */
function idOf(request: object, source: () => unknown): Id | undefined {
  const { id } = request as { id?: unknown }
  if (id === null || typeof id === 'string') return id
  if (typeof id !== 'number' || !Number.isFinite(id)) return undefined
  if (Number.isSafeInteger(id)) return id
  const raw = source()
  return typeof raw === 'object' && raw !== null && 'id' in raw ? (raw.id as Id) : id
}

/** The message once more, with the text of every `id` that is a number. */
function rawIds(text: string): unknown {
  return json.parse(text, (key, value, { source }) => (key === 'id' && typeof value === 'number' && source !== undefined ? json.rawJSON(source) : value))
}

function malformed(request: object, badId: boolean): SteleError | undefined {
  const { jsonrpc, method } = request as { jsonrpc?: unknown; method?: unknown }
  const refuse = (path: string, message: string) => rpcError('RPC_INVALID_REQUEST', 'not a JSON-RPC 2.0 request', { issues: [{ path, message }] })
  if (jsonrpc !== '2.0') return refuse('/jsonrpc', 'must be the string "2.0"')
  if (typeof method !== 'string') return refuse('/method', 'must be a string')
  if (badId) return refuse('/id', 'must be a string, a number or null')
  for (const name of Object.keys(request)) {
    if (!MEMBERS.has(name)) return refuse(`/${name.slice(0, 64)}`, 'is not a member of a request')
  }
  return undefined
}
