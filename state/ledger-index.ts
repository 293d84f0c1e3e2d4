import { invariant } from '../primitives/assert.ts'
import { LOG_START } from './ledger-base.ts'
import type { LogBase } from './ledger-base.ts'

const CAPACITY_START = 1024
/** Segment number of an entry whose record is lost. */
const HOLE = 0

/** Where an entry's record stands: segment sequence, offset of its record, bytes of its data. */
export interface EntryLocation {
  readonly segment: number
  readonly offset: number
  readonly dataBytes: number
}

export interface IndexedEntry extends EntryLocation {
  readonly term: number
  /** 0 when the entry holds no block. */
  readonly height: number
}

/**
 * What the ledger knows about each entry without reading it: term, height and place, in typed arrays (28 bytes per entry).
 * The entry after the base stands in cell 0. Heights never fall, so the entry of a height is found by bisection and truncation needs no bookkeeping.
 */
export class LedgerIndex {
  #base: LogBase
  #count = 0
  #holes = 0
  #terms = new Float64Array(CAPACITY_START)
  /** Height of the last block at or before the entry. */
  #heights = new Float64Array(CAPACITY_START)
  #segments = new Uint32Array(CAPACITY_START)
  #offsets = new Uint32Array(CAPACITY_START)
  #bytes = new Uint32Array(CAPACITY_START)

  constructor(base: LogBase = LOG_START) {
    this.#base = base
  }

  get base(): LogBase { return this.#base }

  /** Lowest index that can be read. */
  get firstIndex(): number { return this.base.index + 1 }
  get lastIndex(): number { return this.base.index + this.#count }
  get lastTerm(): number { return this.term(this.lastIndex) }
  get lastHeight(): number { return this.heightAt(this.lastIndex) }
  /** Entries whose record is lost. */
  get holes(): number { return this.#holes }

  push(entry: IndexedEntry): void {
    const before = this.lastHeight
    invariant(entry.height === 0 || entry.height > before, 'block heights rise through the log', { height: entry.height, before })
    this.#write(entry, entry.height === 0 ? before : entry.height)
  }

  /** Appends a place for an entry that is lost: its term is unknown (0). */
  pushHole(): void {
    this.#holes++
    this.#write({ term: 0, height: 0, segment: HOLE, offset: 0, dataBytes: 0 }, this.lastHeight)
  }

  isHole(index: number): boolean {
    return index > this.base.index && index <= this.lastIndex && this.#segments[this.#cell(index)] === HOLE
  }

  /** Drops `from` and all after it. */
  truncate(from: number): void {
    invariant(from > this.base.index, 'truncation starts at an index of the log', { from })
    if (this.#holes > 0) for (let index = from; index <= this.lastIndex; index++) if (this.isHole(index)) this.#holes--
    this.#count = Math.min(this.#count, this.#cell(from))
  }

  /** The base's at the base (0 at index 0); undefined below it and beyond the log's end. */
  maybeTerm(index: number): number | undefined {
    if (index === this.base.index) return this.base.term
    return index > this.base.index && index <= this.lastIndex ? this.#terms[this.#cell(index)] : undefined
  }

  term(index: number): number {
    const term = this.maybeTerm(index)
    invariant(term !== undefined, 'the index lies in the log', { index, lastIndex: this.lastIndex })
    return term
  }

  location(index: number): EntryLocation {
    const at = this.#cell(index)
    return { segment: this.#segments[at] ?? HOLE, offset: this.#offsets[at] ?? 0, dataBytes: this.#bytes[at] ?? 0 }
  }

  /** Height of the last block at or before `index`; 0 when there is none, the base's below the log. */
  heightAt(index: number): number {
    return index <= this.base.index ? this.base.height : (this.#heights[this.#cell(index)] ?? 0)
  }

  /** Index of the entry that holds the block of this height. */
  indexOfHeight(height: number): number | undefined {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#heights[middle] ?? 0) < height) low = middle + 1
      else high = middle
    }
    return height > this.base.height && low < this.#count && this.#heights[low] === height ? this.firstIndex + low : undefined
  }

  /** Forgets all entries up to `base`, which must be one of the log. */
  rebase(base: LogBase): void {
    const dropped = base.index - this.#base.index
    invariant(dropped >= 0 && dropped <= this.#count, 'the new base lies in the log', { index: base.index })
    for (const cells of [this.#terms, this.#heights, this.#segments, this.#offsets, this.#bytes]) cells.copyWithin(0, dropped, this.#count)
    this.#count -= dropped
    this.#base = base
  }

  #cell(index: number): number {
    return index - this.base.index - 1
  }

  #write(entry: IndexedEntry, height: number): void {
    const at = this.#count++
    if (at === this.#terms.length) this.#grow()
    this.#terms[at] = entry.term
    this.#heights[at] = height
    this.#segments[at] = entry.segment
    this.#offsets[at] = entry.offset
    this.#bytes[at] = entry.dataBytes
  }

  #grow(): void {
    const capacity = 2 * this.#terms.length
    this.#terms = copyInto(new Float64Array(capacity), this.#terms)
    this.#heights = copyInto(new Float64Array(capacity), this.#heights)
    this.#segments = copyInto(new Uint32Array(capacity), this.#segments)
    this.#offsets = copyInto(new Uint32Array(capacity), this.#offsets)
    this.#bytes = copyInto(new Uint32Array(capacity), this.#bytes)
  }
}

function copyInto<Cells extends { set(cells: Cells): void }>(target: Cells, source: Cells): Cells {
  target.set(source)
  return target
}
