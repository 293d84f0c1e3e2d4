import { SteleError } from '../primitives/error.ts'
import { RECORD_TYPES, RECORD_TYPE_NAMES } from './ledger-format.ts'
import type { RecordHeader, Slot } from './ledger-format.ts'
import type { ChainLink } from './ledger-encode.ts'
import type { RecordPlace } from './ledger-state.ts'
import { decodePayload } from './ledger-record.ts'

/**
 * One damaged byte range.
 * `fix`: `local` needs nothing from outside; `copy` an intact copy of the entry `index`; `committed` entries the cluster has
 * committed from `needFrom` on; `none` rejoining under a new raft id.
 */
export interface Damage {
  readonly segment: number
  readonly offset: number
  readonly bytes: number
  /** record: lost records; tail: bytes after the last record; hole: entries lost in an unfinished repair; short: the file lost its end; missing: the whole file. */
  readonly kind: 'header' | 'slot' | 'record' | 'tail' | 'missing' | 'short' | 'hole'
  /** True when what was lost may have been acknowledged; a false one is what a crash leaves, and opening the ledger cuts it. */
  readonly durable: boolean
  readonly fix: 'local' | 'copy' | 'committed' | 'none'
  /** Ordinals of the lost records, both inclusive; 0 when no record is lost. */
  readonly firstOrdinal: number
  readonly lastOrdinal: number
  /** Name of the lost record's type, when it is one record and known. */
  readonly recordType?: string
  readonly index?: number
  readonly term?: number
  readonly height?: number
  readonly hash?: Uint8Array
  /** Checksum of the last lost record: its successor, or the slot, is chained to it. */
  readonly checksum: number
  readonly lastType: number
  /** End of the chain before the loss. */
  readonly previous: ChainLink
  /** Where the log's entry before the lost one stands; absent when it is lost for good, and then no copy of this one can be told from another. */
  readonly previousEntry?: RecordPlace
  /** The stretch ends where the records end, so a lost record may be longer than it. */
  readonly openEnded: boolean
  /** Lowest log index in doubt; 0 when no entry is lost. */
  readonly needFrom: number
  /** End of the log at that place. */
  readonly indexAfter: number
}

/** What is known right before a loss. */
export interface BeforeLoss {
  readonly ordinal: number
  readonly lastIndex: number
  readonly commit: number
}

/** A record whose header can be trusted, after the loss. */
export interface AfterLoss {
  readonly header: RecordHeader
  /** Undefined when the payload is damaged too. */
  readonly payload: Uint8Array | undefined
}

export type Loss = Pick<Damage, 'firstOrdinal' | 'lastOrdinal' | 'recordType' | 'index' | 'term' | 'height' | 'hash' | 'checksum' | 'lastType' | 'needFrom' | 'indexAfter'>

/** The fields of damage that lost no record. */
export const NO_LOSS = {
  firstOrdinal: 0, lastOrdinal: 0, needFrom: 0, indexAfter: 0, checksum: 0, lastType: 0, openEnded: false, previous: { ordinal: 0, checksum: 0, lastType: 0 },
} as const

/** Throws `LEDGER_UNREPAIRABLE` when some of the damage has taken what only this node knew. */
export function mustBeRepairable(damaged: readonly Damage[]): void {
  const lost = damaged.find((damage) => damage.fix === 'none')
  if (lost === undefined) return
  throw new SteleError({
    code: 'LEDGER_UNREPAIRABLE', message: 'what this node promised can no longer be known; rejoin under a new raft id', details: { segment: lost.segment, offset: lost.offset, kind: lost.recordType ?? lost.kind },
  })
}

/** A record whose header is intact: everything but its payload is known. The block hash comes from the next record. */
export function lossOfPayload(header: RecordHeader): Loss {
  const entry = header.type === RECORD_TYPES.entry
  return {
    firstOrdinal: header.ordinal, lastOrdinal: header.ordinal, recordType: typeName(header.type), checksum: header.checksum, lastType: header.type,
    ...(entry ? { index: header.index, term: header.term, height: header.height } : {}),
    needFrom: entry ? header.index : 0, indexAfter: header.index,
  }
}

/** Bytes that are no record, followed by `next`: its header tells what its predecessor was. */
export function lossBetween(before: BeforeLoss, next: AfterLoss): Loss {
  const { header } = next
  const told = header.type === RECORD_TYPES.entry ? header.index - 1 : header.index
  const lastOrdinal = header.ordinal - 1
  if (lastOrdinal !== before.ordinal + 1) return lossOfMany(before, { ordinal: lastOrdinal, checksum: header.previousChecksum, lastType: header.previousType }, told)
  // A truncation and a fill tell where the log ended after them, not before.
  const moved = (header.type === RECORD_TYPES.truncate || header.type === RECORD_TYPES.fill) && header.previousType !== RECORD_TYPES.truncate
  const indexAfter = moved ? before.lastIndex + Number(header.previousType === RECORD_TYPES.entry) : told
  const loss = { firstOrdinal: lastOrdinal, lastOrdinal, recordType: typeName(header.previousType), checksum: header.previousChecksum, lastType: header.previousType, indexAfter }
  if (header.previousType !== RECORD_TYPES.entry) return { ...loss, needFrom: 0 }
  return { ...loss, index: indexAfter, needFrom: indexAfter, ...identityFrom(next) }
}

/** Bytes that are no record at the end of what the newest slot vouches for. */
export function lossBeforeSlot(before: BeforeLoss, slot: Slot): Loss {
  if (slot.ordinal !== before.ordinal + 1) return lossOfMany(before, slot, slot.index)
  const loss = { firstOrdinal: slot.ordinal, lastOrdinal: slot.ordinal, recordType: typeName(slot.lastType), checksum: slot.checksum, lastType: slot.lastType, indexAfter: slot.index }
  if (slot.lastType !== RECORD_TYPES.entry) return { ...loss, needFrom: 0 }
  return { ...loss, index: slot.index, term: slot.indexTerm, hash: slot.lastHash, needFrom: slot.index }
}

/** Whatever was lost may have cut the log back, but never below what was committed before. */
function lossOfMany(before: BeforeLoss, last: ChainLink, indexAfter: number): Loss {
  const doubt = Math.min(before.commit, before.lastIndex) + 1
  return { firstOrdinal: before.ordinal + 1, lastOrdinal: last.ordinal, checksum: last.checksum, lastType: last.lastType, needFrom: doubt <= indexAfter ? doubt : 0, indexAfter }
}

/** The entry before `next`, as `next` remembers it. */
export function identityFrom(next: AfterLoss): { term?: number; height?: number; hash?: Uint8Array } {
  const { header, payload } = next
  if (header.type === RECORD_TYPES.fill || header.type === RECORD_TYPES.truncate) return {}
  if (header.type !== RECORD_TYPES.entry) return { term: header.term }
  if (payload === undefined) return {}
  const record = decodePayload(header, payload)
  return record.type === 'entry' ? { term: record.previous.term, height: record.previous.height, hash: record.previous.hash.slice() } : {}
}

/**
 * How a loss can be mended. Term, vote and attestation are this node's own and nobody else can give them back: they are
 * covered by a newer record of the kind, or by the newest slot when it was written after them.
 */
export function fixOf(loss: Loss, covered: { hardState: boolean; attestation: boolean }): Damage['fix'] {
  if (loss.lastOrdinal === 0) return 'local'
  switch (loss.recordType) {
    case 'entry': return 'copy'
    case 'hardState': return covered.hardState ? 'local' : 'none'
    case 'attestation': return covered.attestation ? 'local' : 'none'
    case undefined:
      if (!covered.hardState || !covered.attestation) return 'none'
      return loss.needFrom === 0 ? 'local' : 'committed'
    // A lost refusal is found again by executing the block, a certificate is served by others, a boot count is only raised,
    // and where a truncation cut, the next record tells.
    default: return 'local'
  }
}

export function typeName(type: number): string {
  return RECORD_TYPE_NAMES[type] ?? `type ${type}`
}
