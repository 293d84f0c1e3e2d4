import t from 'tap'
import { watchDatabase } from '../../node/repair-watch.ts'
import { memoryDatabase } from '../../state/memory-database.ts'
import type { Database } from '../../state/database.ts'
import { worldError } from '../../state/world-errors.ts'

const key = Uint8Array.of(1)
const END = Uint8Array.of(9)

/** A database in which reading fails with this code. */
function failing(code: 'STATE_DAMAGED' | 'STATE_READ_FAILED'): Database {
  const fail = (): never => { throw worldError(code, { row: '01' }) }
  return { ...memoryDatabase(), view: () => ({ get: fail, async *range() { fail() }, close: () => Promise.resolve() }), write: () => Promise.resolve(), sizeBytes: () => Promise.resolve(0), close: () => Promise.resolve() }
}

async function readAll(database: Database): Promise<void> {
  for await (const row of database.view().range({ from: Uint8Array.of(0), to: END })) void row
}

t.test('a damaged row is told once for each reading, and the reader gets its error all the same', async (t) => {
  const told: unknown[] = []
  const database = watchDatabase(failing('STATE_DAMAGED'), (error) => told.push(error))
  t.throws(() => database.view().get(key), { code: 'STATE_DAMAGED' })
  await t.rejects(readAll(database), { code: 'STATE_DAMAGED' })
  t.equal(told.length, 2)
})

t.test('another failure is no damage', async (t) => {
  const database = watchDatabase(failing('STATE_READ_FAILED'), () => t.fail('told'))
  t.throws(() => database.view().get(key), { code: 'STATE_READ_FAILED' })
  await t.rejects(readAll(database), { code: 'STATE_READ_FAILED' })
})

t.test('what is sound goes through unchanged', async (t) => {
  const database = watchDatabase(memoryDatabase(), () => t.fail('told'))
  await database.write([{ key, value: Uint8Array.of(7) }], { sync: true })
  t.same(database.view().get(key), Uint8Array.of(7))
  t.equal(database.view().get(END), undefined)
  await t.resolves(readAll(database))
  await database.close()
})
