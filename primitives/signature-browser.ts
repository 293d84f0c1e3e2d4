import * as noble from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'

noble.hashes.sha512 = sha512

/** Ed25519 under ZIP215 (DESIGN §5.3), in portable code. */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  try {
    return noble.verify(signature, message, publicKey, { zip215: true })
  } catch {
    return false // noble throws for points that do not decode; that is a refusal, not a fault.
  }
}

/** Here the portable verdict is the only one. */
export const verifyNative = verify

export interface Signer { readonly publicKey: Uint8Array; sign(message: Uint8Array): Uint8Array }

/** Signer of a 32-byte Ed25519 seed (RFC 8032). Deterministic. */
export function createSigner(seed: Uint8Array): Signer {
  const publicKey = noble.getPublicKey(seed)
  return { publicKey, sign: (message) => noble.sign(message, seed) }
}
