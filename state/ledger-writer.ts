import { SteleError } from '../primitives/error.ts'
import type { FileSystem, OpenFile, Timers } from './file-system.ts'
import { DATA_OFFSET, SLOT_OFFSETS, encodeSlot, sealRecordHeader, segmentSeed } from './ledger-format.ts'
import type { Slot } from './ledger-format.ts'
import { encodeRecord, encodedBytes } from './ledger-encode.ts'
import type { ChainLink, EncodedRecord, LogPosition } from './ledger-encode.ts'
import { encodePayload } from './ledger-record.ts'
import type { LedgerRecord } from './ledger-record.ts'
import type { ChainEnd } from './ledger-replay.ts'
import { activateSpare, prepareSpare, recordBytesMax } from './ledger-segment.ts'
import type { LedgerIdentity } from './ledger-segment.ts'
import type { RecordPlace } from './ledger-state.ts'

/** What a slot remembers of the ledger's state after a batch; place and chain are added when it is written. */
export type SlotState = Omit<Slot, 'sequence' | 'segment' | 'offset' | 'ordinal' | 'checksum' | 'lastType'>

export interface WriterSettings {
  readonly directory: string
  readonly identity: LedgerIdentity
  readonly segmentBytes: number
  readonly idleSyncMs: number
  readonly groupBytesMax: number
}

/** The records of one batch that fall into one segment. */
interface WriteItem {
  readonly segment: number
  readonly offset: number
  readonly bytes: number
  readonly records: readonly EncodedRecord[]
  readonly link: ChainLink
  /** Only on the last item of a batch that somebody waits for: a lost lazy record breaks no promise, so it is not worth a sync of its own. */
  readonly slotState: SlotState | undefined
  readonly done: ((error: SteleError | undefined) => void) | undefined
  readonly urgent: boolean
}

/**
 * Puts records into segments in the order they come. Places and checksums are settled at once; writing goes on behind:
 * everything queued while a sync runs goes out together in the next write and sync. After a failed write or sync nothing is
 * written any more, because a later sync that succeeds would say nothing about the earlier bytes.
 */
export class LedgerWriter {
  readonly #settings: WriterSettings
  readonly #fileSystem: FileSystem
  readonly #timers: Timers
  readonly #onFailed: (error: SteleError) => void
  #file: OpenFile
  #fileSegment: number
  #place: RecordPlace
  #link: ChainLink
  #queue: WriteItem[] = []
  #queuedBytes = 0
  /** Batches that somebody waits for. */
  #urgent = 0
  #syncNow = false
  #inFlight: readonly WriteItem[] = []
  #durableOrdinal: number
  #slotSequence: number
  #pendingSlot: Slot | undefined
  #spare: Promise<unknown>
  #running: Promise<void> | undefined
  #cancelIdle: (() => void) | undefined
  #failure: SteleError | undefined
  #seed = { segment: -1, seed: 0 }

  constructor(settings: WriterSettings, collaborators: { fileSystem: FileSystem; timers: Timers; file: OpenFile; onFailed: (error: SteleError) => void }, end: ChainEnd, slotSequence: number) {
    this.#settings = settings
    this.#fileSystem = collaborators.fileSystem
    this.#timers = collaborators.timers
    this.#onFailed = collaborators.onFailed
    this.#file = collaborators.file
    this.#fileSegment = end.segment
    this.#place = { segment: end.segment, offset: end.offset }
    this.#link = { ordinal: end.ordinal, checksum: end.checksum, lastType: end.lastType }
    this.#durableOrdinal = end.ordinal
    this.#slotSequence = slotSequence
    this.#spare = this.#makeSpare(end.segment + 1)
  }

  get failure(): SteleError | undefined { return this.#failure }
  /** Bytes that wait for the disk. */
  get queuedBytes(): number { return this.#queuedBytes }

  /**
   * Settles where the records go and queues them. Returns their places; `durable` is called after the sync that covers all of
   * them, or with the failure. Without `urgent` the records wait for the next batch or the idle sync.
   */
  put(records: readonly { readonly record: LedgerRecord; readonly at: LogPosition }[], slotState: SlotState, urgent: boolean, durable: (error: SteleError | undefined) => void): RecordPlace[] {
    const places: RecordPlace[] = []
    let open: { segment: number; offset: number; bytes: number; records: EncodedRecord[] } | undefined
    const items: Omit<WriteItem, 'slotState' | 'done' | 'urgent'>[] = []
    for (const { record, at } of records) {
      const payload = encodePayload(record)
      const place = this.#makeRoom(encodedBytes(payload))
      if (open === undefined || open.segment !== place.segment) {
        if (open !== undefined) items.push({ ...open, link: this.#link })
        open = { segment: place.segment, offset: place.offset, bytes: 0, records: [] }
      }
      const encoded = encodeRecord(record, at, this.#link, this.#seedOf(place.segment), payload)
      open.records.push(encoded)
      open.bytes += encoded.bytes
      this.#link = encoded.link
      this.#place = { segment: place.segment, offset: place.offset + encoded.bytes }
      places.push(place)
    }
    if (open !== undefined) items.push({ ...open, link: this.#link })
    items.forEach(({ segment, offset, bytes, records: encoded, link }, i) => {
      const last = i === items.length - 1
      this.#queue.push({ segment, offset, bytes, records: encoded, link, slotState: last && urgent ? slotState : undefined, done: last ? durable : undefined, urgent: last && urgent })
      this.#queuedBytes += bytes
    })
    if (urgent) this.#urgent++
    if (urgent) this.#wake()
    else this.#armIdle()
    return places
  }

  /** Writes and syncs all that waits, and the slot over it; then releases the file. */
  async close(): Promise<void> {
    while (this.#failure === undefined && (this.#running !== undefined || this.#queue.length > 0 || this.#pendingSlot !== undefined)) {
      this.#syncNow = true
      this.#wake()
      await this.#running
    }
    this.#cancelIdle?.()
    await this.#spare
    await this.#file.close()
  }

  #makeRoom(bytes: number): RecordPlace {
    if (bytes > recordBytesMax(this.#settings.segmentBytes)) {
      throw new SteleError({ code: 'LEDGER_ENTRY_TOO_LARGE', message: 'a record does not fit into a segment', details: { bytes, segmentBytes: this.#settings.segmentBytes } })
    }
    if (this.#place.offset + bytes > this.#settings.segmentBytes) this.#place = { segment: this.#place.segment + 1, offset: DATA_OFFSET }
    return this.#place
  }

  #wake(): void {
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    try {
      // Appends of the same turn of the event loop go out together.
      await Promise.resolve()
      while (this.#urgent > 0 || this.#syncNow) {
        this.#syncNow = false
        await this.#writeGroup()
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#running = undefined
    }
    if (this.#pendingSlot !== undefined || this.#queue.length > 0) this.#armIdle()
  }

  async #writeGroup(): Promise<void> {
    const group = this.#nextGroup()
    this.#inFlight = group
    const first = group[0]
    if (first !== undefined && first.segment !== this.#fileSegment) await this.#roll(first.segment)
    const writes: Promise<void>[] = []
    const slot = this.#pendingSlot
    this.#pendingSlot = undefined
    if (slot !== undefined) writes.push(this.#writeSlot(slot))
    if (first !== undefined) writes.push(this.#file.write(this.#seal(group), first.offset))
    await Promise.all(writes)
    await this.#file.sync()
    this.#inFlight = []
    for (const item of group) this.#settle(item)
  }

  #nextGroup(): WriteItem[] {
    const segment = this.#queue[0]?.segment
    let bytes = 0
    const count = this.#queue.findIndex((item) => {
      bytes += item.bytes
      return item.segment !== segment || bytes - item.bytes > this.#settings.groupBytesMax
    })
    return this.#queue.splice(0, count === -1 ? this.#queue.length : count)
  }

  #seal(group: readonly WriteItem[]): Uint8Array[] {
    const parts: Uint8Array[] = []
    for (const item of group) {
      const seed = this.#seedOf(item.segment)
      let offset = item.offset
      for (const record of item.records) {
        sealRecordHeader(record.header, record.link.ordinal, this.#durableOrdinal, seed, offset)
        parts.push(record.header, ...record.parts)
        offset += record.bytes
      }
    }
    return parts
  }

  #settle(item: WriteItem): void {
    this.#queuedBytes -= item.bytes
    this.#durableOrdinal = item.link.ordinal
    if (item.urgent) this.#urgent--
    if (item.slotState !== undefined) {
      const { index, indexTerm, height, term, vote, commit, attestedEpoch, attestedHeight, bootCounter, lastHash } = item.slotState
      const { ordinal, checksum, lastType } = item.link
      // Field by field: spreading three objects costs more than all the rest of this function.
      this.#pendingSlot = {
        sequence: ++this.#slotSequence, segment: item.segment, offset: item.offset + item.bytes, ordinal, checksum, lastType,
        index, indexTerm, height, term, vote, commit, attestedEpoch, attestedHeight, bootCounter, lastHash,
      }
    }
    item.done?.(undefined)
  }

  /** Goes to the slot not written last, so that a torn write leaves the other one; durable with the sync that follows. */
  #writeSlot(slot: Slot): Promise<void> {
    const offset = SLOT_OFFSETS[slot.sequence % 2] ?? SLOT_OFFSETS[0]
    return this.#file.write([encodeSlot(slot, this.#seedOf(this.#fileSegment), offset)], offset)
  }

  /** Nearly every record falls into the segment of the one before. */
  #seedOf(segment: number): number {
    if (this.#seed.segment !== segment) this.#seed = { segment, seed: segmentSeed(this.#settings.identity.salt, segment) }
    return this.#seed.seed
  }

  async #roll(segment: number): Promise<void> {
    await this.#spare
    if (this.#failure !== undefined) throw this.#failure
    const next = await activateSpare(this.#fileSystem, this.#settings.directory, segment)
    await this.#file.close()
    this.#file = next
    this.#fileSegment = segment
    this.#spare = this.#makeSpare(segment + 1)
  }

  #makeSpare(sequence: number): Promise<void> {
    const { directory, identity, segmentBytes } = this.#settings
    return prepareSpare(this.#fileSystem, directory, identity, sequence, segmentBytes).catch((error: unknown) => this.#fail(error))
  }

  #armIdle(): void {
    if (this.#cancelIdle !== undefined || this.#failure !== undefined) return
    this.#cancelIdle = this.#timers.set(() => {
      this.#cancelIdle = undefined
      if (this.#queue.length === 0 && this.#pendingSlot === undefined) return
      this.#syncNow = true
      this.#wake()
    }, this.#settings.idleSyncMs)
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    const failure = new SteleError({ code: 'LEDGER_WRITE_FAILED', message: 'writing the ledger failed; the process must end', details: { segment: this.#fileSegment }, cause: error })
    this.#failure = failure
    const waiting = [...this.#inFlight, ...this.#queue]
    this.#inFlight = []
    this.#queue = []
    for (const item of waiting) item.done?.(failure)
    this.#onFailed(failure)
  }
}
