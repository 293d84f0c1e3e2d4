import t from 'tap'
import { utf8Bytes } from '../../primitives/bytes.ts'
import type { Database } from '../../state/database.ts'
import { blockWrites, findBlock, findHeight, findReceipt, findTransaction, indexOperation, orderedWrite, PAGE_LIMITS, readPage, receiptsOf, receiptWrites, transactionWrites, type IndexWrite, type PageQuery } from '../../state/indexes.ts'
import { KEYSPACE, rowKey, spaceEnd } from '../../state/keyspace.ts'
import { memoryDatabase } from '../../state/memory-database.ts'

const account = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const write = (db: Database, writes: readonly IndexWrite[]): Promise<void> => db.write(writes.map(indexOperation), { sync: false })
const value = (text: string): Uint8Array => utf8Bytes(text)

/** Account 5 has rows at heights 1–9, two in each; its neighbours 4 and 6 have some of their own. */
async function filled(): Promise<Database> {
  const db = memoryDatabase()
  const writes: IndexWrite[] = []
  for (let height = 1; height <= 9; height++) {
    for (const position of [0, 300]) writes.push(orderedWrite('auditBySubject', account(5), { height, position, ordinal: 0 }, value(`${height}.${position}`)))
    writes.push(orderedWrite('auditBySubject', account(4), { height, position: 1, ordinal: 0 }, value('4')), orderedWrite('auditBySubject', account(6), { height, position: 1, ordinal: 0 }, value('6')))
  }
  await write(db, writes)
  return db
}

const query = (over: Partial<PageQuery>): PageQuery => ({ space: 'auditBySubject', owner: account(5), order: 'oldest', atHeight: 9, limit: 5, ...over })

async function walk(db: Database, over: Partial<PageQuery>): Promise<string[]> {
  const seen: string[] = []
  let after: string | null = null
  do {
    const page = await readPage(db.view(), query({ ...over, after: after ?? undefined }))
    seen.push(...page.rows.map((row) => Buffer.from(row.value).toString()))
    after = page.next
  } while (after !== null)
  return seen
}

t.test('a cursor that no page gave is refused', async (t) => {
  const db = await filled()
  for (const after of ['', 'zz', 'AB'.repeat(14), '00'.repeat(13), '00'.repeat(15)]) await t.rejects(readPage(db.view(), query({ after })), { code: 'STATE_CURSOR_INVALID' }, after)
  t.throws(() => orderedWrite('auditBySubject', account(1), { height: 1, position: 1, ordinal: 65_536 }, value('')), { code: 'STATE_LIMIT' })
})

t.test('pages walk all rows of one owner in either order, none twice, for every page size', async (t) => {
  const db = await filled()
  const all = Array.from({ length: 9 }, (_, n) => [`${n + 1}.0`, `${n + 1}.300`]).flat()
  for (const limit of [1, 2, 7, 17, 18, 19, 400]) {
    t.same(await walk(db, { limit }), all, `oldest first by ${limit}`)
    t.same(await walk(db, { limit, order: 'newest' }), [...all].reverse(), `newest first by ${limit}`)
  }
  t.same(await walk(db, { owner: account(9) }), [])
})

t.test('pages pinned to a height do not shift or grow when blocks are added', async (t) => {
  const db = await filled()
  const first = await readPage(db.view(), query({ order: 'newest', atHeight: 7, limit: 3 }))
  t.same(first.rows.map(({ height, position }) => [height, position]), [[7, 300], [7, 0], [6, 300]])
  await write(db, [orderedWrite('auditBySubject', account(5), { height: 10, position: 0, ordinal: 0 }, value('late'))])
  const second = await readPage(db.view(), query({ order: 'newest', atHeight: 7, limit: 2, after: first.next ?? undefined }))
  t.same(second.rows.map(({ height, position }) => [height, position]), [[6, 0], [5, 300]])
  t.equal((await walk(db, { atHeight: 7 })).length, 14)
  t.equal((await walk(db, { atHeight: 0 })).length, 0)
})

t.test('a page is never longer than the limit of the reader, whatever is asked', async (t) => {
  const db = memoryDatabase()
  await write(db, Array.from({ length: PAGE_LIMITS.rowsMax + 10 }, (_, ordinal) => orderedWrite('recordVersion', account(1), { height: 1, position: 0, ordinal }, value('v'))))
  const page = await readPage(db.view(), query({ space: 'recordVersion', owner: account(1), limit: 1e9 }))
  t.equal(page.rows.length, PAGE_LIMITS.rowsMax)
  t.equal(page.rows.at(-1)?.ordinal, PAGE_LIMITS.rowsMax - 1)
  t.equal((await readPage(db.view(), query({ space: 'recordVersion', owner: account(1), limit: 0 }))).rows.length, 1)
})

t.test('owners shorter than an account page alike', async (t) => {
  const db = memoryDatabase()
  await write(db, [1, 2].flatMap((member) => [1, 2, 3].map((height) => orderedWrite('permitByCustodian', Uint8Array.of(0, 0, 0, member), { height, position: 0, ordinal: 0 }, value(`${member}@${height}`)))))
  t.same(await walk(db, { space: 'permitByCustodian', owner: Uint8Array.of(0, 0, 0, 1), limit: 2 }), ['1@1', '1@2', '1@3'])
})

t.test('transactions, blocks and receipts are found by id, height and hash, and absent ones are not', async (t) => {
  const db = memoryDatabase()
  const hash = account(8)
  await write(db, [
    ...transactionWrites(2 ** 33, Array.from({ length: 1000 }, (_, i) => account(i === 999 ? 1 : 9))), ...blockWrites(2 ** 33, hash, 2 ** 40),
    ...receiptWrites(7, [0, 1, 2].map((position) => value(`r${position}`))), ...receiptWrites(8, [value('next')]),
  ])
  const view = db.view()
  t.same(findTransaction(view, account(1)), { height: 2 ** 33, position: 999 })
  t.equal(findTransaction(view, account(2)), undefined)
  t.same(findBlock(view, 2 ** 33), { blockHash: hash, raftIndex: 2 ** 40 })
  t.equal(findBlock(view, 1), undefined)
  t.equal(findHeight(view, hash), 2 ** 33)
  t.equal(findHeight(view, account(1)), undefined)
  t.same(findReceipt(view, { height: 7, position: 1 }), value('r1'))
  t.equal(findReceipt(view, { height: 7, position: 3 }), undefined)
  t.same((await receiptsOf(view, 7)).map((bytes) => Buffer.from(bytes).toString()), ['r0', 'r1', 'r2'])
  t.same(await receiptsOf(view, 9), [])
})

t.test('receipts share rows, whatever their number', async (t) => {
  const db = memoryDatabase()
  const receipts = (count: number): Uint8Array[] => Array.from({ length: count }, (_, position) => value(`r${position}${'.'.repeat(position)}`))
  const counts = [1, 15, 16, 17, 32, 33]
  await write(db, counts.flatMap((count) => receiptWrites(count, receipts(count))))
  const view = db.view()
  let rows = 0
  for await (const _ of view.range({ from: rowKey('receipts'), to: spaceEnd('receipts') })) rows++
  t.equal(rows, 1 + 1 + 1 + 2 + 2 + 3)
  for (const count of counts) {
    t.same(await receiptsOf(view, count), receipts(count))
    t.same(Array.from({ length: count }, (_, position) => findReceipt(view, { height: count, position })), receipts(count))
    t.equal(findReceipt(view, { height: count, position: count }), undefined)
  }
  t.same(receiptWrites(1, []), [])
})

t.test('no two keyspaces share a prefix byte', async (t) => {
  const numbers: number[] = Object.values(KEYSPACE)
  t.equal(new Set(numbers).size, numbers.length)
  t.ok(numbers.every((number) => number > 0 && number < 0xff))
})
