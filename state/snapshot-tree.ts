import type { Digest } from './digest.ts'
import { bytesToText } from '../primitives/bytes.ts'
import { digestOf, nibbleAt, pairDigest } from './digest.ts'
import { invalidSnapshot } from './snapshot-format.ts'
import type { ChunkEntry, PackedRow } from './snapshot-format.ts'
import { loadNode } from './state-tree.ts'
import type { NodeSource } from './state-tree.ts'
import { Leaf, SLOTS, subtreeDigest, TreeNode } from './tree-node.ts'
import type { Subtree } from './tree-node.ts'
import { worldError } from './world-errors.ts'

const HEX_DIGITS = '0123456789abcdef'

/** A place in the state tree: the subtree of all keys whose hash begins with `bits` bits of `path`. */
export type TreePlace = Pick<ChunkEntry, 'bits' | 'path'>

/** What a part of the state gives to a node that it shares with other parts: one slot of it. */
export interface TopSlot { readonly path: string; readonly slot: number; readonly subtree: Subtree }

/** A part of the state as built from its leaves. `nodes`: tree nodes that lie in it entirely, by path. */
export interface BuiltChunk { readonly digest: Digest; readonly nodes: ReadonlyMap<string, TreeNode>; readonly tops: readonly TopSlot[] }

const bitAt = (path: Uint8Array, at: number): number => (path[at >> 3]! >> (7 - (at & 7))) & 1

/** Leaves of rows, checked to ascend by key hash and to lie at `place`. */
function leavesAt({ bits, path }: TreePlace, rows: readonly PackedRow[]): Leaf[] {
  const prefix = bytesToText(path)
  const wholeBytes = bits >> 3
  const mask = 0xff & ~(0xff >> (bits & 7))
  let before = ''
  return rows.map(({ key, value }, i) => {
    const keyHash = digestOf(key)
    const inPlace = keyHash.startsWith(prefix.slice(0, wholeBytes)) && ((bits & 7) === 0 || (keyHash.charCodeAt(wholeBytes) & mask) === path[wholeBytes])
    if (!inPlace || (i > 0 && keyHash <= before)) throw invalidSnapshot('leaves lie in their part and ascend by key hash')
    before = keyHash
    return new Leaf(keyHash, digestOf(value))
  })
}

/** Builds the subtree at `place` from all its leaves, by the rules of state-tree.ts. About three hashes a leaf. `SNAPSHOT_INVALID` when a leaf does not belong there. */
export function buildChunk(place: TreePlace, rows: readonly PackedRow[]): BuiltChunk {
  const leaves = leavesAt(place, rows)
  const nodes = new Map<string, TreeNode>()
  const build = (path: string, from: number, to: number): Subtree => {
    if (to - from < 2) return leaves[from] !== undefined && to > from ? leaves[from] : null
    const node = new TreeNode()
    fillSlots(node, path, from, to)
    nodes.set(path, node)
    return node.whole
  }
  const fillSlots = (node: TreeNode, path: string, from: number, to: number): void => {
    for (let at = from; at < to;) {
      const nibble = nibbleAt(leaves[at]!.keyHash, path.length)
      let end = at + 1
      while (end < to && nibbleAt(leaves[end]!.keyHash, path.length) === nibble) end++
      node.setSlot(nibble, build(path + HEX_DIGITS[nibble], at, end))
      at = end
    }
  }
  const { bits } = place
  const own = nibblesOf(place)
  if (bits % 4 === 0 && bits > 0) {
    const subtree = build(own, 0, leaves.length)
    return { digest: subtreeDigest(subtree), nodes, tops: [{ path: own.slice(0, -1), slot: HEX_DIGITS.indexOf(own.at(-1)!), subtree }] }
  }
  // The part is some slots of a node whose other slots belong to its neighbours.
  const top = new TreeNode()
  fillSlots(top, own, 0, leaves.length)
  const shared = bits % 4
  let position = 1
  for (let bit = 0; bit < shared; bit++) position = 2 * position + bitAt(place.path, bits - shared + bit)
  const first = position * 2 ** (4 - shared) - SLOTS
  const tops = Array.from({ length: 2 ** (4 - shared) }, (_, i) => ({ path: own, slot: first + i, subtree: top.slot(first + i) }))
  return { digest: subtreeDigest(top.subtree(position)), nodes, tops }
}

/** The path of the lowest node that holds all of `place`, in hex digits. */
function nibblesOf({ bits, path }: TreePlace): string {
  let nibbles = ''
  for (let i = 0; i < Math.floor(bits / 4); i++) nibbles += HEX_DIGITS[(path[i >> 1]! >> ((i & 1) === 0 ? 4 : 0)) & 15]
  return nibbles
}

/** Hashes beside the path from `place` up to the root, lowest first. Every subtree above a part has two leaves or more. */
export function placeSiblings(source: NodeSource, root: Digest, place: TreePlace): Digest[] {
  const siblings: Digest[] = []
  if (place.bits === 0) return siblings
  let node = loadNode(source, '', root)
  let position = 1
  for (let at = 0; at < place.bits; at++) {
    const bit = bitAt(place.path, at)
    siblings.push(subtreeDigest(node.subtree(2 * position + (1 - bit))))
    position = 2 * position + bit
    if (at % 4 !== 3 || at + 1 === place.bits) continue
    const below = node.subtree(position)
    const path = nibblesOf({ bits: at + 1, path: place.path })
    if (typeof below !== 'string') throw worldError('STATE_DAMAGED', { treePath: path })
    node = loadNode(source, path, below)
    position = 1
  }
  return siblings.reverse()
}

/** The state root that a part leads to. */
export function rootFrom({ bits, path }: TreePlace, digest: Digest, siblings: readonly Digest[]): Digest {
  return siblings.reduce((below, sibling, i) => (bitAt(path, bits - 1 - i) === 1 ? pairDigest(sibling, below) : pairDigest(below, sibling)), digest)
}

/** Puts together the nodes that parts share, lowest first; the root node is always among them. Returns them with the state root. */
export function joinTops(tops: Iterable<TopSlot>): { readonly root: Digest; readonly nodes: ReadonlyMap<string, TreeNode> } {
  const open = new Map<string, TreeNode>([['', new TreeNode()]])
  const at = (path: string): TreeNode => {
    let node = open.get(path)
    if (node === undefined) open.set(path, (node = new TreeNode()))
    return node
  }
  for (const { path, slot, subtree } of tops) at(path).setSlot(slot, subtree)
  const nodes = new Map<string, TreeNode>()
  for (let depth = Math.max(...[...open.keys()].map(({ length }) => length)); depth > 0; depth--) {
    for (const [path, node] of [...open].filter(([{ length }]) => length === depth)) {
      const { whole } = node
      if (typeof whole === 'string') nodes.set(path, node)
      at(path.slice(0, -1)).setSlot(HEX_DIGITS.indexOf(path.at(-1)!), whole)
    }
  }
  const root = open.get('')!
  nodes.set('', root)
  return { root: subtreeDigest(root.whole), nodes }
}
