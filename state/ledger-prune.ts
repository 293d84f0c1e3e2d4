import { DATA_OFFSET, RECORD_TYPES } from './ledger-format.ts'
import type { RecordHeader } from './ledger-format.ts'
import type { LedgerState } from './ledger-state.ts'

/** A place between two segments at which the ledger may begin. */
export interface PruneCut {
  readonly segment: number
  readonly ordinal: number
  readonly checksum: number
  readonly lastType: number
  /** Last entry before the cut. */
  readonly index: number
}

/** Records that neither cut the log nor stand for lost ones: before them, the log ended where their header says. */
const PLAIN: readonly number[] = [RECORD_TYPES.hardState, RECORD_TYPES.refused, RECORD_TYPES.attestation, RECORD_TYPES.certificate, RECORD_TYPES.boot]

/**
 * The latest cut that keeps every entry from `before` on; undefined when no whole segment can go. `before` is committed, so nothing below it is ever truncated again.
 * `headerAt`: the first record's header of a segment, checked. Certificates of kept heights stay, so that they can be served.
 */
export function findPruneCut(state: LedgerState, firstSegment: number, before: number, headerAt: (segment: number) => RecordHeader | undefined): PruneCut | undefined {
  const { index } = state
  for (let segment = index.location(before).segment; segment > firstSegment; segment--) {
    let last = before - 1
    while (last > index.base.index && index.location(last).segment >= segment) last--
    if (last === index.base.index) return undefined
    const height = index.heightAt(last)
    if (state.certificates.some((certificate) => certificate.height > height && certificate.segment < segment)) continue
    const header = headerAt(segment)
    if (header === undefined) continue
    const endedAt = header.type === RECORD_TYPES.entry ? header.index - 1 : PLAIN.includes(header.type) ? header.index : undefined
    // A log that ended elsewhere then was cut back since: its replay from here would not fit.
    if (endedAt === last) return { segment, ordinal: header.ordinal - 1, checksum: header.previousChecksum, lastType: header.previousType, index: last }
  }
  return undefined
}

/** Where the first record of a segment stands. */
export const firstPlace = (segment: number): { readonly segment: number; readonly offset: number } => ({ segment, offset: DATA_OFFSET })

