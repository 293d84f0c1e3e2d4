import type { Index, Term } from './message.ts'

/** This node executed entry (index, term) and came to `root`, not to the one its proposer signed; `code` says what was wrong with it. Durable. */
export interface Refusal {
  readonly index: Index
  readonly term: Term
  readonly code: string
  readonly root: Uint8Array
}

/** The oldest refusal is forgotten beyond this; its entry would merely be executed and refused again. */
const REFUSALS_MAX = 1024

/** Refused entries that might come again: those above the commit index. */
export class Refusals {
  readonly #byEntry = new Map<string, Refusal>()

  constructor(recovered: readonly Refusal[]) {
    for (const refusal of recovered) this.add(refusal)
  }

  get list(): readonly Refusal[] { return [...this.#byEntry.values()] }

  add(refusal: Refusal): void {
    this.#byEntry.set(key(refusal.index, refusal.term), refusal)
    const oldest = this.#byEntry.keys().next()
    if (this.#byEntry.size > REFUSALS_MAX && oldest.done !== true) this.#byEntry.delete(oldest.value)
  }

  find(index: Index, term: Term): Refusal | undefined {
    return this.#byEntry.size === 0 ? undefined : this.#byEntry.get(key(index, term))
  }

  /** Another entry was committed at or above these. */
  prune(committed: Index): void {
    for (const [entry, { index }] of this.#byEntry) if (index <= committed) this.#byEntry.delete(entry)
  }
}

function key(index: Index, term: Term): string {
  return `${index}:${term}`
}
