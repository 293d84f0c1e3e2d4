import type { Sink } from './codec-types.ts'
import type { Slab } from './slab.ts'

/**
 * Writing canonical msgpack forwards, once, into one buffer: every function answers whether it could, and leaves what it cannot write to the slow way (codec.ts),
 * which finds the fault and names it or writes what is rare.
 */

const FIRST_BYTES = 16 * 1024
/** A larger buffer is let go after use. */
const KEPT_BYTES_MAX = 512 * 1024

export function newSink(): Sink {
  const bytes = new Uint8Array(FIRST_BYTES)
  return { bytes, view: new DataView(bytes.buffer), at: 0 }
}

/** The bytes written so far, as bytes of their own or a piece of `slab`; the sink is empty afterwards. */
export function drain(sink: Sink, slab?: Slab): Uint8Array {
  const written = slab === undefined ? sink.bytes.slice(0, sink.at) : slab.take(sink.at)
  if (slab !== undefined) written.set(sink.bytes.subarray(0, sink.at))
  sink.at = 0
  if (sink.bytes.length > KEPT_BYTES_MAX) resize(sink, FIRST_BYTES)
  return written
}

export function writeNil(sink: Sink): boolean {
  room(sink, 1)
  sink.bytes[sink.at++] = 0xc0
  return true
}

export function writeBoolean(sink: Sink, value: unknown): boolean {
  if (typeof value !== 'boolean') return false
  room(sink, 1)
  sink.bytes[sink.at++] = value ? 0xc3 : 0xc2
  return true
}

/** An integer in [0, 2^32) in its smallest form. */
export function writeU32(sink: Sink, value: unknown): boolean {
  if (typeof value !== 'number' || value >>> 0 !== value || Object.is(value, -0)) return false
  room(sink, 5)
  const { bytes } = sink
  if (value < 0x80) bytes[sink.at++] = value
  else if (value < 0x100) {
    bytes[sink.at++] = 0xcc
    bytes[sink.at++] = value
  } else if (value < 0x10000) {
    bytes[sink.at++] = 0xcd
    writeInteger(sink, value, 2)
  } else {
    bytes[sink.at++] = 0xce
    writeInteger(sink, value, 4)
  }
  return true
}

/** A 64-bit integer that is known to fit, in nine bytes: signed as far as it fits, else unsigned. */
export function writeBigInteger(sink: Sink, value: bigint): boolean {
  room(sink, 9)
  if (value <= 0x7fffffffffffffffn) {
    sink.bytes[sink.at] = 0xd3
    sink.view.setBigInt64(sink.at + 1, value)
  } else {
    sink.bytes[sink.at] = 0xcf
    sink.view.setBigUint64(sink.at + 1, value)
  }
  sink.at += 9
  return true
}

export function writeBytes(sink: Sink, value: Uint8Array): boolean {
  const { length } = value
  room(sink, length + 5)
  const { bytes } = sink
  if (length < 0x100) {
    bytes[sink.at++] = 0xc4
    bytes[sink.at++] = length
  } else if (length < 0x10000) {
    bytes[sink.at++] = 0xc5
    writeInteger(sink, length, 2)
  } else {
    bytes[sink.at++] = 0xc6
    writeInteger(sink, length, 4)
  }
  return writeRaw(sink, value)
}

/** Text of fewer than 256 ASCII characters; the rest is left to the slow way. */
export function writeAscii(sink: Sink, value: string): boolean {
  const { length } = value
  if (length > 255) return false
  room(sink, length + 2)
  const { bytes } = sink
  if (length < 32) bytes[sink.at++] = 0xa0 | length
  else {
    bytes[sink.at++] = 0xd9
    bytes[sink.at++] = length
  }
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i)
    if (code >= 0x80) return false
    bytes[sink.at++] = code
  }
  return true
}

/** The head of a list or a map (`base` 0x90 or 0x80, `wide` its 16-bit form). Larger ones are left to the slow way. */
export function writeCount(sink: Sink, count: number, base: number, wide: number): boolean {
  if (count > 0xffff) return false
  room(sink, 3)
  if (count < 16) sink.bytes[sink.at++] = base | count
  else {
    sink.bytes[sink.at++] = wide
    writeInteger(sink, count, 2)
  }
  return true
}

/** Bytes as they are; short ones by hand, which is faster than a call. */
export function writeRaw(sink: Sink, value: Uint8Array): boolean {
  room(sink, value.length)
  const { bytes } = sink
  if (value.length > 48) bytes.set(value, sink.at)
  else for (let i = 0; i < value.length; i++) bytes[sink.at + i] = value[i]!
  sink.at += value.length
  return true
}

function writeInteger(sink: Sink, value: number, width: number): void {
  for (let i = width - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) sink.bytes[sink.at + i] = rest & 0xff
  sink.at += width
}

function room(sink: Sink, needed: number): void {
  if (sink.at + needed > sink.bytes.length) resize(sink, 2 * (sink.at + needed))
}

function resize(sink: Sink, length: number): void {
  const bytes = new Uint8Array(length)
  bytes.set(sink.bytes.subarray(0, Math.min(sink.at, length)))
  sink.bytes = bytes
  sink.view = new DataView(bytes.buffer)
}
