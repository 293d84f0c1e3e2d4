import { invariant } from '../primitives/assert.ts'
import { equalBytes, utf8Bytes } from '../primitives/bytes.ts'
import { decode, encode, fixedBytes, type Infer, struct, u32, u64 } from '../primitives/codec.ts'
import type { StateProof } from '../primitives/state-proof.ts'
import type { Database, DatabaseView, WriteOperation } from './database.ts'
import { type Digest, bytesToText, PLACEHOLDER, textToBytes } from './digest.ts'
import { indexOperation, type IndexWrite } from './indexes.ts'
import { KEYSPACE, rowKey } from './keyspace.ts'
import { Layer, type LayerBase, type StateView, type StateWrite } from './overlay.ts'
import { proveKey } from './state-tree.ts'
import { RecentCache } from './recent-cache.ts'
import { subtreeDigest, TreeNode } from './tree-node.ts'
import { worldError } from './world-errors.ts'
import { verifyWorld, type VerifyReport } from './world-verify.ts'

const SCHEMA_VERSION = 1
const POSITION_KEY = rowKey('meta', utf8Bytes('position'))
const positionSchema = struct({ schema: u32, chain: fixedBytes(32), height: u64, appliedIndex: u64, block: fixedBytes(32), root: fixedBytes(32) })
type StoredPosition = Infer<typeof positionSchema>

/** What the durable state stands at. Before genesis: height 0, index 0, a block hash of zeros. */
export interface AppliedPosition {
  readonly height: number
  /** Raft index of the last entry whose effects the state holds; after a crash the ledger is replayed from the next one. */
  readonly appliedIndex: number
  readonly blockHash: Uint8Array
}

export interface WorldOptions {
  /** 32 bytes; a database of another chain is refused with `STATE_WRONG_CHAIN`. */
  readonly chain: Uint8Array
  /** Bytes of values kept in memory. Too small: contracts read LevelDB (about 6 µs a key). */
  readonly valueCacheBytes: number
  /** Bytes of tree nodes kept in memory. Below 8 MiB the upper levels of a large tree are read and hashed again for every block; 32 MiB hold the tree of 100,000 keys. */
  readonly nodeCacheBytes: number
  /** True: a flush returns once it survives a power failure. False leaves that to the operating system; the ledger replays what is lost. */
  readonly sync: boolean
}
export const WORLD_DEFAULTS = { valueCacheBytes: 8 * 1024 * 1024, nodeCacheBytes: 32 * 1024 * 1024, sync: true } as const

/** Stands in the value cache for a key known to be absent. */
const ABSENT = new Uint8Array(0)
/** What a cached entry costs besides the bytes of its value. */
const ENTRY_OVERHEAD_BYTES = 250
/** A node in memory: its heap, and three times its row for strings and inner hashes (measured). */
const NODE_OVERHEAD_BYTES = 400

/** The durable state as one version, under all layers. */
class Base implements LayerBase {
  root: Digest
  generation = 0
  newestFlushed: Layer | undefined
  view: DatabaseView
  readonly #values: RecentCache<Uint8Array>
  readonly #nodes: RecentCache<TreeNode>

  constructor(view: DatabaseView, root: Digest, options: WorldOptions) {
    this.view = view
    this.root = root
    this.#values = new RecentCache(options.valueCacheBytes, (value) => value.length + ENTRY_OVERHEAD_BYTES)
    this.#nodes = new RecentCache(options.nodeCacheBytes, (node) => NODE_OVERHEAD_BYTES + 3 * node.rowBytes)
  }

  valueAt(text: string, key: Uint8Array): Uint8Array | undefined {
    const cached = this.#values.get(text)
    if (cached !== undefined) return cached === ABSENT ? undefined : cached
    const value = this.view.get(rowKey('value', key))
    this.#values.set(text, value ?? ABSENT)
    return value
  }

  nodeAt(path: string): TreeNode | undefined {
    const cached = this.#nodes.get(path)
    if (cached !== undefined) return cached
    const row = this.view.get(nodeKey(path))
    if (row === undefined) return undefined
    const node = TreeNode.decode(row, path)
    this.#nodes.set(path, node)
    return node
  }

  /** Moves to the version that `view` shows, of which the changes are known. */
  advance(view: DatabaseView, root: Digest, newest: Layer | undefined, { writes, nodes }: Merged): void {
    for (const [text, { value }] of writes) this.#values.set(text, value ?? ABSENT)
    for (const [path, node] of nodes) {
      if (node === null) this.#nodes.delete(path)
      else this.#nodes.set(path, node)
    }
    this.view = view
    this.root = root
    this.generation++
    this.newestFlushed = newest
  }
}

interface Merged { readonly writes: Map<string, StateWrite>; readonly nodes: Map<string, TreeNode | null> }

function nodeKey(path: string): Uint8Array {
  const key = new Uint8Array(1 + path.length)
  key[0] = KEYSPACE.node
  for (let i = 0; i < path.length; i++) key[1 + i] = path.charCodeAt(i)
  return key
}

/** Later layers win, so a key or node changed by many blocks is written once. */
function merge(layers: readonly Layer[]): Merged {
  const merged: Merged = { writes: new Map(), nodes: new Map() }
  for (const layer of layers) {
    const { writes, nodes } = layer.changes()
    for (const [text, write] of writes) merged.writes.set(text, write)
    for (const [path, node] of nodes) merged.nodes.set(path, node)
  }
  return merged
}

/** A state that can be proved: the durable one, or a sealed layer. */
export interface ProvableState extends StateView {
  /** 32 bytes. */
  readonly root: Uint8Array
  /** Inclusion or absence under `root`; `STATE_DAMAGED` when value and tree disagree. */
  prove(key: Uint8Array): { readonly value: Uint8Array | undefined; readonly proof: StateProof }
}

/** The agreed key-value state of one node: durable version, speculative layers over it, and the flush that moves the former on. */
export class WorldState {
  readonly #database: Database
  readonly #options: WorldOptions
  readonly #base: Base
  #position: AppliedPosition
  #flushing = false
  #closed = false
  /** Views that were replaced and close as soon as their last reader is done. */
  readonly #retiring = new Set<Promise<void>>()

  constructor(options: WorldOptions, database: Database) {
    const view = database.view()
    const stored = readPosition(view, options.chain)
    this.#database = database
    this.#options = options
    this.#base = new Base(view, stored === undefined ? PLACEHOLDER : bytesToText(stored.root), options)
    this.#position = stored === undefined
      ? { height: 0, appliedIndex: 0, blockHash: new Uint8Array(32) }
      : { height: Number(stored.height), appliedIndex: Number(stored.appliedIndex), blockHash: stored.block }
    const rootNode = this.#base.nodeAt('')
    if (subtreeDigest(rootNode?.whole ?? null) !== this.#base.root) throw worldError('STATE_DAMAGED', { treePath: '(root)' })
  }

  /** What the durable state stands at. */
  get position(): AppliedPosition { return this.#position }
  get height(): number { return this.#position.height }
  get appliedIndex(): number { return this.#position.appliedIndex }
  get root(): Uint8Array { return textToBytes(this.#base.root) }
  /** True before the first flush: genesis has not been written. */
  get isEmpty(): boolean { return this.#base.generation === 0 && this.#position.appliedIndex === 0 && this.#base.root === PLACEHOLDER && this.#base.view.get(POSITION_KEY) === undefined }

  /** The durable state, moving on with each flush. */
  view(): ProvableState {
    const base = this.#base
    return {
      get: (key) => base.valueAt(bytesToText(key), key),
      get root() { return textToBytes(base.root) },
      prove: (key) => {
        // Read past the cache, so that what is proved is what is stored.
        const value = base.view.get(rowKey('value', key))
        return { value, proof: proveKey(base, base.root, key, value) }
      },
    }
  }

  /** A sealed layer as a provable state. */
  viewOf(layer: Layer): ProvableState {
    return {
      get: (key) => layer.get(key),
      get root() { return layer.root },
      prove: (key) => {
        const value = layer.get(key)
        return { value, proof: proveKey(layer, layer.rootDigest, key, value) }
      },
    }
  }

  /** The database at the durable version, for the readers in indexes.ts. Take it anew for each request: the next flush retires it. */
  rows(): DatabaseView { return this.#base.view }

  /** An open layer for a block whose parent block is `parent`, or is the one the durable state stands at. */
  newLayer(parent?: Layer): Layer {
    invariant(!this.#closed, 'the world state is open')
    return new Layer(this.#base, parent)
  }

  /**
   * Makes `layers` durable, oldest first, each upon the one before and the first upon the durable state, in one atomic batch with the position and the index rows. Readers see the
   * old version until it is written, then the new one. Layers upon the last go on; competitors become stale. May span many blocks; only one at a time. `STATE_WRITE_FAILED`: stop the node.
   */
  async flush(layers: readonly Layer[], position: AppliedPosition, indexWrites: readonly IndexWrite[] = []): Promise<void> {
    invariant(!this.#flushing && !this.#closed, 'one flush at a time, while open')
    let below: Layer | undefined
    for (const layer of layers) {
      invariant(layer.status === 'sealed' && layer.parent() === below, 'flushed layers are sealed and stand upon each other in order')
      below = layer
    }
    invariant(position.appliedIndex >= this.#position.appliedIndex && position.height >= this.#position.height, 'the applied position never goes back')
    this.#flushing = true
    try {
      const root = below?.rootDigest ?? this.#base.root
      const merged = merge(layers)
      await this.#database.write(this.#operations(merged, position, root, indexWrites), { sync: this.#options.sync })
      this.#advance(layers, root, merged, position)
    } finally {
      this.#flushing = false
    }
  }

  #operations({ writes, nodes }: Merged, { height, appliedIndex, blockHash }: AppliedPosition, root: Digest, indexWrites: readonly IndexWrite[]): WriteOperation[] {
    const operations: WriteOperation[] = []
    for (const { key, value } of writes.values()) operations.push({ key: rowKey('value', key), value })
    // One allocation for all node rows; it is free again when the batch is written.
    let bytes = 0
    for (const node of nodes.values()) bytes += node?.rowBytes ?? 0
    const slab = Buffer.allocUnsafe(bytes)
    let at = 0
    for (const [path, node] of nodes) operations.push({ key: nodeKey(path), value: node === null ? undefined : slab.subarray(at, (at = node.writeRow(slab, at))) })
    for (const write of indexWrites) operations.push(indexOperation(write))
    const stored: StoredPosition = { schema: SCHEMA_VERSION, chain: this.#options.chain, height: BigInt(height), appliedIndex: BigInt(appliedIndex), block: blockHash, root: textToBytes(root) }
    operations.push({ key: POSITION_KEY, value: encode(positionSchema, stored) })
    return operations
  }

  #advance(layers: readonly Layer[], root: Digest, merged: Merged, position: AppliedPosition): void {
    const retired = this.#base.view
    this.#base.advance(this.#database.view(), root, layers.at(-1) ?? this.#base.newestFlushed, merged)
    this.#position = position
    for (const layer of layers) layer.flushed()
    const closing: Promise<void> = retired.close().then(() => { this.#retiring.delete(closing) })
    this.#retiring.add(closing)
  }

  /** Reads everything and recomputes the root; see world-verify.ts. */
  verifyAll(signal?: AbortSignal): Promise<VerifyReport> {
    return verifyWorld(this.#database.view(), this.#base.root, this.#position.height, signal)
  }

  /** Ends reading and closes the database. Idempotent; the flush under way must have ended. */
  async close(): Promise<void> {
    if (this.#closed) return
    invariant(!this.#flushing, 'no flush is under way when the world state closes')
    this.#closed = true
    await Promise.all([...this.#retiring, this.#base.view.close()])
    await this.#database.close()
  }
}

function readPosition(view: DatabaseView, chain: Uint8Array): StoredPosition | undefined {
  const row = view.get(POSITION_KEY)
  if (row === undefined) return undefined
  const position = decode(positionSchema, row)
  if (position.schema !== SCHEMA_VERSION) throw worldError('STATE_VERSION_UNSUPPORTED', { stored: position.schema, supported: SCHEMA_VERSION })
  if (!equalBytes(position.chain, chain)) throw worldError('STATE_WRONG_CHAIN')
  return position
}

/** Opens the world state over an open database, which it owns from then on. `STATE_DAMAGED`, `STATE_WRONG_CHAIN`, `STATE_VERSION_UNSUPPORTED`. */
export function openWorldState(database: Database, options: { readonly chain: Uint8Array } & Partial<WorldOptions>): WorldState {
  return new WorldState({ ...WORLD_DEFAULTS, ...options }, database)
}
