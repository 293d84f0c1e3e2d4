import { SteleError } from '../primitives/error.ts'
import { DATA_OFFSET, RECORD_TYPES, recordBytes } from './ledger-format.ts'
import type { RecordHeader, Slot } from './ledger-format.ts'
import { NO_LOSS, fixOf, lossBeforeSlot, lossBetween, lossOfPayload } from './ledger-damage.ts'
import type { BeforeLoss, Damage, Loss } from './ledger-damage.ts'
import type { LedgerStart } from './ledger-base.ts'
import { decodePayload } from './ledger-record.ts'
import type { LedgerRecord, PreviousEntry } from './ledger-record.ts'
import type { RecordPlace } from './ledger-state.ts'
import { LedgerState } from './ledger-state.ts'

/** A record with a trustworthy header; `payload` is undefined when the payload is damaged. */
export interface ReplayItem extends RecordPlace {
  readonly bytes: number
  readonly header: RecordHeader
  readonly payload: Uint8Array | undefined
}

/** Bytes that are no record. */
export interface Span extends RecordPlace {
  readonly bytes: number
  readonly missing?: boolean
  /** The stretch ends where the records end. */
  readonly openEnded?: boolean
}

/** End of the chain: where the next record goes and what it is chained to. */
export interface ChainEnd extends RecordPlace {
  readonly ordinal: number
  readonly checksum: number
  readonly lastType: number
}

/** A header and one number. */
const RECORD_BYTES_MIN = recordBytes(8)

export const CHAIN_START: ChainEnd = { segment: 1, offset: 0, ordinal: 0, checksum: 0, lastType: 0 }

export type RecordVisitor = (record: LedgerRecord, place: RecordPlace, header: RecordHeader) => void

interface PendingLoss {
  readonly span: Span
  readonly loss: Loss
  readonly previous: ChainEnd
  readonly previousEntry: RecordPlace | undefined
}

/**
 * Follows the chain of records through all segments, adds up the state, and works out for every damaged place what was lost.
 * One record is held back until its successor, or the slot, confirms its checksum.
 */
export class LedgerReplay {
  readonly state: LedgerState
  end: ChainEnd
  readonly #slot: Slot | undefined
  readonly #visit: RecordVisitor | undefined
  readonly #losses: PendingLoss[] = []
  readonly #lostPlaces = new Map<number, RecordPlace>()
  #held: ReplayItem | undefined
  #gap: Span | undefined
  #afterLoss = false
  readonly #cuts: { readonly ordinal: number; readonly from: number }[] = []
  #hardStateOrdinal = 0
  #attestationOrdinal = 0

  /** `start`: where the records begin that the ledger still holds. */
  constructor(slot: Slot | undefined, visit: RecordVisitor | undefined, start?: LedgerStart) {
    this.state = new LedgerState(start)
    this.end = start === undefined ? CHAIN_START : { segment: start.segment, offset: 0, ordinal: start.ordinal, checksum: start.checksum, lastType: start.lastType }
    this.#slot = slot
    this.#visit = visit
  }

  get lastOrdinal(): number {
    return this.#held?.header.ordinal ?? this.end.ordinal
  }

  /** True when the record is the one that the chain expects next. */
  follows(header: RecordHeader): boolean {
    const held = this.#held
    const last = held === undefined ? this.end : endOf(held)
    const jumps = header.type === RECORD_TYPES.fill && header.ordinal > last.ordinal
    return this.#gap === undefined && (header.ordinal === last.ordinal + 1 || jumps) && header.previousChecksum === last.checksum
  }

  /** True when the record is the first after `proven`, and what should stand before it is damaged: its header says whom it followed. */
  goesOn(header: RecordHeader, proven: number): boolean {
    const slot = this.#slot
    if (header.ordinal !== proven + 1 || header.type === RECORD_TYPES.fill || this.follows(header)) return false
    return slot?.ordinal !== proven || slot.checksum === header.previousChecksum
  }

  /** The next record that can be read. Call in file order; records that are missing before it are noticed by its ordinal. */
  take(item: ReplayItem): void {
    const { header } = item
    if (header.ordinal <= this.lastOrdinal) {
      this.gap(item)
      return
    }
    if (!this.follows(header) && this.#gap === undefined && this.#held?.header.ordinal === header.ordinal - 1) this.#distrustHeld(item)
    if (header.type !== RECORD_TYPES.fill) this.#doubtHeld(item, header.ordinal - 1)
    this.#settleHeld()
    this.#closeGap(item)
    const slot = this.#slot
    const exchanged = slot?.ordinal === header.ordinal && slot.checksum !== endOf(item).checksum
    this.#held = exchanged ? { ...item, payload: undefined, header: { ...header, checksum: slot.checksum, bridge: slot.checksum } } : item
  }

  /** Bytes that are no record, in file order. */
  gap(span: Span): void {
    if (this.#held !== undefined && this.#held.segment !== (this.#gap ?? span).segment) this.#settleHeld()
    if (this.#gap === undefined || this.#gap.segment !== span.segment) {
      if (this.#gap !== undefined) this.#settleHeld()
      // Bytes at the end of one file and at the start of the next: the later ones stand for the lost records, the earlier are cleared.
      if (this.#gap !== undefined) this.#clear(this.#gap)
      this.#gap = span
      return
    }
    this.#gap = { ...this.#gap, bytes: span.offset + span.bytes - this.#gap.offset, openEnded: span.openEnded ?? false }
  }

  /** Ends the replay. Records the slot vouches for and nobody found are lost between `end` and the slot's own place. */
  finish(): Damage[] {
    const slot = this.#slot
    if (slot !== undefined) this.#doubtHeld(slot, slot.ordinal)
    this.#settleHeld()
    if (slot !== undefined && slot.ordinal > this.end.ordinal) {
      const loss = lossBeforeSlot(this.#before(), slot)
      this.#lost(this.#spanBeforeSlot(slot), loss)
      this.state.lose(slot.index, loss.needFrom)
      this.end = { segment: slot.segment, offset: slot.offset, ordinal: slot.ordinal, checksum: slot.checksum, lastType: slot.lastType }
    }
    this.#takeFromSlot()
    return this.#losses.map((lost) => this.#damageOf(lost))
  }

  /**
   * Where the records stood that the slot vouches for and nobody found. The last of them ended where the slot says, so it stood in the slot's segment, though the chain ends in the one
   * before when nothing is left of it: a copy can only be put back there, since checksums are bound to their segment.
   */
  #spanBeforeSlot(slot: Slot): Span {
    const gap = this.#gap
    const end = this.#endPlace()
    if (gap?.missing === true) return { ...gap, bytes: 0, openEnded: true }
    if (end.segment > slot.segment) return { ...(gap ?? end), bytes: 0, openEnded: true }
    if (gap !== undefined && gap.segment !== slot.segment) this.#clear(gap)
    const offset = gap?.segment === slot.segment ? gap.offset : end.segment === slot.segment ? end.offset : DATA_OFFSET
    return { segment: slot.segment, offset, bytes: slot.offset - offset, openEnded: false }
  }

  /** The end of the chain, which before its first record is where records begin. */
  #endPlace(): RecordPlace {
    return { segment: this.end.segment, offset: Math.max(this.end.offset, DATA_OFFSET) }
  }

  #damageOf({ span, loss, previous, previousEntry }: PendingLoss): Damage {
    const superseded = this.#superseded(loss)
    const fix = fixOf(loss, this.#covered(loss.lastOrdinal))
    return {
      segment: span.segment, offset: span.offset, bytes: span.bytes, durable: true, ...loss, openEnded: span.openEnded ?? false,
      previous: { ordinal: previous.ordinal, checksum: previous.checksum, lastType: previous.lastType }, ...(previousEntry === undefined ? {} : { previousEntry }),
      kind: span.missing === true ? 'missing' : loss.lastOrdinal === 0 ? 'tail' : 'record',
      needFrom: superseded ? 0 : loss.needFrom, fix: superseded && fix !== 'none' ? 'local' : fix,
    }
  }

  #lost(span: Span, loss: Loss): void {
    const { index } = loss
    const previousEntry = index === undefined || index === this.state.index.firstIndex ? undefined : (this.#lostPlaces.get(index - 1) ?? this.#placeOf(index - 1))
    if (index !== undefined) this.#lostPlaces.set(index, { segment: span.segment, offset: span.offset })
    this.#losses.push({ span, loss, previous: this.end, previousEntry })
  }

  /** Undefined where an earlier repair has left a fill in place of the entry. */
  #placeOf(index: number): RecordPlace | undefined {
    return this.state.index.isHole(index) ? undefined : this.state.index.location(index)
  }

  /** The identity of a lost entry, as the entry after it or the slot tells it. */
  #remember(index: number, { term, height, hash }: PreviousEntry): void {
    const at = this.#losses.findLastIndex(({ loss }) => loss.index === index)
    const found = this.#losses[at]
    if (found !== undefined) this.#losses[at] = { ...found, loss: { ...found.loss, term, height, hash: hash.slice() } }
  }

  /** A later truncation dropped what was lost from the log: nobody needs it back. */
  #superseded(loss: Loss): boolean {
    return loss.needFrom > 0 && this.#cuts.some(({ ordinal, from }) => ordinal > loss.lastOrdinal && from <= loss.needFrom)
  }

  #before(): BeforeLoss {
    return { ordinal: this.end.ordinal, lastIndex: this.state.index.lastIndex, commit: this.state.hardState.commit }
  }

  #covered(ordinal: number): { hardState: boolean; attestation: boolean } {
    const bySlot = this.#slot !== undefined && this.#slot.ordinal >= ordinal
    return { hardState: bySlot || this.#hardStateOrdinal > ordinal, attestation: bySlot || this.#attestationOrdinal > ordinal }
  }

  /** Two intact records that do not fit: the chain after them confirms the later one, so the earlier one was exchanged. */
  #distrustHeld(next: ReplayItem): void {
    const held = this.#held
    if (held === undefined) return
    const loss = { ...lossOfPayload(held.header), checksum: next.header.previousChecksum }
    this.#held = undefined
    this.#lost(held, loss)
    this.#skip({ ...held, header: { ...held.header, checksum: next.header.previousChecksum, bridge: next.header.previousChecksum } })
  }

  /**
   * Before `next` less room is left than the lost records up to `lastOrdinal` took: the record before them is an older one that a lost write has brought to light again, and
   * longer than what stood there. It goes with them; a fill for them alone would reach into `next`.
   */
  #doubtHeld(next: RecordPlace, lastOrdinal: number): void {
    const held = this.#held
    if (held === undefined || held.segment !== next.segment) return
    const lost = lastOrdinal - held.header.ordinal
    const bytes = next.offset - held.offset - held.bytes
    if (lost <= 0 || bytes >= lost * RECORD_BYTES_MIN) return
    this.#held = undefined
    this.#gap = { segment: held.segment, offset: held.offset, bytes: next.offset - held.offset }
  }

  #settleHeld(): void {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    if (held.payload === undefined) {
      this.#lost(held, lossOfPayload(held.header))
      this.#skip(held)
      return
    }
    const record = decodePayload(held.header, held.payload)
    if (record.type === 'entry' && !this.#afterLoss) this.#mustBegin(record.entry.index)
    this.state.apply(record, held, held.header.index, this.#afterLoss)
    if (record.type === 'entry') this.#remember(record.entry.index - 1, record.previous)
    if (record.type === 'truncate') this.#cuts.push({ ordinal: held.header.ordinal, from: record.from })
    if (record.type === 'hardState') this.#hardStateOrdinal = held.header.ordinal
    if (record.type === 'attestation') this.#attestationOrdinal = held.header.ordinal
    this.#afterLoss = record.type === 'fill'
    this.end = endOf(held)
    this.#visit?.(record, held, held.header)
  }

  /** A ledger that began with a snapshot says so in two files beside its records; with both gone it looks like one that begins with the chain, and what this node promised before is not known. */
  #mustBegin(index: number): void {
    if (this.state.index.lastIndex > 0 || index === 1) return
    throw new SteleError({ code: 'LEDGER_UNREPAIRABLE', message: 'both copies of the ledger\'s start are gone', details: { firstIndex: index } })
  }

  #closeGap(next: ReplayItem): void {
    const jumps = next.header.type === RECORD_TYPES.fill && next.header.previousChecksum === this.end.checksum
    const missing = next.header.ordinal > this.end.ordinal + 1 && !jumps
    if (this.#gap === undefined && !missing) return
    if (this.#gap !== undefined && next.header.ordinal === this.end.ordinal + 1) {
      this.#clear(this.#gap)
      this.#gap = undefined
      return
    }
    const span = this.#spanBefore(next)
    this.#gap = undefined
    const loss = lossBetween(this.#before(), next)
    this.#lost(span, loss)
    this.state.lose(loss.indexAfter, loss.needFrom)
    this.#afterLoss = true
    this.end = { ...this.end, ordinal: next.header.ordinal - 1, checksum: next.header.previousChecksum, lastType: next.header.previousType }
  }

  /**
   * Where the records stood that are missing before `next`. A segment between of which nothing is left held one at least, since it is begun for a record and synced before the next one is:
   * the loss is placed there, because a copy fits in its own segment only, and behind the records of the segment before there may be no room.
   */
  #spanBefore(next: RecordPlace): Span {
    const gap = this.#gap
    const empty = (gap ?? this.end).segment + 1
    if (next.segment <= empty) return gap ?? { ...this.#endPlace(), bytes: 0, openEnded: true }
    if (gap !== undefined) this.#clear(gap)
    return { segment: empty, offset: DATA_OFFSET, bytes: 0, openEnded: true }
  }

  /** Bytes in nobody's place: no record is lost, they are set to zero. */
  #clear(span: Span): void {
    this.#lost(span, NO_LOSS)
  }

  #skip(item: ReplayItem): void {
    this.state.lose(item.header.index, 0)
    this.#afterLoss = true
    this.end = endOf(item)
  }

  /** The slot knows term, vote and attestation as they were when it was written; it stands in for a lost record of them. */
  #takeFromSlot(): void {
    const slot = this.#slot
    if (slot === undefined) return
    const { state } = this
    const lost = this.#losses.findLast(({ loss }) => loss.index === slot.index)?.loss
    if (lost !== undefined && lost.hash === undefined && slot.ordinal >= lost.lastOrdinal) this.#remember(slot.index, { term: slot.indexTerm, height: lost.height ?? 0, hash: slot.lastHash })
    if (this.#hardStateOrdinal <= slot.ordinal) {
      const commit = Math.max(slot.commit, state.hardState.commit)
      state.hardState = { term: slot.term, vote: slot.vote, commit }
    }
    const known = state.attestation
    if (slot.attestedHeight > 0 && (known === undefined || slot.attestedEpoch > known.epoch || (slot.attestedEpoch === known.epoch && slot.attestedHeight > known.height))) {
      state.attestation = { epoch: slot.attestedEpoch, height: slot.attestedHeight, bytes: undefined }
    }
    state.bootCounter = Math.max(state.bootCounter, slot.bootCounter)
  }
}

function endOf(item: ReplayItem): ChainEnd {
  const { header } = item
  const fill = header.type === RECORD_TYPES.fill
  return {
    segment: item.segment, offset: item.offset + item.bytes, ordinal: header.ordinal,
    checksum: fill ? header.bridge : header.checksum, lastType: fill ? header.flags : header.type,
  }
}
