import type { RpcBlock, RpcChainHead } from '../../primitives/rpc-types.ts'
import type { Client, SignedOptions } from '../create-client.ts'
import type { RequestOptions } from '../transports/transport.ts'

/** The newest committed block and the newest final one, as one node sees them. */
export function getHead(client: Client, options?: RequestOptions): Promise<RpcChainHead> {
  return client.call('chain_head', {}, options)
}

/** One committed block by height or hash. `bodies` (transactions and receipts) needs an account with a member role. */
export function getBlock(client: Client, which: { readonly height: number } | { readonly hash: string }, { bodies = false, ...options }: SignedOptions & { readonly bodies?: boolean } = {}): Promise<RpcBlock> {
  if (bodies) return client.callSigned('chain_block', { ...which, bodies }, options)
  const { account: _, ...plain } = options
  return client.call('chain_block', which, plain)
}
