import { invariant } from '../primitives/assert.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { FileSystem } from './file-system.ts'
import { previousOf, writeLedgerStart } from './ledger-base.ts'
import { EntryCache } from './ledger-cache.ts'
import type { LogPosition } from './ledger-encode.ts'
import type { LedgerSettings } from './ledger-options.ts'
import { ENTRY_PREFIX_BYTES, NO_HASH } from './ledger-record.ts'
import type { Entry, HardState, LedgerRecord, Refusal, StoredAttestation, StoredCertificate } from './ledger-record.ts'
import { findPruneCut, firstPlace } from './ledger-prune.ts'
import { RecordReader, SMALL_RECORD_BYTES } from './ledger-reader.ts'
import { recordBytesMax, removePruned } from './ledger-segment.ts'
import type { LedgerState } from './ledger-state.ts'
import type { LedgerWriter, SlotState } from './ledger-writer.ts'

/** What one `append` makes durable together. Written in the order of the fields; a crash before the sync may leave any prefix of it. */
export interface LedgerBatch {
  readonly hardState?: HardState
  /** Drops this index and all after it. Above the commit index only. */
  readonly truncateFrom?: number
  /** Follow the log's end (after the truncation) without a gap. Not copied: must not be changed afterwards. */
  readonly entries?: readonly Entry[]
  readonly refusals?: readonly Refusal[]
  readonly attestation?: { readonly epoch: number; readonly height: number; readonly bytes: Uint8Array }
  readonly certificate?: StoredCertificate
}

/** What stood in the ledger when it was opened. */
export interface RecoveredState {
  readonly hardState: HardState
  readonly firstIndex: number
  readonly lastIndex: number
  /** Of entries that are still in the log, ascending by index. */
  readonly refusals: readonly Refusal[]
  readonly lastAttestation: StoredAttestation | undefined
  readonly newestCertificate: StoredCertificate | undefined
  /** This start's number, already durable. */
  readonly bootCounter: number
}

/** Header, entry prefix, a refusal's code and padding. */
const RECORD_OVERHEAD_BYTES_MAX = 512

type Done = (error: SteleError | undefined) => void
interface PlacedRecord { readonly record: LedgerRecord; readonly at: LogPosition }

/** Segment files as Raft log and block store. One writer, many reads; made by `openLedger`. */
export class Ledger {
  readonly recovered: RecoveredState
  readonly #settings: LedgerSettings & { readonly fileSystem: FileSystem }
  readonly #state: LedgerState
  readonly #writer: LedgerWriter
  readonly #reader: RecordReader
  readonly #cache: EntryCache
  readonly #onDamaged: (error: SteleError) => void
  readonly #release: () => Promise<void>
  #firstSegment: number
  #storedLastIndex: number
  #lastHash: Uint8Array
  /** Truncations that are not durable yet, in order. */
  readonly #cuts: number[] = []
  /** Certificates whose records are not on disk yet, by height: they can be read nowhere else. */
  readonly #waitingCertificates = new Map<number, StoredCertificate>()
  #damage: SteleError | undefined
  #closing: Promise<void> | undefined

  /** For `openLedger`, which has put BOOT into `state` and hands over writer and lock. */
  constructor(settings: LedgerSettings & { readonly fileSystem: FileSystem }, parts: { state: LedgerState; writer: LedgerWriter; reader: RecordReader; firstSegment: number; onDamaged: (error: SteleError) => void; release: () => Promise<void> }, recovered: RecoveredState) {
    this.#settings = settings
    this.#state = parts.state
    this.#writer = parts.writer
    this.#reader = parts.reader
    this.#onDamaged = parts.onDamaged
    this.#release = parts.release
    this.#firstSegment = parts.firstSegment
    this.#cache = new EntryCache(settings.cacheBytesMax)
    this.recovered = recovered
    this.#storedLastIndex = this.#state.index.lastIndex
    this.#lastHash = this.#state.index.isHole(this.#storedLastIndex) ? NO_HASH : this.#hashAt(this.#storedLastIndex)
  }

  /**
   * Shows the batch in the view at once; resolves after one fdatasync that covers it. Appends that come while a sync runs share
   * the next one; they resolve in the order they came. Rejects with `LEDGER_WRITE_FAILED` (for good), `LEDGER_DAMAGED`, `LEDGER_CLOSED`, or
   * `LEDGER_BUSY` and `LEDGER_ENTRY_TOO_LARGE` with nothing changed.
   */
  append(batch: LedgerBatch): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#put(batch, true, (error) => (error === undefined ? resolve() : reject(error)))
    })
  }

  /** Like `append` without forcing a sync: durable with the next batch, or after the idle time. For what others can give again: certificates, a commit index. A failure is told by `failed`. */
  appendLazy(batch: Pick<LedgerBatch, 'certificate' | 'hardState'>): void {
    const { hardState } = batch
    const known = this.#state.hardState
    invariant(hardState === undefined || (hardState.term === known.term && hardState.vote === known.vote), 'term and vote are not written lazily')
    this.#put(batch, false, () => undefined)
  }

  /** For `openLedger`: makes the number of this start durable. */
  countStart(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { index, bootCounter } = this.#state
      const at = { term: index.lastTerm, index: index.lastIndex, height: index.lastHeight }
      this.#write([{ record: { type: 'boot', counter: bootCounter }, at }], {}, true, (error) => (error === undefined ? resolve() : reject(error)))
    })
  }

  /** For `LedgerRepair`: replaces the log from `from` on by what the cluster has committed; `floor` is the index that must be reached again. */
  replaceFrom(from: number, floor: number, entries: readonly Entry[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#put({ truncateFrom: from, entries }, true, (error) => (error === undefined ? resolve() : reject(error)), floor)
    })
  }

  /**
   * Gives the room of entries below `before` back, whole segments at a time; every entry from `before` on stays, as do this node's promises. `before` is committed and durable.
   * Resolves with the number of segments deleted, 0 when none could go. After a crash at any step the ledger opens as before or as after.
   */
  async prune(before: number): Promise<number> {
    this.#mustServe()
    const { index, hardState, attestation, bootCounter } = this.#state
    invariant(before <= Math.min(hardState.commit, this.#storedLastIndex), 'only committed entries are pruned', { before, commit: hardState.commit })
    if (before <= this.firstIndex()) return 0
    const cut = findPruneCut(this.#state, this.#firstSegment, before, (segment) => this.#reader.headerAt(firstPlace(segment)))
    if (cut === undefined) return 0
    const base = { index: cut.index, term: index.term(cut.index), height: index.heightAt(cut.index), hash: this.#hashAt(cut.index).slice() }
    const { fileSystem, directory, chainId } = this.#settings
    await writeLedgerStart(fileSystem, directory, chainId, { ...cut, base, hardState, attestation, bootCounter })
    this.#state.prune(cut.segment, base)
    this.#cache.forget(cut.index)
    this.#reader.forget(cut.segment)
    this.#firstSegment = cut.segment
    return removePruned(fileSystem, directory, cut.segment)
  }

  /** True when the entry at `index` holds no block; also for the one before the first that can be read. */
  isNoop(index: number): boolean { return ownHeight(this.#state, index) === 0 }
  /** Bytes of the entry at `index`, from memory; 0 outside the log. */
  entryBytes(index: number): number { return this.#state.index.location(index).dataBytes }
  /** Lowest index that can be read; above 1 in a ledger that was pruned or began with a snapshot. */
  firstIndex(): number { return this.#state.index.firstIndex }
  /** Lowest height whose block can be read. */
  firstHeight(): number { return this.#state.index.base.height + 1 }
  lastIndex(): number { return this.#state.index.lastIndex }
  /** Last index of the present log that is durable. */
  storedLastIndex(): number { return this.#storedLastIndex }
  hardState(): HardState { return this.#state.hardState }
  lastAttestation(): StoredAttestation | undefined { return this.#state.attestation }
  newestCertificate(): StoredCertificate | undefined { return this.#state.newestCertificate }
  lastHeight(): number { return this.#state.index.lastHeight }
  /** Index of the entry with the block of this height; undefined when the log has none. */
  indexOfHeight(height: number): number | undefined { return this.#state.index.indexOfHeight(height) }
  /** Height of the last block at or before `index`. */
  heightAt(index: number): number { return this.#state.index.heightAt(index) }
  /** Term of the entry; 0 for index 0, undefined outside the log. */
  term(index: number): number | undefined { return this.#state.index.maybeTerm(index) }
  refusal(index: number): Refusal | undefined { return this.#state.refusals.get(index) }
  /** Undefined, or why nothing can be appended or read any more. */
  failure(): SteleError | undefined { return this.#damage ?? this.#writer.failure }

  /** Entries lo ≤ index < hi, as many as fit into `maxBytes` of data, at least one if there is any. `LEDGER_COMPACTED` below the first index, `LEDGER_DAMAGED` when bytes have changed. */
  entries(lo: number, hi: number, maxBytes: number): Entry[] {
    this.#mustServe()
    if (lo < this.firstIndex()) throw new SteleError({ code: 'LEDGER_COMPACTED', message: 'the entry lies before the ledger', details: { index: lo, firstIndex: this.firstIndex() } })
    invariant(hi <= this.lastIndex() + 1, 'entries are asked for inside the log', { lo, hi, lastIndex: this.lastIndex() })
    const found: Entry[] = []
    let bytes = 0
    for (let index = lo; index < hi; index++) {
      bytes += this.#state.index.location(index).dataBytes
      if (found.length > 0 && bytes > maxBytes) break
      found.push(this.#entryAt(index))
    }
    return found
  }

  /** The entry at `index`, or undefined outside the log. */
  entry(index: number): Entry | undefined {
    this.#mustServe()
    return index >= this.firstIndex() && index <= this.lastIndex() ? this.#entryAt(index) : undefined
  }

  /** The oldest certificate of a block at or above `height`, which makes that height final too; undefined when there is none yet. */
  certificateCovering(height: number): StoredCertificate | undefined {
    this.#mustServe()
    const places = this.#state.certificates
    let low = 0
    let high = places.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((places[middle]?.height ?? 0) < height) low = middle + 1
      else high = middle
    }
    const place = places[low]
    if (place === undefined) return undefined
    if (low === places.length - 1) return this.#state.newestCertificate
    const waiting = this.#waitingCertificates.get(place.height)
    if (waiting !== undefined) return waiting
    const record = this.#guard(() => this.#reader.read(place, SMALL_RECORD_BYTES))
    return record.type === 'certificate' ? record.certificate : undefined
  }

  /** Writes what waits, syncs it and the slot over it, releases files and lock. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      await this.#writer.close()
    } finally {
      this.#reader.close()
      await this.#release()
    }
  }

  #put(batch: LedgerBatch, urgent: boolean, done: Done, repairFloor = 0): void {
    this.#mustServe()
    this.#check(batch, repairFloor > 0)
    this.#write(this.#recordsOf(batch, repairFloor), batch, urgent, done)
  }

  #write(records: readonly PlacedRecord[], batch: LedgerBatch, urgent: boolean, done: Done): void {
    const cut = batch.truncateFrom
    if (records.length === 0) return done(undefined)
    if (cut !== undefined) {
      this.#cuts.push(cut)
      this.#cache.truncate(cut, this.lastIndex())
      this.#storedLastIndex = Math.min(this.#storedLastIndex, cut - 1)
    }
    const lastIndex = records.at(-1)?.at.index ?? this.lastIndex()
    const places = this.#writer.put(records, this.#slotState(batch, records), urgent, (error) => {
      if (error === undefined) this.#stored(lastIndex, cut)
      for (const { record } of records) if (record.type === 'certificate') this.#waitingCertificates.delete(record.certificate.height)
      done(error)
    })
    records.forEach(({ record, at }, i) => {
      const place = places[i]
      invariant(place !== undefined, 'every record has a place')
      this.#state.apply(record, place, at.index, false)
      if (record.type === 'entry') this.#cache.put(record.entry)
      if (record.type === 'certificate') this.#waitingCertificates.set(record.certificate.height, record.certificate)
    })
  }

  #stored(lastIndex: number, cut: number | undefined): void {
    if (cut !== undefined) this.#cuts.shift()
    // What a later truncation has dropped from the view does not count, though it is on disk.
    const limit = this.#cuts.reduce((least, from) => Math.min(least, from - 1), lastIndex)
    this.#storedLastIndex = Math.max(this.#storedLastIndex, limit)
    this.#cache.trim(this.#storedLastIndex)
  }

  #check(batch: LedgerBatch, repairing: boolean): void {
    const { commit } = batch.hardState ?? this.#state.hardState
    const { truncateFrom: from, hardState } = batch
    invariant(hardState === undefined || hardState.term >= this.#state.hardState.term, 'terms never fall', { term: hardState?.term })
    invariant(from === undefined || ((from > commit || repairing) && from <= this.lastIndex() + 1), 'only what is not committed is truncated', { from, commit, lastIndex: this.lastIndex() })
    let bytes = 0
    let next = from ?? this.lastIndex() + 1
    for (const entry of batch.entries ?? []) {
      invariant(entry.index === next++, 'entries follow each other', { index: entry.index })
      bytes += entry.data.length
      this.#mustFit(entry.data)
    }
    for (const part of [batch.attestation?.bytes, batch.certificate?.bytes, ...(batch.refusals ?? []).map((refusal) => refusal.root)]) if (part !== undefined) this.#mustFit(part)
    if (this.#writer.queuedBytes > 0 && this.#writer.queuedBytes + bytes > this.#settings.queueBytesMax) {
      throw new SteleError({ code: 'LEDGER_BUSY', message: 'too many bytes wait for the disk', details: { queuedBytes: this.#writer.queuedBytes }, retryable: true })
    }
  }

  /** Before anything is changed: a record never spans two segments. */
  #mustFit(data: Uint8Array): void {
    const bytesMax = recordBytesMax(this.#settings.segmentBytes) - RECORD_OVERHEAD_BYTES_MAX
    if (data.length > bytesMax) throw new SteleError({ code: 'LEDGER_ENTRY_TOO_LARGE', message: 'a record must fit into one segment', details: { bytes: data.length, bytesMax } })
  }

  #recordsOf(batch: LedgerBatch, floor: number): PlacedRecord[] {
    const records: PlacedRecord[] = []
    const { index } = this.#state
    let end = { term: index.lastTerm, index: index.lastIndex, height: index.lastHeight }
    const add = (record: LedgerRecord): void => { records.push({ record, at: end }) }
    if (batch.hardState !== undefined) add({ type: 'hardState', hardState: batch.hardState })
    let previousHash = this.#lastHash
    let previousHeight = ownHeight(this.#state, end.index)
    if (batch.truncateFrom !== undefined) {
      const last = batch.truncateFrom - 1
      previousHash = this.#hashAt(last)
      previousHeight = ownHeight(this.#state, last)
      end = { term: index.term(last), index: last, height: index.heightAt(last) }
      add({ type: 'truncate', from: batch.truncateFrom, floor })
    }
    for (const entry of batch.entries ?? []) {
      records.push({ record: { type: 'entry', entry, previous: { term: end.term, height: previousHeight, hash: previousHash } }, at: { term: entry.term, index: entry.index, height: entry.height } })
      previousHash = entry.hash ?? NO_HASH
      previousHeight = entry.height
      end = { term: entry.term, index: entry.index, height: entry.height === 0 ? end.height : entry.height }
    }
    for (const refusal of batch.refusals ?? []) add({ type: 'refused', refusal })
    if (batch.attestation !== undefined) add({ type: 'attestation', attestation: batch.attestation })
    if (batch.certificate !== undefined) add({ type: 'certificate', certificate: batch.certificate })
    this.#lastHash = previousHash
    return records
  }

  #slotState(batch: LedgerBatch, records: readonly PlacedRecord[]): SlotState {
    const last = records.at(-1)?.at ?? { term: 0, index: 0, height: 0 }
    const { term, vote, commit } = batch.hardState ?? this.#state.hardState
    const attestation = batch.attestation ?? this.#state.attestation
    return {
      index: last.index, indexTerm: last.term, height: last.height, term, vote, commit, attestedEpoch: attestation?.epoch ?? 0, attestedHeight: attestation?.height ?? 0,
      bootCounter: this.#state.bootCounter, lastHash: this.#lastHash,
    }
  }

  #hashAt(index: number): Uint8Array {
    const { base } = this.#state.index
    return index === base.index ? base.hash : (this.#entryAt(index).hash ?? NO_HASH)
  }

  #entryAt(index: number): Entry {
    const cached = this.#cache.get(index)
    if (cached !== undefined) return cached
    const location = this.#state.index.location(index)
    const record = this.#guard(() => this.#reader.read(location, ENTRY_PREFIX_BYTES + location.dataBytes), { index, height: this.#state.index.heightAt(index) })
    if (record.type === 'entry' && record.entry.index === index) return record.entry
    return this.#guard(() => { throw new SteleError({ code: 'LEDGER_DAMAGED', message: 'a record is not the one that was written here', details: { ...location } }) }, { index })
  }

  #mustServe(): void {
    if (this.#closing !== undefined) throw new SteleError({ code: 'LEDGER_CLOSED', message: 'the ledger is closed' })
    const failure = this.failure()
    if (failure !== undefined) throw failure
  }

  /** Turns damage met while reading into the end of service: whoever reads on might serve or vote with it. */
  #guard<Result>(read: () => Result, details: Readonly<Record<string, unknown>> = {}): Result {
    try {
      return read()
    } catch (error) {
      if (errorCode(error) !== 'LEDGER_DAMAGED' || !(error instanceof SteleError)) throw error
      const damage = new SteleError({ code: 'LEDGER_DAMAGED', message: error.message, details: { ...error.details, ...details }, cause: error })
      if (this.#damage === undefined) {
        this.#damage = damage
        this.#onDamaged(damage)
      }
      throw damage
    }
  }
}

function ownHeight(state: LedgerState, index: number): number {
  if (index === state.index.base.index) return previousOf(state.index.base).height
  const height = state.index.heightAt(index)
  return height === state.index.heightAt(index - 1) ? 0 : height
}
