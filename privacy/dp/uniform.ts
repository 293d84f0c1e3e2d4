import { concatBytes, u64Bytes } from '../../primitives/bytes.ts'
import { sha256 } from '../../primitives/hash.ts'

/** Where samplers get chance from: a uniform whole number from 0 to m − 1, for m ≥ 1. Everything random passes through here, so it can be secret, or seeded for tests. */
export interface Uniform { below(m: bigint): bigint }

/**
 * Uniform numbers from bytes, exactly: as many bytes as m − 1 needs, big-endian, cut to its bits, drawn again while the number is not below m. `below(1)` draws nothing.
 * `bytes` gives the next `length` bytes of a source that nobody can foresee; the noise is as secret as they are.
 */
export function uniformFromBytes(bytes: (length: number) => Uint8Array): Uniform {
  return {
    below(m) {
      if (m < 1n) throw new RangeError('m must be at least 1')
      if (m === 1n) return 0n
      const bits = (m - 1n).toString(2).length
      const length = Math.ceil(bits / 8)
      const mask = (1n << BigInt(bits)) - 1n
      for (;;) {
        let value = 0n
        for (const byte of bytes(length)) value = (value << 8n) | BigInt(byte)
        value &= mask
        if (value < m) return value
      }
    },
  }
}

/** The bytes SHA-256(seed ‖ u64 0) ‖ SHA-256(seed ‖ u64 1) ‖ …; equal seeds give equal bytes. `blocksUsed` counts the hashes taken. */
export function seededBytes(seed: Uint8Array): { readonly bytes: (length: number) => Uint8Array; readonly blocksUsed: () => number } {
  let [block, at, counter] = [new Uint8Array(0), 0, 0n]
  const bytes = (length: number): Uint8Array => {
    const out = new Uint8Array(length)
    for (let i = 0; i < length; i++) {
      if (at === block.length) {
        block = new Uint8Array(sha256(concatBytes(seed, u64Bytes(counter++))))
        at = 0
      }
      out[i] = block[at++]!
    }
    return out
  }
  return { bytes, blocksUsed: () => Number(counter) }
}
