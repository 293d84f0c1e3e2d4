import { invariant } from '../primitives/assert.ts'
import type { LedgerStart, LogBase } from './ledger-base.ts'
import { LedgerIndex } from './ledger-index.ts'
import type { HardState, LedgerRecord, Refusal, StoredAttestation, StoredCertificate } from './ledger-record.ts'

/** Place of a record: segment sequence and byte offset in it. */
export interface RecordPlace {
  readonly segment: number
  readonly offset: number
}

/** A certificate's height and where it stands. */
export interface CertificatePlace extends RecordPlace {
  readonly height: number
}

/**
 * What the records add up to: replayed from disk when the ledger is opened, carried on by each append. The same code does
 * both, so what is recovered is what was seen.
 */
export class LedgerState {
  readonly index: LedgerIndex
  readonly refusals = new Map<number, Refusal>()
  /** Ascending by height. */
  readonly certificates: CertificatePlace[] = []
  hardState: HardState
  attestation: StoredAttestation | undefined
  newestCertificate: StoredCertificate | undefined
  bootCounter: number
  /** The ledger is not whole until its last index has reached this one again (see `truncate.floor`). */
  repairFloor = 0

  /** `start`: what the records told that a pruned ledger no longer holds. */
  constructor(start: LedgerStart | undefined) {
    this.index = new LedgerIndex(start?.base)
    this.hardState = start?.hardState ?? { term: 0, vote: 0, commit: 0 }
    this.attestation = start?.attestation
    this.bootCounter = start?.bootCounter ?? 0
  }

  get whole(): boolean {
    return this.index.holes === 0 && this.index.lastIndex >= this.repairFloor
  }

  /** `lastIndexAfter`: for records other than entries, the log's end as their header tells it; `afterLoss`: records before this one are lost. */
  apply(record: LedgerRecord, place: RecordPlace, lastIndexAfter: number, afterLoss: boolean): void {
    if (record.type === 'fill') this.#settle(lastIndexAfter)
    else if (afterLoss && record.type === 'entry') this.#settle(record.entry.index - 1)
    else if (afterLoss) this.#settle(lastIndexAfter)
    switch (record.type) {
      case 'entry': {
        const { index, term, height, data } = record.entry
        invariant(index === this.index.lastIndex + 1, 'entries follow each other', { index, lastIndex: this.index.lastIndex })
        this.index.push({ term, height, segment: place.segment, offset: place.offset, dataBytes: data.length })
        if (index >= this.repairFloor) this.repairFloor = 0
        break
      }
      case 'hardState': this.hardState = record.hardState; break
      case 'truncate': this.#truncate(record.from, record.floor); break
      case 'refused': this.refusals.set(record.refusal.index, record.refusal); break
      case 'attestation': this.attestation = record.attestation; break
      case 'certificate': this.#certify(record.certificate, place); break
      case 'boot': this.bootCounter = record.counter; break
      case 'fill': this.#doubt(record.doubtFrom); break
    }
  }

  /** The segments before `segment` are going: forgets what stands in them. */
  prune(segment: number, base: LogBase): void {
    this.index.rebase(base)
    const kept = this.certificates.findIndex((place) => place.segment >= segment)
    this.certificates.splice(0, kept === -1 ? this.certificates.length : kept)
  }

  /** Records are lost after which the log ended at `lastIndex`; they may have replaced every entry from `doubtFrom` on (0: none). */
  lose(lastIndex: number, doubtFrom: number): void {
    this.#settle(lastIndex)
    this.#doubt(doubtFrom)
  }

  /** Brings the log's end to where a later record says it was, whatever the lost records did to it. */
  #settle(lastIndex: number): void {
    if (lastIndex < this.index.lastIndex) this.#truncate(lastIndex + 1, 0)
    while (this.index.lastIndex < lastIndex) this.index.pushHole()
  }

  #doubt(from: number): void {
    const { lastIndex } = this.index
    if (from === 0 || from > lastIndex) return
    // Their heights go too: what replaced them may have held fewer blocks.
    this.index.truncate(from)
    while (this.index.lastIndex < lastIndex) this.index.pushHole()
  }

  #truncate(from: number, floor: number): void {
    this.repairFloor = Math.max(this.repairFloor, floor)
    for (const index of this.refusals.keys()) if (index >= from) this.refusals.delete(index)
    this.index.truncate(from)
  }

  #certify(certificate: StoredCertificate, place: RecordPlace): void {
    const newest = this.newestCertificate?.height ?? 0
    // One certificate covers all below it, so an older one that arrives late adds nothing.
    if (certificate.height <= newest) return
    this.newestCertificate = certificate
    this.certificates.push({ height: certificate.height, segment: place.segment, offset: place.offset })
  }
}
