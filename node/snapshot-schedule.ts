import type { ChainParameters } from '../primitives/genesis.ts'
import type { Ledger } from '../state/ledger.ts'

type Rhythm = Pick<ChainParameters, 'snapshotBlocks' | 'snapshotBytes'>

/** At which heights snapshots are made: the same on every node, because it depends on the blocks and the parameters under them alone. Asked once for each block, in order. */
export class SnapshotSchedule {
  #bytes = 0

  /**
   * Continues where a node stands: counts the bytes of the blocks since the last snapshot height at or below `height`. `known`: a height at which a snapshot was certainly made, 0 for none.
   * Multiples of `snapshotBlocks` are such heights too, so no more than that many blocks are looked at, in memory.
   */
  static at(parameters: Rhythm, ledger: Pick<Ledger, 'firstHeight' | 'indexOfHeight' | 'entryBytes'>, height: number, known: number): SnapshotSchedule {
    const schedule = new SnapshotSchedule()
    const from = Math.max(Math.floor(height / parameters.snapshotBlocks) * parameters.snapshotBlocks, known <= height ? known : 0, ledger.firstHeight() - 1)
    for (let each = from + 1; each <= height; each++) schedule.ends(each, bytesOf(ledger, each), parameters)
    return schedule
  }

  /** True when a snapshot is made after this block of `bytes` bytes. The parameters are those its state holds: members change them by vote. */
  ends(height: number, bytes: number, { snapshotBlocks, snapshotBytes }: Rhythm): boolean {
    this.#bytes += bytes
    if (height % snapshotBlocks !== 0 && this.#bytes < snapshotBytes) return false
    this.#bytes = 0
    return true
  }
}

function bytesOf(ledger: Pick<Ledger, 'indexOfHeight' | 'entryBytes'>, height: number): number {
  const index = ledger.indexOfHeight(height)
  return index === undefined ? 0 : ledger.entryBytes(index)
}
