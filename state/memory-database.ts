import { bytesToText, compareBytes, concatBytes } from '../primitives/bytes.ts'
import type { Database, DatabaseView, RangeOptions, Row, WriteOperation } from './database.ts'
import { worldError } from './world-errors.ts'

class MemoryView implements DatabaseView {
  readonly #database: MemoryDatabase
  /** Rows as they were when the view was taken, for the keys written since. */
  readonly before = new Map<string, Row | undefined>()
  #open = true

  constructor(database: MemoryDatabase) {
    this.#database = database
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (!this.#open) throw worldError('STATE_VIEW_CLOSED')
    const text = bytesToText(key)
    return (this.before.has(text) ? this.before.get(text) : this.#database.rowOf(text))?.value
  }

  async *range({ from, to, reverse = false, limit = -1 }: RangeOptions): AsyncGenerator<Row> {
    if (!this.#open) throw worldError('STATE_VIEW_CLOSED')
    const rows = this.#database.sorted(this.before).filter(({ key }) => compareBytes(key, from) >= 0 && compareBytes(key, to) < 0)
    if (reverse) rows.reverse()
    yield* limit < 0 ? rows : rows.slice(0, limit)
  }

  async close(): Promise<void> {
    this.#open = false
    this.#database.release(this)
  }
}

class MemoryDatabase implements Database {
  readonly #rows = new Map<string, Row>()
  readonly #views = new Set<MemoryView>()
  #open = true

  rowOf(text: string): Row | undefined {
    if (!this.#open) throw worldError('STATE_CLOSED')
    return this.#rows.get(text)
  }

  sorted(before: ReadonlyMap<string, Row | undefined>): Row[] {
    if (!this.#open) throw worldError('STATE_CLOSED')
    const rows: Row[] = []
    for (const [text, row] of this.#rows) if (!before.has(text)) rows.push(row)
    for (const row of before.values()) if (row !== undefined) rows.push(row)
    return rows.sort((a, b) => compareBytes(a.key, b.key))
  }

  release(view: MemoryView): void {
    this.#views.delete(view)
  }

  view(): DatabaseView {
    if (!this.#open) throw worldError('STATE_CLOSED')
    const view = new MemoryView(this)
    this.#views.add(view)
    return view
  }

  async write(operations: readonly WriteOperation[]): Promise<void> {
    if (!this.#open) throw worldError('STATE_CLOSED')
    for (const { space, key: rest, value } of operations) {
      const key = space === undefined ? rest : concatBytes(Uint8Array.of(space), rest)
      const text = bytesToText(key)
      for (const view of this.#views) if (!view.before.has(text)) view.before.set(text, this.#rows.get(text))
      if (value === undefined) this.#rows.delete(text)
      else this.#rows.set(text, { key: key.slice(), value: value.slice() })
    }
  }

  async compact(): Promise<void> {}

  async sizeBytes(): Promise<number> {
    return 0
  }

  async close(): Promise<void> {
    this.#open = false
    this.#rows.clear()
  }
}

/** A database that lives and dies with the process, for tests and for replaying a ledger in `stele verify`. Range reads sort: O(rows · log rows) each. */
export function memoryDatabase(): Database {
  return new MemoryDatabase()
}
