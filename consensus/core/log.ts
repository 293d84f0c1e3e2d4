import { invariant } from '../../primitives/assert.ts'
import { entriesBytes, entryBytes } from './message.ts'
import type { Entry, Index, Term } from './message.ts'

/**
 * What is stored already, as far as the core was told by `stored`. The core reads only entries that it was told about and that no
 * batch under way replaces, so an implementation may show more. Reads are synchronous and never fail for reasons of the disk: such a
 * failure ends the process.
 */
export interface LogView {
  /** Lowest index that `entries` can give; `lastIndex() + 1` when there is none. */
  firstIndex(): Index
  /** 0 for a log that never had an entry. */
  lastIndex(): Index
  /** Term at `index`, also at `firstIndex() - 1` (0 at index 0); below `compacted`, above `unavailable`. */
  term(index: Index): Term | 'compacted' | 'unavailable'
  /** Entries from `lo` up to but without `hi`, cut after `maxBytes`, but at least one. All of them are stored. */
  entries(lo: Index, hi: Index, maxBytes: number): readonly Entry[]
  /** Last entry of the newest snapshot that this node can serve, at or above `firstIndex() - 1`. Absent: the one the log begins behind; undefined: none. */
  snapshot?(): { readonly index: Index; readonly term: Term } | undefined
}

/**
 * The log as this node received it: stored prefix (`LogView`) and a tail that is not known to be stored. Matching and elections see all of it.
 * Invariant: applied ≤ applying ≤ committed ≤ executed ≤ lastIndex.
 */
export class RaftLog {
  readonly #view: LogView
  /** Entries from `#offset` on, and for each the batch that stores it (0: not handed out yet). */
  #tail: Entry[] = []
  #batches: number[] = []
  #offset: Index
  /** Newest entry that is in a batch, or was stored at the start. */
  #handedTo: Index
  #truncateStored: Index | undefined
  #truncatedFrom: Index | undefined
  #executed: Index
  #committed: Index
  /** Highest index that the cluster is known to have committed and this log holds, executed or not. */
  #commitSeen: Index
  #applying: Index
  #applied: Index
  /** Handed out and not yet applied, oldest first: last index and bytes of each portion. */
  #applyingPortions: { readonly last: Index; readonly bytes: number }[] = []
  #applyingBytes = 0
  /** The last portion was cut by the limit, so the next entry would pass it: wait until a portion is applied. */
  #applyingFull = false

  /** `applied`: entry up to which the state machine is durable; `commit`: the index of the recovered hard state. */
  constructor(view: LogView, applied: Index, commit: Index) {
    const last = view.lastIndex()
    invariant(applied <= last && commit <= last && applied >= view.firstIndex() - 1, 'the log lacks entries that were applied or committed', { applied, commit, first: view.firstIndex(), last })
    this.#view = view
    this.#offset = last + 1
    this.#handedTo = last
    this.#executed = applied
    this.#committed = applied
    this.#commitSeen = Math.max(commit, applied)
    this.#applying = applied
    this.#applied = applied
    this.#advance()
  }

  get lastIndex(): Index { return this.#offset + this.#tail.length - 1 }
  get lastTerm(): Term { return this.#knownTerm(this.lastIndex) }
  get firstIndex(): Index { return this.#view.firstIndex() }
  /** Newest entry that is durable. */
  get storedIndex(): Index { return this.#offset - 1 }
  get executed(): Index { return this.#executed }
  get committed(): Index { return this.#committed }
  get commitSeen(): Index { return this.#commitSeen }
  get applying(): Index { return this.#applying }
  get applied(): Index { return this.#applied }
  get fullyExecuted(): boolean { return this.#executed === this.lastIndex }
  /** True when something of the log waits to be handed out. */
  get dirty(): boolean { return this.#handedTo < this.lastIndex || this.#truncateStored !== undefined }

  term(index: Index): Term | 'compacted' | 'unavailable' {
    if (index > this.lastIndex) return 'unavailable'
    const unstored = this.#tail[index - this.#offset]
    if (unstored !== undefined) return unstored.term
    return index + 1 < this.firstIndex ? 'compacted' : this.#view.term(index)
  }

  matches(index: Index, term: Term): boolean {
    return this.term(index) === term
  }

  /** True when a log that ends in (index, term) holds at least as much as this one (§5.4.1). */
  isUpToDate(index: Index, term: Term): boolean {
    return term > this.lastTerm || (term === this.lastTerm && index >= this.lastIndex)
  }

  /** Index of the first of `entries` that this log lacks or contradicts; undefined when it holds them all. */
  findConflict(entries: readonly Entry[]): Entry | undefined {
    return entries.find((entry) => !this.matches(entry.index, entry.term))
  }

  /**
   * Newest index ≤ `index` whose term is ≤ `term` or unknown, with its term (0 when unknown): the best guess where this log stops matching
   * another one that holds (index, term). Skips whole terms, so a long divergence costs a probe per term.
   */
  findConflictByTerm(index: Index, term: Term): { readonly index: Index; readonly term: Term } {
    for (let guess = index; guess > 0; guess--) {
      const own = this.term(guess)
      if (typeof own !== 'number') return { index: guess, term: 0 }
      if (own <= term) return { index: guess, term: own }
    }
    return { index: 0, term: 0 }
  }

  /** Adds entries right behind the last one. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      invariant(entry.index === this.lastIndex + 1, 'entries are appended without a gap', { index: entry.index, last: this.lastIndex })
      this.#tail.push(entry)
      this.#batches.push(0)
    }
    this.#advance()
  }

  /** Removes `from` and everything above. Committed entries are never removed. */
  truncate(from: Index): void {
    invariant(from > this.#committed, 'a committed entry was about to be removed', { from, committed: this.#committed })
    if (from > this.lastIndex) return
    if (from <= this.#handedTo) {
      this.#truncateStored = Math.min(this.#truncateStored ?? from, from)
      this.#handedTo = from - 1
    }
    this.#truncatedFrom = Math.min(this.#truncatedFrom ?? from, from)
    const kept = Math.max(from - this.#offset, 0)
    this.#tail.length = kept
    this.#batches.length = kept
    this.#offset = Math.min(this.#offset, from)
    this.#executed = Math.min(this.#executed, from - 1)
    this.#commitSeen = Math.min(this.#commitSeen, from - 1)
  }

  /** Takes everything that was not handed out yet as part of batch `batch`. */
  handOut(batch: number): { readonly entries: readonly Entry[]; readonly truncateFrom: Index | undefined } {
    const start = Math.max(this.#handedTo + 1 - this.#offset, 0)
    const entries = this.#tail.slice(start)
    for (let i = start; i < this.#tail.length; i++) this.#batches[i] = batch
    const truncateFrom = this.#truncateStored
    this.#truncateStored = undefined
    this.#handedTo = this.lastIndex
    return { entries, truncateFrom }
  }

  /**
   * Batches up to `batch` are durable. An entry leaves the tail only by the very batch that stores its present content, so an old completion
   * can never vouch for an entry that was replaced, even by the same (index, term) again (ABA).
   */
  stored(batch: number): void {
    let count = 0
    for (const own of this.#batches) {
      if (own === 0 || own > batch) break
      count++
    }
    if (count === 0) return
    this.#tail.splice(0, count)
    this.#batches.splice(0, count)
    this.#offset += count
  }

  /** Execution reached (index, term); false when the log no longer holds that entry. */
  executedTo(index: Index, term: Term): boolean {
    if (index <= this.#executed) return true
    if (!this.matches(index, term)) return false
    this.#executed = index
    this.#advance()
    return true
  }

  /** The cluster has committed `index`, which this log is known to hold. The own commit index follows as far as execution has come. */
  commitTo(index: Index): boolean {
    invariant(index <= this.lastIndex, 'the cluster has committed an entry that this log lacks: was it damaged or lost?', { index, last: this.lastIndex })
    this.#commitSeen = Math.max(this.#commitSeen, index)
    return this.#advance()
  }

  appliedTo(index: Index): void {
    invariant(index <= this.#applying, 'only what was handed out can be applied', { index, applying: this.#applying })
    this.#applied = Math.max(this.#applied, index)
    for (let oldest = this.#applyingPortions[0]; oldest !== undefined && oldest.last <= index; oldest = this.#applyingPortions[0]) {
      this.#applyingBytes -= oldest.bytes
      this.#applyingPortions.shift()
      this.#applyingFull = false
    }
  }

  /** True when committed entries may be handed out: they are durable, and less than `maxBytes` are being applied. */
  hasCommitted(maxBytes: number): boolean {
    return !this.#applyingFull && this.#applying < Math.min(this.#committed, this.storedIndex) && this.#applyingBytes < maxBytes
  }

  /** The next committed and durable entries, at least one, up to `maxBytes` with those being applied; they count as handed out. */
  takeCommitted(maxBytes: number): readonly Entry[] {
    if (!this.hasCommitted(maxBytes)) return []
    const end = Math.min(this.#committed, this.storedIndex)
    const entries = this.slice(this.#applying + 1, end + 1, maxBytes - this.#applyingBytes)
    const bytes = entriesBytes(entries)
    this.#applying += entries.length
    this.#applyingPortions.push({ last: this.#applying, bytes })
    this.#applyingBytes += bytes
    this.#applyingFull = this.#applying < end
    return entries
  }

  /** Entries from `lo` up to but without `hi`, cut after `maxBytes`, but at least one. */
  slice(lo: Index, hi: Index, maxBytes: number): readonly Entry[] {
    if (lo >= hi) return []
    invariant(lo >= this.firstIndex && hi <= this.lastIndex + 1, 'entries outside the log were asked for', { lo, hi, first: this.firstIndex, last: this.lastIndex })
    const entries = lo < this.#offset ? [...this.#view.entries(lo, Math.min(hi, this.#offset), maxBytes)] : []
    let bytes = entriesBytes(entries)
    for (let index = lo + entries.length; index < hi && index >= this.#offset; index++) {
      const entry = this.#tail[index - this.#offset]
      if (entry === undefined) break
      bytes += entryBytes(entry)
      if (bytes > maxBytes && entries.length > 0) break
      entries.push(entry)
    }
    return entries
  }

  /** The newest snapshot that a follower can be offered; undefined when there is none. */
  snapshot(): { readonly index: Index; readonly term: Term } | undefined {
    if (this.#view.snapshot !== undefined) return this.#view.snapshot()
    const index = this.firstIndex - 1
    const term = this.term(index)
    return typeof term === 'number' && index > 0 ? { index, term } : undefined
  }

  /** A snapshot that `LogView` now shows has replaced the log. */
  restored(index: Index): void {
    invariant(this.#view.firstIndex() === index + 1 && this.#view.lastIndex() === index, 'the stored log must begin behind the snapshot', { index, first: this.#view.firstIndex(), last: this.#view.lastIndex() })
    invariant(index > this.#committed, 'a snapshot never goes back', { index, committed: this.#committed })
    this.#tail = []
    this.#batches = []
    this.#truncateStored = undefined
    this.#offset = index + 1
    this.#handedTo = index
    this.#executed = index
    this.#committed = index
    this.#commitSeen = index
    this.#applying = index
    this.#applied = index
    this.#applyingPortions = []
    this.#applyingBytes = 0
    this.#applyingFull = false
  }

  /** Lowest index whose content was removed since the last call. */
  takeTruncatedFrom(): Index | undefined {
    const from = this.#truncatedFrom
    this.#truncatedFrom = undefined
    return from
  }

  /** A no-op needs no execution; the commit index never passes the executed entries. True when the commit index moved. */
  #advance(): boolean {
    while (this.#executed < this.lastIndex && this.slice(this.#executed + 1, this.#executed + 2, 0)[0]?.kind === 'noop') this.#executed++
    const committed = Math.min(this.#commitSeen, this.#executed)
    if (committed <= this.#committed) return false
    this.#committed = committed
    return true
  }

  #knownTerm(index: Index): Term {
    const term = this.term(index)
    invariant(typeof term === 'number', 'the term of an entry of the log is unknown', { index })
    return term
  }
}
