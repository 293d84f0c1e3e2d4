import { borrowJoined, equalBytes } from './bytes.ts'
import { sha256, sha256Into } from './hash.ts'

/**
 * The Merkle tree of RFC 9162 §2.1 (same as RFC 6962): leaf = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right),
 * a tree of no leaves has the hash of the empty string. A proof for a tree of size 0 is never valid.
 */
const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array(0))
export const leafHash = (data: Uint8Array): Uint8Array => sha256(borrowJoined(LEAF, data))
export const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(borrowJoined(NODE, left, right))

/** The largest power of two smaller than `size` (size ≥ 2). */
function split(size: number): number {
  let k = 1
  while (k * 2 < size) k *= 2
  return k
}

/** Exact for every safe integer ≥ 1; `Math.log2` rounds 2^49 + 1 down to a power. */
function isPowerOfTwo(size: number): boolean {
  let rest = size
  while (rest % 2 === 0) rest /= 2
  return rest === 1
}

const HASH_BYTES = 32
/** Input of a node's hash; for one reading only. */
const pair = new Uint8Array(1 + 2 * HASH_BYTES)
pair[0] = NODE[0]!

/** Root over `count` ≥ 1 hashes that stand behind each other in `level`, which is used up: each level is written over the one below, so that nothing is made for a hash. */
function foldUp(level: Uint8Array, count: number): Uint8Array {
  for (let size = count; size > 1; size = (size + 1) >> 1) {
    for (let i = 0; i + 1 < size; i += 2) {
      for (let from = i * HASH_BYTES, at = 1; at < pair.length; at++) pair[at] = level[from++]!
      sha256Into(pair, level, (i >> 1) * HASH_BYTES)
    }
    // An odd last node moves up unchanged.
    if (size % 2 === 1) level.copyWithin(((size - 1) >> 1) * HASH_BYTES, (size - 1) * HASH_BYTES, size * HASH_BYTES)
  }
  return level.slice(0, HASH_BYTES)
}

/** Root over leaf hashes, in order. */
export function rootOfHashes(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return EMPTY_ROOT
  const level = new Uint8Array(HASH_BYTES * hashes.length)
  for (let i = 0; i < hashes.length; i++) level.set(hashes[i]!, i * HASH_BYTES)
  return foldUp(level, hashes.length)
}

/** Root over leaf data, in order. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return EMPTY_ROOT
  const level = new Uint8Array(HASH_BYTES * leaves.length)
  for (let i = 0; i < leaves.length; i++) sha256Into(borrowJoined(LEAF, leaves[i]!), level, i * HASH_BYTES)
  return foldUp(level, leaves.length)
}

/** Hash of the complete subtree over leaves [index · 2^level, (index + 1) · 2^level). */
export type SubtreeHash = (level: number, index: number) => Uint8Array

/** Hash of the range [start, start + size), whose start is a multiple of a power of two ≥ size (as every RFC 9162 subtree is). */
function rangeHash(start: number, size: number, subtree: SubtreeHash): Uint8Array {
  if (isPowerOfTwo(size)) return subtree(Math.log2(size), start / size)
  const left = split(size)
  return nodeHash(rangeHash(start, left, subtree), rangeHash(start + left, size - left, subtree))
}

/** Inclusion path (RFC 9162 §2.1.3.1) of leaf `index` in a tree of `size` leaves, lowest sibling first. `size` > `index` ≥ 0. */
export function inclusionPathOf(index: number, size: number, subtree: SubtreeHash): Uint8Array[] {
  const path: Uint8Array[] = []
  let start = 0
  let span = size
  while (span > 1) {
    const left = split(span)
    if (index < start + left) {
      path.push(rangeHash(start + left, span - left, subtree))
      span = left
    } else {
      path.push(rangeHash(start, left, subtree))
      start += left
      span -= left
    }
  }
  return path.reverse()
}

/** Subtree hashes of a list of leaf hashes held in memory. */
export function subtreeOfHashes(hashes: readonly Uint8Array[]): SubtreeHash {
  return (level, index) => rootOfHashes(hashes.slice(index * 2 ** level, (index + 1) * 2 ** level))
}

export function inclusionPath(index: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  return inclusionPathOf(index, leaves.length, subtreeOfHashes(leaves.map(leafHash)))
}

/** RFC 9162 §2.1.3.2. Never true for size 0 or an index outside the tree. Indexes and sizes are safe integers. */
export function verifyInclusion(index: number, size: number, leaf: Uint8Array, path: readonly Uint8Array[], root: Uint8Array): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size || leaf.length !== 32) return false
  let fn = index
  let sn = size - 1
  let r = leaf
  for (const sibling of path) {
    if (sibling.length !== 32 || sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(sibling, r)
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2
        sn = Math.floor(sn / 2)
      }
    } else {
      r = nodeHash(r, sibling)
    }
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && equalBytes(r, root)
}

/** Consistency path (RFC 9162 §2.1.4.1) from the tree of the first `size1` leaves to that of `size2`, lowest first. 1 ≤ `size1` ≤ `size2`; empty when they are equal. */
export function consistencyPathOf(size1: number, size2: number, subtree: SubtreeHash): Uint8Array[] {
  const path: Uint8Array[] = []
  let start = 0
  let old = size1
  let span = size2
  while (old !== span) {
    const left = split(span)
    if (old <= left) {
      path.push(rangeHash(start + left, span - left, subtree))
      span = left
    } else {
      path.push(rangeHash(start, left, subtree))
      start += left
      old -= left
      span -= left
    }
  }
  // An old tree that is one complete subtree (start 0) is the verifier's own root and is not sent.
  if (start !== 0) path.push(rangeHash(start, span, subtree))
  return path.reverse()
}

/** RFC 9162 §2.1.4.2: the tree of `size2` leaves extends the tree of `size1`. Size 0 proves nothing here: it is refused, whatever the path. */
export function verifyConsistency(size1: number, size2: number, root1: Uint8Array, root2: Uint8Array, path: readonly Uint8Array[]): boolean {
  if (!Number.isSafeInteger(size1) || !Number.isSafeInteger(size2) || size1 < 1 || size1 > size2) return false
  if (path.some((hash) => hash.length !== 32)) return false
  if (size1 === size2) return path.length === 0 && equalBytes(root1, root2)
  if (path.length === 0) return false
  const hashes = isPowerOfTwo(size1) ? [root1, ...path] : [...path]
  let fn = size1 - 1
  let sn = size2 - 1
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  let fr = hashes[0]!
  let sr = hashes[0]!
  for (const sibling of hashes.slice(1)) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(sibling, fr)
      sr = nodeHash(sibling, sr)
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2
        sn = Math.floor(sn / 2)
      }
    } else {
      sr = nodeHash(sr, sibling)
    }
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && equalBytes(fr, root1) && equalBytes(sr, root2)
}

/** Grows a tree leaf by leaf, keeping only the hashes of its complete subtrees, largest first: log2(size) of them. */
export class MerkleAccumulator {
  size = 0
  #peaks: Uint8Array[] = []

  /** Continues a tree of `size` leaves whose complete subtrees, largest first, are `peaks`. */
  static restore(size: number, peaks: readonly Uint8Array[]): MerkleAccumulator {
    const tree = new MerkleAccumulator()
    tree.size = size
    tree.#peaks = [...peaks]
    return tree
  }

  get peaks(): readonly Uint8Array[] { return this.#peaks }

  clone(): MerkleAccumulator { return MerkleAccumulator.restore(this.size, this.#peaks) }

  /** Adds a leaf hash; returns the complete subtrees this closes, lowest level first (level 0 is the leaf itself). */
  appendHash(hash: Uint8Array): { readonly level: number; readonly index: number; readonly hash: Uint8Array }[] {
    const closed = [{ level: 0, index: this.size, hash }]
    let node = hash
    for (let rest = this.size, level = 1; rest % 2 === 1; rest = (rest - 1) / 2, level++) {
      node = nodeHash(this.#peaks.pop()!, node)
      closed.push({ level, index: Math.floor(this.size / 2 ** level), hash: node })
    }
    this.#peaks.push(node)
    this.size++
    return closed
  }

  append(data: Uint8Array): void { this.appendHash(leafHash(data)) }

  root(): Uint8Array {
    if (this.#peaks.length === 0) return EMPTY_ROOT
    return this.#peaks.reduceRight((right, left) => nodeHash(left, right))
  }
}
