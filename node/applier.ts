import type { WorldState } from '../state/world-state.ts'
import { indexRows } from './block-index.ts'
import type { ExecutedBlock } from './executed-block.ts'

/** More committed changes than this waiting for the disk hold back the proposer; about 1 KiB of memory each. */
const WAITING_ENTRIES_MAX = 100_000
/** Flushes start at most this often, in ms: more blocks share a batch and its sync. An idle node flushes at once. */
const INTERVAL_MS = 50
/** So many changes are load; then flushes start this seldom while nobody waits for one: nodes of the tree that many blocks change are written once for several. */
const LOAD_ENTRIES = 500
const LOAD_INTERVAL_MS = 500
/** The same while a node catches up: larger batches write shared tree nodes less often, and nobody waits for receipts. */
const PAST_INTERVAL_MS = 300

interface Applied { readonly index: number; readonly block: ExecutedBlock | undefined; readonly boundary: boolean; readonly isPast: boolean }

/** Blocks at which the database is to stand once, exactly: a batch ends with each. */
export interface Boundaries {
  /** Asked once for each block, in order. */
  readonly ends: (block: ExecutedBlock) => boolean
  /** The database stands at this block; nothing later is written before this returns. */
  readonly reached: (block: ExecutedBlock) => void
}

/**
 * Makes committed blocks durable in the state database: state, tree, indexes and the applied index in one atomic batch, which may span
 * many blocks. One flush at a time; what is committed meanwhile goes into the next.
 */
export class Applier {
  readonly #world: WorldState
  readonly #onFailure: (error: unknown) => void
  readonly #boundaries: Boundaries | undefined
  #waiting: Applied[] = []
  #waitingEntries = 0
  #lastStartMs = -INTERVAL_MS
  #flushing: Promise<void> | undefined
  /** The batch on its way to the disk. */
  #batch: Promise<void> = Promise.resolve()
  /** Ends the pause before a flush. */
  #hurry: () => void = () => {}
  readonly #waiters = new Set<{ readonly index: number; readonly resolve: () => void }>()
  #committed: { height: number; hash: Uint8Array }

  constructor(world: WorldState, head: { readonly height: number; readonly hash: Uint8Array }, onFailure: (error: unknown) => void, boundaries?: Boundaries) {
    this.#world = world
    this.#onFailure = onFailure
    this.#committed = { ...head }
    this.#boundaries = boundaries
  }

  /** True while so many blocks wait that committing should pause. */
  get isBehind(): boolean { return this.#waitingEntries > WAITING_ENTRIES_MAX }

  /** Takes committed entries in order; returns at once. `isPast`: an old block, of a node that catches up. */
  apply(index: number, block: ExecutedBlock | undefined, isPast = false): void {
    this.#waiting.push({ index, block, boundary: block !== undefined && this.#boundaries?.ends(block) === true, isPast })
    this.#waitingEntries += block?.layer.entryCount ?? 0
    this.#flushing ??= this.#flush().finally(() => { this.#flushing = undefined })
  }

  /** Resolves when the committed block at `height`, which was taken before, is durable. */
  async reached(height: number): Promise<void> {
    while (this.#flushing !== undefined && this.#world.height < height) {
      this.#hurry()
      await this.#batch
    }
  }

  /** Resolves when everything up to the entry at `index` is durable, be it committed yet or not; rejects with the signal's reason when that aborts. */
  appliedTo(index: number, signal: AbortSignal): Promise<void> {
    if (this.#world.appliedIndex >= index) return Promise.resolve()
    this.#hurry()
    return new Promise((resolve, reject) => {
      const waiter = { index, resolve }
      this.#waiters.add(waiter)
      signal.addEventListener('abort', () => { if (this.#waiters.delete(waiter)) reject(signal.reason as Error) }, { once: true })
    })
  }

  /** Resolves when everything taken so far is durable. */
  async settled(): Promise<void> {
    while (this.#flushing !== undefined) {
      this.#hurry()
      await this.#flushing
    }
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        this.#batch = this.#flushWaiting()
        await this.#batch
      }
    } catch (error) {
      this.#onFailure(error)
    }
  }

  async #flushWaiting(): Promise<void> {
    await this.#pause()
    this.#lastStartMs = performance.now()
    const end = this.#waiting.findIndex(({ boundary }) => boundary)
    const batch = end === -1 ? this.#waiting : this.#waiting.slice(0, end + 1)
    this.#waiting = end === -1 ? [] : this.#waiting.slice(end + 1)
    this.#waitingEntries = this.#waiting.reduce((sum, { block }) => sum + (block?.layer.entryCount ?? 0), 0)
    const blocks = batch.flatMap(({ block }) => (block === undefined ? [] : [block]))
    const last = blocks.at(-1)
    if (last !== undefined) this.#committed = { height: last.height, hash: last.hash }
    await this.#world.flush(blocks.map(({ layer }) => layer), { height: this.#committed.height, appliedIndex: batch.at(-1)!.index, blockHash: this.#committed.hash }, blocks.flatMap(indexRows))
    for (const { window, header } of blocks) window.flush(header.timeMs)
    if (end !== -1 && last !== undefined) this.#boundaries?.reached(last)
    this.#wake()
  }

  async #pause(): Promise<void> {
    const pauseMs = this.#intervalMs() - (performance.now() - this.#lastStartMs)
    if (pauseMs <= 0) return new Promise((resolve) => { setImmediate(resolve) })
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, pauseMs)
      this.#hurry = resolve
    })
    clearTimeout(timer)
    this.#hurry = () => {}
  }

  #intervalMs(): number {
    if (this.#waiters.size > 0) return INTERVAL_MS
    if (this.#waiting.every(({ isPast }) => isPast)) return PAST_INTERVAL_MS
    return this.#waitingEntries >= LOAD_ENTRIES ? LOAD_INTERVAL_MS : INTERVAL_MS
  }

  #wake(): void {
    for (const waiter of this.#waiters) {
      if (waiter.index > this.#world.appliedIndex) continue
      this.#waiters.delete(waiter)
      waiter.resolve()
    }
  }
}
