import { type Digest, leafDigest, pairDigest, PLACEHOLDER } from './digest.ts'
import { worldError } from './world-errors.ts'

/** One key of the tree; immutable, so versions of a node share it. */
export class Leaf {
  readonly keyHash: Digest
  readonly valueHash: Digest
  #digest: Digest | undefined

  constructor(keyHash: Digest, valueHash: Digest) {
    this.keyHash = keyHash
    this.valueHash = valueHash
  }

  get digest(): Digest {
    return (this.#digest ??= leafDigest(this.keyHash, this.valueHash))
  }
}

/** What hangs at a position: nothing, exactly one leaf (which stands in for its whole subtree), or the hash of a subtree with two leaves or more. */
export type Subtree = null | Leaf | Digest

export function subtreeDigest(subtree: Subtree): Digest {
  return subtree === null ? PLACEHOLDER : typeof subtree === 'string' ? subtree : subtree.digest
}

/** JMT's rule: an empty subtree is the placeholder, a subtree with one leaf is that leaf, any other is the hash of its halves. */
function join(left: Subtree, right: Subtree): Subtree {
  if (left === null && typeof right !== 'string') return right
  if (right === null && typeof left !== 'string') return left
  return pairDigest(subtreeDigest(left), subtreeDigest(right))
}

export const SLOTS = 16

/**
 * Four levels of the binary tree stored as one row: a heap of 31 positions, 1 the node itself, 16–31 its slots. Slots hold leaves in place, so a leaf
 * costs no row of its own. The inner positions are computed when asked for and kept, so a changed slot costs four hashes.
 */
export class TreeNode {
  readonly #heap: (Subtree | undefined)[]
  #rowBytes = 0

  constructor(heap?: (Subtree | undefined)[]) {
    this.#heap = heap ?? new Array<Subtree | undefined>(2 * SLOTS).fill(null)
  }

  /** A copy that may be changed; the original stays as it is. */
  clone(): TreeNode {
    return new TreeNode(this.#heap.slice())
  }

  slot(index: number): Subtree {
    return this.#heap[SLOTS + index] ?? null
  }

  setSlot(index: number, subtree: Subtree): void {
    let position = SLOTS + index
    this.#rowBytes = 0
    this.#heap[position] = subtree
    for (position >>= 1; position > 0; position >>= 1) this.#heap[position] = undefined
  }

  /** What hangs at heap `position` (1–31). */
  subtree(position: number): Subtree {
    const known = this.#heap[position]
    if (known !== undefined) return known
    const joined = join(this.subtree(2 * position), this.subtree(2 * position + 1))
    this.#heap[position] = joined
    return joined
  }

  /** The node as its parent sees it. */
  get whole(): Subtree {
    return this.subtree(1)
  }

  /** Bytes of the row form. */
  get rowBytes(): number {
    if (this.#rowBytes > 0) return this.#rowBytes
    let bytes = 4
    for (let position = SLOTS; position < 2 * SLOTS; position++) {
      const subtree = this.#heap[position]
      if (subtree) bytes += typeof subtree === 'string' ? 32 : 64
    }
    this.#rowBytes = bytes
    return bytes
  }

  /** Row form: u16 bits of the used slots, u16 bits of those that are leaves, then per used slot 64 bytes (key hash, value hash) or 32 (subtree hash). Written at `at`; returns its end. */
  writeRow(target: Buffer, at: number): number {
    let used = 0
    let leaves = 0
    // Handed over at once: crossing into native code costs as much as a hundred bytes.
    let text = ''
    for (let index = 0; index < SLOTS; index++) {
      const subtree = this.#heap[SLOTS + index]
      if (!subtree) continue
      used |= 1 << index
      if (typeof subtree === 'string') text += subtree
      else {
        leaves |= 1 << index
        text += subtree.keyHash + subtree.valueHash
      }
    }
    target.writeUInt16BE(used, at)
    target.writeUInt16BE(leaves, at + 2)
    return at + 4 + target.write(text, at + 4, 'latin1')
  }

  /** The row form by itself. */
  encode(): Uint8Array {
    const row = Buffer.allocUnsafe(this.rowBytes)
    this.writeRow(row, 0)
    // A plain view: a Buffer's slice() would share memory where a Uint8Array's copies.
    return new Uint8Array(row.buffer, row.byteOffset, row.length)
  }

  /** Inverse of `encode`; `STATE_DAMAGED` naming `path` for any other bytes. */
  static decode(bytes: Uint8Array, path: string): TreeNode {
    const row = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (row.length < 4) throw worldError('STATE_DAMAGED', { treePath: path })
    const used = row.readUInt16BE(0)
    const leaves = row.readUInt16BE(2)
    const heap = new Array<Subtree | undefined>(2 * SLOTS).fill(undefined)
    let at = 4
    for (let index = 0; index < SLOTS; index++) {
      if (((used >> index) & 1) === 0) heap[SLOTS + index] = null
      else if (((leaves >> index) & 1) === 0) heap[SLOTS + index] = row.toString('latin1', at, (at += 32))
      else heap[SLOTS + index] = new Leaf(row.toString('latin1', at, at + 32), row.toString('latin1', at + 32, (at += 64)))
    }
    if (at !== row.length || (leaves & ~used) !== 0) throw worldError('STATE_DAMAGED', { treePath: path })
    return new TreeNode(heap)
  }
}
