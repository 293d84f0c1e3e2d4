import type { Static } from 'typebox'
import { accessAudit, accessPermits, accessReleaseCheck } from './access.ts'
import { chainBlock, chainBundle, chainHeadMethod, chainInfoMethod, chainMembers, chainProof, chainProofs } from './chain.ts'
import { clusterEvidence, clusterMembership, clusterStatusMethod, nodeInfoMethod } from './cluster.ts'
import { consentList } from './consent.ts'
import { identityAccount, identityMembers } from './identity.ts'
import { recordHistory, recordList } from './record.ts'
import { nodeSubscribe, nodeUnsubscribe } from './subscription.ts'
import { txCancel, txReceiptMethod, txSend, txStatusMethod, txWait } from './tx.ts'
import { mailboxDelete, mailboxGet, mailboxList, mailboxPut, vaultBegin, vaultCommit, vaultHashes, vaultStatus } from './vault.ts'
import type { AnyMethod } from '../registry.ts'

/** Every method by its name: the one table behind validation, OpenRPC, the docs page and the types of clients. */
export const METHODS = {
  tx_send: txSend, tx_status: txStatusMethod, tx_wait: txWait, tx_cancel: txCancel, tx_receipt: txReceiptMethod,
  chain_info: chainInfoMethod, chain_head: chainHeadMethod, chain_block: chainBlock, chain_proof: chainProof, chain_proofs: chainProofs, chain_bundle: chainBundle, chain_members: chainMembers,
  identity_account: identityAccount, identity_members: identityMembers,
  consent_list: consentList, record_list: recordList, record_history: recordHistory,
  access_audit: accessAudit, access_releaseCheck: accessReleaseCheck, access_permits: accessPermits,
  vault_begin: vaultBegin, vault_status: vaultStatus, vault_hashes: vaultHashes, vault_commit: vaultCommit,
  vault_mailbox_put: mailboxPut, vault_mailbox_get: mailboxGet, vault_mailbox_delete: mailboxDelete, vault_mailbox_list: mailboxList,
  cluster_status: clusterStatusMethod, cluster_membership: clusterMembership, cluster_evidence: clusterEvidence, node_info: nodeInfoMethod, node_subscribe: nodeSubscribe, node_unsubscribe: nodeUnsubscribe,
}
export const methodList: readonly AnyMethod[] = Object.values(METHODS)

/** Parameter and result types of every method, for clients: `MethodMap['tx_send']['params']`. */
export type MethodMap = { [Name in keyof typeof METHODS]: { params: Static<(typeof METHODS)[Name]['params']>; result: Static<(typeof METHODS)[Name]['result']> } }
