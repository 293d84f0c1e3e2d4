import { SteleError } from '../primitives/error.ts'
import { sha256Stream } from '../primitives/hash.ts'
import { rootOfHashes } from '../primitives/merkle.ts'
import { BLOB_LIMITS, blobId, chunkHash } from './blob.ts'
import { chunkAssociatedData, chunkNonce, sectionCommitment } from './section-format.ts'
import type { SectionCommitment, SectionKey, SectionPlace, SectionSecret } from './section-format.ts'
import { aesGcmEncrypt, importAesKey } from './web-crypto.ts'

/** Pieces of any length, as a file or network stream gives them. */
export type ByteStream = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** What an encryption leaves: the ledger's part, the vault's list of chunk hashes, and the key part that only key holders see. */
export interface EncryptedSection extends SectionCommitment {
  readonly chunkHashes: readonly Uint8Array[]
  readonly sectionKey: SectionKey
}

/** An encryption in progress. Read `chunks` to the end, once; then `result()` answers. */
export interface SectionEncryption {
  /** Ciphertext chunks in order, 1 MiB + 16 bytes each but the last; at least one, also for empty plaintext. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** Throws `SECTION_TRUNCATED` while chunks are left to read. */
  result(): EncryptedSection
}

/**
 * Encrypts a section as a stream: AES-256-GCM over 1 MiB chunks, memory of about two chunks whatever the length.
 * `secret` is spent by it (`SECTION_SECRET_USED` the second time); `SECTION_TOO_LARGE` beyond 16,384 chunks. Source: DESIGN §3, §5.14.
 */
export function encryptSection(place: SectionPlace, secret: SectionSecret, plaintext: ByteStream): SectionEncryption {
  let result: EncryptedSection | undefined
  async function* chunks(): AsyncGenerator<Uint8Array> {
    secret.spend()
    const key = await importAesKey(secret.key, 'encrypt')
    const digest = sha256Stream()
    const chunkHashes: Uint8Array[] = []
    let size = 0n
    for await (const { bytes, last } of toChunks(plaintext, BLOB_LIMITS.plainChunkBytes)) {
      const index = chunkHashes.length
      if (index >= BLOB_LIMITS.chunksMax) throw tooLarge()
      digest.update(bytes)
      const chunk = await aesGcmEncrypt(key, chunkNonce(index), chunkAssociatedData(place, index, last), bytes)
      chunkHashes.push(chunkHash(chunk))
      size += BigInt(chunk.length)
      yield chunk
    }
    const chunkRoot = rootOfHashes(chunkHashes)
    const sectionKey = { key: secret.key, salt: secret.salt, plaintextDigest: digest.digest() }
    result = { blob: blobId(chunkRoot, size), size, chunkHashes, sectionKey, commitment: sectionCommitment(place, sectionKey, chunkRoot, size) }
  }
  return {
    chunks: { [Symbol.asyncIterator]: chunks },
    result: () => {
      if (result === undefined) throw new SteleError({ code: 'SECTION_TRUNCATED', message: 'the section is not encrypted to its end yet' })
      return result
    },
  }
}

function tooLarge(): SteleError {
  return new SteleError({ code: 'SECTION_TOO_LARGE', message: 'a section has too many chunks', details: { chunksMax: BLOB_LIMITS.chunksMax } })
}

/**
 * Cuts a stream into pieces of exactly `length` bytes, the last of 0 to `length`; exactly one is last. Looks one piece ahead,
 * so that a stream of k · length bytes ends with a full last piece. The yielded bytes are valid until the next one is asked for.
 */
async function* toChunks(stream: ByteStream, length: number): AsyncGenerator<{ readonly bytes: Uint8Array; readonly last: boolean }> {
  const buffer = new Uint8Array(length)
  let filled = 0
  for await (const piece of stream) {
    for (let at = 0; at < piece.length; ) {
      if (filled === length) {
        yield { bytes: buffer, last: false }
        filled = 0
      }
      const taken = Math.min(length - filled, piece.length - at)
      buffer.set(piece.subarray(at, at + taken), filled)
      filled += taken
      at += taken
    }
  }
  yield { bytes: buffer.subarray(0, filled), last: true }
}
