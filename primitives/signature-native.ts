import { createHash } from 'node:crypto'
import * as noble from '@noble/ed25519'
import sodium from 'sodium-native'

noble.hashes.sha512 = (message) => new Uint8Array(createHash('sha512').update(message).digest())

/**
 * Ed25519 under one rule, ZIP215: `valid = native accepts || noble accepts under ZIP215` (DESIGN §5.3).
 * What libsodium accepts is a subset of ZIP215, so the fast path can only say yes early; it never decides a refusal.
 */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  return verifyNative(publicKey, message, signature) || verifyPortable(publicKey, message, signature)
}

/** The native verdict alone: fast, and never the last word. Exposed for the start-up self-test and the vector tests. */
export function verifyNative(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false // The library throws on other lengths.
  return sodium.crypto_sign_verify_detached(asBuffer(signature), asBuffer(message), asBuffer(publicKey))
}

function verifyPortable(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return noble.verify(signature, message, publicKey, { zip215: true })
  } catch {
    return false // noble throws for points that do not decode; that is a refusal, not a fault.
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

export interface Signer { readonly publicKey: Uint8Array; sign(message: Uint8Array): Uint8Array }

/** Signer of a 32-byte Ed25519 seed (RFC 8032). Deterministic. */
export function createSigner(seed: Uint8Array): Signer {
  const publicKey = Buffer.alloc(32)
  const secretKey = Buffer.alloc(64)
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, asBuffer(seed))
  return {
    publicKey: new Uint8Array(publicKey),
    sign: (message) => {
      const signature = Buffer.alloc(64)
      sodium.crypto_sign_detached(signature, asBuffer(message), secretKey)
      return new Uint8Array(signature.buffer, signature.byteOffset, 64)
    },
  }
}
