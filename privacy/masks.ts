import { chacha20 } from '@noble/ciphers/chacha.js'
import { x25519 } from '@noble/curves/ed25519.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { u32Bytes, utf8Bytes, concatBytes } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'

/** A contributor's number, and what it shares with this one. */
export interface MaskPeer { readonly member: number; readonly secret: Uint8Array }

/** Words of one round at most; 64 MB. */
const WORDS_MAX = 16_000_001

/** X25519 (RFC 7748) over fresh keys. `MASK_KEY_INVALID` for a key of small order. */
export function sharedSecret(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  try {
    return x25519.getSharedSecret(secretKey, publicKey)
  } catch (cause) {
    throw new SteleError({ code: 'MASK_KEY_INVALID', message: 'the public key of another contributor is no key', details: {}, cause })
  }
}

/** `words` numbers that only the two holders of the secret know: ChaCha20 under HKDF-SHA256(secret, salt = session, info = 'stele joint mask' ‖ round). One stream for a session and round, never again. */
export function pairMask(secret: Uint8Array, session: Uint8Array, round: number, words: number): Uint32Array {
  if (words > WORDS_MAX) throw new SteleError({ code: 'MASK_INPUT_INVALID', message: 'a round has too many cells', details: { words, wordsMax: WORDS_MAX } })
  const key = hkdf(sha256, secret, session, concatBytes(utf8Bytes('stele joint mask'), u32Bytes(round)), 32)
  const stream = chacha20(key, new Uint8Array(12), new Uint8Array(4 * words))
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength)
  return Uint32Array.from({ length: words }, (_, i) => view.getUint32(4 * i, true))
}

/**
 * Counts with a mask for each other contributor, added by the lower member number and taken off by the higher: in the sum over all contributors the masks cancel, and without that sum the
 * cells are uniformly random to everybody who misses one of the secrets. Modulo 2^32.
 * Source: Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine Learning", CCS 2017, §4.0.1 (without the recovery of dropped parties: a round fails closed).
 */
export function maskCounts(counts: Uint32Array, member: number, masks: ReadonlyMap<number, Uint32Array>): Uint32Array {
  const masked = counts.slice()
  for (const [peer, mask] of masks) {
    if (mask.length !== counts.length) throw new SteleError({ code: 'MASK_INPUT_INVALID', message: 'a mask has another length than the counts', details: { cells: counts.length, words: mask.length } })
    for (let i = 0; i < masked.length; i++) masked[i] = member < peer ? masked[i]! + mask[i]! : masked[i]! - mask[i]!
  }
  return masked
}

/** Sum of vectors of one length, modulo 2^32. */
export function addVectors(vectors: readonly Uint32Array[]): Uint32Array {
  const [first = new Uint32Array(0), ...rest] = vectors
  const sum = first.slice()
  for (const vector of rest) for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + vector[i]!
  return sum
}
