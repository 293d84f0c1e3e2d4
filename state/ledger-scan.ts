import {
  DATA_OFFSET, HEADER_BYTES, HEADER_OFFSETS, RECORD_HEADER_BYTES, RECORD_MAGIC, SLOT_BYTES, SLOT_OFFSETS,
  isZero, lastNonZero, maybeDecodeRecordHeader, maybeDecodeSegmentHeader, maybeDecodeSlot, recordBytes, recordChecksum, segmentSeed,
} from './ledger-format.ts'
import type { RecordHeader, SegmentHeader, Slot } from './ledger-format.ts'

/** A stretch of the record area: an intact record, a record whose payload is damaged, bytes that are no record, or what stands after the last record. */
export interface Piece {
  readonly offset: number
  readonly bytes: number
  readonly kind: 'record' | 'payload' | 'garbage' | 'tail'
  readonly header?: RecordHeader
}

export interface Stain {
  readonly offset: number
  readonly bytes: number
  readonly kind: 'header' | 'slot'
}

/** Everything before the records: which copies of header and slots are good, and what is wrong there. */
export interface SegmentPreface {
  readonly header: SegmentHeader | undefined
  readonly slots: readonly Slot[]
  readonly stains: readonly Stain[]
}

/** `salt`: the ledger's, when already known from another segment, to read slots though both header copies are lost. */
export function readPreface(file: Uint8Array, sequence: number, salt: Uint8Array | undefined): SegmentPreface {
  const stains: Stain[] = []
  const header = readHeaderCopies(file, sequence, stains)
  const knownSalt = header?.salt ?? salt
  const slots: Slot[] = []
  for (const offset of SLOT_OFFSETS) {
    const bytes = file.subarray(offset, offset + SLOT_BYTES)
    const slot = knownSalt === undefined ? undefined : maybeDecodeSlot(bytes, segmentSeed(knownSalt, sequence), offset)
    if (slot !== undefined) slots.push(slot)
    else if (!isZero(bytes)) stains.push({ offset, bytes: SLOT_BYTES, kind: 'slot' })
  }
  stains.push(...stainedGaps(file))
  slots.sort((a, b) => b.sequence - a.sequence)
  return { header, slots, stains }
}

/**
 * The record area in order. A damaged header does not hide what follows: the search goes on, aligned, for the next bytes that
 * are a record header of this segment at this place.
 */
export function* scanRecords(file: Uint8Array, seed: number): Generator<Piece> {
  let offset = DATA_OFFSET
  while (offset < file.length) {
    const header = headerAt(file, offset, seed)
    if (header !== undefined) {
      const bytes = recordBytes(header.payloadBytes)
      yield { offset, bytes, header, kind: payloadIntact(file, offset, header, seed) ? 'record' : 'payload' }
      offset += bytes
      continue
    }
    const next = findHeader(file, offset, seed)
    if (next === undefined) {
      const last = lastNonZero(file.subarray(offset))
      if (last >= 0) yield { offset, bytes: last + 1, kind: 'tail' }
      return
    }
    yield { offset, bytes: next - offset, kind: 'garbage' }
    offset = next
  }
}

export function payloadOf(file: Uint8Array, piece: { offset: number }, header: RecordHeader): Uint8Array {
  const start = piece.offset + RECORD_HEADER_BYTES
  return file.subarray(start, start + header.payloadBytes)
}

export function payloadIntact(file: Uint8Array, offset: number, header: RecordHeader, seed: number): boolean {
  const head = file.subarray(offset, offset + RECORD_HEADER_BYTES)
  const rest = file.subarray(offset + RECORD_HEADER_BYTES, offset + recordBytes(header.payloadBytes))
  return recordChecksum(head, [rest], seed) === header.checksum
}

function readHeaderCopies(file: Uint8Array, sequence: number, stains: Stain[]): SegmentHeader | undefined {
  let found: SegmentHeader | undefined
  for (const offset of HEADER_OFFSETS) {
    const header = maybeDecodeSegmentHeader(file.subarray(offset, offset + HEADER_BYTES))
    // An intact header of another segment is a file under the wrong name or a misdirected write.
    if (header?.sequence === sequence) found ??= header
    else stains.push({ offset, bytes: HEADER_BYTES, kind: 'header' })
  }
  return found
}

function stainedGaps(file: Uint8Array): Stain[] {
  const used = [...HEADER_OFFSETS.map((start) => [start, start + HEADER_BYTES] as const), ...SLOT_OFFSETS.map((start) => [start, start + SLOT_BYTES] as const)]
  used.sort((a, b) => a[0] - b[0])
  const stains: Stain[] = []
  used.forEach(([, end], i) => {
    const next = used[i + 1]?.[0] ?? DATA_OFFSET
    const last = lastNonZero(file.subarray(end, next))
    if (last >= 0) stains.push({ offset: end, bytes: last + 1, kind: 'header' })
  })
  return stains
}

function headerAt(file: Uint8Array, offset: number, seed: number): RecordHeader | undefined {
  const header = maybeDecodeRecordHeader(file.subarray(offset, offset + RECORD_HEADER_BYTES), seed, offset)
  return header !== undefined && offset + recordBytes(header.payloadBytes) <= file.length ? header : undefined
}

function findHeader(file: Uint8Array, from: number, seed: number): number | undefined {
  const words = new Uint32Array(file.buffer, file.byteOffset, Math.floor(file.length / 4))
  for (let word = from / 4 + 2; word < words.length; word += 2) {
    if (words[word] === RECORD_MAGIC && headerAt(file, 4 * word, seed) !== undefined) return 4 * word
  }
  return undefined
}
