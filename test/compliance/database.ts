import type { Test } from 'tap'
import { utf8Bytes } from '../../primitives/bytes.ts'
import { errorCode } from '../../primitives/error.ts'
import type { Database, Row } from '../../state/database.ts'

const text = (bytes: Uint8Array | undefined): string | undefined => (bytes === undefined ? undefined : Buffer.from(bytes).toString('latin1'))
const put = (key: string, value: string) => ({ key: utf8Bytes(key), value: utf8Bytes(value) })
const remove = (key: string) => ({ key: utf8Bytes(key), value: undefined })

async function gather(rows: AsyncIterable<Row>): Promise<string[]> {
  const out: string[] = []
  for await (const { key, value } of rows) out.push(`${text(key)}=${text(value)}`)
  return out
}

/** What every Database must do; run on each implementation. `open` gives a fresh, empty one. */
export function databaseCompliance(t: Test, open: (t: Test) => Promise<Database>): void {
  t.test('a closed database refuses reads, views and writes with STATE_CLOSED; closing twice is allowed', async (t) => {
    const db = await open(t)
    const view = db.view()
    await db.close()
    await db.close()
    t.throws(() => view.get(utf8Bytes('a')), { code: 'STATE_CLOSED' })
    t.throws(() => db.view(), { code: 'STATE_CLOSED' })
    await t.rejects(db.write([put('a', '1')], { sync: false }), { code: 'STATE_CLOSED' })
    await t.rejects(gather(view.range({ from: utf8Bytes('a'), to: utf8Bytes('z') })), { code: 'STATE_CLOSED' })
  })

  t.test('a batch writes, overwrites and removes; the last operation on a key wins', async (t) => {
    const db = await open(t)
    await db.write([put('a', '1'), put('b', '2'), put('a', '3'), put('c', ''), put('d', '4'), remove('d'), remove('absent')], { sync: true })
    const view = db.view()
    t.equal(text(view.get(utf8Bytes('a'))), '3')
    t.equal(text(view.get(utf8Bytes('c'))), '', 'an empty value is not absence')
    t.equal(view.get(utf8Bytes('d')), undefined)
    t.equal(view.get(utf8Bytes('a'))?.constructor, Uint8Array, 'plain bytes, no Buffer')
    await view.close()
    await db.close()
  })

  t.test('a key may be given as its space and the rest', async (t) => {
    const db = await open(t)
    await db.write([{ space: 0x61, ...put('b', '1') }, put('ac', '2'), { space: 0x61, ...put('d', '3') }, { space: 0x61, ...remove('d') }], { sync: false })
    const view = db.view()
    t.same(await gather(view.range({ from: utf8Bytes('a'), to: utf8Bytes('z') })), ['ab=1', 'ac=2'])
    await view.close()
    await db.close()
  })

  t.test('a view does not see later batches, by key or by range', async (t) => {
    const db = await open(t)
    await db.write([put('a', '1'), put('b', '2')], { sync: false })
    const before = db.view()
    await db.write([put('a', 'x'), remove('b'), put('c', '3')], { sync: false })
    const after = db.view()
    const all = { from: utf8Bytes('a'), to: utf8Bytes('z') }
    t.equal(text(before.get(utf8Bytes('a'))), '1')
    t.equal(before.get(utf8Bytes('c')), undefined)
    t.same(await gather(before.range(all)), ['a=1', 'b=2'])
    t.same(await gather(after.range(all)), ['a=x', 'c=3'])
    await before.close()
    t.same(await gather(after.range(all)), ['a=x', 'c=3'])
    await after.close()
    await db.close()
  })

  t.test('a closed view refuses to read, while a range under way ends as it began', async (t) => {
    const db = await open(t)
    await db.write([put('a', '1'), put('b', '2'), put('c', '3')], { sync: false })
    const view = db.view()
    const rows = view.range({ from: utf8Bytes('a'), to: utf8Bytes('z') })[Symbol.asyncIterator]()
    t.equal(text((await rows.next()).value?.key), 'a')
    const closed = view.close()
    await db.write([remove('b'), put('c', 'x')], { sync: false })
    t.throws(() => view.get(utf8Bytes('a')), { code: 'STATE_VIEW_CLOSED' })
    await t.rejects(gather(view.range({ from: utf8Bytes('a'), to: utf8Bytes('z') })), { code: 'STATE_VIEW_CLOSED' })
    t.equal(text((await rows.next()).value?.key), 'b')
    t.equal(text((await rows.next()).value?.value), '3')
    t.ok((await rows.next()).done)
    await closed
    await db.close()
  })

  t.test('ranges include the start, exclude the end, go both ways and stop at the limit', async (t) => {
    const db = await open(t)
    const keys = ['\x00', 'a', 'a\x00', 'aa', 'b', 'ÿ']
    await db.write(keys.map((key) => ({ key: Buffer.from(key, 'latin1'), value: utf8Bytes('v') })), { sync: false })
    const view = db.view()
    const names = async (options: { from: string; to: string; reverse?: boolean; limit?: number }): Promise<string[]> =>
      (await gather(view.range({ ...options, from: Buffer.from(options.from, 'latin1'), to: Buffer.from(options.to, 'latin1') }))).map((row) => row.slice(0, -2))
    t.same(await names({ from: 'a', to: 'b' }), ['a', 'a\x00', 'aa'])
    t.same(await names({ from: 'a', to: 'b', reverse: true }), ['aa', 'a\x00', 'a'])
    t.same(await names({ from: '\x00', to: 'ÿ', limit: 2 }), ['\x00', 'a'])
    t.same(await names({ from: '\x00', to: 'ÿ\x00', reverse: true, limit: 1 }), ['ÿ'])
    t.same(await names({ from: 'c', to: 'd' }), [])
    await view.close()
    await db.close()
  })

  t.test('what was handed in may be changed afterwards', async (t) => {
    const db = await open(t)
    const key = utf8Bytes('key')
    const value = utf8Bytes('value')
    const written = db.write([{ key, value }], { sync: false })
    key.fill(0)
    value.fill(0)
    await written
    const view = db.view()
    t.equal(text(view.get(utf8Bytes('key'))), 'value')
    await view.close()
    await db.close()
  })

  t.test('a size can be asked for', async (t) => {
    const db = await open(t)
    t.ok((await db.sizeBytes()) >= 0)
    await db.close()
    const failure = await db.sizeBytes().then(() => undefined, (error: unknown) => error)
    t.ok(failure === undefined || errorCode(failure) === 'STATE_CLOSED')
  })
}
