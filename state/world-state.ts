import { invariant } from '../primitives/assert.ts'
import { concatBytes, bytesToText, equalBytes, toHex, u32Bytes, u64Bytes, utf8Bytes } from '../primitives/bytes.ts'
import { decode, encode, fixedBytes, type Infer, struct, u64 } from '../primitives/codec.ts'
import type { StateProof } from '../primitives/state-proof.ts'
import type { Database, DatabaseView, WriteOperation } from './database.ts'
import { type Digest, PLACEHOLDER, textToBytes } from './digest.ts'
import { type CacheOptions, DurableBase, type Merged, nodeKey } from './durable-base.ts'
import { indexOperation, type IndexWrite } from './indexes.ts'
import { KEYSPACE, rowKey } from './keyspace.ts'
import { Layer, type StateView } from './overlay.ts'
import { proveKey } from './state-tree.ts'
import { subtreeDigest } from './tree-node.ts'
import type { TreeNode } from './tree-node.ts'
import { SCHEMA_KEY, SCHEMA_VERSION, upgradeState } from './upgrade.ts'
import { worldError } from './world-errors.ts'
import { verifyWorld, type VerifyReport } from './world-verify.ts'

const POSITION_KEY = rowKey('meta', utf8Bytes('position'))
const FLOOR_KEY = rowKey('meta', utf8Bytes('floor'))
/** Rows deleted at a time. */
const PRUNE_BATCH = 2_000
/** Deleted bytes whose room is given back at a time: a fraction of a second on a disk of 100 MB/s. */
const PRUNE_PIECE_BYTES = 32 * 1024 * 1024
const positionSchema = struct({ chain: fixedBytes(32), height: u64, appliedIndex: u64, block: fixedBytes(32), root: fixedBytes(32) })
type StoredPosition = Infer<typeof positionSchema>

/** What the durable state stands at. Before genesis: height 0, index 0, a block hash of zeros. */
export interface AppliedPosition {
  readonly height: number
  /** Raft index of the last entry whose effects the state holds; after a crash the ledger is replayed from the next one. */
  readonly appliedIndex: number
  readonly blockHash: Uint8Array
}

export interface WorldOptions extends CacheOptions {
  /** 32 bytes; a database of another chain is refused with `STATE_WRONG_CHAIN`. */
  readonly chain: Uint8Array
  /**
   * True: a flush returns once it survives a power failure. False: a crash of the process still loses nothing, but after a power failure LevelDB may have lost a batch
   * from the middle; then the state directory must be deleted and replayed from the ledger.
   */
  readonly sync: boolean
}
export const WORLD_DEFAULTS = { valueCacheBytes: 8 * 1024 * 1024, nodeCacheBytes: 32 * 1024 * 1024, sync: true } as const

/** Upper nodes change with every block and are written once for all. Blocks seldom write the same key, so values are left as they are: the last in order wins. */
function merge(layers: readonly Layer[]): Merged {
  const changes = layers.map((layer) => layer.changes())
  const [only] = changes
  if (changes.length === 1) return { writes: [only!.writes], nodes: only!.nodes }
  const nodes = new Map<string, TreeNode | null>()
  for (const each of changes) for (const [path, node] of each.nodes) nodes.set(path, node)
  return { writes: changes.map(({ writes }) => writes), nodes }
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
  readonly #base: DurableBase
  #position: AppliedPosition
  #floor: number
  #flushing = false
  #closed = false
  /** Views that were replaced and close as soon as their last reader is done. */
  readonly #retiring = new Set<Promise<void>>()

  constructor(options: WorldOptions, database: Database) {
    const view = database.view()
    const stored = readPosition(view, options.chain)
    this.#database = database
    this.#options = options
    this.#base = new DurableBase(view, stored === undefined ? PLACEHOLDER : bytesToText(stored.root), options)
    this.#position = stored === undefined
      ? { height: 0, appliedIndex: 0, blockHash: new Uint8Array(32) }
      : { height: Number(stored.height), appliedIndex: Number(stored.appliedIndex), blockHash: stored.block }
    const floor = view.get(FLOOR_KEY)
    this.#floor = floor === undefined ? 1 : Number(new DataView(floor.buffer, floor.byteOffset, 8).getBigUint64(0))
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

  /** The database at the durable version, for reads that end before the next `await`: the next flush closes it. */
  rows(): DatabaseView { return this.#base.view }

  /** Reads that span several awaits: `use` sees one version throughout, whatever is flushed meanwhile. Hold it briefly, it keeps old rows from being compacted. */
  async read<T>(use: (rows: DatabaseView, position: AppliedPosition) => Promise<T>): Promise<T> {
    invariant(!this.#closed, 'the world state is open')
    const { shared } = this.#base
    shared.retain()
    try {
      return await use(shared.view, this.#position)
    } finally {
      await shared.release()
    }
  }

  /** Lowest height whose receipts are kept. 1 until something is pruned, or a snapshot was the beginning. */
  get floor(): number { return this.#floor }

  /** Remembers, durably, that receipts below `height` are not kept any more. */
  async setFloor(height: number): Promise<void> {
    await this.#database.write([{ key: FLOOR_KEY, value: u64Bytes(height) }], { sync: true })
    this.#floor = Math.max(this.#floor, height)
  }

  /**
   * Deletes the receipts below `floor`, gives their room back to the disk, and says how many rows those were. The floor rises first, so that nothing half-deleted is ever served. LevelDB cannot be
   * called back from giving room back, so that is done for about `pieceBytes` at a time: `signal` is heeded between two. What an interrupted run left goes with the next.
   */
  async pruneReceipts(floor: number, signal: AbortSignal, pieceBytes = PRUNE_PIECE_BYTES): Promise<number> {
    invariant(floor <= this.#position.height, 'receipts are pruned below the durable height', { floor })
    if (floor <= this.#floor) return 0
    await this.setFloor(floor)
    const to = rowKey('receipts', u64Bytes(floor))
    let [from, deleted, bytes] = [rowKey('receipts'), 0, 0]
    for (let batch = await this.#rowsIn(from, to); batch.keys.length > 0; batch = await this.#rowsIn(batch.next, to)) {
      signal.throwIfAborted()
      await this.#database.write(batch.keys.map((key) => ({ key, value: undefined })), { sync: false })
      deleted += batch.keys.length
      bytes += batch.bytes
      if (bytes < pieceBytes) continue
      await this.#database.compact({ from, to: batch.next })
      from = batch.next
      bytes = 0
    }
    signal.throwIfAborted()
    await this.#database.compact({ from, to })
    return deleted
  }

  /** The next rows to be deleted; `next`: where the ones after them begin. */
  async #rowsIn(from: Uint8Array, to: Uint8Array): Promise<{ readonly keys: readonly Uint8Array[]; readonly bytes: number; readonly next: Uint8Array }> {
    const view = this.#database.view()
    const keys: Uint8Array[] = []
    let bytes = 0
    try {
      for await (const { key, value } of view.range({ from, to, limit: PRUNE_BATCH })) {
        keys.push(key)
        bytes += key.length + value.length
      }
    } finally {
      await view.close()
    }
    return { keys, bytes, next: concatBytes(keys.at(-1) ?? from, Uint8Array.of(0)) }
  }

  /** The durable version of now, for reads that go on while others are flushed; `release` it. It keeps old rows from being compacted. */
  hold(): { readonly rows: DatabaseView; readonly position: AppliedPosition; readonly root: Uint8Array; release(): Promise<void> } {
    invariant(!this.#closed, 'the world state is open')
    const { shared } = this.#base
    shared.retain()
    const held: Promise<void>[] = []
    const release = (): Promise<void> => {
      if (held.length === 0) {
        const closing: Promise<void> = shared.release().then(() => { this.#retiring.delete(closing) })
        this.#retiring.add(closing)
        held.push(closing)
      }
      return held[0]!
    }
    return { rows: shared.view, position: this.#position, root: this.root, release }
  }

  /** Approximate bytes of the database on disk. */
  sizeBytes(): Promise<number> { return this.#database.sizeBytes() }

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
    for (const each of writes) for (const { key, value } of each.values()) operations.push({ space: KEYSPACE.value, key, value })
    // One allocation for all node rows; it is free again when the batch is written.
    let bytes = 0
    for (const node of nodes.values()) bytes += node?.rowBytes ?? 0
    const slab = Buffer.allocUnsafe(bytes)
    let at = 0
    for (const [path, node] of nodes) operations.push({ key: nodeKey(path), value: node === null ? undefined : slab.subarray(at, (at = node.writeRow(slab, at))) })
    for (const write of indexWrites) operations.push(indexOperation(write))
    operations.push(...positionOperations(this.#options.chain, { height, appliedIndex, blockHash }, root))
    return operations
  }

  #advance(layers: readonly Layer[], root: Digest, merged: Merged, position: AppliedPosition): void {
    const retired = this.#base.shared
    this.#base.advance(this.#database.view(), root, layers.at(-1), merged)
    this.#position = position
    for (const layer of layers) layer.flushed()
    const closing: Promise<void> = retired.release().then(() => { this.#retiring.delete(closing) })
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
    await Promise.all([...this.#retiring, this.#base.shared.release()])
    await this.#database.close()
  }
}

/** The rows that say what a database stands at. */
export function positionOperations(chain: Uint8Array, { height, appliedIndex, blockHash }: AppliedPosition, root: Digest): WriteOperation[] {
  const stored: StoredPosition = { chain, height: BigInt(height), appliedIndex: BigInt(appliedIndex), block: blockHash, root: textToBytes(root) }
  return [{ key: SCHEMA_KEY, value: u32Bytes(SCHEMA_VERSION) }, { key: POSITION_KEY, value: encode(positionSchema, stored) }]
}

function readPosition(view: DatabaseView, chain: Uint8Array): StoredPosition | undefined {
  const schema = view.get(SCHEMA_KEY)
  if (schema === undefined) return undefined
  // Read before anything else: a newer program may have changed every other row.
  if (!equalBytes(schema, u32Bytes(SCHEMA_VERSION))) throw worldError('STATE_VERSION_UNSUPPORTED', { stored: toHex(schema), supported: toHex(u32Bytes(SCHEMA_VERSION)) })
  const row = view.get(POSITION_KEY)
  if (row === undefined) throw worldError('STATE_DAMAGED', { row: toHex(POSITION_KEY) })
  const position = decode(positionSchema, row)
  if (!equalBytes(position.chain, chain)) throw worldError('STATE_WRONG_CHAIN')
  return position
}

/** Opens the world state over an open database, which it owns from then on. `STATE_DAMAGED`, `STATE_WRONG_CHAIN`, `STATE_VERSION_UNSUPPORTED`. */
export function openWorldState(database: Database, options: { readonly chain: Uint8Array } & Partial<WorldOptions>): WorldState {
  return new WorldState({ ...WORLD_DEFAULTS, ...options }, database)
}

/** Opens what a node left behind, bringing it to the newest schema first. The database is closed when that fails. */
export async function openStoredState(database: Database, options: { readonly chain: Uint8Array } & Partial<WorldOptions>): Promise<WorldState> {
  try {
    await upgradeState(database)
    return openWorldState(database, options)
  } catch (error) {
    await database.close()
    throw error
  }
}
