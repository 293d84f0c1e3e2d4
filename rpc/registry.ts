import type { Static, TObject, TProperties, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Validator } from 'typebox/compile'
import { record } from './schema.ts'
import type { Caller, RpcPorts } from './ports.ts'

/** `read` looks up, `write` submits, `heavy` builds proofs or talks to other nodes, `bulk` moves ciphertext. Limits per class are in options. */
export const RATE_CLASSES = ['read', 'write', 'heavy', 'bulk'] as const
export type RateClass = (typeof RATE_CLASSES)[number]

/** Subscriptions of one WebSocket connection. */
export interface SubscriptionHost {
  subscribe(topic: { readonly kind: 'headers' } | { readonly kind: 'txStatus'; readonly ids: readonly string[] } | { readonly kind: 'audit'; readonly subject: string; readonly caller: Caller }, after: string | null): string
  unsubscribe(id: string): boolean
}

/** A result that was written as JSON once, for answers that are always the same. */
export class WrittenResult {
  readonly json: string

  constructor(value: unknown) {
    this.json = JSON.stringify(value)
  }
}

/** What a handler may know about the call it answers. */
export interface CallContext {
  readonly remote: string
  readonly traceId: string
  /** Set when the request was signed and the signature holds. */
  readonly caller: Caller | undefined
  /** Aborts when the client has gone, the call's time is up, or the node stops. */
  readonly signal: AbortSignal
  /** Present on a WebSocket only. */
  readonly subscriptions: SubscriptionHost | undefined
}

export interface MethodDefinition<P extends TProperties = TProperties, R extends TSchema = TSchema> {
  readonly name: string
  readonly summary: string
  readonly description?: string
  /** Members in the order of the by-position form. */
  readonly params: TObject<P>
  readonly result: R
  /** Codes a caller should be ready for, besides those every method may answer with. */
  readonly errors: readonly string[]
  readonly examples: readonly { readonly name: string; readonly params: object; readonly result: unknown }[]
  /** `signed`: the `auth` parameter is required and verified before the handler runs. `public` methods may still take an optional one. */
  readonly access: 'public' | 'signed'
  readonly rateClass: RateClass
  /** Longest time the call may take, in ms, when it is not the server's default. */
  readonly timeoutMs?: number
  /** The by-position form is one list of any length that becomes this member. */
  readonly rest?: string
  handle(ports: RpcPorts, params: Static<TObject<P>>, context: CallContext): Promise<Static<R>> | Static<R>
}

/** A method as the dispatcher uses it: types erased, schema compiled, ports bound. */
export interface BoundMethod {
  readonly name: string
  readonly access: 'public' | 'signed'
  readonly rateClass: RateClass
  readonly timeoutMs: number | undefined
  readonly rest: string | undefined
  readonly positions: readonly string[]
  readonly required: ReadonlySet<string>
  /** What each parameter means, for the texts of refusals. */
  readonly meanings: ReadonlyMap<string, string>
  readonly validator: Validator
  handle(params: object, context: CallContext): unknown
}

/** States a method; only checks types. `params` are given as members, unknown ones are refused. */
export function defineMethod<const P extends TProperties, R extends TSchema>(definition: Omit<MethodDefinition<P, R>, 'params'> & { readonly params: P }): MethodDefinition<P, R> {
  return { ...definition, params: record(definition.params) }
}

/** The parts of a definition that do not depend on its parameter types, for lists of unlike methods. */
export type AnyMethod = Omit<MethodDefinition, 'handle' | 'params'> & { readonly params: TObject; handle(ports: RpcPorts, params: never, context: CallContext): unknown }

/** Compiles the schema of a method (about 1 ms each, once) and ties its handler to the node's ports. */
export function bindMethod(definition: AnyMethod, ports: RpcPorts): BoundMethod {
  const { name, access, rateClass, timeoutMs, rest, params } = definition
  return {
    name, access, rateClass, timeoutMs, rest,
    positions: Object.keys(params.properties),
    required: new Set<string>(params.required ?? []),
    meanings: new Map(Object.entries(params.properties).flatMap(([param, schema]) => ('description' in schema && typeof schema.description === 'string' ? [[param, schema.description] as const] : []))),
    validator: Compile(params),
    // The validator has checked `value` against this very schema before, so the erased type is the true one.
    handle: (value, context) => definition.handle(ports, value as never, context),
  }
}

/** A map, never an object: `__proto__` and `constructor` are simply absent. */
export function bindMethods(definitions: readonly AnyMethod[], ports: RpcPorts): ReadonlyMap<string, BoundMethod> {
  return new Map(definitions.map((definition) => [definition.name, bindMethod(definition, ports)]))
}
