import type { Account, Members } from './shapes/identity.ts'
import type { AuditEntry, Permits, ReleaseCheck } from './shapes/access.ts'
import type { AsOf } from './schema.ts'
import type { Block, BlockSummary, ChainHead, ChainInfo, ProofBundleText, StateProof, StateProofs, MemberLinks } from './shapes/chain.ts'
import type { BlobHashes, BlobStatus, MailboxEntry, MailboxItem, StorageReceipts } from './shapes/vault.ts'
import type { ClusterStatus, EvidenceList, Membership, NodeInfo } from './shapes/cluster.ts'
import type { Consent } from './shapes/consent.ts'
import type { RecordVersion } from './shapes/record.ts'
import type { TxCancellation, TxReceipt, TxStatus } from './shapes/transaction.ts'

/*
 * What rpc needs from the node. Values are JSON-ready: bytes are lower-case hex, u64 decimal strings, heights and times numbers.
 * Implementations throw SteleError; `error-map.ts` turns its code into a JSON-RPC number. Where a thing is absent or not for the caller to
 * know, both throw `RPC_NOT_FOUND`, so that the two look alike. Long work ends when its `signal` aborts.
 */

/** Who signed a request; established by `RequestVerifier`, never by what the caller says. `member`: the institution of the relation. */
export interface Caller {
  readonly account: string
  readonly kind: Account['kind']
  readonly member: number
}

/** Checks the signature of a private read. */
export interface RequestVerifier {
  /**
   * `params` is the by-name form without `auth`; the signature covers method, params, account, nonce and time (primitives/request.ts).
   * Throws REQUEST_* or `RPC_UNAUTHENTICATED` when the bytes, the key, the time (± 60 s) or the nonce (used before) is wrong, or the account is suspended.
   */
  verify(request: { readonly method: string; readonly params: object; readonly auth: string }): Promise<Caller>
}

/** Lets a read see everything that was committed before it was asked for. */
export interface ReadBarrier {
  /** Resolves when a quorum has confirmed what is committed and this node's state holds all of it. Throws `NO_LEADER` when nobody confirms in time, `NODE_STOPPING`. */
  linearizable(signal: AbortSignal): Promise<void>
}

/** Takes transactions and tells what became of them. */
export interface TransactionGate {
  /**
   * Decodes strictly, verifies once, admits to the mempool; a follower passes it on. Resolves when the node holds it (`pending` or further);
   * the same bytes again give the present status. Throws CODEC_*, TX_*, CONSENSUS_* when refused at the door.
   */
  send(transaction: Uint8Array): Promise<TxStatus>
  status(id: string): Promise<TxStatus>
  /** Resolves at `until` or beyond, at `failed` or `expired`, after `timeoutMs`, or when `signal` aborts; with the status then. Never throws for a timeout. */
  wait(id: string, until: 'committed' | 'final', timeoutMs: number, signal: AbortSignal): Promise<TxStatus>
  /** Throws `RPC_NOT_FOUND` when no block holds the transaction. */
  receipt(id: string): Promise<TxReceipt>
}

/** Takes waiting transactions back. */
export interface TransactionCanceller {
  /** `auth`: the signed request itself, which every member verifies. Throws `RPC_FORBIDDEN` for another account's transaction, `CONSENSUS_BUSY`. */
  cancel(id: string, auth: string, caller: Caller, signal: AbortSignal): Promise<TxCancellation>
}

export type BlockSelector = { readonly height: number } | { readonly hash: string } | 'committed' | 'final'

export interface ChainReader {
  info(): Promise<ChainInfo>
  head(): Promise<ChainHead> | ChainHead
  /** With `bodies` transactions and receipts too; the caller has been checked for a member role by then. */
  block(selector: BlockSelector, bodies: boolean): Promise<Block>
  /** Inclusion or absence proof of a state key at the newest final height or at `atHeight`. */
  proof(query: { readonly key: string; readonly atHeight: number | null }, caller: Caller): Promise<StateProof>
  /** Of the first keys as many as fit into an answer. */
  proofs(keys: readonly string[], caller: Caller): Promise<StateProofs>
  /**
   * One file with the receipt of a transaction, the proof of a state key, or both, and all that leads from genesis (or the block with the hash `checkpoint`) to the certificate.
   * Throws `RPC_NOT_FOUND`, or `RPC_UNAVAILABLE` while the blocks are not final.
   */
  bundle(query: { readonly transaction: string | null; readonly key: string | null; readonly checkpoint: string | null }, caller: Caller | undefined): Promise<ProofBundleText>
  /** The steps from the genesis set of voters to the newest that is final. */
  memberLinks(): MemberLinks
  /** State key of a thing a caller can name without knowing the key layout. */
  keyOf(thing: { readonly kind: 'account' | 'consent' | 'record' | 'member'; readonly id: string }): string
}

/** A slice of an ordered list at one height. `atHeight` null on the first page: the reader picks its applied height and gives it back. */
export interface PageQuery {
  readonly atHeight: number | null
  /** Where the page before ended, in the reader's own words (printable, ≤ 128 characters); null at the start. */
  readonly after: string | null
  readonly limit: number
  readonly order: 'newest' | 'oldest'
}
export interface PageOf<T> {
  readonly items: T[]
  readonly next: string | null
  readonly asOf: AsOf
}
/** `firstHeight`: lowest block this node keeps. Items below it are listed without what only their block tells. */
export interface ProvenPageOf<T> extends PageOf<T> { readonly firstHeight?: number }

export interface IdentityReader {
  account(id: string, caller: Caller): Promise<Account>
  members(): Promise<Members>
}
export interface ConsentReader {
  list(patient: string, page: PageQuery, caller: Caller): Promise<PageOf<Consent>>
}
export interface RecordReader {
  /** Newest version of each record of a subject. */
  list(subject: string, page: PageQuery, caller: Caller): Promise<ProvenPageOf<RecordVersion>>
  /** All versions of one record. */
  history(record: string, page: PageQuery, caller: Caller): Promise<ProvenPageOf<RecordVersion>>
}
export interface AuditReader {
  /** Decisions about a subject, permits and denials alike, with proofs where final. */
  audit(subject: string, page: PageQuery, caller: Caller): Promise<ProvenPageOf<AuditEntry>>
  /**
   * Final permits over records this caller is custodian of, in block order, strictly after `after`. Waits up to `waitMs` for the first when there is none.
   * `next` may stand beyond the last item when the blocks between hold no permit for the caller.
   */
  permits(query: { readonly after: { readonly height: number; readonly position: number }; readonly limit: number; readonly waitMs: number }, caller: Caller, signal: AbortSignal): Promise<Permits>
}

/** Ciphertext off the ledger. Blob and record ids are hex. Every call says who asks; the port decides whether that account may. */
export interface VaultPort {
  begin(blob: { readonly blob: string; readonly size: string; readonly chunkRoot: string }, caller: Caller): Promise<BlobStatus>
  status(blob: string, caller: Caller): Promise<BlobStatus>
  putChunk(blob: string, index: number, bytes: Uint8Array, caller: Caller): Promise<void>
  getChunk(blob: string, index: number, caller: Caller): Promise<Uint8Array>
  hashes(blob: string, caller: Caller): Promise<BlobHashes>
  /** Checks the blobs, replicates them and gathers storage receipts for one record version. A blob that brings its `bytes` (one chunk, hex) is stored first. */
  commit(version: { readonly record: string; readonly version: number; readonly blobs: readonly { readonly blob: string; readonly size: string; readonly bytes?: string }[] }, caller: Caller, signal: AbortSignal): Promise<StorageReceipts>
}
export interface MailboxPort {
  put(entry: Omit<MailboxEntry, 'storedAt'>, caller: Caller): Promise<void>
  get(request: string, section: number, kind: MailboxItem['kind'], caller: Caller): Promise<MailboxEntry>
  delete(request: string, section: number, kind: MailboxItem['kind'], caller: Caller): Promise<boolean>
  list(request: string, caller: Caller): Promise<MailboxItem[]>
}

export interface ClusterPort {
  status(signal: AbortSignal): Promise<ClusterStatus>
  nodeInfo(): NodeInfo
  membership(): Membership
  evidence(): EvidenceList
  /** Asks the members for their newest appended heads under `nonce` and checks the permit again at the highest (DESIGN §5.13). */
  releaseCheck(check: { readonly request: string; readonly nonce: string }, caller: Caller, signal: AbortSignal): Promise<ReleaseCheck>
}

/** One thing that happened. `cursor` is the feed's own (printable, ≤ 128 characters); going on after it neither skips nor repeats. */
export interface FeedItem<T> {
  readonly cursor: string
  readonly value: T
}
/**
 * Endless streams in order. They are pulled: a feed reads older items from the store, and holds nothing for a reader that does not ask.
 * `after` null: from now on. `RPC_CURSOR_INVALID` for a cursor that is none of this feed, thrown at once rather than
 * by the iterable, so that it answers the call. The iterable ends when `signal` aborts.
 */
export interface EventFeed {
  headers(after: string | null, signal: AbortSignal): AsyncIterable<FeedItem<BlockSummary>>
  /** Present status of each id first, then every change, until all are final, failed and final, or expired. */
  txStatus(ids: readonly string[], after: string | null, signal: AbortSignal): AsyncIterable<FeedItem<TxStatus>>
  audit(subject: string, caller: Caller, after: string | null, signal: AbortSignal): AsyncIterable<FeedItem<AuditEntry>>
}

/** All of the above; `node` fills it. */
export interface RpcPorts {
  readonly requests: RequestVerifier
  readonly reads: ReadBarrier
  readonly transactions: TransactionGate
  readonly cancellations: TransactionCanceller
  readonly chain: ChainReader
  readonly identity: IdentityReader
  readonly consents: ConsentReader
  readonly records: RecordReader
  readonly audit: AuditReader
  readonly vault: VaultPort
  readonly mailbox: MailboxPort
  readonly cluster: ClusterPort
  readonly events: EventFeed
}

/** What health and metrics show; read at once, without I/O, at each probe. Lengths in entries or blocks, sizes in bytes. */
export interface NodeReadings {
  readonly mode: 'starting' | 'normal' | 'repair' | 'fenced' | 'stopping'
  /** What exactly keeps the node from being `normal`, when more is known than the mode: in repair mode the damaged height. */
  readonly modeReason?: string
  readonly leader: number | null
  readonly isLeader: boolean
  readonly term: number
  readonly leaderChanges: number
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly height: number
  readonly finalHeight: number
  /** Age of the oldest committed block that is not final, in ms; 0 when there is none. */
  readonly finalityLagMs: number
  readonly voters: number
  /** Voters that answer and whose words count, this node included. */
  readonly votersReachable: number
  readonly writeQuorum: number
  readonly certificateQuorum: number
  readonly peers: number
  readonly mempoolTransactions: number
  readonly mempoolBytes: number
  readonly storage: { readonly ok: boolean; readonly freeBytes: number; readonly databaseBytes: number; readonly ledgerBytes: number }
  readonly syncing: boolean
  /** True while the node runs with keys that its own state does not name yet: it has no vote. */
  readonly keysAhead?: boolean
  /** Nodes that refuse this node's votes and acknowledgements, since it came back with less than it had. */
  readonly refusedBy?: readonly number[]
}
export interface ReadingsPort {
  read(): NodeReadings
}
