import t from 'tap'
import { createHash, hkdfSync, randomBytes } from 'node:crypto'
import { concatBytes, toHex, u32Bytes, u64Bytes } from '../../primitives/bytes.ts'
import { merkleRoot } from '../../primitives/merkle.ts'
import { BLOB_LIMITS, blobIdOfHashes, chunkCount, chunkHash, chunkLength } from '../../privacy/blob.ts'
import { collectBytes, openSection } from '../../privacy/decrypt-section.ts'
import { encryptSection } from '../../privacy/encrypt-section.ts'
import type { EncryptedSection } from '../../privacy/encrypt-section.ts'
import { createSectionSecret, sectionCommitment, SectionSecret } from '../../privacy/section-format.ts'

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const place = { record: random.bytes(32), version: 1, section: 2 }
const MIB = BLOB_LIMITS.plainChunkBytes

async function encryptAll(plaintext: Uint8Array, at = place): Promise<EncryptedSection & { chunks: Uint8Array[] }> {
  const encryption = encryptSection(at, createSectionSecret(random), [plaintext])
  const chunks: Uint8Array[] = []
  for await (const chunk of encryption.chunks) chunks.push(chunk)
  return { ...encryption.result(), chunks }
}
const ledgerPart = ({ commitment, blob, size }: EncryptedSection) => ({ commitment, blob, size })
const readAll = async (sealed: EncryptedSection, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) =>
  collectBytes((await openSection(place, ledgerPart(sealed), sealed.sectionKey, sealed.chunkHashes)).decrypt(chunks), 8 * MIB)
const flipped = (bytes: Uint8Array, at: number): Uint8Array => { const out = bytes.slice(); out[at]! ^= 1; return out }

const small = await encryptAll(Buffer.from('canary: Ada Lovelace, 8302-2, 170 cm'))
const large = await encryptAll(random.bytes(2 * MIB + 5))

t.test('every flipped byte of the ciphertext is refused before anything is decrypted', async (t) => {
  for (let i = 0; i < small.chunks[0]!.length; i++) {
    await t.rejects(readAll(small, [flipped(small.chunks[0]!, i)]), { code: 'SECTION_CHUNK_MISMATCH', details: { index: 0 } }, `byte ${i}`)
  }
})

t.test('another record, version or section, key, salt or digest does not fit the commitment', async (t) => {
  const wrongs = [
    { place: { ...place, record: flipped(place.record, 31) }, key: small.sectionKey },
    { place: { ...place, version: 2 }, key: small.sectionKey },
    { place: { ...place, section: 1 }, key: small.sectionKey },
    ...(['key', 'salt', 'plaintextDigest'] as const).map((field) => ({ place, key: { ...small.sectionKey, [field]: flipped(small.sectionKey[field], 0) } })),
  ]
  for (const wrong of wrongs) await t.rejects(openSection(wrong.place, ledgerPart(small), wrong.key, small.chunkHashes), { code: 'SECTION_COMMITMENT_MISMATCH' })
})

t.test('a list of chunk hashes that is altered, short, long or reordered is refused', async (t) => {
  const [a, b, c] = large.chunkHashes as [Uint8Array, Uint8Array, Uint8Array]
  for (const list of [[b, a, c], [flipped(a, 0), b, c]]) {
    await t.rejects(openSection(place, ledgerPart(large), large.sectionKey, list), { code: 'SECTION_BLOB_MISMATCH' })
  }
  for (const list of [[], [a, b], [a, b, c, c], [a, b, c.subarray(1)]]) {
    await t.rejects(openSection(place, ledgerPart(large), large.sectionKey, list), { code: 'SECTION_INPUT_INVALID' })
  }
})

t.test('a truncated, reordered, swapped or overlong stream is refused by name', async (t) => {
  const [a, b, c] = large.chunks as [Uint8Array, Uint8Array, Uint8Array]
  await t.rejects(readAll(large, []), { code: 'SECTION_TRUNCATED', details: { next: 0 } })
  await t.rejects(readAll(large, [a, b]), { code: 'SECTION_TRUNCATED', details: { next: 2, chunkCount: 3 } })
  await t.rejects(readAll(large, [a, b, c.subarray(0, 20)]), { code: 'SECTION_CHUNK_MISMATCH', details: { index: 2 } })
  await t.rejects(readAll(large, [b, a, c]), { code: 'SECTION_CHUNK_MISMATCH', details: { index: 0 } })
  await t.rejects(readAll(large, [a, small.chunks[0]!]), { code: 'SECTION_CHUNK_MISMATCH', details: { index: 1 } })
  await t.rejects(readAll(large, [a, b, c, c]), { code: 'SECTION_EXTRA_CHUNK' })
})

t.test('a chunk the writer bound to another place does not open, though hash and commitment agree', async (t) => {
  // A lying writer: chunks of one place under a commitment for another.
  const secret = new SectionSecret(random.bytes(32), random.bytes(32))
  const elsewhere = encryptSection({ ...place, version: 9 }, secret, [new Uint8Array(10)])
  const chunks: Uint8Array[] = []
  for await (const chunk of elsewhere.chunks) chunks.push(chunk)
  const made = elsewhere.result()
  const commitment = sectionCommitment(place, made.sectionKey, merkleRoot(chunks), made.size)
  const opened = await openSection(place, { ...ledgerPart(made), commitment }, made.sectionKey, made.chunkHashes)
  await t.rejects(opened.decryptChunk(0, chunks[0]!), { code: 'SECTION_DECRYPT_FAILED', details: { index: 0 } })
})

t.test('a secret encrypts once', async (t) => {
  const secret = createSectionSecret(random)
  for await (const chunk of encryptSection(place, secret, []).chunks) t.equal(chunk.length, 16)
  await t.rejects(async () => { for await (const chunk of encryptSection(place, secret, []).chunks) t.fail(`${chunk.length} bytes`) }, { code: 'SECTION_SECRET_USED' })
  t.throws(() => encryptSection(place, createSectionSecret(random), []).result(), { code: 'SECTION_TRUNCATED' })
  t.throws(() => new SectionSecret(new Uint8Array(16), new Uint8Array(32)), { code: 'SECTION_INPUT_INVALID', details: { field: 'key' } })
})

t.test('plaintext of any length around a chunk border comes back, in pieces of any length', async (t) => {
  for (const length of [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB]) {
    const plaintext = random.bytes(length)
    const pieces = [plaintext.subarray(0, length >> 1), new Uint8Array(0), plaintext.subarray(length >> 1)]
    const encryption = encryptSection(place, createSectionSecret(random), pieces)
    const chunks: Uint8Array[] = []
    for await (const chunk of encryption.chunks) chunks.push(chunk)
    const sealed = encryption.result()
    t.equal(chunks.length, Math.max(1, Math.ceil(length / MIB)), `${length} bytes`)
    t.equal(sealed.size, BigInt(length + 16 * chunks.length))
    t.ok(Buffer.from(plaintext).equals(await readAll(sealed, chunks)))
  }
})

t.test('blob id and commitment are the documented hashes', async (t) => {
  const sha = (domain: string, ...parts: Uint8Array[]) => {
    const name = `stele/${domain}/v1`
    return createHash('sha256').update(concatBytes(Uint8Array.of(name.length), Buffer.from(name), ...parts)).digest('hex')
  }
  const root = merkleRoot(small.chunks)
  const size = u64Bytes(small.size)
  t.equal(toHex(small.blob), sha('blob', root, size))
  const { key, salt, plaintextDigest } = small.sectionKey
  const keyCommitment = new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), 'commit', 32))
  t.equal(toHex(small.commitment), sha('section', salt, place.record, u32Bytes(1), u32Bytes(2), plaintextDigest, root, size, keyCommitment))
})

t.test('the size of a blob fixes how many chunks it has and how long each is; impossible sizes have none', async (t) => {
  const whole = BigInt(BLOB_LIMITS.chunkBytes)
  for (const [size, count] of [[0n, 0], [15n, 0], [16n, 1], [whole, 1], [whole + 1n, 0], [whole + 15n, 0], [whole + 16n, 2], [whole * 16_384n, 16_384], [whole * 16_384n + 16n, 0]] as const) {
    t.equal(chunkCount(size), count, `${size} bytes`)
  }
  t.equal(chunkLength(whole + 20n, 0), BLOB_LIMITS.chunkBytes)
  t.equal(chunkLength(whole + 20n, 1), 20)
  for (const index of [2, -1, 0.5, Number.NaN]) t.equal(chunkLength(whole + 20n, index), 0)
  t.equal(toHex(blobIdOfHashes(small.chunks.map(chunkHash), small.size)), toHex(small.blob))
})

t.test('collecting refuses a stream longer than the caller allows', async (t) => {
  await t.rejects(collectBytes([new Uint8Array(5), new Uint8Array(6)], 10), { code: 'SECTION_TOO_LARGE' })
})
