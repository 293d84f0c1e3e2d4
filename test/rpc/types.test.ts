import t from 'tap'
import type { RpcErrorData, RpcMethods } from '../../primitives/rpc-types.ts'
import type { ErrorData } from '../../rpc/error-map.ts'
import { METHODS } from '../../rpc/methods/index.ts'
import type { MethodMap } from '../../rpc/methods/index.ts'

// Goal: the types that clients see (primitives/rpc-types.ts, no server imported) say the same as the schemas that check. The compiler does
// the work: each line fails to compile when the two differ in either direction. `auth` is added by clients and left out on their side.
type Loose<T> = T extends readonly (infer Item)[] ? readonly Loose<Item>[] : T extends object ? { readonly [K in keyof T]: Loose<T[K]> } : T
type Same<A, B> = [Loose<A>] extends [Loose<B>] ? ([Loose<B>] extends [Loose<A>] ? true : false) : false
type Empty<T> = keyof T extends never ? Record<string, never> : T
type Shared = keyof MethodMap & keyof RpcMethods
type DifferentParams = { [M in Shared]: Same<Empty<Omit<MethodMap[M]['params'], 'auth'>>, RpcMethods[M]['params']> extends true ? never : M }[Shared]
type DifferentResults = { [M in Shared]: Same<MethodMap[M]['result'], RpcMethods[M]['result']> extends true ? never : M }[Shared]
type Unknown = Exclude<keyof RpcMethods, keyof MethodMap | 'rpc.discover'> | Exclude<keyof MethodMap, keyof RpcMethods>
const params: [DifferentParams] extends [never] ? true : DifferentParams = true
const results: [DifferentResults] extends [never] ? true : DifferentResults = true
const names: [Unknown] extends [never] ? true : Unknown = true
const errors: Same<ErrorData, RpcErrorData> = true

t.test('the types of clients are those of the schemas', async (t) => {
  t.strictSame([params, results, names, errors], [true, true, true, true])
  t.strictSame(Object.entries(METHODS).filter(([key, { name }]) => key !== name), [], 'each method stands under its own name')
})
