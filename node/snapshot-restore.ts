import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes } from '../primitives/bytes.ts'
import { decodeBlock } from '../primitives/block.ts'
import { decode } from '../primitives/codec.ts'
import { leafHash, MerkleAccumulator, merkleRoot } from '../primitives/merkle.ts'
import type { WindowContent } from '../contracts/index.ts'
import type { Database } from '../state/database.ts'
import { blockWrites, receiptWrites, transactionWrites } from '../state/indexes.ts'
import { checkChunk, chunkName } from '../state/snapshot-folder.ts'
import type { SnapshotFolder } from '../state/snapshot-folder.ts'
import { SNAPSHOT_LIMITS, blockChunkSchema, invalidSnapshot } from '../state/snapshot-format.ts'
import type { ReadManifest } from '../state/snapshot-format.ts'
import { SnapshotInstall } from '../state/snapshot-install.ts'
import { openWorldState } from '../state/world-state.ts'
import type { WorldState } from '../state/world-state.ts'
import { readBlock } from './block-check.ts'
import { historyPeakRows, historyRows } from './block-index.ts'
import { checkWindow, unpackWindow } from './snapshot-window.ts'

/** One kind of parts of a snapshot whose files lie in `folder`, each compared with the manifest. `SNAPSHOT_CHUNK_CORRUPT`. */
async function partsOf(folder: string, { manifest }: ReadManifest, kind: 'window' | 'block'): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for (const [n, entry] of manifest.chunks.entries()) {
    if (entry.kind !== kind) continue
    const bytes = await readFile(join(folder, chunkName(n)))
    checkChunk(entry, bytes, { chunk: n })
    parts.push(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length))
  }
  return parts
}

/** The replay window as it stood after the block of the snapshot at `height`. SNAPSHOT_*. */
export async function snapshotWindow(snapshots: SnapshotFolder, height: number): Promise<WindowContent> {
  return unpackWindow(await partsOf(snapshots.of(height), await snapshots.manifest(height), 'window'))
}

/** The snapshot's block and its receipts, compared with the roots of the certified header. */
export async function snapshotBlock(folder: string, read: ReadManifest): Promise<{ readonly data: Uint8Array; readonly receipts: readonly Uint8Array[] }> {
  const [bytes] = await partsOf(folder, read, 'block')
  const part = decode(blockChunkSchema, bytes!, { maxBytes: SNAPSHOT_LIMITS.chunkBytesMax })
  const sameHeader = equalBytes(decodeBlock(part.data).header, read.manifest.header)
  if (!sameHeader || part.receipts.length !== read.header.count || !equalBytes(merkleRoot(part.receipts), read.header.eventRoot)) throw invalidSnapshot('the block and its receipts are those of the header')
  return part
}

/** Completes a state whose parts are all installed: checks what the state alone does not prove, and adds the rows a node has of its newest block. `parts`: the folder of the snapshot's files. */
export async function finishRestoredState(world: WorldState, parts: string, read: ReadManifest, lifetimeMsMax: number): Promise<void> {
  const { manifest, header, block } = read
  const height = Number(manifest.height)
  checkWindow(unpackWindow(await partsOf(parts, read, 'window')), world.view(), header.timeMs, lifetimeMsMax)
  const { data, receipts } = await snapshotBlock(parts, read)
  const history = MerkleAccumulator.restore(height, manifest.peaks)
  const rows = [...historyPeakRows(height, manifest.peaks), ...historyRows(history.appendHash(leafHash(block))), ...blockWrites(height, block, Number(manifest.index)), ...receiptWrites(height, receipts)]
  // The lists came with the snapshot; what is left is how the block itself is found.
  rows.push(...transactionWrites(height, readBlock(data, manifest.chain).transactions.map(({ id }) => id)))
  await world.flush([], world.position, rows)
  await world.setFloor(height)
}

/** Builds a state in an empty database from a snapshot in this node's own folder. The world owns the database from then on. SNAPSHOT_*, or `signal`'s reason. */
export async function restoreState(database: Database, snapshots: SnapshotFolder, height: number, lifetimeMsMax: number, signal: AbortSignal | undefined): Promise<WorldState> {
  const read = await snapshots.manifest(height)
  const install = await SnapshotInstall.open(database, read)
  for (const [n, entry] of read.manifest.chunks.entries()) {
    signal?.throwIfAborted()
    await install.take(n, await snapshots.chunk(height, n, entry))
  }
  await install.finish()
  const world = openWorldState(database, { chain: read.manifest.chain })
  await finishRestoredState(world, snapshots.of(height), read, lifetimeMsMax)
  return world
}
