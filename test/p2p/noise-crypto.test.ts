import { createCipheriv } from 'node:crypto'
import t from 'tap'
import { fromHex } from '../../primitives/bytes.ts'
import { noiseCrypto } from '../../p2p/noise-crypto.ts'

const bytes = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 131 + seed * 7) & 255)
const same = (a: { subarray(): Uint8Array }, b: Uint8Array): boolean => Buffer.compare(a.subarray(), b) === 0

t.test('a changed bit anywhere in a packet, its tag or its associated data is refused', async (t) => {
  const [key, nonce, ad, plaintext] = [bytes(32, 1), bytes(12, 2), bytes(32, 3), bytes(50, 4)]
  const sealed = noiseCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key).subarray()
  for (let bit = 0; bit < sealed.length * 8; bit += 13) {
    const bad = sealed.slice()
    bad[bit >> 3] = bad[bit >> 3]! ^ (1 << (bit & 7))
    t.throws(() => noiseCrypto.chaCha20Poly1305Decrypt(bad, nonce, ad, key), `bit ${bit}`)
  }
  t.throws(() => noiseCrypto.chaCha20Poly1305Decrypt(sealed, nonce, bytes(32, 9), key), 'other associated data')
  t.throws(() => noiseCrypto.chaCha20Poly1305Decrypt(sealed.subarray(0, 15), nonce, ad, key), 'shorter than a tag')
})

t.test('packets are those of RFC 8439 as OpenSSL makes them', async (t) => {
  for (const size of [0, 1, 16, 1199, 1200, 65_519]) {
    for (const ad of [new Uint8Array(), bytes(32, 3)]) {
      const [key, nonce, plaintext] = [bytes(32, 1), bytes(12, 2), bytes(size, 4)]
      const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
      cipher.setAAD(ad, { plaintextLength: size })
      const expected = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
      t.ok(same(noiseCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key), expected), `${size} bytes`)
      t.ok(same(noiseCrypto.chaCha20Poly1305Decrypt(expected, nonce, ad, key), plaintext), `${size} bytes back`)
    }
  }
})

t.test('X25519 gives the keys and the secret of RFC 7748 §6.1, and refuses a low-order point', async (t) => {
  const alice = noiseCrypto.generateX25519KeyPairFromSeed(fromHex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'))
  const bob = noiseCrypto.generateX25519KeyPairFromSeed(fromHex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'))
  t.ok(same(alice.publicKey, fromHex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')))
  t.ok(same(bob.publicKey, fromHex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')))
  const secret = fromHex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742')
  t.ok(same(noiseCrypto.generateX25519SharedKey(alice.privateKey, bob.publicKey), secret))
  t.ok(same(noiseCrypto.generateX25519SharedKey(bob.privateKey, alice.publicKey), secret))
  t.throws(() => noiseCrypto.generateX25519SharedKey(alice.privateKey, new Uint8Array(32)))
  t.not(Buffer.compare(noiseCrypto.generateX25519KeyPair().privateKey, noiseCrypto.generateX25519KeyPair().privateKey), 0)
})
