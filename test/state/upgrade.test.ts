import t from 'tap'
import { utf8Bytes } from '../../primitives/bytes.ts'
import type { Database, Row } from '../../state/database.ts'
import { receiptWrites, findReceipt, indexOperation, transactionWrites } from '../../state/indexes.ts'
import { locationBytes, rowKey } from '../../state/keyspace.ts'
import { memoryDatabase } from '../../state/memory-database.ts'
import { SCHEMA_KEY, upgradeState } from '../../state/upgrade.ts'
import { openStoredState, openWorldState } from '../../state/world-state.ts'

const chain = new Uint8Array(32).fill(1)
const receipt = (height: number, position: number): Uint8Array => utf8Bytes(`${height}/${position}`)
/** Transactions of each block: none, one, and around the edges of a row and of a batch. */
const BLOCKS = [3, 1, 16, 0, 17, 2_500]
const first = Uint8Array.of(0, 0, 0, 1)

async function rowsOf(database: Database): Promise<Row[]> {
  const rows: Row[] = []
  const view = database.view()
  for await (const row of view.range({ from: Uint8Array.of(0), to: Uint8Array.of(255) })) rows.push(row)
  await view.close()
  return rows
}

/** A database with all receipts, as this program writes it, or as schema 1 had it. */
async function stored(schema: 1 | 2): Promise<Database> {
  const database = memoryDatabase()
  await openWorldState(database, { chain }).flush([], { height: 1, appliedIndex: 1, blockHash: chain }, transactionWrites(1, [chain]))
  for (const [height, count] of BLOCKS.entries()) {
    const receipts = Array.from({ length: count }, (_, position) => receipt(height, position))
    if (schema === 2) await database.write(receiptWrites(height, receipts).map(indexOperation), { sync: false })
    else await database.write(receipts.map((value, position) => ({ key: rowKey('receipt', locationBytes({ height, position })), value })), { sync: false })
  }
  if (schema === 1) await database.write([{ key: SCHEMA_KEY, value: first }], { sync: false })
  return database
}

t.test('a state of schema 1 becomes, row by row, what this program would have written', async (t) => {
  const database = await stored(1)
  t.throws(() => openWorldState(database, { chain }), { code: 'STATE_VERSION_UNSUPPORTED' })
  const world = await openStoredState(database, { chain })
  t.equal(world.height, 1)
  t.same(await rowsOf(database), await rowsOf(await stored(2)))
  await upgradeState(database)
  t.same(await rowsOf(database), await rowsOf(await stored(2)), 'once more changes nothing')
})

t.test('an upgrade that ends after any batch is finished by the next', async (t) => {
  const expected = await rowsOf(await stored(2))
  for (let batches = 0, ended = true; ended; batches++) {
    const database = await stored(1)
    let left = batches
    ended = false
    const dying: Database = { ...database, view: () => database.view(), write: (operations, options) => {
      if (left-- > 0) return database.write(operations, options)
      ended = true
      return Promise.reject(new Error('power is gone'))
    } }
    await upgradeState(dying).catch((error: unknown) => t.match(error, { message: 'power is gone' }))
    await upgradeState(database)
    t.same(await rowsOf(database), expected)
  }
})

t.test('a missing receipt is damage, not a gap that others close', async (t) => {
  const database = await stored(1)
  await database.write([{ key: rowKey('receipt', locationBytes({ height: 4, position: 2 })), value: undefined }], { sync: false })
  await t.rejects(upgradeState(database), { code: 'STATE_DAMAGED', details: { row: 'receipt 4/3' } })
  t.equal(findReceipt(database.view(), { height: 4, position: 2 }), undefined)
})
