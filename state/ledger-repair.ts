import { equalBytes } from '../primitives/bytes.ts'
import { invariant } from '../primitives/assert.ts'
import { SteleError } from '../primitives/error.ts'
import { encodeRecord } from './ledger-encode.ts'
import { RECORD_HEADER_BYTES, RECORD_TYPES, encodeRecordHeader, maybeDecodeRecordHeader, recordBytes, recordChecksum, sealRecordHeader, segmentSeed, setRecordChecksum, writeInteger } from './ledger-format.ts'
import { mustBeRepairable } from './ledger-damage.ts'
import type { Damage } from './ledger-damage.ts'
import { readLedger } from './ledger-image.ts'
import type { LedgerImage } from './ledger-image.ts'
import type { OpenedLedger } from './ledger-open.ts'
import type { LedgerCollaborators, LedgerSettings } from './ledger-options.ts'
import { patchSegment } from './ledger-patch.ts'
import type { Patch } from './ledger-patch.ts'
import { previousOf } from './ledger-base.ts'
import { NO_HASH } from './ledger-record.ts'
import type { Entry, PreviousEntry } from './ledger-record.ts'
import { guardWrites, heal, startLedger } from './ledger-start.ts'
import { RecordReader, SMALL_RECORD_BYTES } from './ledger-reader.ts'

/** Smallest fill: a header and the index from which entries are in doubt. */
const FILL_BYTES_MIN = RECORD_HEADER_BYTES + 8

/**
 * The way out of repair mode. Each step is durable when it resolves and may be repeated after a crash; `finish` reads the whole
 * ledger again and alone decides whether it is whole. The caller has checked that offered blocks are what their hashes and
 * certificates say: the ledger itself compares term, height, block hash, length and chained checksum, which guard against mistakes.
 */
export class LedgerRepair {
  readonly #settings: LedgerSettings
  readonly #collaborators: LedgerCollaborators
  readonly #reopen: () => Promise<OpenedLedger>
  readonly #release: () => Promise<void>
  #image: LedgerImage

  /** For `openLedger`, which hands over the lock. */
  constructor(settings: LedgerSettings, collaborators: LedgerCollaborators, image: LedgerImage, lock: { reopen: () => Promise<OpenedLedger>; release: () => Promise<void> }) {
    this.#settings = settings
    this.#collaborators = collaborators
    this.#image = image
    this.#reopen = lock.reopen
    this.#release = lock.release
  }

  /** What is still damaged. */
  get damaged(): readonly Damage[] {
    return this.#image.damaged.filter((damage) => damage.durable)
  }

  /** Highest index this node acknowledged: `replaceCommitted` must reach it. */
  get requiredLastIndex(): number {
    const { index, repairFloor } = this.#image.state
    return Math.max(index.lastIndex, repairFloor)
  }

  /**
   * First index that committed entries replace: the lowest in doubt, but nothing is left standing above what this node knows to be committed. Entries there may be others than those that were
   * committed in their place, and what is put behind them would vouch for them (Log Matching). Infinity when no entry is in doubt.
   */
  get replacedFrom(): number {
    const { index, hardState } = this.#image.state
    const doubt = Math.min(...this.damaged.map(({ needFrom }) => needFrom).filter((from) => from > 0))
    return doubt === Infinity ? doubt : Math.max(index.firstIndex, Math.min(doubt, hardState.commit + 1))
  }

  /** Puts back an intact copy of a lost entry, byte for byte. `LEDGER_REPAIR_MISMATCH` when it is not the lost one; then nothing is changed. */
  async repair(entry: Entry): Promise<void> {
    const damage = this.#image.damaged.find((candidate) => candidate.fix === 'copy' && candidate.index === entry.index && candidate.durable)
    if (damage === undefined) throw mismatch(entry.index, 'no single entry is lost at this index')
    const bytes = this.#rebuild(damage, entry)
    await this.#patch([{ damage, bytes }])
  }

  /**
   * Mends what needs nothing from outside: lost records of term and vote (a newer record or slot has them), refusals (the block
   * is executed again), certificates, boot counts, header copies, old slots.
   */
  async repairLocal(): Promise<void> {
    const local = this.#image.damaged.filter((damage) => damage.fix === 'local' && damage.durable)
    await this.#patch(local.map((damage) => ({ damage, bytes: this.#fill(damage) })))
  }

  /**
   * Gives up what is damaged for what the cluster has committed: `entries` from `replacedFrom` on, without a gap, up to
   * `requiredLastIndex` at least, so that nothing this node acknowledged is forgotten. `LEDGER_REPAIR_INCOMPLETE` otherwise. Damage that has come since the ledger was read is
   * left in `damaged`, and has to be mended first.
   */
  async replaceCommitted(entries: readonly Entry[]): Promise<void> {
    const from = this.replacedFrom
    const offered = entries.filter((entry) => entry.index >= from)
    const covers = from !== Infinity && offered.every((entry, i) => entry.index === from + i) && from + offered.length - 1 >= this.requiredLastIndex
    if (!covers) {
      throw new SteleError({ code: 'LEDGER_REPAIR_INCOMPLETE', message: 'the committed entries do not cover what was acknowledged', details: { from: from === Infinity ? undefined : from, requiredLastIndex: this.requiredLastIndex } })
    }
    const floor = this.requiredLastIndex
    await this.#patch(this.damaged.filter((damage) => damage.kind !== 'hole').map((damage) => ({ damage, bytes: this.#fill(damage) })))
    if (this.damaged.some((damage) => damage.kind !== 'hole')) return
    await guardWrites(() => heal(this.#settings, this.#collaborators, this.#image))
    const ledger = await guardWrites(() => startLedger(this.#settings, this.#collaborators, this.#image, async () => undefined))
    await ledger.replaceFrom(from, floor, offered)
    await ledger.close()
    await this.#readAgain()
  }

  /** Reads everything again: a normal ledger, or a new repair with what is left. */
  finish(): Promise<OpenedLedger> {
    return this.#reopen()
  }

  /** Gives the lock back; the ledger stays as it is. */
  async close(): Promise<void> {
    await this.#release()
  }

  async #patch(fixes: readonly { readonly damage: Damage; readonly bytes: Uint8Array }[]): Promise<void> {
    const { fileSystem } = this.#collaborators
    const { identity, segmentBytes } = this.#image
    for (const segment of new Set(fixes.map(({ damage }) => damage.segment))) {
      const here = fixes.filter(({ damage }) => damage.segment === segment)
      const patches: Patch[] = here.map(({ damage, bytes }) => ({ offset: damage.offset, bytes }))
      const missing = here.some(({ damage }) => damage.kind === 'missing')
      await guardWrites(() => patchSegment(fileSystem, this.#settings.directory, identity, segment, segmentBytes, patches, missing))
    }
    await this.#readAgain()
  }

  async #readAgain(): Promise<void> {
    const image = await readLedger(this.#collaborators.fileSystem, this.#settings.directory, this.#settings.chainId)
    invariant(image !== undefined, 'a ledger in repair has segments')
    mustBeRepairable(image.damaged)
    this.#image = image
  }

  #rebuild(damage: Damage, entry: Entry): Uint8Array {
    if (damage.hash !== undefined && !equalBytes(damage.hash, entry.hash ?? NO_HASH)) throw mismatch(entry.index, 'another block hash was stored')
    const seed = segmentSeed(this.#image.identity.salt, damage.segment)
    const { term, index, height } = entry
    const record = encodeRecord({ type: 'entry', entry, previous: this.#previousEntry(damage) }, { term, index, height }, damage.previous, seed)
    const exact = record.link.checksum === damage.checksum && record.link.ordinal === damage.lastOrdinal
    if (!exact || (damage.openEnded ? record.bytes < damage.bytes : record.bytes !== damage.bytes)) throw mismatch(index, 'term, length or checksum differ')
    // All before it is durable now, whatever the lost header said.
    sealRecordHeader(record.header, record.link.ordinal, damage.previous.ordinal, seed, damage.offset)
    const bytes = new Uint8Array(record.bytes)
    let at = 0
    for (const part of [record.header, ...record.parts]) {
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }

  /** Identity of the entry before the lost one, from its record; mend lost neighbours in ascending order. */
  #previousEntry(damage: Damage): PreviousEntry {
    const { base, firstIndex } = this.#image.state.index
    if (damage.index === firstIndex) return previousOf(base)
    if (damage.previousEntry === undefined) throw mismatch(damage.index ?? 0, 'the entry before it, whose hash it holds, is lost too')
    const reader = new RecordReader(this.#collaborators.fileSystem, this.#settings.directory, this.#image.identity.salt)
    try {
      const record = reader.read(damage.previousEntry, SMALL_RECORD_BYTES)
      invariant(record.type === 'entry', 'an entry stands where the index says')
      return { term: record.entry.term, height: record.entry.height, hash: record.entry.hash ?? NO_HASH }
    } finally {
      reader.close()
    }
  }

  /** Zeros where no record was lost; else one record over the whole stretch that carries the chain on to what follows. */
  #fill(damage: Damage): Uint8Array {
    if (damage.lastOrdinal === 0) return new Uint8Array(damage.bytes)
    const bytes = new Uint8Array(Math.max(recordBytes(damage.bytes) - RECORD_HEADER_BYTES, FILL_BYTES_MIN))
    const seed = segmentSeed(this.#image.identity.salt, damage.segment)
    const header = encodeRecordHeader({
      payloadBytes: bytes.length - RECORD_HEADER_BYTES, type: RECORD_TYPES.fill, flags: damage.lastType, previousType: damage.previous.lastType,
      previousChecksum: damage.previous.checksum, checksum: 0, ordinal: damage.lastOrdinal, term: 0, index: damage.indexAfter, height: 0, durableOrdinal: 0, bridge: damage.checksum,
    })
    const payload = bytes.subarray(RECORD_HEADER_BYTES)
    writeInteger(payload, 0, damage.needFrom)
    setRecordChecksum(header, recordChecksum(header, [payload], seed))
    sealRecordHeader(header, damage.lastOrdinal, 0, seed, damage.offset)
    invariant(maybeDecodeRecordHeader(header, seed, damage.offset) !== undefined, 'a fill record can be read back')
    bytes.set(header)
    return bytes
  }
}

function mismatch(index: number, rule: string): SteleError {
  return new SteleError({ code: 'LEDGER_REPAIR_MISMATCH', message: 'the offered entry is not the lost one', details: { index, rule } })
}
