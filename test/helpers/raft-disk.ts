import type { HardState } from '../../consensus/core/config.ts'
import type { Persist } from '../../consensus/core/effects.ts'
import type { LogView } from '../../consensus/core/log.ts'
import { entryBytes } from '../../consensus/core/message.ts'
import type { Entry } from '../../consensus/core/message.ts'
import type { Refusal } from '../../consensus/core/refusals.ts'

/** A log in memory that starts behind a snapshot. */
export class MemoryLog implements LogView {
  /** Index and term of the last entry that is gone. */
  base = { index: 0, term: 0 }
  entryList: Entry[] = []

  firstIndex(): number { return this.base.index + 1 }
  lastIndex(): number { return this.base.index + this.entryList.length }

  term(index: number): number | 'compacted' | 'unavailable' {
    if (index === this.base.index) return this.base.term
    if (index < this.base.index) return 'compacted'
    return this.entryList[index - this.base.index - 1]?.term ?? 'unavailable'
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] {
    if (lo < this.firstIndex() || hi > this.lastIndex() + 1) throw new Error(`stored entries ${lo}..${hi} do not exist`)
    const found: Entry[] = []
    let bytes = 0
    for (const entry of this.entryList.slice(lo - this.base.index - 1, hi - this.base.index - 1)) {
      bytes += entryBytes(entry)
      if (found.length > 0 && bytes > maxBytes) break
      found.push(entry)
    }
    return found
  }

  truncate(from: number): void {
    this.entryList.length = Math.min(this.entryList.length, Math.max(from - this.base.index - 1, 0))
  }

  append(entry: Entry): void {
    if (entry.index !== this.lastIndex() + 1) throw new Error(`entry ${entry.index} does not follow ${this.lastIndex()}`)
    this.entryList.push(entry)
  }

  /** Forgets everything up to `index`. */
  compact(index: number): void {
    const term = this.term(index)
    if (typeof term !== 'number') return
    this.entryList = this.entryList.slice(index - this.base.index)
    this.base = { index, term }
  }
}

/** A disk with a write cache: batches become durable in order, and a crash keeps only a prefix of what was not synced. */
export class SimulatedDisk {
  readonly log = new MemoryLog()
  hardState: HardState = { term: 0, vote: 0, commit: 0 }
  refusals: Refusal[] = []
  /** Up to here the state machine is durable. */
  applied = 0
  unsynced: Persist[] = []

  /** The oldest batch becomes durable; returns its number. */
  sync(): number | undefined {
    const batch = this.unsynced.shift()
    if (batch === undefined) return undefined
    this.#write(batch, batch.entries.length)
    return batch.batch
  }

  /** Keeps `whole` unsynced batches and `entriesKept` entries of the next one; the rest is lost. */
  crash(whole: number, entriesKept: number): void {
    for (const batch of this.unsynced.slice(0, whole)) this.#write(batch, batch.entries.length)
    const torn = this.unsynced[whole]
    // One write is a prefix on the disk: the truncation and the hard state come first, refusals with the last record.
    if (torn !== undefined && entriesKept > 0) this.#write(torn, Math.min(entriesKept - 1, torn.entries.length))
    this.unsynced = []
  }

  #write({ truncateFrom, entries, hardState, refusals }: Persist, count: number): void {
    if (hardState !== undefined) this.hardState = hardState
    if (truncateFrom !== undefined) this.log.truncate(truncateFrom)
    this.refusals.push(...refusals)
    for (const entry of entries.slice(0, count)) this.log.append(entry)
  }
}
