import type { Entry, Index } from '../consensus/core/message.ts'
import type { HardState } from '../consensus/core/config.ts'
import type { LogBatch, LogStore } from '../consensus/ports.ts'
import type { Ledger } from '../state/ledger.ts'
import type { Entry as LedgerEntry } from '../state/ledger-record.ts'

/** What an entry's data claims to be: block height and hash; undefined for a no-op and for what is no block. */
export type Describe = (data: Uint8Array) => { readonly height: number; readonly hash: Uint8Array } | undefined

/** The ledger in consensus' words. */
export class LedgerLogStore implements LogStore {
  readonly #ledger: Ledger
  readonly #describe: Describe

  readonly #newestSnapshot: () => number

  /** `newestSnapshot`: height of the newest snapshot that this node can serve; 0 for none. */
  constructor(ledger: Ledger, describe: Describe, newestSnapshot: () => number = () => 0) {
    this.#ledger = ledger
    this.#describe = describe
    this.#newestSnapshot = newestSnapshot
  }

  snapshot(): { readonly index: Index; readonly term: number } | undefined {
    const index = this.#ledger.indexOfHeight(this.#newestSnapshot())
    const term = index === undefined ? undefined : this.#ledger.term(index)
    return index === undefined || term === undefined ? undefined : { index, term }
  }

  firstIndex(): Index { return this.#ledger.firstIndex() }
  lastIndex(): Index { return this.#ledger.lastIndex() }

  term(index: Index): number | 'compacted' | 'unavailable' {
    return this.#ledger.term(index) ?? (index < this.#ledger.firstIndex() ? 'compacted' : 'unavailable')
  }

  entries(lo: Index, hi: Index, maxBytes: number): readonly Entry[] {
    return this.#ledger.entries(lo, hi, maxBytes).map(toRaftEntry)
  }

  append({ hardState, truncateFrom, entries, refusals }: LogBatch): Promise<void> {
    let height = truncateFrom === undefined ? this.#ledger.lastHeight() : this.#ledger.heightAt(truncateFrom - 1)
    const stored = entries.map((entry): LedgerEntry => {
      const block = this.#describe(entry.data)
      // A height that does not follow is not believed here; execution refuses the block and says why.
      if (block === undefined || block.height !== height + 1) return toLedgerEntry(entry, 0, undefined)
      height = block.height
      return toLedgerEntry(entry, block.height, block.hash)
    })
    return this.#ledger.append({
      ...(hardState === undefined ? {} : { hardState }), ...(truncateFrom === undefined ? {} : { truncateFrom }), entries: stored, refusals,
    })
  }

  noteCommit(hardState: HardState): void {
    this.#ledger.appendLazy({ hardState })
  }
}

function toLedgerEntry({ term, index, kind, data }: Entry, height: number, hash: Uint8Array | undefined): LedgerEntry {
  return { term, index, kind: kind === 'reconfiguration' ? 'change' : 'normal', height, data, ...(hash === undefined ? {} : { hash }) }
}

/** A stored entry as the core knows it: an entry without data is the no-op that opens a term. */
export function toRaftEntry({ term, index, kind, data }: LedgerEntry): Entry {
  return { term, index, kind: kind === 'change' ? 'reconfiguration' : data.length === 0 ? 'noop' : 'block', data }
}
