import { crc32 } from 'node:zlib'
import { concatBytes, u64Bytes, utf8Bytes } from '../primitives/bytes.ts'

/**
 * Bytes of a segment file. All numbers little-endian; 64-bit ones hold integers below 2^53.
 *
 *   0      header copy A     a second copy stands at 12288, so one lost sector does not hide the salt
 *   4096   slot A            8192 slot B: each within one 512-byte sector
 *   16384  records           each 64 bytes of header, payload, zeros up to 8 bytes; after the last one only zeros
 *
 * Two checksums per record: one over its header, so that a damaged payload does not lose the way to the next record, and one
 * over identity, predecessor's checksum and payload, which makes the chain. Both start from a random salt of the ledger
 * and the place in the file: bytes inside a payload can never pass for a record, nor a record copied elsewhere.
 */
export const FORMAT_VERSION = 1
export const HEADER_BYTES = 128
export const HEADER_OFFSETS = [0, 12288] as const
export const SLOT_BYTES = 256
export const SLOT_OFFSETS = [4096, 8192] as const
export const DATA_OFFSET = 16384
export const RECORD_HEADER_BYTES = 64
export const ALIGNMENT_BYTES = 8
export const CHAIN_ID_BYTES = 32
export const HASH_BYTES = 32
export const SALT_BYTES = 16
const SEGMENT_MAGIC = utf8Bytes('STELESEG')
const SLOT_MAGIC = utf8Bytes('STELSLOT')
export const RECORD_MAGIC = 0xa57e1e5a

export const RECORD_TYPES = { entry: 1, hardState: 2, truncate: 3, refused: 4, attestation: 5, certificate: 6, boot: 7, fill: 8 } as const
export type RecordType = (typeof RECORD_TYPES)[keyof typeof RECORD_TYPES]
export const RECORD_TYPE_NAMES: Readonly<Record<number, string>> = Object.fromEntries(Object.entries(RECORD_TYPES).map(([name, number]) => [number, name]))

export interface SegmentHeader {
  readonly version: number
  readonly chainId: Uint8Array
  readonly salt: Uint8Array
  readonly sequence: number
  readonly segmentBytes: number
}

/** `term`, `index`, `height` of an entry are its own; of every other record they tell the log's last entry and block after it. */
export interface RecordHeader {
  readonly payloadBytes: number
  readonly type: RecordType
  /** Entry: its kind. Fill: the type of the last record it stands for. */
  readonly flags: number
  readonly previousType: number
  readonly previousChecksum: number
  readonly checksum: number
  /** Counts all records of the ledger from 1. */
  readonly ordinal: number
  readonly term: number
  readonly index: number
  readonly height: number
  /** Every record up to this ordinal was durable when this one was written: damage there is damage to what was acknowledged. */
  readonly durableOrdinal: number
  /** Fill only: the checksum its successor was chained to. */
  readonly bridge: number
}

/** What is certainly durable: written after the batch's sync has returned. */
export interface Slot {
  readonly sequence: number
  readonly segment: number
  readonly offset: number
  readonly ordinal: number
  readonly checksum: number
  readonly lastType: number
  readonly index: number
  readonly indexTerm: number
  readonly height: number
  readonly term: number
  readonly vote: number
  readonly commit: number
  readonly attestedEpoch: number
  readonly attestedHeight: number
  readonly bootCounter: number
  readonly lastHash: Uint8Array
}

export function recordBytes(payloadBytes: number): number {
  return RECORD_HEADER_BYTES + payloadBytes + paddingBytes(payloadBytes)
}

export function paddingBytes(payloadBytes: number): number {
  return -payloadBytes & (ALIGNMENT_BYTES - 1)
}

/** Start value of every checksum in one segment. */
export function segmentSeed(salt: Uint8Array, sequence: number): number {
  return crc32(concatBytes(salt, u64Bytes(sequence)))
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  const view = viewOf(bytes)
  bytes.set(SEGMENT_MAGIC, 0)
  view.setUint32(8, header.version, true)
  view.setUint32(12, header.segmentBytes, true)
  writeInteger(view, 16, header.sequence)
  bytes.set(header.chainId, 24)
  bytes.set(header.salt, 56)
  view.setUint32(HEADER_BYTES - 4, crc32(bytes.subarray(0, HEADER_BYTES - 4)), true)
  return bytes
}

/** Undefined when magic or checksum are wrong; the version is for the caller to judge. */
export function maybeDecodeSegmentHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const view = viewOf(bytes)
  if (!startsWith(bytes, SEGMENT_MAGIC)) return undefined
  if (view.getUint32(HEADER_BYTES - 4, true) !== crc32(bytes.subarray(0, HEADER_BYTES - 4))) return undefined
  return {
    version: view.getUint32(8, true), segmentBytes: view.getUint32(12, true), sequence: readInteger(view, 16),
    chainId: bytes.slice(24, 56), salt: bytes.slice(56, 72),
  }
}

/** Writes header without its durable ordinal and its own checksum; `sealRecordHeader` adds both when the batch goes out. */
export function encodeRecordHeader(header: RecordHeader): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEADER_BYTES)
  const view = viewOf(bytes)
  view.setUint32(0, RECORD_MAGIC, true)
  view.setUint32(4, header.payloadBytes, true)
  bytes[8] = header.type
  bytes[9] = header.flags
  bytes[10] = header.previousType
  view.setUint32(12, header.previousChecksum, true)
  writeInteger(view, 16, header.ordinal)
  writeInteger(view, 24, header.term)
  writeInteger(view, 32, header.index)
  writeInteger(view, 40, header.height)
  view.setUint32(48, header.checksum, true)
  // What a record needs to say about durability is known only when its batch goes out; a fill says nothing and keeps its bridge there.
  if (header.type === RECORD_TYPES.fill) view.setUint32(52, header.bridge, true)
  return bytes
}

/** Fills in how far the ledger was durable when this record was written, and the header's checksum. */
export function sealRecordHeader(bytes: Uint8Array, ordinal: number, durableOrdinal: number, seed: number, offset: number): void {
  const view = viewOf(bytes)
  if (bytes[8] !== RECORD_TYPES.fill) view.setUint32(52, ordinal - durableOrdinal, true)
  view.setUint32(56, offset, true)
  view.setUint32(60, crc32(bytes.subarray(0, 60), seed), true)
}

/** Undefined unless these 64 bytes are a record header of this segment at this offset. */
export function maybeDecodeRecordHeader(bytes: Uint8Array, seed: number, offset: number): RecordHeader | undefined {
  if (bytes.length < RECORD_HEADER_BYTES) return undefined
  const view = viewOf(bytes)
  if (view.getUint32(0, true) !== RECORD_MAGIC || view.getUint32(56, true) !== offset) return undefined
  if (view.getUint32(60, true) !== crc32(bytes.subarray(0, 60), seed)) return undefined
  const type = bytes[8] ?? 0
  const ordinal = readInteger(view, 16)
  const last = view.getUint32(52, true)
  return {
    payloadBytes: view.getUint32(4, true), type: type as RecordType, flags: bytes[9] ?? 0, previousType: bytes[10] ?? 0,
    previousChecksum: view.getUint32(12, true), checksum: view.getUint32(48, true), ordinal,
    term: readInteger(view, 24), index: readInteger(view, 32), height: readInteger(view, 40),
    durableOrdinal: type === RECORD_TYPES.fill ? 0 : ordinal - last, bridge: type === RECORD_TYPES.fill ? last : 0,
  }
}

/** The chained checksum: identity of the record (bytes 4–47 of the header, which hold its predecessor's checksum), then payload and padding. */
export function recordChecksum(header: Uint8Array, parts: readonly Uint8Array[], seed: number): number {
  let sum = crc32(header.subarray(4, 48), seed)
  for (const part of parts) sum = crc32(part, sum)
  return sum
}

export function setRecordChecksum(header: Uint8Array, checksum: number): void {
  viewOf(header).setUint32(48, checksum, true)
}

export function encodeSlot(slot: Slot, seed: number, slotOffset: number): Uint8Array {
  const bytes = new Uint8Array(SLOT_BYTES)
  const view = viewOf(bytes)
  bytes.set(SLOT_MAGIC, 0)
  SLOT_INTEGERS.forEach((field, i) => writeInteger(view, 8 + 8 * i, slot[field]))
  bytes.set(slot.lastHash, SLOT_HASH_OFFSET)
  view.setUint32(SLOT_BYTES - 8, slotOffset, true)
  view.setUint32(SLOT_BYTES - 4, crc32(bytes.subarray(0, SLOT_BYTES - 4), seed), true)
  return bytes
}

export function maybeDecodeSlot(bytes: Uint8Array, seed: number, slotOffset: number): Slot | undefined {
  if (bytes.length < SLOT_BYTES || !startsWith(bytes, SLOT_MAGIC)) return undefined
  const view = viewOf(bytes)
  if (view.getUint32(SLOT_BYTES - 8, true) !== slotOffset) return undefined
  if (view.getUint32(SLOT_BYTES - 4, true) !== crc32(bytes.subarray(0, SLOT_BYTES - 4), seed)) return undefined
  const [sequence = 0, segment = 0, offset = 0, ordinal = 0, checksum = 0, lastType = 0, index = 0, indexTerm = 0, height = 0, term = 0, vote = 0, commit = 0,
    attestedEpoch = 0, attestedHeight = 0, bootCounter = 0] = SLOT_INTEGERS.map((_, i) => readInteger(view, 8 + 8 * i))
  return {
    sequence, segment, offset, ordinal, checksum, lastType, index, indexTerm, height, term, vote, commit, attestedEpoch, attestedHeight, bootCounter,
    lastHash: bytes.slice(SLOT_HASH_OFFSET, SLOT_HASH_OFFSET + HASH_BYTES),
  }
}

const SLOT_INTEGERS = [
  'sequence', 'segment', 'offset', 'ordinal', 'checksum', 'lastType', 'index', 'indexTerm', 'height', 'term', 'vote', 'commit',
  'attestedEpoch', 'attestedHeight', 'bootCounter',
] as const
const SLOT_HASH_OFFSET = 8 + 8 * SLOT_INTEGERS.length

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** An integer in [0, 2^53) as 8 bytes, without the cost of a bigint. */
export function writeInteger(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true)
  view.setUint32(offset + 4, Math.floor(value / 0x1_0000_0000), true)
}

export function readInteger(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 0x1_0000_0000
}

export function isZero(bytes: Uint8Array): boolean {
  return lastNonZero(bytes) === -1
}

/** Position of the last byte that is not zero, or -1. Words first: tails are megabytes of zeros. */
export function lastNonZero(bytes: Uint8Array): number {
  let end = bytes.length
  while (end > 0 && (bytes.byteOffset + end) % 4 !== 0) if (bytes[--end] !== 0) return end
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + (end % 4), Math.floor(end / 4))
  let word = words.length
  while (word > 0 && words[word - 1] === 0) word--
  end = (end % 4) + 4 * word
  while (end > 0) if (bytes[--end] !== 0) return end
  return -1
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, i) => bytes[i] === byte)
}
