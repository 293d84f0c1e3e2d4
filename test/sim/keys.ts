import { equalBytes, u32Bytes } from '../../primitives/bytes.ts'
import { sha256 } from '../../primitives/hash.ts'
import type { SignatureItem, Signer } from '../../primitives/signature.ts'

/** Stands for the chain id. */
export const CHAIN = sha256(u32Bytes(0x57e1e))

const publicKeys: Uint8Array[] = []

/** Attestation key of a node. */
export function publicKeyOf(node: number): Uint8Array {
  const known = publicKeys[node]
  if (known !== undefined) return known
  return (publicKeys[node] = sha256(u32Bytes(node)))
}

const SIGNATURE_BYTES = 64

/**
 * A signature of simulated nodes: a checksum of 64 bits under a key that only the simulator derives, stretched to 64 bytes. Nobody in the
 * simulation forges one, and it costs a fraction of a microsecond instead of 70.
 */
function mac(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  let a = 0x811c9dc5
  let b = 0x9747b28c
  for (const byte of publicKey) a = Math.imul(a ^ byte, 0x01000193)
  for (let at = 0; at < message.length; at++) {
    const byte = message[at]!
    a = Math.imul(a ^ byte, 0x01000193)
    b = Math.imul((b << 13) | (b >>> 19), 5) + Math.imul(byte + a, 0xcc9e2d51) | 0
  }
  const signature = new Uint8Array(SIGNATURE_BYTES)
  for (let at = 0; at < SIGNATURE_BYTES; at += 8) {
    for (let byte = 0; byte < 4; byte++) {
      signature[at + byte] = a >>> (8 * byte)
      signature[at + 4 + byte] = b >>> (8 * byte)
    }
    a = Math.imul(a ^ (b >>> 15), 0x85ebca6b)
    b = Math.imul(b ^ (a >>> 13), 0xc2b2ae35)
  }
  return signature
}

export function simSigner(node: number): Signer {
  const publicKey = publicKeyOf(node)
  return { publicKey, sign: (message) => mac(publicKey, message) }
}

export function simVerify({ publicKey, message, signature }: SignatureItem): boolean {
  return equalBytes(mac(publicKey, message), signature)
}
