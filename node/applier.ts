import type { WorldState } from '../state/world-state.ts'
import { indexRows } from './block-index.ts'
import type { ExecutedBlock } from './executed-block.ts'

/** Flush at the latest when this many committed blocks wait; the log replays what was not flushed. */
const WAITING_MAX = 512

interface Applied { readonly index: number; readonly block: ExecutedBlock | undefined }

/**
 * Makes committed blocks durable in the state database: state, tree, indexes and the applied index in one atomic batch, which may span
 * many blocks. One flush at a time; what is committed meanwhile goes into the next.
 */
export class Applier {
  readonly #world: WorldState
  readonly #onFailure: (error: unknown) => void
  #waiting: Applied[] = []
  #flushing: Promise<void> | undefined
  #committed: { height: number; hash: Uint8Array }

  constructor(world: WorldState, head: { readonly height: number; readonly hash: Uint8Array }, onFailure: (error: unknown) => void) {
    this.#world = world
    this.#onFailure = onFailure
    this.#committed = { ...head }
  }

  /** True while so many blocks wait that committing should pause. */
  get isBehind(): boolean { return this.#waiting.length > WAITING_MAX }

  /** Takes committed entries in order; returns at once. */
  apply(index: number, block: ExecutedBlock | undefined): void {
    this.#waiting.push({ index, block })
    this.#flushing ??= this.#flush().finally(() => { this.#flushing = undefined })
  }

  /** Resolves when everything taken so far is durable. */
  async settled(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#flushWaiting()
    } catch (error) {
      this.#onFailure(error)
    }
  }

  async #flushWaiting(): Promise<void> {
    // One turn of the event loop lets a burst of commits share a batch.
    await new Promise((resolve) => setImmediate(resolve))
    const batch = this.#waiting
    this.#waiting = []
    const blocks = batch.flatMap(({ block }) => (block === undefined ? [] : [block]))
    const last = blocks.at(-1)
    if (last !== undefined) this.#committed = { height: last.height, hash: last.hash }
    await this.#world.flush(blocks.map(({ layer }) => layer), { height: this.#committed.height, appliedIndex: batch.at(-1)!.index, blockHash: this.#committed.hash }, blocks.flatMap(indexRows))
    for (const { window, header } of blocks) window.flush(header.timeMs)
  }
}
