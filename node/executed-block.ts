import type { BlockHeader } from '../primitives/block.ts'
import type { MerkleAccumulator } from '../primitives/merkle.ts'
import type { Receipt } from '../primitives/receipt.ts'
import type { Transaction } from '../primitives/transaction.ts'
import type { VoterChange } from '../contracts/index.ts'
import type { WindowLayer } from '../contracts/runtime/replay-window.ts'
import type { Layer } from '../state/overlay.ts'
import type { NextRules } from './chain-rules.ts'

/** A hash that the history tree closed with a block: complete subtree over leaves [index · 2^level, (index + 1) · 2^level). */
export interface HistoryNode { readonly level: number; readonly index: number; readonly hash: Uint8Array }

/** A block that this node executed: everything its commit will make durable. `index` and `term` are those of its log entry. */
export interface ExecutedBlock {
  readonly index: number
  readonly term: number
  readonly height: number
  readonly hash: Uint8Array
  readonly header: BlockHeader
  readonly headerBytes: Uint8Array
  readonly transactions: readonly Transaction[]
  readonly receipts: readonly Receipt[]
  readonly receiptBytes: readonly Uint8Array[]
  readonly layer: Layer
  readonly window: WindowLayer
  /** The history tree with this block as its last leaf. */
  readonly history: MerkleAccumulator
  readonly historyNodes: readonly HistoryNode[]
  /** What the next block stands under. */
  readonly rules: NextRules
  /** What a change of members or a recovery changes in consensus, in order; empty for every other block. */
  readonly changes: readonly VoterChange[]
}

/** What the next block stands on: the newest executed block, or what the durable state stands at. */
export interface Tip {
  readonly height: number
  readonly hash: Uint8Array
  readonly timeMs: bigint
  readonly history: MerkleAccumulator
  readonly layer: Layer | undefined
  readonly window: WindowLayer | undefined
  readonly rules: NextRules
}
