import { Type } from 'typebox'
import type { TObject } from 'typebox'
import { numberOf } from './error-map.ts'
import { RPC_ERRORS } from './errors.ts'
import type { AnyMethod, BoundMethod, WrittenResult } from './registry.ts'
import { Compile } from 'typebox/compile'

export const OPENRPC_VERSION = '1.3.2'
export const DISCOVER = 'rpc.discover'

/** Builds the OpenRPC document of a list of methods: self-contained, without `$ref`, the same for the same list. */
export function openRpcDocument(methods: readonly AnyMethod[], version: string) {
  return {
    openrpc: OPENRPC_VERSION,
    info: { title: 'Stele JSON-RPC', description: 'JSON-RPC 2.0 at POST /rpc, subscriptions on the WebSocket /ws. Parameters by name or by position; unknown members are refused.', version },
    methods: methods.map(openRpcMethod),
  }
}

function openRpcMethod(method: AnyMethod) {
  const required = new Set<string>(method.params.required ?? [])
  return {
    name: method.name,
    summary: method.summary,
    ...(method.description === undefined ? {} : { description: method.description }),
    tags: [{ name: method.name.split('_')[0] ?? method.name }],
    paramStructure: method.rest === undefined ? 'either' : 'by-name',
    params: Object.entries((method.params as TObject).properties).map(([name, schema]) => ({ name, required: required.has(name), schema })),
    result: { name: `${method.name}_result`, schema: method.result },
    errors: errorGroups(method.errors),
    examples: method.examples.map((example) => ({
      name: example.name,
      params: Object.entries(example.params).map(([name, value]: [string, unknown]) => ({ name, value })),
      result: { name: `${method.name}_result`, value: example.result },
    })),
    'x-access': method.access,
    'x-rate-class': method.rateClass,
  }
}

/** OpenRPC wants unique numbers; the string codes that share one stand in `data.codes`. */
function errorGroups(codes: readonly string[]) {
  const groups = new Map<number, string[]>()
  for (const code of codes) {
    const number = numberOf(code)
    if (number !== undefined) groups.set(number, [...(groups.get(number) ?? []), code])
  }
  return [...groups].map(([code, names]) => ({ code, message: names.map((name) => RPC_ERRORS[name as keyof typeof RPC_ERRORS] ?? name).join(' '), data: { codes: names } }))
}

/** `rpc.discover`, answered with a document that was made and written once. */
export function discoverMethod(document: WrittenResult): BoundMethod {
  return {
    name: DISCOVER, access: 'public', rateClass: 'heavy', timeoutMs: undefined, rest: undefined, positions: [], required: new Set(), meanings: new Map(),
    validator: Compile(Type.Object({}, { additionalProperties: false })), handle: () => document,
  }
}
