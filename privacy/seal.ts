import { x25519 } from '@noble/curves/ed25519.js'
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256, HpkeError } from '@hpke/core'
import { concatBytes } from '../primitives/bytes.ts'
import { decode, encode, fixedBytes, oneOf, struct, u32 } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import type { Random } from '../primitives/ports.ts'
import { sectionKeySchema } from './section-format.ts'
import type { SectionKey } from './section-format.ts'
import { GCM_TAG_BYTES, plainBytes, requireLength } from './web-crypto.ts'

/** Sizes of sealed bytes; sealed = 32-byte encapsulated key ‖ ciphertext ‖ 16-byte tag. */
export const SEAL_LIMITS = { keyBytes: 32, encapsulatedBytes: 32, overheadBytes: 32 + GCM_TAG_BYTES, sealedBytesMax: 64 * 1024 } as const

/** An X25519 key pair (RFC 7748), 32 bytes each. */
export interface SealKeyPair { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array }

/** A fresh key pair; readers draw one per request. */
export function createSealKeyPair(random: Pick<Random, 'bytes'>): SealKeyPair {
  const secretKey = random.bytes(SEAL_LIMITS.keyBytes)
  return { secretKey, publicKey: sealPublicKey(secretKey) }
}

export function sealPublicKey(secretKey: Uint8Array): Uint8Array {
  requireLength('SEAL_INPUT_INVALID', 'secretKey', secretKey, SEAL_LIMITS.keyBytes)
  return x25519.getPublicKey(secretKey)
}

const sealInfo = struct({
  kind: oneOf('key', 'details', 'share', 'answer'), chain: fixedBytes(32), request: fixedBytes(32), record: fixedBytes(32),
  version: u32, section: u32, readerKey: fixedBytes(32),
})
/** What sealed bytes are bound to: what they are, and for which request (transaction id), section and reader key (DESIGN §5.14). */
export type SealContext = Infer<typeof sealInfo>

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })

/**
 * HPKE base mode (RFC 9180 §5.1.1), DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; the context is its `info`.
 * Returns enc ‖ ciphertext. `SEAL_INPUT_INVALID` for a public key that is not one (wrong length, small order) or too long a plaintext.
 */
export async function seal(publicKey: Uint8Array, context: SealContext, plaintext: Uint8Array): Promise<Uint8Array> {
  requireLength('SEAL_INPUT_INVALID', 'publicKey', publicKey, SEAL_LIMITS.keyBytes)
  if (plaintext.length + SEAL_LIMITS.overheadBytes > SEAL_LIMITS.sealedBytesMax) {
    throw new SteleError({ code: 'SEAL_INPUT_INVALID', message: 'too long to be sealed', details: { field: 'plaintext', length: plaintext.length } })
  }
  try {
    const recipientPublicKey = await suite.kem.deserializePublicKey(plainBytes(publicKey))
    const sender = await suite.createSenderContext({ recipientPublicKey, info: plainBytes(encode(sealInfo, context)) })
    const ciphertext = await sender.seal(plainBytes(plaintext))
    return concatBytes(new Uint8Array(sender.enc), new Uint8Array(ciphertext))
  } catch (cause) {
    if (!(cause instanceof HpkeError)) throw cause
    throw new SteleError({ code: 'SEAL_INPUT_INVALID', message: 'the public key cannot be sealed to', details: { field: 'publicKey' }, cause })
  }
}

/** Inverse of `seal`. `SEAL_OPEN_FAILED` for another key, another context, or any altered byte: HPKE does not tell which. */
export async function open(secretKey: Uint8Array, context: SealContext, sealed: Uint8Array): Promise<Uint8Array> {
  requireLength('SEAL_INPUT_INVALID', 'secretKey', secretKey, SEAL_LIMITS.keyBytes)
  if (sealed.length < SEAL_LIMITS.overheadBytes || sealed.length > SEAL_LIMITS.sealedBytesMax) {
    throw new SteleError({ code: 'SEAL_OPEN_FAILED', message: 'no sealed bytes have this length', details: { length: sealed.length } })
  }
  const recipientKey = await suite.kem.deserializePrivateKey(plainBytes(secretKey))
  try {
    const enc = plainBytes(sealed.subarray(0, SEAL_LIMITS.encapsulatedBytes))
    const recipient = await suite.createRecipientContext({ recipientKey, enc, info: plainBytes(encode(sealInfo, context)) })
    return new Uint8Array(await recipient.open(plainBytes(sealed.subarray(SEAL_LIMITS.encapsulatedBytes))))
  } catch (cause) {
    if (!(cause instanceof HpkeError)) throw cause
    throw new SteleError({ code: 'SEAL_OPEN_FAILED', message: 'the sealed bytes do not open', cause })
  }
}

/** Which release a section key is sealed for. */
export type KeyContext = Omit<SealContext, 'kind'>

/** Seals a section's key to the one-time reader key named in `context`. 176 bytes, whatever the section. */
export async function sealSectionKey(context: KeyContext, key: SectionKey): Promise<Uint8Array> {
  return seal(context.readerKey, { ...context, kind: 'key' }, encode(sectionKeySchema, key))
}

/** Inverse of `sealSectionKey` under the reader's one-time secret key. */
export async function openSectionKey(readerSecretKey: Uint8Array, context: KeyContext, sealed: Uint8Array): Promise<SectionKey> {
  return decode(sectionKeySchema, await open(readerSecretKey, { ...context, kind: 'key' }, sealed))
}
