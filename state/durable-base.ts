import type { DatabaseView } from './database.ts'
import type { Digest } from './digest.ts'
import { KEYSPACE, rowKey } from './keyspace.ts'
import type { Layer, LayerBase, StateWrite } from './overlay.ts'
import { RecentCache } from './recent-cache.ts'
import { TreeNode } from './tree-node.ts'

/** What a flush changes: the writes of each layer, oldest first, and the newest form of each node (null: gone). */
export interface Merged { readonly writes: readonly ReadonlyMap<string, StateWrite>[]; readonly nodes: ReadonlyMap<string, TreeNode | null> }

export interface CacheOptions {
  /** Bytes of values kept in memory. Too small: contracts read LevelDB (about 6 µs a key). */
  readonly valueCacheBytes: number
  /** Bytes of tree nodes kept in memory besides the four upper levels, which always stay. 32 MiB hold the tree of 100,000 keys; with less, updates read and hash more nodes again. */
  readonly nodeCacheBytes: number
}

/** Row key of the tree node at `path`. */
export function nodeKey(path: string): Uint8Array {
  const key = new Uint8Array(1 + path.length)
  key[0] = KEYSPACE.node
  for (let i = 0; i < path.length; i++) key[1 + i] = path.charCodeAt(i)
  return key
}

/** Stands in the value cache for a key known to be absent. */
const ABSENT = new Uint8Array(0)
/** What a cached entry costs besides the bytes of its value. */
const ENTRY_OVERHEAD_BYTES = 250
/** A node in memory: its heap, and three times its row for strings and inner hashes (measured). */
const NODE_OVERHEAD_BYTES = 400
/** Nodes down to this depth stay in memory: at most 4,369 of them, about 9 MiB, and every block of a large tree goes through most of them. */
const UPPER_DEPTH = 3

/** A database view that closes when its last user lets go. */
export class SharedView {
  readonly view: DatabaseView
  #users = 1

  constructor(view: DatabaseView) {
    this.view = view
  }

  retain(): void {
    this.#users++
  }

  async release(): Promise<void> {
    if (--this.#users === 0) await this.view.close()
  }
}

/** The durable state as one version, under all layers. */
export class DurableBase implements LayerBase {
  root: Digest
  generation = 0
  newestFlushed: Layer | undefined
  #shared: SharedView
  readonly #values: RecentCache<Uint8Array>
  readonly #upperNodes = new Map<string, TreeNode>()
  readonly #lowerNodes: RecentCache<TreeNode>

  constructor(view: DatabaseView, root: Digest, options: CacheOptions) {
    this.#shared = new SharedView(view)
    this.root = root
    this.#values = new RecentCache(options.valueCacheBytes, (value) => value.length + ENTRY_OVERHEAD_BYTES)
    this.#lowerNodes = new RecentCache(options.nodeCacheBytes, (node) => NODE_OVERHEAD_BYTES + 3 * node.rowBytes)
  }

  get view(): DatabaseView { return this.#shared.view }
  get shared(): SharedView { return this.#shared }

  valueAt(text: string, key: Uint8Array): Uint8Array | undefined {
    const cached = this.#values.get(text)
    if (cached !== undefined) return cached === ABSENT ? undefined : cached
    const value = this.view.get(rowKey('value', key))
    this.#values.set(text, value ?? ABSENT)
    return value
  }

  nodeAt(path: string): TreeNode | undefined {
    const cached = path.length <= UPPER_DEPTH ? this.#upperNodes.get(path) : this.#lowerNodes.get(path)
    if (cached !== undefined) return cached
    const row = this.view.get(nodeKey(path))
    if (row === undefined) return undefined
    const node = TreeNode.decode(row, path)
    this.#cacheNode(path, node)
    return node
  }

  #cacheNode(path: string, node: TreeNode | null): void {
    const nodes = path.length <= UPPER_DEPTH ? this.#upperNodes : this.#lowerNodes
    if (node === null) nodes.delete(path)
    else nodes.set(path, node)
  }

  /** Moves to the version that `view` shows, of which the changes are known. */
  advance(view: DatabaseView, root: Digest, newest: Layer | undefined, { writes, nodes }: Merged): void {
    // What nobody has read is not kept: most of what a block writes is not read soon, and keeping it costs more than the reads do. A copy, since the bytes of a block share memory.
    for (const each of writes) for (const [text, { value }] of each) this.#values.refresh(text, () => (value === undefined ? ABSENT : new Uint8Array(value)))
    for (const [path, node] of nodes) this.#cacheNode(path, node)
    this.#shared = new SharedView(view)
    this.root = root
    // A flush of no block (entries without one) leaves the ground under the layers as it was.
    if (newest === undefined) return
    this.generation++
    this.newestFlushed = newest
  }
}
