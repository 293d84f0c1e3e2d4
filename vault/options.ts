/** Settings of the local blob store. */
export interface BlobStoreOptions {
  /** Folder of the store; made when absent, mode 0700. One process at a time. */
  readonly directory: string
  /** Bytes the store may take, uploads included. Too small refuses records (`VAULT_QUOTA`), too large leaves the refusal to the disk. */
  readonly quotaBytes: bigint
  /** Bytes of the disk the store leaves free: the ledger beside it stops the node when the disk is full, so the vault must stop first. */
  readonly freeBytesMin: bigint
  /** Uploads in progress at once. Too small refuses importers (`VAULT_BUSY`), too large lets an idle peer hold more of the quota. */
  readonly uploadsMax: number
  /** An upload that got nothing for this long is removed. Too short makes slow links start over, too long keeps room for the dead. */
  readonly uploadExpiryMs: number
  /** How often expired uploads are looked for. */
  readonly sweepIntervalMs: number
}

export const BLOB_STORE_DEFAULTS: Omit<BlobStoreOptions, 'directory'> = {
  quotaBytes: 1024n ** 4n,
  freeBytesMin: 512n * 1024n * 1024n,
  uploadsMax: 256,
  uploadExpiryMs: 24 * 60 * 60 * 1000,
  sweepIntervalMs: 10 * 60 * 1000,
}

/** Settings of the mailbox. */
export interface MailboxOptions {
  /** Folder of the mailbox; made when absent, mode 0700. */
  readonly directory: string
  /** Sealed bytes in one entry; sealed keys take 176, sealed details up to 9 KiB. */
  readonly entryBytesMax: number
  /** Entries kept at once. */
  readonly entriesMax: number
  /** How often expired entries are removed from disk; an expired entry is not served meanwhile. */
  readonly sweepIntervalMs: number
}

export const MAILBOX_DEFAULTS: Omit<MailboxOptions, 'directory'> = {
  entryBytesMax: 64 * 1024,
  entriesMax: 1_000_000,
  sweepIntervalMs: 60 * 1000,
}

/** Settings of replication between members. */
export interface ReplicationOptions {
  /** Members that keep a record, this one included (R); fewer when the consortium has fewer. A chain parameter in effect, so it is asked for each record: `records.register` demands as many receipts. */
  readonly copies: number
  /** Chunks on the way to one member at once. More fills a long link, and holds that many MiB. */
  readonly chunksInFlight: number
  /** Blobs pushed to one member at once. */
  readonly blobsInFlight: number
  /** How long one request to a member may take. Too short fails slow links on a 1 MiB chunk, too long waits for the dead. */
  readonly requestTimeoutMs: number
}

export const REPLICATION_DEFAULTS: ReplicationOptions = { copies: 3, chunksInFlight: 4, blobsInFlight: 4, requestTimeoutMs: 30_000 }
