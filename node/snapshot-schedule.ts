import type { ChainParameters } from '../primitives/genesis.ts'
import type { Ledger } from '../state/ledger.ts'

/** At which heights snapshots are made: the same on every node, because it depends on the blocks alone. Asked once for each block, in order. */
export class SnapshotSchedule {
  readonly #parameters: Pick<ChainParameters, 'snapshotBlocks' | 'snapshotBytes'>
  #bytes = 0

  constructor(parameters: Pick<ChainParameters, 'snapshotBlocks' | 'snapshotBytes'>) {
    this.#parameters = parameters
  }

  /**
   * Continues where a node stands: counts the bytes of the blocks since the last snapshot height at or below `height`. `known`: a height at which a snapshot was certainly made, 0 for none.
   * Multiples of `snapshotBlocks` are such heights too, so no more than that many blocks are looked at, in memory.
   */
  static at(parameters: ChainParameters, ledger: Ledger, height: number, known: number): SnapshotSchedule {
    const schedule = new SnapshotSchedule(parameters)
    const from = Math.max(Math.floor(height / parameters.snapshotBlocks) * parameters.snapshotBlocks, known <= height ? known : 0, ledger.firstHeight() - 1)
    for (let each = from + 1; each <= height; each++) schedule.ends(each, bytesOf(ledger, each))
    return schedule
  }

  /** True when a snapshot is made after this block of `bytes` bytes. */
  ends(height: number, bytes: number): boolean {
    this.#bytes += bytes
    if (height % this.#parameters.snapshotBlocks !== 0 && this.#bytes < this.#parameters.snapshotBytes) return false
    this.#bytes = 0
    return true
  }
}

function bytesOf(ledger: Ledger, height: number): number {
  const index = ledger.indexOfHeight(height)
  return index === undefined ? 0 : ledger.entryBytes(index)
}
