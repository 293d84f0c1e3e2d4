import t from 'tap'
import type { RpcMethod, RpcMethods } from '../../primitives/rpc-types.ts'
import { METHODS, type MethodMap } from '../../rpc/methods/index.ts'

// Goal: the client's types say what the server's schemas say. Method: the compiler compares them here (this file does not type-check otherwise), and the table
// below makes the compiler list every name, which is then compared with the server's own table.

/** What the server answers must be what the client expects. */
type ResultFits<M extends RpcMethod & keyof MethodMap> = MethodMap[M]['result'] extends RpcMethods[M]['result'] ? true : M
/** What the client may send must be what the server takes, `auth` aside. */
type ParamsFit<M extends RpcMethod & keyof MethodMap> = Mutable<RpcMethods[M]['params']> extends Omit<MethodMap[M]['params'], 'auth'> ? true : M
type Mutable<T> = T extends readonly (infer U)[] ? Mutable<U>[] : T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T

type Shared = RpcMethod & keyof MethodMap
const results: { [M in Shared]: ResultFits<M> } = everyTrue()
const params: { [M in Shared]: ParamsFit<M> } = everyTrue()

function everyTrue(): { [M in Shared]: true } {
  return Object.fromEntries(Object.keys(METHODS).map((name) => [name, true])) as { [M in Shared]: true }
}

const CLIENT_METHODS: Record<Exclude<RpcMethod, 'rpc.discover'>, true> = {
  tx_send: true, tx_status: true, tx_wait: true, tx_cancel: true, tx_receipt: true, chain_info: true, chain_head: true, chain_block: true, chain_bundle: true, chain_proof: true, chain_proofs: true, chain_members: true, cluster_membership: true,
  identity_account: true, identity_members: true, consent_list: true, record_list: true, record_history: true, access_audit: true, access_permits: true,
  access_releaseCheck: true, vault_begin: true, vault_status: true, vault_hashes: true, vault_commit: true, vault_mailbox_put: true, vault_mailbox_get: true,
  vault_mailbox_delete: true, vault_mailbox_list: true, cluster_status: true, cluster_evidence: true, node_info: true, node_subscribe: true, node_unsubscribe: true,
}

t.test('client and server know the same methods, with parameters and results that fit', async (t) => {
  t.same(Object.keys(CLIENT_METHODS).sort(), Object.keys(METHODS).sort())
  t.same(Object.keys(results), Object.keys(params))
})
