import type { StateWrite } from '../state/overlay.ts'
import type { ExecutedBlock } from './executed-block.ts'
import type { TracedWrite } from './trace.ts'

/** Blocks whose writes are kept at most; usually two or three are committed and not final. */
const BLOCKS_MAX = 16

/** What committed blocks wrote that are not final yet, so that a node whose history turns out to be another one can say in what. Holds on to what is there, copies nothing. */
export class RecentWrites {
  readonly #blocks: { readonly height: number; readonly writes: ReadonlyMap<string, StateWrite> }[] = []

  /** Called before the block's layer goes to the disk, which empties it. */
  keep({ height, layer }: Pick<ExecutedBlock, 'height' | 'layer'>): void {
    this.#blocks.push({ height, writes: layer.changes().writes })
    if (this.#blocks.length > BLOCKS_MAX) this.#blocks.shift()
  }

  /** Blocks up to `height` are final. */
  final(height: number): void {
    const kept = this.#blocks.findIndex((block) => block.height > height)
    this.#blocks.splice(0, kept === -1 ? this.#blocks.length : kept)
  }

  /** What the block at `height` wrote, in the order of its execution, then what later blocks wrote; empty when it is not kept. */
  from(height: number): readonly TracedWrite[] {
    const at = this.#blocks.findIndex((block) => block.height === height)
    if (at === -1) return []
    return this.#blocks.slice(at).flatMap(({ writes }) => Array.from(writes.values(), ({ key, value }) => ({ position: -1, key, value })))
  }
}
