import type { BlobRef } from '../privacy/blob.ts'

/** Chunks `first` to `last`, both included. */
export interface ChunkRange { readonly first: number; readonly last: number }

/** How far a blob is. `missing` is empty exactly when every chunk is there; `damaged` lists chunks found damaged since the start. */
export interface BlobStat {
  readonly blob: Uint8Array
  readonly size: bigint
  readonly chunkCount: number
  readonly complete: boolean
  readonly missing: readonly ChunkRange[]
  readonly damaged: readonly number[]
}

/** A blob in the making whose id is not known yet: chunks in order, then its id. */
export interface BlobStage {
  /** Next chunk; only the last may be shorter than 1 MiB + 16 bytes. `VAULT_INPUT_INVALID` otherwise. */
  append(chunk: Uint8Array): Promise<void>
  /** The blob, complete and on disk. */
  finish(): Promise<BlobRef>
  /** Forgets what was appended. Harmless after `finish`. */
  abort(): Promise<void>
}

/**
 * Ciphertext by its id, the hash of its content (drivers: local disk, later S3). All ids are 32 bytes.
 * Every method may throw `VAULT_STOPPED`, `VAULT_IO`, and where it writes `VAULT_DISK_FULL`.
 */
export interface BlobStore {
  /**
   * Announces a blob. With `chunkHashes` (checked against the id: `VAULT_INPUT_INVALID`) every chunk is checked as it comes; without, only their
   * total is, at `finish`. Announcing again goes on where the last attempt ended; a complete blob answers complete.
   * `VAULT_QUOTA`, `VAULT_BUSY` when there is no room.
   */
  begin(ref: BlobRef, chunkHashes?: readonly Uint8Array[]): Promise<BlobStat>
  /** Complete, and not known to be damaged. */
  has(blob: Uint8Array): Promise<boolean>
  /** Undefined for a blob never announced, expired or deleted. */
  stat(blob: Uint8Array): Promise<BlobStat | undefined>
  /** Stores a chunk of an announced blob; a no-op when it is there. `VAULT_NOT_FOUND`, `VAULT_CHUNK_REFUSED`. */
  putChunk(blob: Uint8Array, index: number, chunk: Uint8Array): Promise<void>
  /** Makes the blob complete: all chunks there, their root and size give its id, all on disk. `VAULT_INCOMPLETE`, `VAULT_ROOT_MISMATCH`. Twice is a no-op. */
  finish(blob: Uint8Array): Promise<BlobRef>
  /** A chunk of a complete blob, its hash checked now. `VAULT_NOT_FOUND`, `VAULT_DAMAGED` with blob and index. */
  getChunk(blob: Uint8Array, index: number): Promise<Uint8Array>
  /** Leaf hashes of a complete blob; they give its id. `VAULT_NOT_FOUND`, `VAULT_DAMAGED` with index -1. */
  chunkHashes(blob: Uint8Array): Promise<readonly Uint8Array[]>
  /** Removes the blob, complete or not; false when there was none. */
  delete(blob: Uint8Array): Promise<boolean>
  /** Ids of complete blobs, damaged ones too, in byte order. */
  list(): AsyncIterable<Uint8Array>
  /** A blob whose id comes out at the end, from a custodian that encrypts as it goes. */
  stage(): Promise<BlobStage>
  /** Reads and re-hashes everything: indexes of damaged chunks, -1 for the list of hashes itself; empty when sound. `VAULT_NOT_FOUND`. */
  verify(blob: Uint8Array, signal?: AbortSignal): Promise<number[]>
  /** Puts back a damaged chunk (index ≥ 0). `VAULT_CHUNK_REFUSED` unless it is the right one. */
  repairChunk(blob: Uint8Array, index: number, chunk: Uint8Array): Promise<void>
  /** Puts back a damaged list of hashes; checked against the id. */
  repairHashes(ref: BlobRef, chunkHashes: readonly Uint8Array[]): Promise<void>
}

/** A node of the consortium, as the ledger names it. `attestationKey` is its Ed25519 public key (32 bytes), which signs storage receipts. */
export interface VaultNode { readonly node: number; readonly member: number; readonly attestationKey: Uint8Array }

/** The way to the other members' vaults; filled by p2p. */
export interface VaultPeers {
  /** All other nodes the ledger names, whether reachable or not. */
  nodes(): readonly VaultNode[]
  /** One request, one answer, each at most `VAULT_WIRE.messageBytesMax` bytes. Rejects when the node cannot be reached or `signal` aborts. */
  request(node: number, message: Uint8Array, signal: AbortSignal): Promise<Uint8Array>
}
