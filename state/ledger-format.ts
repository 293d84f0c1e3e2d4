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
  bytes.set(SEGMENT_MAGIC, 0)
  writeU32(bytes, 8, header.version)
  writeU32(bytes, 12, header.segmentBytes)
  writeInteger(bytes, 16, header.sequence)
  bytes.set(header.chainId, 24)
  bytes.set(header.salt, 56)
  writeU32(bytes, HEADER_BYTES - 4, crc32(bytes.subarray(0, HEADER_BYTES - 4)))
  return bytes
}

/** Undefined when magic or checksum are wrong; the version is for the caller to judge. */
export function maybeDecodeSegmentHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  if (!startsWith(bytes, SEGMENT_MAGIC)) return undefined
  if (readU32(bytes, HEADER_BYTES - 4) !== crc32(bytes.subarray(0, HEADER_BYTES - 4))) return undefined
  return {
    version: readU32(bytes, 8), segmentBytes: readU32(bytes, 12), sequence: readInteger(bytes, 16),
    chainId: bytes.slice(24, 56), salt: bytes.slice(56, 72),
  }
}

/** Writes header without its durable ordinal and its own checksum; `sealRecordHeader` adds both when the batch goes out. */
export function encodeRecordHeader(header: RecordHeader): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEADER_BYTES)
  writeU32(bytes, 0, RECORD_MAGIC)
  writeU32(bytes, 4, header.payloadBytes)
  bytes[8] = header.type
  bytes[9] = header.flags
  bytes[10] = header.previousType
  writeU32(bytes, 12, header.previousChecksum)
  writeInteger(bytes, 16, header.ordinal)
  writeInteger(bytes, 24, header.term)
  writeInteger(bytes, 32, header.index)
  writeInteger(bytes, 40, header.height)
  writeU32(bytes, 48, header.checksum)
  // What a record needs to say about durability is known only when its batch goes out; a fill says nothing and keeps its bridge there.
  if (header.type === RECORD_TYPES.fill) writeU32(bytes, 52, header.bridge)
  return bytes
}

/** Fills in how far the ledger was durable when this record was written, and the header's checksum. */
export function sealRecordHeader(bytes: Uint8Array, ordinal: number, durableOrdinal: number, seed: number, offset: number): void {
  if (bytes[8] !== RECORD_TYPES.fill) writeU32(bytes, 52, ordinal - durableOrdinal)
  writeU32(bytes, 56, offset)
  writeU32(bytes, 60, headerChecksum(bytes, seed))
}

/** Undefined unless these 64 bytes are a record header of this segment at this offset. */
export function maybeDecodeRecordHeader(bytes: Uint8Array, seed: number, offset: number): RecordHeader | undefined {
  if (bytes.length < RECORD_HEADER_BYTES) return undefined
  if (readU32(bytes, 0) !== RECORD_MAGIC || readU32(bytes, 56) !== offset) return undefined
  if (readU32(bytes, 60) !== headerChecksum(bytes, seed)) return undefined
  const type = bytes[8] ?? 0
  const ordinal = readInteger(bytes, 16)
  const last = readU32(bytes, 52)
  return {
    payloadBytes: readU32(bytes, 4), type: type as RecordType, flags: bytes[9] ?? 0, previousType: bytes[10] ?? 0,
    previousChecksum: readU32(bytes, 12), checksum: readU32(bytes, 48), ordinal,
    term: readInteger(bytes, 24), index: readInteger(bytes, 32), height: readInteger(bytes, 40),
    durableOrdinal: type === RECORD_TYPES.fill ? 0 : ordinal - last, bridge: type === RECORD_TYPES.fill ? last : 0,
  }
}

/** Bytes that are summed are copied here first: a view into a small array would give it a buffer of its own, which costs more than the copy. */
const checked = new Uint8Array(60)
const identity = new Uint8Array(44)

function headerChecksum(bytes: Uint8Array, seed: number): number {
  for (let i = 0; i < checked.length; i++) checked[i] = bytes[i]!
  return crc32(checked, seed)
}

/** The chained checksum: identity of the record (bytes 4–47 of the header, which hold its predecessor's checksum), then payload and padding. */
export function recordChecksum(header: Uint8Array, parts: readonly Uint8Array[], seed: number): number {
  for (let i = 0; i < identity.length; i++) identity[i] = header[4 + i]!
  let sum = crc32(identity, seed)
  for (const part of parts) sum = crc32(part, sum)
  return sum
}

export function setRecordChecksum(header: Uint8Array, checksum: number): void {
  writeU32(header, 48, checksum)
}

export function encodeSlot(slot: Slot, seed: number, slotOffset: number): Uint8Array {
  const bytes = new Uint8Array(SLOT_BYTES)
  bytes.set(SLOT_MAGIC, 0)
  const { sequence, segment, offset, ordinal, checksum, lastType, index, indexTerm, height, term, vote, commit, attestedEpoch, attestedHeight, bootCounter } = slot
  writeIntegers(bytes, 8, [sequence, segment, offset, ordinal, checksum, lastType, index, indexTerm, height, term, vote, commit, attestedEpoch, attestedHeight, bootCounter])
  bytes.set(slot.lastHash, SLOT_HASH_OFFSET)
  writeU32(bytes, SLOT_BYTES - 8, slotOffset)
  writeU32(bytes, SLOT_BYTES - 4, crc32(bytes.subarray(0, SLOT_BYTES - 4), seed))
  return bytes
}

export function maybeDecodeSlot(bytes: Uint8Array, seed: number, slotOffset: number): Slot | undefined {
  if (bytes.length < SLOT_BYTES || !startsWith(bytes, SLOT_MAGIC)) return undefined
  if (readU32(bytes, SLOT_BYTES - 8) !== slotOffset) return undefined
  if (readU32(bytes, SLOT_BYTES - 4) !== crc32(bytes.subarray(0, SLOT_BYTES - 4), seed)) return undefined
  const [sequence = 0, segment = 0, offset = 0, ordinal = 0, checksum = 0, lastType = 0, index = 0, indexTerm = 0, height = 0, term = 0, vote = 0, commit = 0,
    attestedEpoch = 0, attestedHeight = 0, bootCounter = 0] = Array.from({ length: SLOT_INTEGERS }, (_, i) => readInteger(bytes, 8 + 8 * i))
  return {
    sequence, segment, offset, ordinal, checksum, lastType, index, indexTerm, height, term, vote, commit, attestedEpoch, attestedHeight, bootCounter,
    lastHash: bytes.slice(SLOT_HASH_OFFSET, SLOT_HASH_OFFSET + HASH_BYTES),
  }
}

const SLOT_INTEGERS = 15
const SLOT_HASH_OFFSET = 8 + 8 * SLOT_INTEGERS

/** Byte by byte and not through a DataView, which would give each small array a buffer of its own. */
export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value
  bytes[offset + 1] = value >>> 8
  bytes[offset + 2] = value >>> 16
  bytes[offset + 3] = value >>> 24
}

export function readU32(bytes: Uint8Array, offset: number): number {
  if (offset + 4 > bytes.length) throw new RangeError('the bytes end early')
  return (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0
}

/** An integer in [0, 2^53) as 8 bytes, without the cost of a bigint. */
export function writeInteger(bytes: Uint8Array, offset: number, value: number): void {
  writeU32(bytes, offset, value >>> 0)
  writeU32(bytes, offset + 4, Math.floor(value / 0x1_0000_0000))
}

export function writeIntegers(bytes: Uint8Array, offset: number, values: readonly number[]): void {
  for (let i = 0; i < values.length; i++) writeInteger(bytes, offset + 8 * i, values[i]!)
}

export function readInteger(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset) + readU32(bytes, offset + 4) * 0x1_0000_0000
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
