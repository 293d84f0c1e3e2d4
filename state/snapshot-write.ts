import { writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { encode } from '../primitives/codec.ts'
import { sha256 } from '../primitives/hash.ts'
import type { DatabaseView } from './database.ts'
import { bytesToText } from '../primitives/bytes.ts'
import { textToBytes } from './digest.ts'
import { nodeKey } from './durable-base.ts'
import { rowKey, spaceEnd } from './keyspace.ts'
import { SNAPSHOT_INDEXES, SNAPSHOT_LIMITS, blockChunkSchema, encodeManifest, packRows, rowBytes, stateChunkSchema } from './snapshot-format.ts'
import type { ChunkEntry, Manifest, PackedRow } from './snapshot-format.ts'
import { chunkName } from './snapshot-folder.ts'
import type { SnapshotFolder } from './snapshot-folder.ts'
import { LeafSorter } from './snapshot-sort.ts'
import { buildChunk, placeSiblings, rootFrom } from './snapshot-tree.ts'
import { TreeNode } from './tree-node.ts'
import { worldError } from './world-errors.ts'

/** The replay window as it stood after the snapshot's block, packed by the caller, each piece at most a part long. */
export interface SnapshotSource {
  /** The database exactly at `height`; not closed here. */
  readonly view: DatabaseView
  readonly databaseBytes: number
  readonly stateRoot: Uint8Array
  readonly head: Omit<Manifest, 'chunks'>
  readonly window: readonly { readonly rows: number; readonly bytes: Uint8Array }[]
  readonly block: { readonly data: Uint8Array; readonly receipts: readonly Uint8Array[] }
}

export interface WriteOptions {
  /** Called between short pieces of work: resolves when the next may be done, rejects to give up. */
  readonly pace: () => Promise<void>
  readonly chunkBytes?: number
  readonly bucketBits?: number
  readonly spillBytes?: number
}

const SYNCS_AT_ONCE = 16
const BUCKET_BYTES = 8 * 1024 * 1024
const READ_AHEAD_BYTES = 512 * 1024
const SPILL_BYTES = 32 * 1024 * 1024

/**
 * Writes a snapshot while the database goes on: reads one version of it. Memory: `spillBytes` and one bucket; disk: the state once more while it is sorted.
 * Every part of the state is checked against the root before it is written. Nothing of it counts until it is finished. `STATE_DAMAGED` when rows and tree disagree.
 */
export async function writeSnapshot(folder: SnapshotFolder, source: SnapshotSource, options: WriteOptions): Promise<Uint8Array> {
  const height = Number(source.head.height)
  const directory = await folder.begin(height)
  const writer = new PartWriter(directory, options.pace)
  await writeState(writer, directory, source, options)
  await writeLists(writer, source.view, options.chunkBytes ?? SNAPSHOT_LIMITS.chunkBytes)
  for (const { rows, bytes } of source.window) await writer.write('window', rows, bytes)
  await writer.write('block', 1, encode(blockChunkSchema, { data: source.block.data, receipts: [...source.block.receipts] }))
  await writer.settle()
  const manifest = encodeManifest({ ...source.head, chunks: writer.chunks })
  await folder.finish(height, manifest)
  return manifest
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}

const NOWHERE = { bits: 0, path: new Uint8Array(0) }

class PartWriter {
  readonly chunks: ChunkEntry[] = []
  readonly #directory: string
  readonly pace: () => Promise<void>

  constructor(directory: string, pace: () => Promise<void>) {
    this.#directory = directory
    this.pace = pace
  }

  /** All parts are durable when this resolves. */
  async settle(): Promise<void> {
    for (let from = 0; from < this.chunks.length; from += SYNCS_AT_ONCE) {
      await Promise.all(this.chunks.slice(from, from + SYNCS_AT_ONCE).map((_, i) => syncFile(join(this.#directory, chunkName(from + i)))))
    }
  }

  async write(kind: ChunkEntry['kind'], rows: number, bytes: Uint8Array, place: Pick<ChunkEntry, 'bits' | 'path'> = NOWHERE): Promise<void> {
    // Into the page cache at once: on a busy event loop each await costs a turn of it. Nothing of it counts before `settle`.
    writeFileSync(join(this.#directory, chunkName(this.chunks.length)), bytes, { mode: 0o600, flag: 'wx' })
    this.chunks.push({ kind, ...place, rows, bytes: bytes.length, hash: sha256(bytes) })
    await this.pace()
  }
}

async function writeState(writer: PartWriter, directory: string, { view, databaseBytes, stateRoot }: SnapshotSource, options: WriteOptions): Promise<void> {
  const bucketBits = options.bucketBits ?? Math.min(12, Math.max(0, Math.ceil(Math.log2(Math.max(1, databaseBytes) / BUCKET_BYTES))))
  const sorter = new LeafSorter({ directory, bucketBits, spillBytes: options.spillBytes ?? SPILL_BYTES })
  let count = 0
  for await (const { key, value } of view.range({ from: rowKey('value'), to: spaceEnd('value'), readAheadBytes: READ_AHEAD_BYTES })) {
    await sorter.add({ key: key.subarray(1), value })
    if (++count % 1024 === 0) await writer.pace()
  }
  const root = bytesToText(stateRoot)
  const nodes = { nodeAt: (path: string): TreeNode | undefined => maybeNode(view, path) }
  for await (const { place, rows } of sorter.parts(options.chunkBytes ?? SNAPSHOT_LIMITS.chunkBytes)) {
    const siblings = placeSiblings(nodes, root, place)
    if (rootFrom(place, buildChunk(place, rows).digest, siblings) !== root) throw worldError('STATE_DAMAGED', { treePath: `${place.bits} bits`, rows: rows.length })
    await writer.write('state', rows.length, encode(stateChunkSchema, { siblings: siblings.map(textToBytes), leaves: packRows(rows) }), place)
  }
}

function maybeNode(view: DatabaseView, path: string): TreeNode | undefined {
  const row = view.get(nodeKey(path))
  return row === undefined ? undefined : TreeNode.decode(row, path)
}

async function writeLists(writer: PartWriter, view: DatabaseView, chunkBytes: number): Promise<void> {
  let rows: PackedRow[] = []
  let bytes = 0
  for (const space of SNAPSHOT_INDEXES) {
    for await (const row of view.range({ from: rowKey(space), to: spaceEnd(space), readAheadBytes: READ_AHEAD_BYTES })) {
      if (rows.length > 0 && bytes + rowBytes(row) > chunkBytes) {
        await writer.write('index', rows.length, packRows(rows))
        rows = []
        bytes = 0
      }
      rows.push(row)
      bytes += rowBytes(row)
      if (rows.length % 256 === 0) await writer.pace()
    }
  }
  if (rows.length > 0) await writer.write('index', rows.length, packRows(rows))
}
