import { equalBytes, u32Bytes, utf8Bytes } from '../primitives/bytes.ts'
import type { Database, DatabaseView, WriteOperation } from './database.ts'
import { indexOperation, RECEIPTS_PER_ROW, receiptsRow } from './indexes.ts'
import { locationFrom, rowKey, spaceEnd } from './keyspace.ts'
import { worldError } from './world-errors.ts'

/** Version of all row layouts. 2: receipts of a block share rows. */
export const SCHEMA_VERSION = 2
export const SCHEMA_KEY = rowKey('meta', utf8Bytes('schema'))
/** Rows changed in one batch, about. */
const BATCH_ROWS = 2_000

/**
 * Brings the rows of schema 1 into the layout of schema 2, where each receipt had a row of its own; leaves any other database as it is. Each batch moves whole rows, so a crash
 * leaves a database of schema 1 in which the rest is still to be done. About 5 µs a receipt. `STATE_DAMAGED` when a receipt is missing.
 */
export async function upgradeState(database: Database): Promise<void> {
  const view = database.view()
  try {
    const schema = view.get(SCHEMA_KEY)
    if (schema === undefined || !equalBytes(schema, u32Bytes(1))) return
    for await (const operations of packedReceipts(view)) await database.write(operations, { sync: false })
    await database.write([{ key: SCHEMA_KEY, value: u32Bytes(2) }], { sync: true })
  } finally {
    await view.close()
  }
}

async function* packedReceipts(view: DatabaseView): AsyncGenerator<WriteOperation[]> {
  let batch: WriteOperation[] = []
  let group: { readonly height: number; readonly first: number; readonly receipts: Uint8Array[] } | undefined
  const close = (): void => {
    if (group !== undefined) batch.push(indexOperation(receiptsRow(group.height, group.first, group.receipts)))
    group = undefined
  }
  for await (const { key, value } of view.range({ from: rowKey('receipt'), to: spaceEnd('receipt') })) {
    const { height, position } = locationFrom(key, 1)
    const within = position % RECEIPTS_PER_ROW
    if (within === 0 || group?.height !== height) {
      close()
      if (batch.length >= BATCH_ROWS) {
        yield batch
        batch = []
      }
      group = { height, first: position - within, receipts: [] }
    }
    if (within !== group.receipts.length) throw worldError('STATE_DAMAGED', { row: `receipt ${height}/${position}` })
    group.receipts.push(value)
    batch.push({ key, value: undefined })
  }
  close()
  yield batch
}
