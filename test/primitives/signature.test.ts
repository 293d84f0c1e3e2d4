import { readFileSync } from 'node:fs'
import t from 'tap'
import { fromHex, utf8Bytes } from '../../primitives/bytes.ts'
import { createSigner, verify, verifyNative } from '../../primitives/signature.ts'
import { verify as verifyPortable } from '../../primitives/signature-browser.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'

interface EdgeCase { key: string; sig: string; msg: string; flags: string[] | null }
const load = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T

/** Both builds give one verdict, and what the native library accepts is a subset of it. */
const disagreements: string[] = []
function verdict(id: string, key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const valid = verify(key, message, signature)
  if (verifyPortable(key, message, signature) !== valid) disagreements.push(`browser and native builds disagree on ${id}`)
  if (verifyNative(key, message, signature) && !valid) disagreements.push(`the native library alone accepts ${id}`)
  return valid
}

const cctv = corpusPath('vectors/cctv-ed25519/ed25519vectors.json')
t.test('Ed25519 verdicts follow ZIP215 on the published edge cases', { skip: cctv === undefined ? CORPUS_ABSENT : false }, (t) => {
  t.test('CCTV: 826 of 914, refused are exactly those with a re-encoded k over a key that is not of low order', (t) => {
    const cases = load<EdgeCase[]>(cctv!)
    let accepted = 0
    for (const [i, { key, sig, msg, flags }] of cases.entries()) {
      const valid = verdict(`cctv ${i}`, fromHex(key), utf8Bytes(msg), fromHex(sig))
      const has = (flag: string): boolean => flags?.includes(flag) ?? false
      if (valid !== !(has('reencoded_k') && !has('low_order_A'))) t.fail(`case ${i} differs from its flags`, { flags })
      if (valid) accepted++
    }
    t.equal(cases.length, 914)
    t.equal(accepted, 826)
    t.end()
  })
  t.test('speccheck: cases 0–5 and 9–11 are accepted, 6–8 refused', (t) => {
    const cases = load<{ message: string; pub_key: string; signature: string }[]>(corpusPath('vectors/ed25519-speccheck/cases.json')!)
    const accepted = cases.flatMap(({ message, pub_key, signature }, i) => (verdict(`speccheck ${i}`, fromHex(pub_key), fromHex(message), fromHex(signature)) ? [i] : []))
    t.same(accepted, [0, 1, 2, 3, 4, 5, 9, 10, 11])
    t.end()
  })
  t.test('zip215: all 196 small-order cases are accepted', (t) => {
    const cases = load<{ vk_bytes: string; sig_bytes: string; valid_zip215: boolean }[]>(corpusPath('vectors/ed25519-zip215/zip215.json')!)
    const accepted = cases.filter(({ vk_bytes, sig_bytes }, i) => verdict(`zip215 ${i}`, fromHex(vk_bytes), utf8Bytes('Zcash'), fromHex(sig_bytes)))
    t.equal(accepted.length, 196)
    t.end()
  })
  t.test('Wycheproof: every verdict as in the file, but tcId 151, which ZIP215 accepts', (t) => {
    const file = load<{ testGroups: { publicKey: { pk: string }; tests: { tcId: number; msg: string; sig: string; result: string }[] }[] }>(corpusPath('vectors/wycheproof/ed25519_test.json')!)
    const differing = file.testGroups.flatMap(({ publicKey, tests }) => tests.filter(({ tcId, msg, sig, result }) =>
      verdict(`wycheproof ${tcId}`, fromHex(publicKey.pk), fromHex(msg), fromHex(sig)) !== (result === 'valid')).map(({ tcId }) => tcId))
    t.same(differing, [151])
    t.end()
  })
  t.same(disagreements, [], 'the builds agree, and native acceptance is a subset')
  t.end()
})

t.test('a signature stands for one key, one message', (t) => {
  const signer = createSigner(new Uint8Array(32).fill(7))
  const message = utf8Bytes('message')
  const signature = signer.sign(message)
  t.ok(verify(signer.publicKey, message, signature))
  for (let bit = 0; bit < 512; bit += 7) {
    const bent = Uint8Array.from(signature)
    bent[bit >> 3]! ^= 1 << (bit & 7)
    t.notOk(verify(signer.publicKey, message, bent), `bit ${bit} of the signature matters`)
  }
  t.notOk(verify(signer.publicKey, utf8Bytes('Message'), signature))
  t.notOk(verify(signer.publicKey, message, signature.subarray(1)), 'a short signature is refused, not thrown')
  t.notOk(verify(signer.publicKey.subarray(1), message, signature), 'a short key is refused, not thrown')
  t.end()
})
