import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { concatBytes, u32Bytes, u64Bytes, utf8Bytes } from '../primitives/bytes.ts'
import { boolean, encode, fixedBytes, struct, u32 } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import { hash } from '../primitives/hash.ts'
import type { Random } from '../primitives/ports.ts'
import { GCM_NONCE_BYTES, requireLength } from './web-crypto.ts'

/** Which section of which record version; bound into every chunk and into the commitment. */
export interface SectionPlace { readonly record: Uint8Array; readonly version: number; readonly section: number }

/** What stands on the ledger about the bytes of a section. */
export interface SectionCommitment { readonly commitment: Uint8Array; readonly blob: Uint8Array; readonly size: bigint }

/** What a reader needs besides the ledger, and what is sealed to it: the data key, the salt of the commitment, the digest of the plaintext. */
export const sectionKeySchema = struct({ key: fixedBytes(32), salt: fixedBytes(32), plaintextDigest: fixedBytes(32) })
export type SectionKey = Infer<typeof sectionKeySchema>

/** The data key and commitment salt of one section, good for one encryption: nonces are counters, so a second use would repeat them. */
export class SectionSecret {
  readonly key: Uint8Array
  readonly salt: Uint8Array
  #used = false

  constructor(key: Uint8Array, salt: Uint8Array) {
    requireLength('SECTION_INPUT_INVALID', 'key', key, 32)
    requireLength('SECTION_INPUT_INVALID', 'salt', salt, 32)
    this.key = key
    this.salt = salt
  }

  /** Marks the secret as spent. Throws `SECTION_SECRET_USED` the second time. */
  spend(): void {
    if (this.#used) throw new SteleError({ code: 'SECTION_SECRET_USED', message: 'a section secret encrypts once' })
    this.#used = true
  }
}

export function createSectionSecret(random: Pick<Random, 'bytes'>): SectionSecret {
  return new SectionSecret(random.bytes(32), random.bytes(32))
}

const chunkAad = struct({ record: fixedBytes(32), version: u32, section: u32, index: u32, last: boolean })

/** Associated data of chunk `index`: its place, and whether it ends the section, so that no chunk moves and none can be cut off. */
export function chunkAssociatedData(place: SectionPlace, index: number, last: boolean): Uint8Array {
  return encode(chunkAad, { record: place.record, version: place.version, section: place.section, index, last })
}

/** Nonce of chunk `index`: a 12-byte big-endian counter. The key is single-use, so the counter never repeats under it. */
export function chunkNonce(index: number): Uint8Array {
  const nonce = new Uint8Array(GCM_NONCE_BYTES)
  nonce.set(u32Bytes(index), GCM_NONCE_BYTES - 4)
  return nonce
}

/**
 * The section's commitment: hash('section', salt, record, u32 version, u32 section, plaintext digest, chunk root, u64 size, HKDF(key, 'commit')).
 * The HKDF part commits to the key itself: AES-GCM alone lets one ciphertext open under two keys to two texts.
 */
export function sectionCommitment(place: SectionPlace, key: SectionKey, chunkRoot: Uint8Array, size: bigint): Uint8Array {
  const keyCommitment = hkdf(nobleSha256, key.key, undefined, utf8Bytes('commit'), 32)
  const placeBytes = concatBytes(place.record, u32Bytes(place.version), u32Bytes(place.section))
  return hash('section', key.salt, placeBytes, key.plaintextDigest, chunkRoot, u64Bytes(size), keyCommitment)
}
