import { bytesToText, maybeFromHex, toHex } from '#text'

export { bytesToText, maybeFromHex, toHex }

const utf8 = new TextEncoder()

export function fromHex(hex: string): Uint8Array {
  const out = maybeFromHex(hex)
  if (out === undefined) throw new TypeError('not lower-case hex')
  return out
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

const joint = new Uint8Array(4096)

/** The parts behind each other, for one reading only: the next call may write over them. Making a buffer costs more than hashing what goes into it. */
export function borrowJoined(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  if (length > joint.length) return concatBytes(...parts)
  let at = 0
  for (const part of parts) {
    joint.set(part, at)
    at += part.length
  }
  return joint.subarray(0, length)
}

/** Byte order, shorter first when one is a prefix: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0
}

export function utf8Bytes(text: string): Uint8Array {
  return utf8.encode(text)
}

/** Big-endian; `value` must be an integer in [0, 2^53), or a bigint in [0, 2^64). Without a DataView, which would give each small array a buffer of its own. */
export function u64Bytes(value: number | bigint): Uint8Array {
  const out = new Uint8Array(8)
  const high = typeof value === 'bigint' ? Number(value >> 32n) : Math.floor(value / 0x100000000)
  setU32(out, 0, high)
  setU32(out, 4, typeof value === 'bigint' ? Number(value & 0xffffffffn) : value % 0x100000000)
  return out
}

export function u32Bytes(value: number): Uint8Array {
  const out = new Uint8Array(4)
  setU32(out, 0, value)
  return out
}

function setU32(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24
  out[at + 1] = value >>> 16
  out[at + 2] = value >>> 8
  out[at + 3] = value
}
