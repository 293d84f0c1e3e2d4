import { equalBytes } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { sha256Stream } from '../primitives/hash.ts'
import { rootOfHashes } from '../primitives/merkle.ts'
import { blobIdOfHashes, chunkHash, chunkLength } from './blob.ts'
import type { ByteStream } from './encrypt-section.ts'
import type { PrivacyErrorCode } from './errors.ts'
import { chunkAssociatedData, chunkNonce, sectionCommitment } from './section-format.ts'
import type { SectionCommitment, SectionKey, SectionPlace } from './section-format.ts'
import { aesGcmDecrypt, importAesKey } from './web-crypto.ts'

/** A section whose chunk list and key have been checked against the ledger; its chunks may come from anyone. */
export interface OpenedSection {
  readonly chunkCount: number
  /** Plaintext of one chunk. `SECTION_CHUNK_MISMATCH` unless it is exactly the committed one; `SECTION_DECRYPT_FAILED` when it does not open. */
  decryptChunk(index: number, chunk: Uint8Array): Promise<Uint8Array>
  /**
   * Plaintext of the whole section from its chunks in order, each checked before it is decrypted.
   * Throws `SECTION_TRUNCATED`, `SECTION_EXTRA_CHUNK`, at the end `SECTION_DIGEST_MISMATCH`; what was yielded before counts only when the stream ends well.
   */
  decrypt(chunks: ByteStream): AsyncGenerator<Uint8Array>
}

const fail = (code: PrivacyErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}): SteleError => new SteleError({ code, message, details })

/**
 * Opens a section: `onLedger` is what the ledger says of it, `key` came sealed, `chunkHashes` from any vault.
 * Nothing is decrypted before hashes, blob id and commitment agree. Throws `SECTION_BLOB_MISMATCH` or `SECTION_COMMITMENT_MISMATCH`.
 */
export async function openSection(place: SectionPlace, onLedger: SectionCommitment, key: SectionKey, chunkHashes: readonly Uint8Array[]): Promise<OpenedSection> {
  const { size } = onLedger
  if (!equalBytes(blobIdOfHashes(chunkHashes, size), onLedger.blob)) {
    throw fail('SECTION_BLOB_MISMATCH', 'the chunk hashes do not belong to this blob')
  }
  if (!equalBytes(sectionCommitment(place, key, rootOfHashes(chunkHashes), size), onLedger.commitment)) {
    throw fail('SECTION_COMMITMENT_MISMATCH', 'the key does not belong to this section')
  }
  const count = chunkHashes.length
  const aesKey = await importAesKey(key.key, 'decrypt')

  async function decryptChunk(index: number, chunk: Uint8Array): Promise<Uint8Array> {
    const expected = chunkHashes[index]
    if (expected === undefined || chunk.length !== chunkLength(size, index) || !equalBytes(chunkHash(chunk), expected)) {
      throw fail('SECTION_CHUNK_MISMATCH', 'a chunk is not the committed one', { index })
    }
    const plaintext = await aesGcmDecrypt(aesKey, chunkNonce(index), chunkAssociatedData(place, index, index === count - 1), chunk)
    if (plaintext === undefined) throw fail('SECTION_DECRYPT_FAILED', 'a committed chunk does not open under its key', { index })
    return plaintext
  }

  async function* decrypt(chunks: ByteStream): AsyncGenerator<Uint8Array> {
    const digest = sha256Stream()
    let index = 0
    for await (const chunk of chunks) {
      if (index >= count) throw fail('SECTION_EXTRA_CHUNK', 'more chunks than the section has', { chunkCount: count })
      const plaintext = await decryptChunk(index, chunk)
      digest.update(plaintext)
      index++
      yield plaintext
    }
    if (index < count) throw fail('SECTION_TRUNCATED', 'the stream ended before the last chunk', { next: index, chunkCount: count })
    if (!equalBytes(digest.digest(), key.plaintextDigest)) throw fail('SECTION_DIGEST_MISMATCH', 'the plaintext is not the committed one')
  }

  return { chunkCount: count, decryptChunk, decrypt }
}

/** Reads a stream into one piece; `SECTION_TOO_LARGE` beyond `bytesMax`, before it is held in memory. */
export async function collectBytes(stream: ByteStream, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of stream) {
    length += piece.length
    if (length > bytesMax) throw fail('SECTION_TOO_LARGE', 'more bytes than allowed here', { bytesMax })
    pieces.push(piece)
  }
  const out = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}
