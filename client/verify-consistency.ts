import { equalBytes, toHex } from '../primitives/bytes.ts'
import { blockHashOf, decodeHeader, type BlockHeader } from '../primitives/block.ts'
import { decode } from '../primitives/codec.ts'
import { leafHash, verifyConsistency as verifyTrees, verifyInclusion } from '../primitives/merkle.ts'
import { finalitySchema, verifyFinality, type Finality } from '../primitives/receipt.ts'
import { clientError } from './errors.ts'
import { anchorOf, type TrustAnchor } from './trust-anchor.ts'

/** A block a client has seen final before and keeps as its own memory of the chain. */
export interface Checkpoint { readonly height: number; readonly hash: Uint8Array }

/**
 * Checks that the block of `header` is final and that its chain goes through `checkpoint`, which the client saw before: so no node, nor a later quorum, can show
 * another past. `path`: inclusion path of the checkpoint in the header's history (leaf i = block i); a checkpoint at the header's own height needs none.
 * Returns the header. Throws PROOF_*, CERTIFICATE_*, CODEC_*, or `CLIENT_HISTORY_FORKED` when the checkpoint is not in that history.
 */
export function verifyCheckpoint(anchor: TrustAnchor, checkpoint: Checkpoint, header: Uint8Array, finality: Finality | Uint8Array, path: readonly Uint8Array[] = []): BlockHeader {
  const trusted = anchorOf(anchor)
  const proven = verifyFinality(trusted.id, trusted.members, header, finality instanceof Uint8Array ? decode(finalitySchema, finality) : finality)
  const height = Number(proven.height)
  const holds = checkpoint.height === height
    ? equalBytes(blockHashOf(trusted.id, header), checkpoint.hash)
    : verifyInclusion(checkpoint.height, height, leafHash(checkpoint.hash), path, proven.historyRoot)
  if (!holds) throw clientError('CLIENT_HISTORY_FORKED', { details: { checkpoint: checkpoint.height, hash: toHex(checkpoint.hash), height } })
  return proven
}

/**
 * True when the history under the header `newer` extends that under `older` (RFC 9162 §2.1.4): the same blocks below the older height, none rewritten. Heights are the
 * tree sizes, since the history of block h covers the blocks 0 … h − 1. Says nothing about finality: verify both headers for that.
 */
export function verifyConsistency(older: Uint8Array, newer: Uint8Array, path: readonly Uint8Array[]): boolean {
  const [a, b] = [decodeHeader(older), decodeHeader(newer)]
  return equalBytes(a.chain, b.chain) && verifyTrees(Number(a.height), Number(b.height), a.historyRoot, b.historyRoot, path)
}
