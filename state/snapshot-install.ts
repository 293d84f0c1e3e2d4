import { bytesToText, equalBytes, u32Bytes, utf8Bytes } from '../primitives/bytes.ts'
import { array, decode, encode, fixedBytes, oneOf, optional, struct, text, u32 } from '../primitives/codec.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { Database, WriteOperation } from './database.ts'
import { textToBytes } from './digest.ts'
import { nodeKey } from './durable-base.ts'
import { rowKey } from './keyspace.ts'
import { SNAPSHOT_LIMITS, invalidSnapshot, stateChunkSchema, unpackIndexRows, unpackRows } from './snapshot-format.ts'
import type { ChunkEntry, ReadManifest } from './snapshot-format.ts'
import { buildChunk, joinTops, rootFrom } from './snapshot-tree.ts'
import type { BuiltChunk, TopSlot } from './snapshot-tree.ts'
import { Leaf } from './tree-node.ts'
import type { TreeNode } from './tree-node.ts'
import { positionOperations } from './world-state.ts'

const ID_KEY = rowKey('meta', utf8Bytes('install'))
const doneKey = (n: number): Uint8Array => rowKey('meta', utf8Bytes('install-'), u32Bytes(n))
const doneSchema = struct({ tops: array(struct({ path: text({ max: 64, pattern: /^[0-9a-f]*$/ }), slot: u32, kind: oneOf('leaf', 'hash'), keyHash: optional(fixedBytes(32)), hash: fixedBytes(32) }), { max: 16 }) })

/** Checks one part of the state against the certified root, with nothing but itself. Returns what it is built of. `SNAPSHOT_INVALID`. */
export function checkStateChunk(entry: ChunkEntry, bytes: Uint8Array, stateRoot: Uint8Array): { readonly rows: ReturnType<typeof unpackRows>; readonly built: BuiltChunk } {
  let chunk
  try {
    chunk = decode(stateChunkSchema, bytes, { maxBytes: SNAPSHOT_LIMITS.chunkBytesMax })
  } catch (error) {
    if (errorCode(error)?.startsWith('CODEC_') !== true) throw error
    throw invalidSnapshot('a part of the state is canonical bytes', {}, error)
  }
  const rows = unpackRows(chunk.leaves)
  const built = buildChunk(entry, rows)
  const proved = chunk.siblings.length === entry.bits && rootFrom(entry, built.digest, chunk.siblings.map(bytesToText)) === bytesToText(stateRoot)
  if (!proved || rows.length !== entry.rows) throw invalidSnapshot('a part of the state leads to the certified state root', { bits: entry.bits, rows: rows.length })
  return { rows, built }
}

/**
 * Builds a state database from the parts of a snapshot, in any order. Each part is proved before its rows are written, in one durable batch with the note that it is there;
 * so a killed installation goes on where it was. `finish` puts the tree together. Until then the database holds no position, and nothing takes it for a state.
 */
export class SnapshotInstall {
  readonly #database: Database
  readonly #read: ReadManifest
  readonly #tops = new Map<number, readonly TopSlot[]>()

  private constructor(database: Database, read: ReadManifest) {
    this.#database = database
    this.#read = read
  }

  /** `SNAPSHOT_OTHER_BEGUN` when the database holds parts of another snapshot: delete it first. */
  static async open(database: Database, read: ReadManifest): Promise<SnapshotInstall> {
    const install = new SnapshotInstall(database, read)
    const view = database.view()
    try {
      const begun = view.get(ID_KEY)
      if (begun === undefined) await database.write([{ key: ID_KEY, value: read.id }], { sync: true })
      else if (!equalBytes(begun, read.id)) throw new SteleError({ code: 'SNAPSHOT_OTHER_BEGUN', message: 'parts of another snapshot were begun here' })
      read.manifest.chunks.forEach((_, n) => {
        const row = view.get(doneKey(n))
        if (row !== undefined) install.#tops.set(n, decode(doneSchema, row).tops.map((top) => ({ path: top.path, slot: top.slot, subtree: top.kind === 'hash' ? bytesToText(top.hash) : new Leaf(bytesToText(top.keyHash ?? new Uint8Array(32)), bytesToText(top.hash)) })))
      })
    } finally {
      await view.close()
    }
    return install
  }

  /** True when part `n` is in the database. */
  has(n: number): boolean { return this.#tops.has(n) }

  /** Takes part `n`, whose digest the caller has compared. `SNAPSHOT_INVALID` when it does not prove itself; then nothing was written. */
  async take(n: number, bytes: Uint8Array): Promise<void> {
    const entry = this.#read.manifest.chunks[n]!
    const operations: WriteOperation[] = []
    let tops: readonly TopSlot[] = []
    if (entry.kind === 'state') {
      const { rows, built } = checkStateChunk(entry, bytes, this.#read.header.stateRoot)
      for (const { key, value } of rows) operations.push({ key: rowKey('value', key), value })
      operations.push(...nodeOperations(built.nodes))
      tops = built.tops
    } else if (entry.kind === 'index') {
      const rows = unpackIndexRows(bytes)
      if (rows.length !== entry.rows) throw invalidSnapshot('a part holds as many rows as its manifest says', { chunk: n })
      operations.push(...rows)
    }
    operations.push({ key: doneKey(n), value: encode(doneSchema, { tops: tops.flatMap(storedTop) }) })
    await this.#database.write(operations, { sync: true })
    this.#tops.set(n, tops)
  }

  /** Joins the parts, compares the whole root with the header's, and writes where the state stands. `SNAPSHOT_INVALID` when parts are missing or do not fit together. */
  async finish(): Promise<void> {
    const { manifest, header, block } = this.#read
    if (this.#tops.size !== manifest.chunks.length) throw invalidSnapshot('every part is there', { parts: this.#tops.size, of: manifest.chunks.length })
    const { root, nodes } = joinTops([...this.#tops.values()].flat())
    if (root !== bytesToText(header.stateRoot)) throw invalidSnapshot('the parts together give the state root', { height: Number(manifest.height) })
    const done = manifest.chunks.map((_, n): WriteOperation => ({ key: doneKey(n), value: undefined }))
    await this.#database.write([
      ...nodeOperations(nodes), ...done, { key: ID_KEY, value: undefined },
      ...positionOperations(manifest.chain, { height: Number(manifest.height), appliedIndex: Number(manifest.index), blockHash: block }, root),
    ], { sync: true })
  }
}

function nodeOperations(nodes: ReadonlyMap<string, TreeNode>): WriteOperation[] {
  return Array.from(nodes, ([path, node]) => ({ key: nodeKey(path), value: node.encode() }))
}

function storedTop({ path, slot, subtree }: TopSlot): { path: string; slot: number; kind: 'leaf' | 'hash'; keyHash: Uint8Array | null; hash: Uint8Array }[] {
  if (subtree === null) return []
  if (typeof subtree === 'string') return [{ path, slot, kind: 'hash', keyHash: null, hash: textToBytes(subtree) }]
  return [{ path, slot, kind: 'leaf', keyHash: textToBytes(subtree.keyHash), hash: textToBytes(subtree.valueHash) }]
}
