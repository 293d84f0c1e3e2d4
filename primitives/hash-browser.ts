import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { toHex } from './bytes.ts'

/** SHA-256 (FIPS 180-4), 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes)
}

/** The same, written into `target` at `at`. */
export function sha256Into(bytes: Uint8Array, target: Uint8Array, at: number): void {
  target.set(nobleSha256(bytes), at)
}

/** SHA-256 as lower-case hex: a key for maps. */
export function sha256Hex(bytes: Uint8Array): string {
  return toHex(nobleSha256(bytes))
}

/** SHA-256 over data that arrives in pieces. */
export function sha256Stream(): { update(bytes: Uint8Array): void; digest(): Uint8Array } {
  const state = nobleSha256.create()
  return {
    update: (bytes) => { state.update(bytes) },
    digest: () => state.digest(),
  }
}
