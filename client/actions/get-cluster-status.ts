import type { RpcClusterStatus, RpcMember, RpcNodeInfo } from '../../primitives/rpc-types.ts'
import type { Client } from '../create-client.ts'
import type { RequestOptions } from '../transports/transport.ts'

/** Leader, term, heights and lag of every node, as the asked node sees them. */
export function getClusterStatus(client: Client, options?: RequestOptions): Promise<RpcClusterStatus> {
  return client.call('cluster_status', {}, options)
}

export function getNodeInfo(client: Client, options?: RequestOptions): Promise<RpcNodeInfo> {
  return client.call('node_info', {}, options)
}

/** The member institutions with their names, accounts and keys. */
export async function listMembers(client: Client, options?: RequestOptions): Promise<readonly RpcMember[]> {
  return (await client.call('identity_members', {}, options)).items
}
