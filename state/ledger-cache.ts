import type { Entry } from './ledger-record.ts'

/** Recent entries by index, bounded in bytes; entries that are not durable yet stay whatever the bound, since they can be read nowhere else. */
export class EntryCache {
  readonly #entries = new Map<number, Entry>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get(index: number): Entry | undefined {
    return this.#entries.get(index)
  }

  put(entry: Entry): void {
    this.#entries.set(entry.index, entry)
    this.#bytes += entry.data.length
  }

  /** Drops `from` and all after it, up to `last`. */
  truncate(from: number, last: number): void {
    for (let index = last; index >= from; index--) this.#drop(index)
  }

  /** Makes room again, oldest first, never beyond `durableIndex`. */
  trim(durableIndex: number): void {
    for (const index of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax || index > durableIndex) return
      this.#drop(index)
    }
  }

  /** Drops everything up to `index`. */
  forget(index: number): void {
    for (const known of [...this.#entries.keys()]) if (known <= index) this.#drop(known)
  }

  #drop(index: number): void {
    this.#bytes -= this.#entries.get(index)?.data.length ?? 0
    this.#entries.delete(index)
  }
}
