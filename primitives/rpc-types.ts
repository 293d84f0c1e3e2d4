/**
 * What the node's JSON-RPC methods take and give, as types alone: the client and the dashboard see them without importing the server.
 * Bytes are lower-case hex, u64 decimal strings, heights and times (ms, UTC) numbers. The schemas that check them live in rpc/; a test compares.
 */

/** The committed block whose state an answer shows. */
/** The block whose state an answer shows. `stale`: the node knows no leader now, so the others may have committed more than it shows. */
export interface AsOf { readonly height: number; readonly hash: string; readonly term: number; readonly stale?: true }

/** `linearizable`: the answer shows at least everything that was committed before the call; it needs a quorum. `local` unless told. */
interface FreshnessParams { readonly consistency?: 'local' | 'linearizable' }

/** One page of a list; all pages of one query show the state at the same height. `nextCursor` is null on the last. */
export interface Page<T> { readonly items: readonly T[]; readonly nextCursor: string | null; readonly asOf: AsOf }
/** `firstHeight`: lowest block the node keeps, when it is not the first. Items below it come without what only their block tells. */
export interface ProvenPage<T> extends Page<T> { readonly firstHeight?: number }
export interface PageParams { readonly cursor?: string; readonly limit?: number; readonly order?: 'newest' | 'oldest' }

export type TxStatusName = 'unknown' | 'pending' | 'included' | 'committed' | 'final' | 'failed' | 'expired'
/** What came of a cancellation, and what each voter said. */
export interface RpcTxCancellation {
  readonly id: string
  readonly outcome: 'withdrawn' | 'partly' | 'tooLate' | 'unknown'
  readonly nodes: readonly { readonly node: number; readonly answer: 'withdrawn' | 'absent' | 'included' | 'committed' | 'silent' }[]
  readonly asOf: AsOf
}
export interface RpcTxStatus {
  readonly id: string
  readonly status: TxStatusName
  readonly height: number | null
  readonly position: number | null
  /** Result code of the contract once it is in a block: `OK` or why it had no effect. */
  readonly code: string | null
  readonly final: boolean
  readonly asOf: AsOf
}
export interface RpcTxReceipt {
  readonly id: string
  readonly status: 'included' | 'committed' | 'final' | 'failed'
  readonly height: number
  readonly position: number
  readonly code: string
  readonly cost: number
  readonly events: readonly { readonly contract: string; readonly name: string; readonly data: string }[]
  /** Canonical bytes of a receipt bundle (primitives/receipt.ts); null until the block is final. */
  readonly bundle: string | null
  readonly asOf: AsOf
}

export interface RpcChainInfo {
  readonly chain: string
  readonly epoch: number
  readonly genesis: string
  readonly versions: { readonly software: string; readonly rpc: number; readonly wire: number; readonly storage: number }
  readonly members: number
  readonly nodes: number
  readonly certificateQuorum: number
  readonly asOf: AsOf
}
export interface RpcBlockSummary {
  readonly height: number
  readonly hash: string
  readonly parent: string
  readonly term: number
  readonly epoch: number
  readonly timeMs: number
  readonly proposer: number | null
  readonly transactions: number
  readonly stateRoot: string
  readonly txRoot: string
  readonly eventRoot: string
  readonly final: boolean
}
/** `bundle`: the text of a proof bundle; save it byte for byte. */
export interface RpcProofBundle { readonly bundle: string; readonly certified: number; readonly asOf: AsOf }
export interface RpcChainHead { readonly committed: RpcBlockSummary; readonly final: { readonly height: number; readonly hash: string }; readonly asOf: AsOf }
export interface RpcBlock {
  readonly summary: RpcBlockSummary
  readonly header: string
  readonly signature: string | null
  readonly finality: string | null
  readonly transactions: readonly string[] | null
  readonly receipts: readonly string[] | null
  readonly asOf: AsOf
}
export interface RpcStateProofs { readonly height: number; readonly proven: number; readonly proof: string; readonly asOf: AsOf }
export interface RpcStateProof {
  readonly key: string
  readonly value: string | null
  readonly presence: 'present' | 'absent'
  readonly height: number
  readonly proof: string
  readonly asOf: AsOf
}

export interface RpcAccount {
  readonly id: string
  readonly kind: 'institution' | 'patient' | 'clinician' | 'researcher' | 'device' | 'service' | 'auditor'
  readonly member: number
  readonly suspended: boolean
  readonly enrolledAt: number
  readonly signKeys: readonly { readonly key: string; readonly from: number }[]
  readonly sealKeys: readonly { readonly key: string; readonly from: number }[]
  readonly attributes: readonly { readonly attribute: 'role' | 'specialty' | 'organisation' | 'licence'; readonly value: number; readonly until: number }[]
  readonly asOf: AsOf
}
export interface RpcMember {
  readonly member: number
  readonly name: string
  readonly account: string
  readonly operatorKey: string
  readonly nodes: readonly { readonly node: number; readonly attestationKey: string; readonly peer: string | null; readonly voter: boolean }[]
  readonly sealKey: string | null
  readonly status: 'active' | 'pending' | 'removed'
  readonly attributes: readonly string[]
}

export interface RpcConsent {
  readonly id: string
  readonly version: number
  readonly status: 'active' | 'revoked' | 'tombstone'
  readonly grantee: { readonly account: string | null; readonly member: number | null } | null
  readonly from: number
  readonly until: number
  readonly requires: readonly (readonly string[])[]
  readonly classes: readonly string[]
  readonly purposes: readonly string[]
  readonly actions: readonly string[]
  readonly confidentialityMax: 'U' | 'L' | 'M' | 'N' | 'R' | 'V'
  readonly seq: string
  readonly changedBy: string
  readonly changedAt: number
}

export interface RpcSection {
  readonly commitment: string
  readonly blob: string
  readonly size: string
  readonly class: 'clinical' | 'summary' | 'imaging' | 'device' | 'claim' | 'research' | 'genomic'
  readonly confidentiality: 'U' | 'L' | 'M' | 'N' | 'R' | 'V'
  readonly tags: readonly string[]
}
export interface RpcRecordVersion {
  readonly record: string
  readonly version: number
  readonly subject: string
  readonly sections: readonly RpcSection[]
  readonly custodians: readonly number[]
  readonly provenance: { readonly activity: 'create' | 'import' | 'correct' | 'append'; readonly author: string; readonly source: string; readonly recordedAt: number }
  readonly receipts: readonly { readonly node: number; readonly signature: string }[]
  /** Null where the node has pruned the block. */
  readonly registeredBy: string | null
  readonly registeredAt: number
  /** Receipt bundle of the registration; null until final, and where the node has pruned the block. */
  readonly bundle: string | null
}

export interface RpcDecision {
  readonly request: string
  readonly requester: string
  readonly subject: string
  readonly record: string
  readonly version: number
  readonly sections: readonly number[]
  readonly action: string
  readonly purpose: string
  readonly decision: 'permit' | 'deny'
  readonly basis: string
  readonly until: number
  readonly readerKey: string
  readonly detailsHash: string
}
export interface RpcAuditEntry {
  readonly height: number
  readonly position: number
  /** Null where the node has pruned the block. */
  readonly timeMs: number | null
  readonly decision: RpcDecision
  readonly final: boolean
  readonly details: string | null
  readonly bundle: string | null
}
export interface RpcPermit { readonly height: number; readonly position: number; readonly timeMs: number; readonly decision: RpcDecision; readonly bundle: string }
export interface RpcPermits { readonly items: readonly RpcPermit[]; readonly next: { readonly height: number; readonly position: number }; readonly asOf: AsOf }
export interface RpcReleaseCheck {
  readonly request: string
  readonly nonce: string
  readonly heads: readonly { readonly member: number; readonly node: number; readonly height: number; readonly hash: string; readonly term: number; readonly timeMs: number; readonly signature: string }[]
  readonly needed: number
  readonly release: boolean
  readonly code: string
  readonly checkedAt: { readonly height: number; readonly hash: string; readonly timeMs: number }
  readonly asOf: AsOf
}

export interface RpcBlobStatus {
  readonly blob: string
  readonly size: string
  readonly chunks: number
  /** Ranges [first, last] still to be sent; the first 1,024 of them. */
  readonly missing: readonly (readonly [number, number])[]
  readonly complete: boolean
}
export interface RpcStorageReceipts {
  readonly record: string
  readonly version: number
  readonly receipts: readonly { readonly node: number; readonly member: number; readonly signature: string }[]
  readonly needed: number
  readonly asOf: AsOf
}
export type MailboxKind = 'key' | 'details' | 'joint' | 'question' | 'share' | 'answer'
export interface RpcMailboxItem { readonly request: string; readonly section: number; readonly kind: MailboxKind; readonly size: number; readonly storedAt: number }
export interface RpcMailboxEntry { readonly request: string; readonly section: number; readonly kind: MailboxKind; readonly sealed: string; readonly storedAt: number }

export type NodeRole = 'leader' | 'follower' | 'candidate' | 'learner'
export interface RpcClusterNode {
  readonly node: number
  readonly member: number
  readonly name: string
  readonly role: NodeRole | 'unreachable'
  readonly reachable: boolean
  readonly term: number | null
  readonly height: number | null
  readonly finalHeight: number | null
  readonly lag: number | null
  readonly version: string | null
  readonly uptimeMs: number | null
  readonly problems: readonly string[]
}
export interface RpcClusterStatus {
  readonly chain: string
  readonly leader: number | null
  readonly term: number
  readonly height: number
  readonly finalHeight: number
  readonly quorum: { readonly voters: number; readonly reachable: number; readonly writes: number; readonly finality: number; readonly failuresLeft: number }
  readonly nodes: readonly RpcClusterNode[]
  readonly asOf: AsOf
}
/** Who takes part, by the ledger, and what is being decided. `change` is the JSON form of `membershipChange` (primitives/calls/membership.ts). */
export interface RpcMembership {
  readonly epoch: number
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  readonly outgoing: readonly number[]
  /** Votes that accept a proposal. */
  readonly needed: number
  readonly nextMember: number
  readonly nextNode: number
  readonly members: readonly { readonly member: number; readonly name: string; readonly active: boolean; readonly node: number | null; readonly governanceKey: string }[]
  readonly nodes: readonly RpcMembershipNode[]
  /** Contract versions that the members have activated, with the height of their first block. */
  readonly activations: readonly { readonly contract: string; readonly version: number; readonly height: number }[]
  /** Chain parameters in force, as JSON of a genesis file has them. */
  readonly parameters: unknown
  readonly open: string | null
  readonly underWay: { readonly proposal: string; readonly stage: string; readonly node: number; readonly since: number; readonly change: unknown } | null
  readonly proposals: readonly RpcProposal[]
  readonly asOf: AsOf
}
/** `lag`: entries behind, when the answering node leads. `refused`: why its votes are not taken. */
export interface RpcMembershipNode {
  readonly node: number
  readonly member: number
  readonly role: 'voter' | 'learner'
  readonly transportKey: string
  readonly attestationKey: string
  readonly addresses: readonly string[]
  readonly connected: boolean
  readonly lag: number | null
  readonly refused: string | null
}
export interface RpcProposal {
  readonly proposal: string
  readonly member: number
  readonly state: 'open' | 'passed' | 'rejected' | 'withdrawn' | 'expired'
  readonly until: number
  readonly height: number
  readonly change: unknown
  readonly ballots: readonly { readonly member: number; readonly vote: 'yes' | 'no'; readonly reason: string; readonly text: string | null; readonly height: number }[]
}
/** Proof that a node signed two different things; `evidence` is canonical `evidenceSchema`. */
export interface RpcEvidence { readonly kind: 'attestation' | 'header' | 'vote'; readonly node: number; readonly member: number; readonly epoch: number; readonly term: number; readonly at: number; readonly seenAt: number; readonly evidence: string }
export interface RpcNodeInfo {
  readonly node: number
  readonly member: number
  readonly name: string
  readonly chain: string
  readonly role: NodeRole
  readonly mode: 'normal' | 'repair' | 'fenced' | 'stopping'
  readonly leader: number | null
  readonly term: number
  readonly versions: { readonly software: string; readonly rpc: number; readonly wire: number; readonly storage: number }
  readonly startedAt: number
  readonly peers: number
  readonly mempool: number
  readonly peer: string
  readonly listen: readonly string[]
  /** Lowest block the node keeps. */
  readonly firstHeight: number
  /** Its newest certified snapshot; 0 when it has none. */
  readonly snapshotHeight: number
  /** What it repairs, or how far it has come with a snapshot; null in other modes. */
  readonly modeReason: string | null
  /** The newest version of each contract that this node holds, in force or not. */
  readonly contracts: readonly { readonly name: string; readonly version: number }[]
  readonly asOf: AsOf
}

type Method<P, R> = { readonly params: P; readonly result: R }

/** Methods that anyone may call. */
export interface PublicMethods {
  tx_send: Method<{ readonly transaction: string; readonly wait?: 'none' | 'accepted' | 'committed' | 'final'; readonly timeoutMs?: number }, RpcTxStatus>
  tx_status: Method<{ readonly id: string }, RpcTxStatus>
  tx_wait: Method<{ readonly id: string; readonly until?: 'committed' | 'final'; readonly timeoutMs?: number }, RpcTxStatus>
  tx_receipt: Method<{ readonly id: string }, RpcTxReceipt>
  chain_info: Method<Record<string, never>, RpcChainInfo>
  chain_head: Method<Record<string, never>, RpcChainHead>
  identity_members: Method<Record<string, never>, { readonly items: readonly RpcMember[]; readonly asOf: AsOf }>
  chain_members: Method<Record<string, never>, { readonly links: readonly string[]; readonly asOf: AsOf }>
  cluster_membership: Method<Record<string, never>, RpcMembership>
  cluster_status: Method<Record<string, never>, RpcClusterStatus>
  cluster_evidence: Method<Record<string, never>, { readonly items: readonly RpcEvidence[]; readonly asOf: AsOf }>
  node_info: Method<Record<string, never>, RpcNodeInfo>
  node_unsubscribe: Method<{ readonly subscription: string }, boolean>
  'rpc.discover': Method<Record<string, never>, unknown>
}

/** Methods whose parameters carry `auth`, a signed request (primitives/request.ts). The types leave it out: the client adds it. */
export interface SignedMethods {
  chain_proofs: Method<{ readonly keys: readonly string[] }, RpcStateProofs>
  tx_cancel: Method<{ readonly id: string }, RpcTxCancellation>
  chain_proof: Method<{ readonly key?: string; readonly account?: string; readonly consent?: string; readonly record?: string; readonly atHeight?: number }, RpcStateProof>
  identity_account: Method<{ readonly account: string } & FreshnessParams, RpcAccount>
  consent_list: Method<{ readonly patient: string } & PageParams & FreshnessParams, Page<RpcConsent>>
  record_list: Method<{ readonly subject: string } & PageParams & FreshnessParams, ProvenPage<RpcRecordVersion>>
  record_history: Method<{ readonly record: string } & PageParams & FreshnessParams, ProvenPage<RpcRecordVersion>>
  access_audit: Method<{ readonly subject: string } & PageParams, ProvenPage<RpcAuditEntry>>
  access_permits: Method<{ readonly afterHeight?: number; readonly afterPosition?: number; readonly limit?: number; readonly waitMs?: number }, RpcPermits>
  access_releaseCheck: Method<{ readonly request: string; readonly nonce: string }, RpcReleaseCheck>
  vault_begin: Method<{ readonly blob: string; readonly size: string; readonly chunkRoot: string }, RpcBlobStatus>
  /** Leaf hashes of a blob's chunks, joined; they give the blob id, so no node has to be trusted for them. */
  vault_hashes: Method<{ readonly blob: string }, { readonly blob: string; readonly size: string; readonly hashes: string }>
  vault_status: Method<{ readonly blob: string }, RpcBlobStatus>
  /** `bytes`: the ciphertext of a blob of one chunk, which then needs no upload before. */
  vault_commit: Method<{ readonly record: string; readonly version: number; readonly blobs: readonly { readonly blob: string; readonly size: string; readonly bytes?: string }[] }, RpcStorageReceipts>
  vault_mailbox_put: Method<{ readonly request: string; readonly section: number; readonly kind: MailboxKind; readonly sealed: string }, { readonly stored: boolean }>
  vault_mailbox_get: Method<{ readonly request: string; readonly section: number; readonly kind: MailboxKind }, RpcMailboxEntry>
  vault_mailbox_delete: Method<{ readonly request: string; readonly section: number; readonly kind: MailboxKind }, { readonly deleted: boolean }>
  vault_mailbox_list: Method<{ readonly request: string }, { readonly items: readonly RpcMailboxItem[] }>
}

/** Methods that take `auth` when the caller has it and show more then: block bodies need a member role. */
export interface OptionallySignedMethods {
  node_subscribe: Method<{ readonly topic: 'headers' | 'txStatus' | 'audit'; readonly filter?: { readonly ids?: readonly string[]; readonly subject?: string }; readonly options?: { readonly after?: string } }, string>
  chain_bundle: Method<{ readonly transaction?: string; readonly key?: string; readonly account?: string; readonly consent?: string; readonly record?: string; readonly checkpoint?: string }, RpcProofBundle>
  chain_block: Method<{ readonly height?: number; readonly hash?: string; readonly newest?: 'committed' | 'final'; readonly bodies?: boolean }, RpcBlock>
}

export type RpcMethods = PublicMethods & SignedMethods & OptionallySignedMethods
export type RpcMethod = keyof RpcMethods
export type RpcParams<M extends RpcMethod> = RpcMethods[M]['params']
export type RpcResult<M extends RpcMethod> = RpcMethods[M]['result']

/** What stands in `error.data` of a refusal: our code to match on, and what helps. */
export interface RpcErrorData {
  readonly code: string
  readonly retryable: boolean
  readonly retryAfterMs: number | null
  readonly hint: string
  readonly details: readonly { readonly path: string; readonly message: string }[]
  /** Address of the leader, when another node could have answered. */
  readonly leader?: string
  readonly traceId: string
  readonly docs: string
}
