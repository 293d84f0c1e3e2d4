import { RECORD_TYPES, paddingBytes, encodeRecordHeader, recordBytes, recordChecksum, setRecordChecksum } from './ledger-format.ts'
import { encodePayload, recordFlags } from './ledger-record.ts'
import type { LedgerRecord } from './ledger-record.ts'

const PADDING = new Uint8Array(8)

/** What the header tells about the log: of an entry its own values, of other records the log's end after them. */
export interface LogPosition {
  readonly term: number
  readonly index: number
  readonly height: number
}

/** Where a record is chained to. */
export interface ChainLink {
  readonly ordinal: number
  readonly checksum: number
  readonly lastType: number
}

export interface EncodedRecord {
  /** 64 bytes; `sealRecordHeader` completes them when the batch goes out. */
  readonly header: Uint8Array
  readonly parts: readonly Uint8Array[]
  readonly bytes: number
  readonly link: ChainLink
}

/** Bytes that a record with this payload takes in a segment. */
export function encodedBytes(payload: readonly Uint8Array[]): number {
  return recordBytes(totalBytes(payload))
}

/** `payload`: that of the record, for callers that have it already. */
export function encodeRecord(record: LedgerRecord, at: LogPosition, previous: ChainLink, seed: number, payload = encodePayload(record)): EncodedRecord {
  const payloadBytes = totalBytes(payload)
  const ordinal = previous.ordinal + 1
  const type = RECORD_TYPES[record.type]
  const header = encodeRecordHeader({
    payloadBytes, type, flags: recordFlags(record), previousType: previous.lastType, previousChecksum: previous.checksum, checksum: 0, ordinal,
    term: at.term, index: at.index, height: at.height, durableOrdinal: 0, bridge: 0,
  })
  const padding = paddingBytes(payloadBytes)
  const parts = padding === 0 ? payload : [...payload, PADDING.subarray(0, padding)]
  const checksum = recordChecksum(header, parts, seed)
  setRecordChecksum(header, checksum)
  return { header, parts, bytes: recordBytes(payloadBytes), link: { ordinal, checksum, lastType: type } }
}

function totalBytes(parts: readonly Uint8Array[]): number {
  let bytes = 0
  for (const part of parts) bytes += part.length
  return bytes
}
