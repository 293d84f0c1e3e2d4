import { SteleError } from '../primitives/error.ts'
import type { PrivacyErrorCode } from './errors.ts'

/** AES-GCM adds this many bytes to what it encrypts. */
export const GCM_TAG_BYTES = 16
export const GCM_NONCE_BYTES = 12

/** Web Crypto takes no views of shared memory; such bytes are copied, all others are passed as they are. */
export function plainBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return isPlain(bytes) ? bytes : new Uint8Array(bytes)
}

function isPlain(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
}

/** An AES-256-GCM key of 32 bytes, not extractable. */
export async function importAesKey(key: Uint8Array, usage: 'encrypt' | 'decrypt'): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', plainBytes(key), 'AES-GCM', false, [usage])
}

/** ciphertext ‖ 16-byte tag. `nonce` is 12 bytes and must never repeat under one key. */
export async function aesGcmEncrypt(key: CryptoKey, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array> {
  const algorithm = { name: 'AES-GCM', iv: plainBytes(nonce), additionalData: plainBytes(aad), tagLength: 8 * GCM_TAG_BYTES }
  return new Uint8Array(await crypto.subtle.encrypt(algorithm, key, plainBytes(plaintext)))
}

/** The plaintext, or undefined when tag, nonce, associated data or key do not fit (Web Crypto does not say which, and must not). */
export async function aesGcmDecrypt(key: CryptoKey, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Promise<Uint8Array | undefined> {
  if (ciphertext.length < GCM_TAG_BYTES) return undefined
  const algorithm = { name: 'AES-GCM', iv: plainBytes(nonce), additionalData: plainBytes(aad), tagLength: 8 * GCM_TAG_BYTES }
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, plainBytes(ciphertext)))
  } catch (error) {
    // Web Crypto reports a wrong tag as OperationError; anything else is a fault of ours and must not look like one of theirs.
    if (error instanceof Error && error.name === 'OperationError') return undefined
    throw error
  }
}

/** Throws `code` naming the field unless `bytes` has `length` bytes. */
export function requireLength(code: PrivacyErrorCode, field: string, bytes: Uint8Array, length: number): void {
  if (bytes.length === length) return
  throw new SteleError({ code, message: 'a value has the wrong length', details: { field, length: bytes.length, expected: length } })
}
