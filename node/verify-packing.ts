import type { SignatureItem } from '../primitives/signature.ts'

const FIXED = 32 + 64 + 4

/** One buffer for a batch: per item public key (32) ‖ signature (64) ‖ message length (u32, big-endian) ‖ message. */
export function packItems(items: readonly SignatureItem[]): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(items.reduce((sum, { message }) => sum + FIXED + message.length, 0))
  const view = new DataView(packed.buffer)
  let at = 0
  for (const { publicKey, message, signature } of items) {
    packed.set(publicKey, at)
    packed.set(signature, at + 32)
    view.setUint32(at + 96, message.length)
    packed.set(message, at + FIXED)
    at += FIXED + message.length
  }
  return packed
}

export function unpackItems(packed: Uint8Array): SignatureItem[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length)
  const items: SignatureItem[] = []
  for (let at = 0; at < packed.length;) {
    const length = view.getUint32(at + 96)
    items.push({ publicKey: packed.subarray(at, at + 32), signature: packed.subarray(at + 32, at + 96), message: packed.subarray(at + FIXED, at + FIXED + length) })
    at += FIXED + length
  }
  return items
}
