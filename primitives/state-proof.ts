import { sha256 } from '#hash'
import { compareBytes, concatBytes, equalBytes, utf8Bytes } from './bytes.ts'
import { array, fixedBytes, type Infer, optional, struct } from './codec.ts'

/** The tree's depth in bits: a key hash has 256. */
const DEPTH_MAX = 256

/**
 * Proof that a key has a value under a state root, or has none.
 * `leaf`: what stands at the key's place: its own leaf (inclusion), another key's leaf that stands in for the whole subtree (absence), or null for an empty
 * subtree (absence). `siblings`: hashes beside the path from there to the root, lowest first.
 * Shape and rules of the Jellyfish Merkle tree: github.com/penumbra-zone/jmt, src/types/proof/definition.rs (SparseMerkleProof).
 */
export const stateProofSchema = struct({
  leaf: optional(struct({ keyHash: fixedBytes(32), valueHash: fixedBytes(32) })),
  siblings: array(fixedBytes(32), { max: DEPTH_MAX }),
})
export type StateProof = Infer<typeof stateProofSchema>

/** Root of the empty tree, and sibling where a subtree is empty: these 32 ASCII characters. */
export const EMPTY_STATE_ROOT = utf8Bytes('SPARSE_MERKLE_PLACEHOLDER_HASH__')

/** What is hashed in front of a leaf and of an inner node, and what stands for an empty subtree: all that ICS23 calls the constants of a sparse Merkle tree over SHA-256. */
export interface SparseTree { readonly leaf: Uint8Array; readonly inner: Uint8Array; readonly empty: Uint8Array }
/** Our tree: the constants of penumbra-zone/jmt. */
export const STATE_TREE: SparseTree = { leaf: utf8Bytes('JMT::LeafNode'), inner: utf8Bytes('JMT::IntrnalNode'), empty: EMPTY_STATE_ROOT }

function bitAt(bytes: Uint8Array, position: number): number {
  return (bytes[position >> 3]! >> (7 - (position & 7))) & 1
}

/** True when the first `bits` bits of two hashes agree. */
function samePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  for (let position = 0; position < bits; position++) if (bitAt(a, position) !== bitAt(b, position)) return false
  return true
}

/** Does the proof's leaf say about `keyHash` what is claimed? `value` undefined claims absence. */
function leafFits(keyHash: Uint8Array, value: Uint8Array | undefined, { leaf, siblings }: StateProof): boolean {
  if (value !== undefined) return leaf !== null && equalBytes(leaf.keyHash, keyHash) && equalBytes(leaf.valueHash, sha256(value))
  // A neighbour proves absence only where it stands alone in the very subtree the key would fall into.
  return leaf === null || (compareBytes(leaf.keyHash, keyHash) !== 0 && samePrefix(leaf.keyHash, keyHash, siblings.length))
}

function wellFormed(root: Uint8Array, { leaf, siblings }: StateProof): boolean {
  if (root.length !== 32 || siblings.length > DEPTH_MAX || siblings.some((sibling) => sibling.length !== 32)) return false
  return leaf === null || (leaf.keyHash.length === 32 && leaf.valueHash.length === 32)
}

/**
 * True when `proof` shows under `root` (32 bytes, taken from a certified header) that `key` has exactly `value`, or, with `value` undefined, that it has none.
 * Never throws for a decoded proof. At most 259 hashes.
 */
export function verifyStateProof(root: Uint8Array, key: Uint8Array, value: Uint8Array | undefined, proof: StateProof): boolean {
  return verifySparseProof(STATE_TREE, root, key, value, proof)
}

/** As `verifyStateProof`, for any tree of this kind: a leaf is hash(leaf ‖ key hash ‖ value hash), an inner node hash(inner ‖ left ‖ right). */
export function verifySparseProof({ leaf, inner, empty }: SparseTree, root: Uint8Array, key: Uint8Array, value: Uint8Array | undefined, proof: StateProof): boolean {
  if (!wellFormed(root, proof)) return false
  const keyHash = sha256(key)
  if (!leafFits(keyHash, value, proof)) return false
  let hash = proof.leaf === null ? empty : sha256(concatBytes(leaf, proof.leaf.keyHash, proof.leaf.valueHash))
  for (const [height, sibling] of proof.siblings.entries()) {
    const right = bitAt(keyHash, proof.siblings.length - 1 - height) === 1
    hash = right ? sha256(concatBytes(inner, sibling, hash)) : sha256(concatBytes(inner, hash, sibling))
  }
  return equalBytes(hash, root)
}
