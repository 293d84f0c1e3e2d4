import { concatBytes, fromHex, maybeFromHex, toHex, u32Bytes, u64Bytes } from '../primitives/bytes.ts'
import type { DatabaseView, WriteOperation } from './database.ts'
import { KEYSPACE, type Keyspace, type Location, locationBytes, locationFrom, locationsBytes, type OrderedKeyspace, rowKey } from './keyspace.ts'
import { worldError } from './world-errors.ts'

/** A row beside the state, written in the same batch as the block it comes from. Never part of the state root: it can be rebuilt from the ledger. */
export interface IndexWrite { readonly space: Keyspace; readonly key: Uint8Array; readonly value: Uint8Array }

/** Place of a row under its owner: height, transaction in the block, row of the transaction (from 0). */
export interface Place extends Location { readonly ordinal: number }

export function indexOperation({ space, key, value }: IndexWrite): WriteOperation {
  return { space: KEYSPACE[space], key, value }
}

/** Where each transaction of a block stands, given their ids in order of position. */
export function transactionWrites(height: number, ids: readonly Uint8Array[]): IndexWrite[] {
  const values = locationsBytes(height, ids.length)
  return ids.map((key, position) => ({ space: 'transaction', key, value: values[position]! }))
}

/** Both ways: height → (hash, Raft index) and hash → height. */
export function blockWrites(height: number, blockHash: Uint8Array, raftIndex: number): IndexWrite[] {
  return [
    { space: 'block', key: u64Bytes(height), value: concatBytes(blockHash, u64Bytes(raftIndex)) },
    { space: 'blockHash', key: blockHash, value: u64Bytes(height) },
  ]
}

/** Receipts of a block that share a row: a row of their own each was a fifth of all rows. */
export const RECEIPTS_PER_ROW = 16

/** All receipts of a block, in order of position. */
export function receiptWrites(height: number, receipts: readonly Uint8Array[]): IndexWrite[] {
  const rows: IndexWrite[] = []
  for (let first = 0; first < receipts.length; first += RECEIPTS_PER_ROW) {
    rows.push(receiptsRow(height, first, receipts.slice(first, first + RECEIPTS_PER_ROW)))
  }
  return rows
}

/** The row of the receipts from position `first` on, a multiple of `RECEIPTS_PER_ROW`. */
export function receiptsRow(height: number, first: number, receipts: readonly Uint8Array[]): IndexWrite {
  return { space: 'receipts', key: locationBytes({ height, position: first }), value: concatBytes(...receipts.flatMap((receipt) => [u32Bytes(receipt.length), receipt])) }
}

function unpackReceipts(row: Uint8Array): Uint8Array[] {
  const view = new DataView(row.buffer, row.byteOffset, row.length)
  const receipts: Uint8Array[] = []
  for (let at = 0; at < row.length;) {
    const end = at + 4 + view.getUint32(at)
    receipts.push(row.subarray(at + 4, end))
    at = end
  }
  return receipts
}

const PLACE_BYTES = 14
const ORDINAL_MAX = 0xffff

function placeBytes({ height, position, ordinal }: Place): Uint8Array {
  if (ordinal > ORDINAL_MAX) throw worldError('STATE_LIMIT', { ordinal, ordinalMax: ORDINAL_MAX })
  return concatBytes(locationBytes({ height, position }), Uint8Array.of(ordinal >> 8, ordinal & 255))
}

/** A row of an owner's list. */
export function orderedWrite(space: OrderedKeyspace, owner: Uint8Array, place: Place, value: Uint8Array): IndexWrite {
  return { space, key: concatBytes(owner, placeBytes(place)), value }
}

function readU64(bytes: Uint8Array, offset = 0): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(offset))
}

/** Where the transaction stands, or undefined when no durable block holds it. */
export function findTransaction(view: DatabaseView, id: Uint8Array): Location | undefined {
  const row = view.get(rowKey('transaction', id))
  return row === undefined ? undefined : locationFrom(row)
}

export function findBlock(view: DatabaseView, height: number): { readonly blockHash: Uint8Array; readonly raftIndex: number } | undefined {
  const row = view.get(rowKey('block', u64Bytes(height)))
  return row === undefined ? undefined : { blockHash: row.slice(0, 32), raftIndex: readU64(row, 32) }
}

export function findHeight(view: DatabaseView, blockHash: Uint8Array): number | undefined {
  const row = view.get(rowKey('blockHash', blockHash))
  return row === undefined ? undefined : readU64(row)
}

/** Encoded receipt, byte for byte the leaf of the event tree. */
export function findReceipt(view: DatabaseView, { height, position }: Location): Uint8Array | undefined {
  const within = position % RECEIPTS_PER_ROW
  const row = view.get(rowKey('receipts', locationBytes({ height, position: position - within })))
  return row === undefined ? undefined : unpackReceipts(row)[within]
}

/** All receipts of a block, in order of position. */
export async function receiptsOf(view: DatabaseView, height: number): Promise<Uint8Array[]> {
  const receipts: Uint8Array[] = []
  for await (const { value } of view.range({ from: rowKey('receipts', u64Bytes(height)), to: rowKey('receipts', u64Bytes(height + 1)) })) receipts.push(...unpackReceipts(value))
  return receipts
}

export const PAGE_LIMITS = { rowsMax: 500 } as const

export interface PageQuery {
  readonly space: OrderedKeyspace
  readonly owner: Uint8Array
  readonly order: 'newest' | 'oldest'
  /** Rows above this height do not exist for this reader, so later pages fit the first whatever was added meanwhile. */
  readonly atHeight: number
  /** `next` of the page before (28 hex digits); undefined at the start. */
  readonly after?: string | undefined
  /** Rows at most; capped at `PAGE_LIMITS.rowsMax`. */
  readonly limit: number
}

export interface PageRow extends Place { readonly value: Uint8Array }
/** `next` is null on the last page. */
export interface Page { readonly rows: readonly PageRow[]; readonly next: string | null }

/** One page of an owner's list at a height. `STATE_CURSOR_INVALID` for a cursor that no page gave. */
export async function readPage(view: DatabaseView, { space, owner, order, atHeight, after, limit }: PageQuery): Promise<Page> {
  const rowsMax = Math.max(1, Math.min(limit, PAGE_LIMITS.rowsMax))
  const newest = order === 'newest'
  let from = rowKey(space, owner, u64Bytes(0))
  let to = rowKey(space, owner, u64Bytes(atHeight + 1))
  if (after !== undefined) {
    const place = cursorPlace(after)
    // A range is [from, to): going back ends before the cursor's row, going on begins with the first key past it.
    if (newest && place.height <= atHeight) to = rowKey(space, owner, fromHex(after))
    if (!newest) from = rowKey(space, owner, fromHex(after), Uint8Array.of(0))
  }
  const rows: PageRow[] = []
  let more = false
  for await (const { key, value } of view.range({ from, to, reverse: newest, limit: rowsMax + 1 })) {
    if (rows.length === rowsMax) more = true
    else rows.push({ ...placeFrom(key.subarray(1 + owner.length)), value })
  }
  const last = rows.at(-1)
  return { rows, next: more && last !== undefined ? toHex(placeBytes(last)) : null }
}

function placeFrom(bytes: Uint8Array): Place {
  return { ...locationFrom(bytes), ordinal: (bytes[12]! << 8) | bytes[13]! }
}

function cursorPlace(cursor: string): Place {
  const bytes = maybeFromHex(cursor)
  if (bytes === undefined || bytes.length !== PLACE_BYTES) throw worldError('STATE_CURSOR_INVALID')
  return placeFrom(bytes)
}
