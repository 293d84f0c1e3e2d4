import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../../primitives/bytes.ts'
import { EncryptedFiles } from '../../vault/encrypted-files.ts'
import { KeyStore } from '../../vault/key-store.ts'
import { filesBelow, filesWith, random } from './fixtures.ts'

const masterKey = random.bytes(32)
const record = random.bytes(32)
const makeKey = () => ({ key: random.bytes(32), salt: random.bytes(32), plaintextDigest: random.bytes(32) })
const keys = [0, 1, 2].map((section) => ({ section, key: makeKey() }))

async function openStore(directory: string, key = masterKey): Promise<KeyStore> {
  const store = new KeyStore(new EncryptedFiles({ directory }, key))
  await store.start()
  return store
}
const keyFiles = (directory: string) => filesBelow(join(directory, 'files'))

t.test('another master key is refused at the door', async (t) => {
  const directory = t.testdir({})
  await openStore(directory)
  await t.rejects(openStore(directory, random.bytes(32)), { code: 'KEY_STORE_WRONG_KEY' })
  t.throws(() => new EncryptedFiles({ directory }, random.bytes(16)), { code: 'KEY_STORE_WRONG_KEY' })
})

t.test('a key of a version never changes; an unknown one is not found', async (t) => {
  const store = await openStore(t.testdir({}))
  await store.put(record, 1, keys)
  await store.put(record, 1, keys)
  await t.rejects(store.put(record, 1, [{ section: 1, key: makeKey() }]), { code: 'KEY_STORE_CONFLICT', details: { section: 1 } })
  await t.rejects(store.get(record, 2, 0), { code: 'KEY_STORE_NOT_FOUND', details: { record: toHex(record), version: 2 } })
  await t.rejects(store.get(random.bytes(32), 1, 0), { code: 'KEY_STORE_NOT_FOUND' })
  t.same(await store.get(record, 1, 1), keys[1]!.key)
})

t.test('every flipped byte of a key file is found', async (t) => {
  const directory = t.testdir({})
  const store = await openStore(directory)
  await store.put(record, 1, keys.slice(0, 1))
  const path = keyFiles(directory)[0]!
  const good = readFileSync(path)
  for (let at = 0; at < good.length; at++) {
    writeFileSync(path, good.map((byte, i) => (i === at ? byte ^ 1 : byte)))
    await t.rejects(store.get(record, 1, 0), { code: 'KEY_STORE_DAMAGED' }, `byte ${at}`)
  }
  for (const length of [0, 20, 40, good.length - 1]) {
    writeFileSync(path, good.subarray(0, length))
    await t.rejects(store.get(record, 1, 0), { code: 'KEY_STORE_DAMAGED' }, `${length} bytes`)
  }
})

t.test('a key file put in the place of another does not open', async (t) => {
  const directory = t.testdir({})
  const store = await openStore(directory)
  await store.put(record, 1, keys)
  const first = keyFiles(directory)[0]!
  await store.put(record, 2, keys)
  const second = keyFiles(directory).find((path) => path !== first)!
  renameSync(first, second)
  await t.rejects(store.get(record, 2, 0), { code: 'KEY_STORE_DAMAGED' })
})

t.test('deleting a section leaves the others; deleting a version leaves nothing; neither comes back after a restart', async (t) => {
  const directory = t.testdir({})
  const store = await openStore(directory)
  await store.put(record, 1, keys)
  t.equal(await store.delete(record, 1, 7), false)
  t.equal(await store.delete(record, 1, 1), true)
  t.same(await store.sections(record, 1), [0, 2])
  await t.rejects(store.get(record, 1, 1), { code: 'KEY_STORE_NOT_FOUND' })
  t.equal(await store.delete(record, 1), true)
  t.equal(await store.delete(record, 1), false)
  t.same(keyFiles(directory), [])
  t.same(await (await openStore(directory)).sections(record, 1), [])
})

t.test('a destruction that a crash interrupted is finished at the next start', async (t) => {
  const directory = t.testdir({})
  const store = await openStore(directory)
  await store.put(record, 1, keys)
  mkdirSync(join(directory, 'shred'), { recursive: true })
  renameSync(keyFiles(directory)[0]!, join(directory, 'shred', 'doomed'))
  await openStore(directory)
  t.same(filesBelow(directory).map((path) => path.slice(directory.length + 1)), ['check'])
})

t.test('neither keys nor record ids are readable on disk', async (t) => {
  const directory = t.testdir({})
  const files = new EncryptedFiles({ directory }, masterKey)
  await files.start()
  await files.put(Buffer.from('relation of canary-patient'), Buffer.from('canary-tag-key-bytes'))
  await new KeyStore(files).put(record, 1, keys)
  writeFileSync(join(directory, 'planted'), 'xx canary-planted xx')
  t.equal(filesWith(directory, 'canary-planted').length, 1, 'the search finds a planted canary')
  for (const canary of ['canary-patient', 'canary-tag-key-bytes']) t.same(filesWith(directory, canary), [])
  for (const path of filesBelow(directory)) {
    t.notOk(path.includes(toHex(record)), 'no record id in a name')
    t.notOk(readFileSync(path).includes(Buffer.from(keys[0]!.key.key)), 'no key in a file')
  }
  const found = []
  for await (const { id } of files.entries()) found.push(Buffer.from(id).toString())
  t.ok(found.includes('relation of canary-patient'), 'who holds the master key can list')
})

t.test('every key reported as kept before a kill -9 is there afterwards', async (t) => {
  const directory = t.testdir({})
  const script = `
    import { EncryptedFiles } from ${JSON.stringify(new URL('../../vault/encrypted-files.ts', import.meta.url).href)}
    const files = new EncryptedFiles({ directory: ${JSON.stringify(directory)} }, new Uint8Array(32).fill(5))
    await files.start()
    for (let i = 0; ; i++) {
      await files.put(Uint8Array.of(i >> 8, i), new Uint8Array(100).fill(i))
      process.stdout.write(i + '\\n')
    }`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
    if (printed.split('\n').length > 60) child.kill('SIGKILL')
  })
  await once(child, 'close')
  const acknowledged = printed.split('\n').slice(0, -1).map(Number)
  t.ok(acknowledged.length >= 60)
  const files = new EncryptedFiles({ directory }, new Uint8Array(32).fill(5))
  await files.start()
  for (const i of acknowledged) t.equal((await files.get(Uint8Array.of(i >> 8, i)))?.[0], i)
  t.same(filesBelow(join(directory, 'temporary')), [], 'no half-written file is left')
})
