import t from 'tap'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SteleError } from '../../primitives/error.ts'
import { forEachBounded } from '../../vault/bounded.ts'
import { diskError, namesIn, readExactly, replaceFile, withFile } from '../../vault/disk.ts'
import { KeyedLock } from '../../vault/keyed-lock.ts'

const nodeError = (code: string) => Object.assign(new Error('the system said so'), { code })

t.test('a full disk, another failure and our own errors are told apart', async (t) => {
  for (const code of ['ENOSPC', 'EDQUOT']) t.match(diskError(nodeError(code), 'write'), { code: 'VAULT_DISK_FULL', retryable: true })
  t.match(diskError(nodeError('EIO'), 'read'), { code: 'VAULT_IO', details: { operation: 'read', code: 'EIO' }, cause: { message: 'the system said so' } })
  const own = new SteleError({ code: 'VAULT_QUOTA', message: 'ours' })
  t.equal(diskError(own, 'write'), own)
})

t.test('a file is replaced whole, or left as it was with nothing beside it', async (t) => {
  const directory = t.testdir({ kept: 'old' })
  await replaceFile(join(directory, 'kept'), join(directory, 'temporary'), Buffer.from('new'))
  t.equal(readFileSync(join(directory, 'kept'), 'utf8'), 'new')
  await t.rejects(replaceFile(join(directory, 'none', 'kept'), join(directory, 'temporary'), Buffer.from('x')), { code: 'ENOENT' })
  t.notOk(existsSync(join(directory, 'temporary')))
})

t.test('a file that ends early is not read as zeros', async (t) => {
  const path = join(t.testdir({}), 'short')
  writeFileSync(path, 'abc')
  t.equal(await withFile(path, 'r', (file) => readExactly(file, 1, 3)), undefined)
  t.same(await withFile(path, 'r', (file) => readExactly(file, 1, 2)), Uint8Array.from(Buffer.from('bc')))
  t.same(await namesIn(join(path, '..', 'none')), [])
})

t.test('tasks of one key follow each other, also after a failure; other keys do not wait', async (t) => {
  const lock = new KeyedLock()
  const order: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = lock.run('a', async () => { await gate.promise; order.push('first'); throw new Error('failed') })
  const second = lock.run('a', async () => { order.push('second') })
  await lock.run('b', async () => { order.push('other') })
  gate.resolve()
  await t.rejects(first, { message: 'failed' })
  await second
  t.same(order, ['other', 'first', 'second'])
})

t.test('bounded work keeps its bound, and a failure stops taking new items but lets running ones end', async (t) => {
  let running = 0
  let most = 0
  const seen: number[] = []
  await forEachBounded([1, 2, 3, 4, 5], 2, async (item) => {
    most = Math.max(most, ++running)
    await Promise.resolve()
    seen.push(item)
    running--
  })
  t.equal(most, 2)
  t.same(seen.sort(), [1, 2, 3, 4, 5])
  const ended: number[] = []
  await t.rejects(forEachBounded([1, 2, 3, 4, 5, 6], 2, async (item) => {
    if (item === 1) throw new Error('first failed')
    await new Promise(setImmediate)
    ended.push(item)
  }), { message: 'first failed' })
  t.same(ended, [2])
})
