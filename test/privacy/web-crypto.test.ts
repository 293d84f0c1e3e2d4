import t from 'tap'
import { readFileSync } from 'node:fs'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { aesGcmDecrypt, aesGcmEncrypt, importAesKey, plainBytes } from '../../privacy/web-crypto.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'

interface Group {
  readonly keySize: number; readonly ivSize: number; readonly tagSize: number
  readonly tests: readonly { readonly tcId: number; readonly key: string; readonly iv: string; readonly aad: string; readonly msg: string; readonly ct: string; readonly tag: string; readonly result: 'valid' | 'invalid' | 'acceptable' }[]
}
const path = corpusPath('vectors/wycheproof/aes_gcm_test.json')

t.test('AES-256-GCM gives the Wycheproof verdict and bytes in every case of our sizes', { skip: path === undefined ? CORPUS_ABSENT : false }, async (t) => {
  const { testGroups } = JSON.parse(readFileSync(path ?? '', 'utf8')) as { testGroups: Group[] }
  const cases = testGroups.filter(({ keySize, ivSize, tagSize }) => keySize === 256 && ivSize === 96 && tagSize === 128).flatMap(({ tests }) => tests)
  t.ok(cases.length >= 60, `${cases.length} cases`)
  for (const { tcId, key, iv, aad, msg, ct, tag, result } of cases) {
    const [nonce, data, sealed] = [fromHex(iv), fromHex(aad), fromHex(ct + tag)]
    const opened = await aesGcmDecrypt(await importAesKey(fromHex(key), 'decrypt'), nonce, data, sealed)
    t.equal(opened === undefined ? undefined : toHex(opened), result === 'valid' ? msg : undefined, `case ${tcId}`)
    if (result === 'valid') t.equal(toHex(await aesGcmEncrypt(await importAesKey(fromHex(key), 'encrypt'), nonce, data, fromHex(msg))), ct + tag, `case ${tcId}, encrypting`)
  }
})

t.test('ciphertext shorter than a tag is refused, a fault that is not a wrong tag is thrown', async (t) => {
  const key = await importAesKey(new Uint8Array(32), 'decrypt')
  t.equal(await aesGcmDecrypt(key, new Uint8Array(12), new Uint8Array(0), new Uint8Array(15)), undefined)
  await t.rejects(aesGcmDecrypt(await importAesKey(new Uint8Array(32), 'encrypt'), new Uint8Array(12), new Uint8Array(0), new Uint8Array(16)), { name: 'InvalidAccessError' })
})

t.test('bytes in shared memory are copied before Web Crypto sees them', async (t) => {
  const shared = new Uint8Array(new SharedArrayBuffer(4)).fill(7)
  t.same(plainBytes(shared), Uint8Array.of(7, 7, 7, 7))
  t.ok(plainBytes(shared).buffer instanceof ArrayBuffer)
  const plain = Uint8Array.of(1)
  t.equal(plainBytes(plain), plain)
})
