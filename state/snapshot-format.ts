import { compareBytes, equalBytes, toHex } from '../primitives/bytes.ts'
import { array, bytes, decode, encode, fixedBytes, oneOf, struct, u32, u64, boolean } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { blockHashOf, decodeHeader } from '../primitives/block.ts'
import type { BlockHeader } from '../primitives/block.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import { hash } from '../primitives/hash.ts'
import { MerkleAccumulator } from '../primitives/merkle.ts'
import { KEYSPACE } from './keyspace.ts'
import type { OrderedKeyspace } from './keyspace.ts'

export const SNAPSHOT_LIMITS = {
  /** A part holds about this many bytes of rows; one more row never makes it larger than a message between nodes. Equal on all nodes, so that parts are interchangeable. */
  chunkBytes: 512 * 1024,
  /** Rows (64 KiB at most) and framing beyond `chunkBytes`, and the block with its receipts. */
  chunkBytesMax: 8 * 1024 * 1024,
  chunksMax: 1 << 18,
  manifestBytesMax: 32 * 1024 * 1024,
} as const

/** Lists beside the state that travel with it: they cannot be made from the state alone. */
export const SNAPSHOT_INDEXES: readonly OrderedKeyspace[] = ['auditBySubject', 'auditByRequester', 'recordVersion', 'consentChange', 'permitByCustodian']
const INDEX_BYTES: readonly number[] = SNAPSHOT_INDEXES.map((space) => KEYSPACE[space])

const chunkEntry = struct({
  kind: oneOf('state', 'index', 'window', 'block'),
  /** state: how many leading bits of the key hash all its leaves share, and these bits, padded with zeros to whole bytes. 0 and empty otherwise. */
  bits: u32, path: bytes({ max: 32 }),
  rows: u32, bytes: u32, hash: fixedBytes(32),
})
export type ChunkEntry = Infer<typeof chunkEntry>

/**
 * What a snapshot consists of. All honest members make the same bytes at the same height; what proves that the block is final stands beside it, because each member gathers signatures in its own order.
 * `index` and the entry before it are the block's place in the log, which no header tells. `peaks`: complete subtrees, largest first, of the history of the blocks before this one.
 */
export const manifestSchema = struct({
  v: u32, chain: fixedBytes(32), height: u64, index: u64, header: bytes({ max: 2048 }),
  previous: struct({ term: u32, noop: boolean }),
  /** The block changes the voters, so its log entry is a reconfiguration. */
  change: boolean,
  peaks: array(fixedBytes(32), { max: 64 }), chunks: array(chunkEntry, { max: SNAPSHOT_LIMITS.chunksMax }),
})
export type Manifest = Infer<typeof manifestSchema>

/** A manifest that hangs together: its header belongs to the chain and height, its history is the header's, its state parts cover every key once. */
export interface ReadManifest { readonly manifest: Manifest; readonly header: BlockHeader; readonly block: Uint8Array; readonly id: Uint8Array; readonly bytes: Uint8Array }

export function snapshotId(chain: Uint8Array, manifest: Uint8Array): Uint8Array {
  return hash('snapshot', chain, manifest)
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  return encode(manifestSchema, manifest)
}

/** Reads and checks a manifest. Whether its block is final is for the caller. Throws `SNAPSHOT_VERSION_UNSUPPORTED`, `SNAPSHOT_WRONG_CHAIN` or `SNAPSHOT_INVALID` naming the rule. */
export function readManifest(chain: Uint8Array, data: Uint8Array): ReadManifest {
  const manifest = decoded(() => decode(manifestSchema, data, { maxBytes: SNAPSHOT_LIMITS.manifestBytesMax }), 'the manifest is canonical bytes')
  if (manifest.v !== 1) throw new SteleError({ code: 'SNAPSHOT_VERSION_UNSUPPORTED', message: 'the snapshot has a format that this program does not know', details: { version: manifest.v } })
  if (!equalBytes(manifest.chain, chain)) throw new SteleError({ code: 'SNAPSHOT_WRONG_CHAIN', message: 'the snapshot belongs to another chain', details: { chain: toHex(manifest.chain) } })
  const header = decoded(() => decodeHeader(manifest.header), 'the header is canonical bytes')
  if (header.v !== 1 || !equalBytes(header.chain, chain) || header.height !== manifest.height || header.height === 0n) throw invalidSnapshot('the header is that of the snapshot\'s height')
  if (manifest.index < manifest.height || manifest.index > BigInt(Number.MAX_SAFE_INTEGER)) throw invalidSnapshot('a block\'s index is at least its height')
  checkHistory(manifest, header)
  checkChunks(manifest.chunks)
  return { manifest, header, block: blockHashOf(chain, manifest.header), id: snapshotId(chain, data), bytes: data }
}

function decoded<T>(read: () => T, rule: string): T {
  try {
    return read()
  } catch (error) {
    if (errorCode(error)?.startsWith('CODEC_') !== true) throw error
    throw invalidSnapshot(rule, {}, error)
  }
}

function checkHistory({ height, peaks }: Manifest, header: BlockHeader): void {
  const size = Number(height)
  let count = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2
  if (peaks.length !== count || !equalBytes(MerkleAccumulator.restore(size, peaks).root(), header.historyRoot)) throw invalidSnapshot('the history is the one the header commits to')
}

/** In order: the state from the lowest key hash to the highest without gap or overlap, then lists, window, block. */
function checkChunks(chunks: readonly ChunkEntry[]): void {
  const order = ['state', 'index', 'window', 'block']
  let next = new Uint8Array(32)
  let covered = false
  chunks.forEach(({ kind, bits, path, bytes: length }, i) => {
    const before = chunks[i - 1]
    if (before !== undefined && order.indexOf(kind) < order.indexOf(before.kind)) throw invalidSnapshot('parts stand in their order', { chunk: i })
    if (length > SNAPSHOT_LIMITS.chunkBytesMax) throw invalidSnapshot('a part is not larger than a part may be', { chunk: i, bytes: length })
    if (kind !== 'state') {
      if (bits !== 0 || path.length > 0) throw invalidSnapshot('only parts of the state have a place in it', { chunk: i })
      return
    }
    if (covered || bits > 256 || path.length !== Math.ceil(bits / 8) || !equalBytes(padded(path), next)) throw invalidSnapshot('the parts of the state cover every key once', { chunk: i })
    const end = endOf(path, bits)
    if (end === undefined) covered = true
    else next = end
  })
  if (!covered) throw invalidSnapshot('the parts of the state cover every key once')
  if (chunks.filter(({ kind }) => kind === 'block').length !== 1) throw invalidSnapshot('a snapshot holds its block')
}

function padded(path: Uint8Array): Uint8Array {
  const whole = new Uint8Array(32)
  whole.set(path)
  return whole
}

/** First key hash past those that begin with `bits` bits of `path`; undefined past the last. Bits beyond `bits` must be zero, or it would not be where the next part begins. */
function endOf(path: Uint8Array, bits: number): Uint8Array<ArrayBuffer> | undefined {
  const end = new Uint8Array(32)
  end.set(path)
  for (let at = bits - 1; at >= 0; at--) {
    const mask = 1 << (7 - (at & 7))
    end[at >> 3]! ^= mask
    if ((end[at >> 3]! & mask) !== 0) return end
  }
  return undefined
}

export function invalidSnapshot(rule: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown): SteleError {
  return new SteleError({ code: 'SNAPSHOT_INVALID', message: 'the snapshot breaks a rule', details: { rule, ...details }, cause })
}

/** One part of the state: its leaves by ascending key hash, and the hashes beside the path from its place up to the state root, lowest first. */
export const stateChunkSchema = struct({ siblings: array(fixedBytes(32), { max: 256 }), leaves: bytes({ max: SNAPSHOT_LIMITS.chunkBytesMax }) })
/** The block itself, as it stands in the log, and its receipts. */
export const blockChunkSchema = struct({ data: bytes({ max: 1_300_000 }), receipts: array(bytes({ max: 1024 * 1024 }), { max: 1000 }) })

export interface PackedRow { readonly key: Uint8Array; readonly value: Uint8Array }

/** Bytes that a row takes in a part. */
export const rowBytes = ({ key, value }: PackedRow): number => 6 + key.length + value.length

/** Rows one after the other: u16 length of the key, u32 length of the value, both big-endian, key, value. */
export function packRows(rows: readonly PackedRow[]): Uint8Array {
  const out = new Uint8Array(rows.reduce((sum, row) => sum + rowBytes(row), 0))
  const view = new DataView(out.buffer)
  let at = 0
  for (const { key, value } of rows) {
    view.setUint16(at, key.length)
    view.setUint32(at + 2, value.length)
    out.set(key, at + 6)
    out.set(value, at + 6 + key.length)
    at += 6 + key.length + value.length
  }
  return out
}

/** Inverse of `packRows`; the rows are views. `SNAPSHOT_INVALID` when bytes are missing or left over. */
export function unpackRows(packed: Uint8Array): PackedRow[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length)
  const rows: PackedRow[] = []
  for (let at = 0; at < packed.length;) {
    const keyEnd = at + 6 > packed.length ? Infinity : at + 6 + view.getUint16(at)
    const end = keyEnd === Infinity ? Infinity : keyEnd + view.getUint32(at + 2)
    if (end > packed.length) throw invalidSnapshot('rows end where their part ends')
    rows.push({ key: packed.subarray(at + 6, keyEnd), value: packed.subarray(keyEnd, end) })
    at = end
  }
  return rows
}

/** Rows of the lists beside the state: keys of those keyspaces only, ascending. */
export function unpackIndexRows(packed: Uint8Array): PackedRow[] {
  const rows = unpackRows(packed)
  rows.forEach(({ key }, i) => {
    const before = rows[i - 1]
    if (!INDEX_BYTES.includes(key[0] ?? 0) || (before !== undefined && compareBytes(before.key, key) >= 0)) throw invalidSnapshot('a part of the lists holds their rows in order', { row: toHex(key.subarray(0, 64)) })
  })
  return rows
}
