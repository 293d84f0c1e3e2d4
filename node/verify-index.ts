import { equalBytes, toHex } from '../primitives/bytes.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { leafHash, MerkleAccumulator } from '../primitives/merkle.ts'
import type { DatabaseView } from '../state/database.ts'
import type { IndexWrite } from '../state/indexes.ts'
import { KEYSPACE, rowKey, spaceEnd } from '../state/keyspace.ts'
import type { Keyspace } from '../state/keyspace.ts'
import { historyRows, indexRows } from './block-index.ts'
import type { ExecutedBlock } from './executed-block.ts'
import type { VerifyJournal } from './verify-report.ts'

const INDEXES = (Object.keys(KEYSPACE) as Keyspace[]).filter((space) => space !== 'meta' && space !== 'value' && space !== 'node')

/** Compares the rows a node keeps beside the state (by transaction, account, subject, record, …) with those the re-executed blocks give. `height`: what the database stands at. */
export class IndexComparison {
  readonly #view: DatabaseView
  readonly #height: number
  readonly #journal: VerifyJournal
  readonly #expected = new Map<Keyspace, number>()
  readonly #isWhole: boolean
  #abandoned = false
  rows = 0

  constructor(view: DatabaseView, height: number, chain: Uint8Array, journal: VerifyJournal, isWhole: boolean) {
    this.#view = view
    this.#height = height
    this.#journal = journal
    this.#isWhole = isWhole
    if (isWhole) for (const row of historyRows(new MerkleAccumulator().appendHash(leafHash(chain)))) this.#compare(row, 0)
  }

  compare(block: ExecutedBlock): void {
    if (block.height <= this.#height) for (const row of indexRows(block)) this.#compare(row, block.height)
  }

  /** Execution ended early, so what rows there must be in all is unknown. */
  abandon(): void {
    this.#abandoned = true
  }

  /** After the last block: no index holds more rows than the blocks gave it. Closes nothing. */
  async finish(signal: AbortSignal | undefined): Promise<void> {
    if (this.#abandoned) return this.#journal.skip('state', 'index rows are not counted, because not every block could be executed')
    if (!this.#isWhole) return this.#journal.skip('state', 'index rows are compared, not counted: the blocks that gave the first ones are not kept here')
    for (const space of INDEXES) {
      let rows = 0
      for await (const row of this.#view.range({ from: rowKey(space), to: spaceEnd(space) })) if (row.key.length > 0 && ++rows % 4096 === 0) signal?.throwIfAborted()
      const expected = this.#expected.get(space) ?? 0
      if (rows > expected) this.#find(`the index holds no row that no block gave it`, { index: space, rows, expected })
    }
  }

  #compare({ space, key, value }: IndexWrite, height: number): void {
    this.rows++
    this.#expected.set(space, (this.#expected.get(space) ?? 0) + 1)
    try {
      const stored = this.#view.get(rowKey(space, key))
      if (stored === undefined) this.#find('every block left its rows in the index', { index: space, row: toHex(key) }, height)
      else if (!equalBytes(stored, value)) this.#find('the index says what the block gave it', { index: space, row: toHex(key) }, height)
    } catch (error) {
      if (!(error instanceof SteleError) || errorCode(error) === 'INVARIANT_BROKEN') throw error
      this.#find('the row matches its checksum', { index: space, row: toHex(key) }, height)
    }
  }

  #find(rule: string, details: Readonly<Record<string, unknown>>, height?: number): void {
    this.#journal.find({ part: 'state', code: 'INDEX_DAMAGED', rule, ...(height === undefined ? {} : { height }), details })
  }
}
