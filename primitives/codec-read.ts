import type { Cursor } from './codec-types.ts'

/**
 * Reading canonical msgpack forwards, once: every function takes exactly the bytes that the encoder writes for a value and answers `MISS` to
 * everything else, without saying why. `decode` then asks the slow way, which finds the fault and names it (codec.ts).
 */
export const MISS = Symbol('not the canonical bytes of a value of this schema')
export type Miss = typeof MISS

const NIL = 0xc0
const FALSE = 0xc2
const TRUE = 0xc3
const BIN8 = 0xc4
const BIN16 = 0xc5
const BIN32 = 0xc6
const STR8 = 0xd9

export function readBoolean(cursor: Cursor): boolean | Miss {
  const tag = cursor.bytes[cursor.at++]
  return tag === TRUE ? true : tag === FALSE ? false : MISS
}

/** Takes a nil when there is one. */
export function readNil(cursor: Cursor): boolean {
  if (cursor.bytes[cursor.at] !== NIL) return false
  cursor.at++
  return true
}

/** An unsigned integer in its smallest form. */
export function readU32(cursor: Cursor): number | Miss {
  const { bytes } = cursor
  const tag = bytes[cursor.at++]!
  if (tag < 0x80) return tag
  const width = tag === 0xcc ? 1 : tag === 0xcd ? 2 : tag === 0xce ? 4 : 0
  if (width === 0 || cursor.at + width > bytes.length) return MISS
  const value = readInteger(cursor, width)
  return value < (width === 1 ? 0x80 : width === 2 ? 0x100 : 0x10000) ? MISS : value
}

/** A 64-bit integer in nine bytes: signed as far as it fits, else unsigned. */
export function readBigInteger(cursor: Cursor): bigint | Miss {
  const { bytes } = cursor
  const tag = bytes[cursor.at++]
  if ((tag !== 0xd3 && tag !== 0xcf) || cursor.at + 8 > bytes.length) return MISS
  const high = readInteger(cursor, 4)
  const low = readInteger(cursor, 4)
  const value = (BigInt(high) << 32n) | BigInt(low)
  if (tag === 0xcf) return high < 0x80000000 ? MISS : value
  return BigInt.asIntN(64, value)
}

/** Longest byte string that V8 keeps in its own heap; a longer one costs a buffer. */
const SMALL_BYTES = 64

/** A byte string of its own, so that nothing keeps the buffer it came in; where the cursor says so, a view. */
export function readBytes(cursor: Cursor): Uint8Array | Miss {
  const { bytes } = cursor
  const tag = bytes[cursor.at++]
  const width = tag === BIN8 ? 1 : tag === BIN16 ? 2 : tag === BIN32 ? 4 : 0
  if (width === 0 || cursor.at + width > bytes.length) return MISS
  const length = readInteger(cursor, width)
  if (width > 1 && length < (width === 2 ? 0x100 : 0x10000)) return MISS
  const end = cursor.at + length
  if (end > bytes.length) return MISS
  const from = cursor.at
  cursor.at = end
  if (cursor.share) return new Uint8Array(bytes.buffer, bytes.byteOffset + from, length)
  if (length > SMALL_BYTES) return new Uint8Array(bytes.subarray(from, end))
  const value = new Uint8Array(length)
  for (let to = 0; to < length; to++) value[to] = bytes[from + to]!
  return value
}

/** Text of fewer than 256 ASCII characters; the rest is left to the slow way. */
export function readAscii(cursor: Cursor): string | Miss {
  const { bytes } = cursor
  const length = readAsciiLength(cursor)
  const end = cursor.at + length
  if (length < 0 || end > bytes.length) return MISS
  let value = ''
  for (let at = cursor.at; at < end; at++) {
    if (bytes[at]! >= 0x80) return MISS
    value += String.fromCharCode(bytes[at]!)
  }
  cursor.at = end
  return value
}

/** One of these words, given as their ASCII bytes: its position, or −1. Words that are undefined are left to the slow way. */
export function readWord(cursor: Cursor, words: readonly (Uint8Array | undefined)[]): number {
  const length = readAsciiLength(cursor)
  if (length < 0) return -1
  for (let i = 0; i < words.length; i++) {
    const word = words[i]
    if (word?.length === length && follows(cursor, word)) {
      cursor.at += length
      return i
    }
  }
  return -1
}

/** The head of a list or a map (`base` 0x90 or 0x80, `wide` its 16-bit form): how many follow, or −1. Larger ones are left to the slow way. */
export function readCount(cursor: Cursor, base: number, wide: number): number {
  const { bytes } = cursor
  const tag = bytes[cursor.at++]!
  if (tag >= base && tag < base + 16) return tag - base
  if (tag !== wide || cursor.at + 2 > bytes.length) return -1
  const count = readInteger(cursor, 2)
  return count < 16 ? -1 : count
}

/** Takes `expected` when it comes next. */
export function take(cursor: Cursor, expected: Uint8Array): boolean {
  if (!follows(cursor, expected)) return false
  cursor.at += expected.length
  return true
}

/** A member's name as it stands on the wire, or undefined when the fast way does not read such names. */
export function wireName(name: string): Uint8Array | undefined {
  const ascii = asciiBytes(name)
  if (ascii === undefined || ascii.length > 255) return undefined
  return Uint8Array.from([...(ascii.length < 32 ? [0xa0 | ascii.length] : [STR8, ascii.length]), ...ascii])
}

export function asciiBytes(text: string): Uint8Array | undefined {
  const codes = [...text].map((character) => character.codePointAt(0)!)
  return codes.every((code) => code < 0x80) ? Uint8Array.from(codes) : undefined
}

function readAsciiLength(cursor: Cursor): number {
  const tag = cursor.bytes[cursor.at++]!
  if (tag >= 0xa0 && tag < 0xc0) return tag - 0xa0
  if (tag !== STR8) return -1
  const length = cursor.bytes[cursor.at++]
  return length === undefined || length < 32 ? -1 : length
}

function readInteger(cursor: Cursor, width: number): number {
  let value = 0
  for (let i = 0; i < width; i++) value = value * 256 + cursor.bytes[cursor.at++]!
  return value
}

function follows({ bytes, at }: Cursor, expected: Uint8Array): boolean {
  if (at + expected.length > bytes.length) return false
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false
  return true
}
