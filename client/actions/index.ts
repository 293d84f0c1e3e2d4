import type { Client } from '../create-client.ts'
import { askAggregate, readAggregate } from './ask-aggregate.ts'
import { amendConsent, grantConsent, listConsents, revokeConsent } from './consent.ts'
import { checkCheckpoint, getCheckpoint } from './get-checkpoint.ts'
import { getClusterStatus, getNodeInfo, listMembers } from './get-cluster-status.ts'
import { getBlock, getHead } from './get-head.ts'
import { getProof } from './get-proof.ts'
import { getStateProof } from './get-state-proof.ts'
import { certifyAttribute, decertifyAttribute, enrolAccount, getAccount } from './identity.ts'
import { listAudit } from './list-audit.ts'
import { listRecordHistory, listRecords } from './list-records.ts'
import { readPermitted, readRecord } from './read-record.ts'
import { registerRecord, uploadRecord } from './register-record.ts'
import { requestAccess } from './request-access.ts'
import { cancelTransaction, sendRawTransaction, sendTransaction } from './send-transaction.ts'
import { sendAndWait, waitForReceipt } from './wait-for-receipt.ts'
import { watchAudit, watchHeaders, watchStatus } from './watch.ts'

type Action = (client: Client, ...rest: never[]) => unknown
type Bound<A> = A extends (client: Client, ...rest: infer R) => infer T ? (...rest: R) => T : never

function bind<A extends Action>(client: Client, action: A): Bound<A> {
  const bound = (...rest: never[]): unknown => action(client, ...rest)
  return bound as Bound<A>
}

/**
 * All actions, for `createClient(…).extend(steleActions)`. Bundles that want only some import those functions and call them with the client.
 * `sendTransaction` and `sendAndWait` stay functions: binding would lose their types.
 */
export function steleActions(client: Client) {
  return {
    getHead: bind(client, getHead), getBlock: bind(client, getBlock), getClusterStatus: bind(client, getClusterStatus), getNodeInfo: bind(client, getNodeInfo),
    listMembers: bind(client, listMembers), getStateProof: bind(client, getStateProof), getProof: bind(client, getProof), getCheckpoint: bind(client, getCheckpoint), checkCheckpoint: bind(client, checkCheckpoint), enrolAccount: bind(client, enrolAccount), certifyAttribute: bind(client, certifyAttribute),
    decertifyAttribute: bind(client, decertifyAttribute), getAccount: bind(client, getAccount), grantConsent: bind(client, grantConsent),
    amendConsent: bind(client, amendConsent), revokeConsent: bind(client, revokeConsent), listConsents: bind(client, listConsents),
    registerRecord: bind(client, registerRecord), uploadRecord: bind(client, uploadRecord), requestAccess: bind(client, requestAccess),
    askAggregate: bind(client, askAggregate), readAggregate: bind(client, readAggregate), readRecord: bind(client, readRecord), readPermitted: bind(client, readPermitted), listRecords: bind(client, listRecords),
    listRecordHistory: bind(client, listRecordHistory), listAudit: bind(client, listAudit), sendRawTransaction: bind(client, sendRawTransaction), cancelTransaction: bind(client, cancelTransaction),
    waitForReceipt: bind(client, waitForReceipt), watchHeaders: bind(client, watchHeaders), watchStatus: bind(client, watchStatus), watchAudit: bind(client, watchAudit),
  }
}

export {
  amendConsent, askAggregate, cancelTransaction, certifyAttribute, checkCheckpoint, decertifyAttribute, enrolAccount, getAccount, getBlock, getCheckpoint, getClusterStatus, getHead, getNodeInfo, getProof, getStateProof, grantConsent, listAudit,
  listConsents, listMembers, listRecordHistory, listRecords, readAggregate, readPermitted, readRecord, registerRecord, requestAccess, revokeConsent, sendAndWait,
  sendRawTransaction, sendTransaction, uploadRecord, waitForReceipt, watchAudit, watchHeaders, watchStatus,
}
