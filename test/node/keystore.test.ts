import t from 'tap'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { KEYSTORE_COST, KEYSTORE_TEST_COST, openJson, openKeystoreFile, readKeystore, sealJson, writeKeystore } from '../../node/keystore.ts'
import { readPassphrase } from '../../node/passphrase.ts'

const secret = { seed: 'canary-5f3a9c' }
const text = await sealJson('operator', { publicKey: 'ab' }, secret, 'correct horse', KEYSTORE_TEST_COST)

// Made once by sealJson with the default cost and kept: a later version must still open it.
const GOLDEN = readFileSync(join(import.meta.dirname, '../vectors/keystore-v1.json'), 'utf8')

t.test('a wrong passphrase is told apart from an altered file', async (t) => {
  await t.rejects(openJson(text, 'correct hors'), { code: 'KEYSTORE_WRONG_PASSPHRASE' })
  const file = JSON.parse(text) as Record<string, unknown>
  const altered = (change: object) => openJson(JSON.stringify({ ...file, ...change }), 'correct horse')
  await t.rejects(altered({ public: { publicKey: 'ac' } }), { code: 'KEYSTORE_DAMAGED' })
  await t.rejects(altered({ kind: 'node' }), { code: 'KEYSTORE_DAMAGED' })
  await t.rejects(altered({ cipher: { name: 'aes-256-gcm', nonce: '00'.repeat(12) } }), { code: 'KEYSTORE_DAMAGED' })
  const ciphertext = String(file['ciphertext'])
  for (let at = 0; at < ciphertext.length; at++) {
    const digit = (Number.parseInt(ciphertext[at]!, 16) ^ 1).toString(16)
    await t.rejects(altered({ ciphertext: ciphertext.slice(0, at) + digit + ciphertext.slice(at + 1) }), { code: 'KEYSTORE_DAMAGED' }, `digit ${at}`)
  }
  const kdf = file['kdf'] as object
  await t.rejects(altered({ kdf: { ...kdf, passes: 2 } }), { code: 'KEYSTORE_WRONG_PASSPHRASE' }, 'another cost gives another key')
})

t.test('what is not a keystore is refused by field, before any work is done for it', async (t) => {
  const file = JSON.parse(text) as Record<string, unknown>
  const cases: [object, string][] = [
    [{ version: 2 }, 'version'], [{ format: 'age' }, 'format'], [{ extra: 1 }, 'extra'], [{ ciphertext: 'zz' }, 'ciphertext'], [{ check: '' }, 'check'],
    [{ kdf: { ...(file['kdf'] as object), memoryKiB: 2 ** 31 } }, 'kdf.memoryKiB'], [{ kdf: { ...(file['kdf'] as object), name: 'scrypt' } }, 'kdf.name'],
    [{ kdf: { ...(file['kdf'] as object), passes: 0.5 } }, 'kdf.passes'], [{ cipher: [] }, 'cipher'], [{ public: { a: 1 } }, 'public'],
  ]
  for (const [change, field] of cases) await t.rejects(openJson(JSON.stringify({ ...file, ...change }), 'x'), { code: 'KEYSTORE_MALFORMED', details: { field } }, field)
  for (const bad of ['', '[]', 'null', '{']) await t.rejects(openJson(bad, 'x'), { code: 'KEYSTORE_MALFORMED' })
})

t.test('a keystore that others may read is refused; one is never overwritten', async (t) => {
  const path = join(t.testdir({}), 'operator.json')
  await t.rejects(readKeystore(path), { code: 'KEYSTORE_NOT_FOUND' })
  await t.rejects(readKeystore(join(path, '..')), { code: 'KEYSTORE_MALFORMED', details: { path: join(path, '..') } }, 'a folder')
  await writeKeystore(path, text)
  t.equal(statSync(path).mode & 0o777, 0o600)
  await t.rejects(writeKeystore(path, text), { code: 'KEYSTORE_EXISTS' })
  await t.rejects(writeKeystore(path, 'not a keystore', { replace: true }), { code: 'KEYSTORE_MALFORMED' })
  t.equal(await readKeystore(path), text)
  await t.rejects(openKeystoreFile(path, 'node', 'correct horse'), { code: 'KEYSTORE_KIND', details: { kind: 'operator' } })
  t.same((await openKeystoreFile(path, 'operator', 'correct horse')).secret, secret)
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(path, mode)
    await t.rejects(readKeystore(path), { code: 'KEYSTORE_MODE', details: { mode: mode.toString(8) } })
  }
  t.same(readdirSync(join(path, '..')), ['operator.json'], 'no temporary file is left')
  t.notOk(readFileSync(path, 'utf8').includes('canary'), 'the secret is not in the file')
})

t.test('changing the passphrase replaces the file at once', async (t) => {
  const path = join(t.testdir({}), 'operator.json')
  await writeKeystore(path, text)
  await writeKeystore(path, await sealJson('operator', { publicKey: 'ab' }, secret, 'new words', KEYSTORE_TEST_COST), { replace: true })
  t.equal(statSync(path).mode & 0o777, 0o600)
  await t.rejects(openKeystoreFile(path, 'operator', 'correct horse'), { code: 'KEYSTORE_WRONG_PASSPHRASE' })
  t.same((await openKeystoreFile(path, 'operator', 'new words')).publicData, { publicKey: 'ab' })
})

t.test('the golden keystore of version 1 opens, and was made at the full cost', async (t) => {
  const opened = await openJson(GOLDEN, 'correct horse battery staple')
  t.same(opened, { kind: 'operator', publicData: { publicKey: '00'.repeat(32) }, secret: { seed: '01'.repeat(32) } })
  const { memoryKiB, passes, parallelism } = (JSON.parse(GOLDEN) as { kdf: typeof KEYSTORE_COST }).kdf
  t.same({ memoryKiB, passes, parallelism }, KEYSTORE_COST)
})

t.test('a passphrase comes from file, environment or a terminal, in this order, and is never empty', async (t) => {
  const directory = t.testdir({ good: 'from file\n', empty: '\n' })
  const environment = { STELE_PASSPHRASE: 'from environment' }
  t.equal(await readPassphrase({ file: join(directory, 'good'), environment }), 'from file')
  t.equal(await readPassphrase({ environment }), 'from environment')
  await t.rejects(readPassphrase({ file: join(directory, 'none'), environment }), { code: 'PASSPHRASE_MISSING' })
  await t.rejects(readPassphrase({ file: join(directory, 'empty') }), { code: 'PASSPHRASE_INVALID' })
  await t.rejects(readPassphrase({ environment: { STELE_PASSPHRASE: 'x'.repeat(1_025) } }), { code: 'PASSPHRASE_INVALID' })
  await t.rejects(readPassphrase({ environment: {} }), { code: 'PASSPHRASE_MISSING' })
  writeFileSync(join(directory, 'binary'), Buffer.from([0xff, 0xfe]))
  await t.rejects(readPassphrase({ file: join(directory, 'binary') }), { code: 'PASSPHRASE_INVALID' })
})

t.test('a terminal is asked without echo; no terminal is not asked', async (t) => {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  const output = Object.assign(new PassThrough(), { isTTY: true })
  const answer = readPassphrase({ terminal: { input, output } }, 'Passphrase of operator: ')
  input.write('typed words\n')
  t.equal(await answer, 'typed words')
  t.equal(String(output.read()), 'Passphrase of operator: \n')
  const closed = readPassphrase({ terminal: { input: Object.assign(new PassThrough(), { isTTY: true }).end(), output } })
  await t.rejects(closed, { code: 'PASSPHRASE_MISSING' })
  await t.rejects(readPassphrase({ terminal: { input: new PassThrough(), output } }), { code: 'PASSPHRASE_MISSING' })
})
