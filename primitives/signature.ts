import { createSigner, verify, verifyNative } from '#signature'
import type { Signer } from './signature-native.ts'

export { createSigner, verify, verifyNative }
export type { Signer }

/** One signature to check. */
export interface SignatureItem { readonly publicKey: Uint8Array; readonly message: Uint8Array; readonly signature: Uint8Array }

/** Key id of an account key: algorithm byte ‖ public key. 1 = Ed25519. */
export const ED25519 = 1
export const KEY_ID_BYTES = 33

export function ed25519KeyId(publicKey: Uint8Array): Uint8Array {
  const id = new Uint8Array(KEY_ID_BYTES)
  id[0] = ED25519
  id.set(publicKey, 1)
  return id
}

export function isKnownKeyId(keyId: Uint8Array): boolean {
  return keyId.length === KEY_ID_BYTES && keyId[0] === ED25519
}

/** The Ed25519 public key of a key id; undefined for an algorithm we do not know. */
export function keyIdToPublicKey(keyId: Uint8Array): Uint8Array | undefined {
  return isKnownKeyId(keyId) ? keyId.subarray(1) : undefined
}
