import type { Entry, Index } from './core/message.ts'
import type { Execution, ExecutionRefusal } from './ports.ts'

export interface ExecutionQueueHandlers {
  readonly onExecuted: (entry: Entry) => void
  readonly onRefused: (entry: Entry, refusal: ExecutionRefusal) => void
  readonly fatal: (error: unknown) => void
}

/** How many entries have their signatures checked ahead of the one that executes. */
const AHEAD = 4

/**
 * Executes appended entries in log order, one at a time; the checks that need other threads run ahead of it. An entry that is truncated
 * while it waits is forgotten; one that this node refuses stops the queue until the log is truncated below it.
 */
export class ExecutionQueue {
  readonly #execution: Execution
  readonly #handlers: ExecutionQueueHandlers
  readonly #entries: { readonly entry: Entry; prepared: Promise<void> | undefined }[] = []
  readonly #stop = new AbortController()
  #running = false
  /** Grows with every truncation, so that work on a dropped entry is recognised as stale. */
  #generation = 0

  constructor(execution: Execution, handlers: ExecutionQueueHandlers) {
    this.#execution = execution
    this.#handlers = handlers
  }

  /** Adds entries in log order; those executed already (a leader's own) are passed over. */
  push(entries: readonly Entry[]): void {
    for (const entry of entries) if (entry.index > this.#execution.executedIndex) this.#entries.push({ entry, prepared: undefined })
    if (!this.#running && this.#entries.length > 0) void this.#run()
  }

  truncate(from: Index): void {
    this.#generation++
    const at = this.#entries.findIndex(({ entry }) => entry.index >= from)
    if (at !== -1) this.#entries.splice(at)
  }

  stop(): void {
    this.#generation++
    this.#entries.length = 0
    this.#stop.abort()
  }

  async #run(): Promise<void> {
    this.#running = true
    try {
      // Leaves the caller's step first: effects are carried out completely before anything reports back.
      await Promise.resolve()
      while (this.#entries.length > 0 && !this.#stop.signal.aborted) await this.#executeNext()
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#handlers.fatal(error)
    } finally {
      this.#running = false
    }
  }

  async #executeNext(): Promise<void> {
    for (const waiting of this.#entries.slice(0, AHEAD)) {
      if (waiting.prepared !== undefined) continue
      waiting.prepared = this.#prepare(waiting.entry)
      // A failure is heard when its turn comes; of an entry that was dropped meanwhile, because the node stops, nobody wants to know.
      waiting.prepared.catch(() => undefined)
    }
    const next = this.#entries[0]!
    const generation = this.#generation
    await next.prepared
    if (generation !== this.#generation && this.#entries[0] !== next) return
    this.#entries.shift()
    const refusal = this.#execution.execute(next.entry)
    if (refusal === undefined) return this.#handlers.onExecuted(next.entry)
    this.#entries.length = 0
    this.#handlers.onRefused(next.entry, refusal)
  }

  /** A failure while preparing is found again, and judged, by execution. */
  async #prepare(entry: Entry): Promise<void> {
    await this.#execution.prepare(entry, this.#stop.signal)
  }
}
