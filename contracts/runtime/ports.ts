import type { SignatureItem } from '../../primitives/signature.ts'

/** Agreed state as execution reads it: point reads only. There are no range reads, so lists are counter-indexed keys. */
export interface StateView {
  /** The bytes under `key`, undefined when absent. The caller does not change them. */
  get(key: Uint8Array): Uint8Array | undefined
}

/**
 * The write set of the block in progress over the state before it. Savepoints nest: `begin` opens one, `commit` keeps what was written
 * since, `rollback` drops it. Whoever owns the store drops the whole layer when a block is refused.
 */
export interface StateStore extends StateView {
  put(key: Uint8Array, value: Uint8Array): void
  delete(key: Uint8Array): void
  begin(): void
  commit(): void
  rollback(): void
}

/**
 * Verdict on one signature: pure mathematics, equal on every node. The node checks a transaction's `proofsOf` at the door in
 * batches and answers from that cache; on a miss it computes.
 */
export type Verified = (item: SignatureItem) => boolean
