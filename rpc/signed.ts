import type { Caller } from './ports.ts'
import { rpcError } from './refuse.ts'
import type { CallContext } from './registry.ts'

/** The account that signed; the invoker has verified it for every method whose access is `signed`. */
export function callerOf(context: CallContext): Caller {
  if (context.caller === undefined) throw rpcError('RPC_UNAUTHENTICATED', 'this call needs a signed request')
  return context.caller
}
