import t from 'tap'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { detailsHash, openDetails } from '../../privacy/audit-details.ts'
import { collectBytes, openSection } from '../../privacy/decrypt-section.ts'
import { encryptSection } from '../../privacy/encrypt-section.ts'
import { openSectionKey } from '../../privacy/seal.ts'
import { SectionSecret } from '../../privacy/section-format.ts'
import { tag } from '../../privacy/tags.ts'
import type { TagKind } from '../../privacy/tags.ts'

// Published bytes of version 1. A change here is a change of the format: old records would no longer open.
interface Context { readonly chain: string; readonly request: string; readonly record: string; readonly version: number; readonly section: number; readonly readerKey: string }
interface Vectors {
  readonly tags: readonly { readonly tagKey: string; readonly kind: TagKind; readonly system: string; readonly value: string; readonly tag: string }[]
  readonly sections: readonly {
    readonly plaintext: string; readonly record: string; readonly version: number; readonly section: number; readonly key: string; readonly salt: string
    readonly chunks: readonly string[]; readonly chunkHashes: readonly string[]; readonly size: string; readonly blob: string; readonly plaintextDigest: string; readonly commitment: string
  }[]
  readonly sealedKey: { readonly context: Context; readonly readerSecretKey: string; readonly key: Readonly<Record<'key' | 'salt' | 'plaintextDigest', string>>; readonly sealed: string }
  readonly sealedDetails: {
    readonly context: Context; readonly details: { readonly who: string; readonly device: string; readonly reason: string }; readonly salt: string; readonly hash: string
    readonly recipients: readonly { readonly secretKey: string; readonly publicKey: string }[]; readonly sealed: string
  }
}
const vectors = JSON.parse(readFileSync(join(import.meta.dirname, '../vectors/privacy-v1.json'), 'utf8')) as Vectors
const contextOf = ({ chain, request, record, version, section, readerKey }: Context) => ({ chain: fromHex(chain), request: fromHex(request), record: fromHex(record), version, section, readerKey: fromHex(readerKey) })

t.test('tags have their published bytes', async (t) => {
  for (const vector of vectors.tags) t.equal(toHex(tag(fromHex(vector.tagKey), vector.kind, vector.system, vector.value)), vector.tag)
})

t.test('sections encrypt to their published bytes and open from them', async (t) => {
  for (const vector of vectors.sections) {
    const place = { record: fromHex(vector.record), version: vector.version, section: vector.section }
    const encryption = encryptSection(place, new SectionSecret(fromHex(vector.key), fromHex(vector.salt)), [fromHex(vector.plaintext)])
    const chunks: string[] = []
    for await (const chunk of encryption.chunks) chunks.push(toHex(chunk))
    const { blob, commitment, size, chunkHashes, sectionKey } = encryption.result()
    t.same(chunks, vector.chunks)
    t.same(chunkHashes.map(toHex), vector.chunkHashes)
    t.same([toHex(blob), String(size), toHex(commitment), toHex(sectionKey.plaintextDigest)], [vector.blob, vector.size, vector.commitment, vector.plaintextDigest])
    const onLedger = { blob: fromHex(vector.blob), size: BigInt(vector.size), commitment: fromHex(vector.commitment) }
    const key = { key: fromHex(vector.key), salt: fromHex(vector.salt), plaintextDigest: fromHex(vector.plaintextDigest) }
    const opened = await openSection(place, onLedger, key, vector.chunkHashes.map(fromHex))
    t.equal(toHex(await collectBytes(opened.decrypt(vector.chunks.map(fromHex)), 100)), vector.plaintext)
  }
})

t.test('a published sealed key opens', async (t) => {
  const { context, readerSecretKey, key, sealed } = vectors.sealedKey
  const opened = await openSectionKey(fromHex(readerSecretKey), contextOf(context), fromHex(sealed))
  t.same({ key: toHex(opened.key), salt: toHex(opened.salt), plaintextDigest: toHex(opened.plaintextDigest) }, key)
})

t.test('published sealed details open for every recipient, and have their published hash', async (t) => {
  const { context, details, salt, hash, recipients, sealed } = vectors.sealedDetails
  t.equal(toHex(detailsHash(fromHex(salt), details)), hash)
  for (const { publicKey, secretKey } of recipients) {
    const opened = await openDetails({ publicKey: fromHex(publicKey), secretKey: fromHex(secretKey) }, contextOf(context), fromHex(sealed), fromHex(hash))
    t.same(opened.details, details)
  }
})
