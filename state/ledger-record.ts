import { SteleError } from '../primitives/error.ts'
import { utf8Bytes } from '../primitives/bytes.ts'
import { HASH_BYTES, RECORD_TYPES, readInteger, writeInteger, writeIntegers } from './ledger-format.ts'
import type { RecordType } from './ledger-format.ts'

/** One Raft log entry; what `data` means is the caller's business. */
export interface Entry {
  readonly term: number
  readonly index: number
  readonly kind: 'normal' | 'change'
  /** Height of the block in `data`; 0 when the entry holds none (a no-op). */
  readonly height: number
  readonly data: Uint8Array
  /** 32-byte block hash. Stored also in the next record and in the slot, so that a lost entry can be asked for by hash. Absent reads back as zeros. */
  readonly hash?: Uint8Array
}

export interface HardState {
  readonly term: number
  /** Raft id voted for in `term`; 0 for none. */
  readonly vote: number
  readonly commit: number
}

/** This node saw the durable entry at `index`, executed it and did not get its root: it never acknowledged it. */
export interface Refusal {
  readonly index: number
  readonly term: number
  readonly code: string
  readonly root: Uint8Array
}

export interface StoredAttestation {
  readonly epoch: number
  readonly height: number
  /** Opaque. Undefined only after its record was lost and the slot remembered epoch and height: never sign at or below them. */
  readonly bytes: Uint8Array | undefined
}

export interface StoredCertificate {
  readonly height: number
  readonly bytes: Uint8Array
}

/** Identity of the entry before: it survives that entry's own damage. */
export interface PreviousEntry {
  readonly term: number
  readonly height: number
  readonly hash: Uint8Array
}

export type LedgerRecord =
  | { readonly type: 'entry'; readonly entry: Entry; readonly previous: PreviousEntry }
  | { readonly type: 'hardState'; readonly hardState: HardState }
  /** `floor`: after a repair, the last index acknowledged before; the ledger stays in repair mode until it is reached again. 0 otherwise. */
  | { readonly type: 'truncate'; readonly from: number; readonly floor: number }
  | { readonly type: 'refused'; readonly refusal: Refusal }
  | { readonly type: 'attestation'; readonly attestation: StoredAttestation }
  | { readonly type: 'certificate'; readonly certificate: StoredCertificate }
  | { readonly type: 'boot'; readonly counter: number }
  /** Stands where lost records stood. Entries from `doubtFrom` to the log's end at that place are missing; 0 when none is. */
  | { readonly type: 'fill'; readonly doubtFrom: number }

export const ENTRY_PREFIX_BYTES = 16 + 2 * HASH_BYTES
export const NO_HASH = new Uint8Array(HASH_BYTES)
const ENTRY_KINDS = ['normal', 'change'] as const

/** Value of the header's `flags` for this record. */
export function recordFlags(record: LedgerRecord): number {
  return record.type === 'entry' ? ENTRY_KINDS.indexOf(record.entry.kind) : 0
}

/** The payload as parts that are written one after the other; entry data is not copied. */
export function encodePayload(record: LedgerRecord): Uint8Array[] {
  switch (record.type) {
    case 'entry': return [entryPrefix(record.entry, record.previous), record.entry.data]
    case 'hardState': return [integers(record.hardState.term, record.hardState.vote, record.hardState.commit)]
    case 'truncate': return [integers(record.from, record.floor)]
    case 'refused': {
      const { index, term, code, root } = record.refusal
      const codeBytes = utf8Bytes(code)
      return [integers(index, term, codeBytes.length), codeBytes, root]
    }
    case 'attestation': return [integers(record.attestation.epoch, record.attestation.height), record.attestation.bytes ?? new Uint8Array(0)]
    case 'certificate': return [integers(record.certificate.height), record.certificate.bytes]
    case 'boot': return [integers(record.counter)]
    case 'fill': return [integers(record.doubtFrom)]
  }
}

/** Reads a payload whose checksum was right. `payload` is not copied: entry data is a view of it. */
export function decodePayload(header: { type: RecordType; flags: number; term: number; index: number; height: number }, payload: Uint8Array): LedgerRecord {
  switch (header.type) {
    case RECORD_TYPES.entry: return {
      type: 'entry',
      entry: {
        term: header.term, index: header.index, height: header.height, kind: ENTRY_KINDS[header.flags] ?? 'normal',
        data: payload.subarray(ENTRY_PREFIX_BYTES), hash: payload.subarray(16 + HASH_BYTES, ENTRY_PREFIX_BYTES),
      },
      previous: { term: readInteger(payload, 0), height: readInteger(payload, 8), hash: payload.subarray(16, 16 + HASH_BYTES) },
    }
    case RECORD_TYPES.hardState: return { type: 'hardState', hardState: { term: readInteger(payload, 0), vote: readInteger(payload, 8), commit: readInteger(payload, 16) } }
    case RECORD_TYPES.truncate: return { type: 'truncate', from: readInteger(payload, 0), floor: readInteger(payload, 8) }
    case RECORD_TYPES.refused: {
      const codeEnd = 24 + readInteger(payload, 16)
      const code = new TextDecoder().decode(payload.subarray(24, codeEnd))
      return { type: 'refused', refusal: { index: readInteger(payload, 0), term: readInteger(payload, 8), code, root: payload.slice(codeEnd) } }
    }
    case RECORD_TYPES.attestation:
      return { type: 'attestation', attestation: { epoch: readInteger(payload, 0), height: readInteger(payload, 8), bytes: payload.slice(16) } }
    case RECORD_TYPES.certificate: return { type: 'certificate', certificate: { height: readInteger(payload, 0), bytes: payload.slice(8) } }
    case RECORD_TYPES.boot: return { type: 'boot', counter: readInteger(payload, 0) }
    case RECORD_TYPES.fill: return { type: 'fill', doubtFrom: payload.length >= 8 ? readInteger(payload, 0) : 0 }
    default: throw new SteleError({
      code: 'LEDGER_VERSION_UNSUPPORTED', message: 'a record has a type this version does not know', details: { type: header.type },
    })
  }
}

function entryPrefix(entry: Entry, previous: PreviousEntry): Uint8Array {
  const bytes = new Uint8Array(ENTRY_PREFIX_BYTES)
  writeInteger(bytes, 0, previous.term)
  writeInteger(bytes, 8, previous.height)
  bytes.set(previous.hash, 16)
  bytes.set(entry.hash ?? NO_HASH, 16 + HASH_BYTES)
  return bytes
}

function integers(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(8 * values.length)
  writeIntegers(bytes, 0, values)
  return bytes
}
