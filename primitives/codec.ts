import { Packr } from 'msgpackr'
import { compareBytes, maybeFromHex, toHex } from './bytes.ts'
import { SteleError } from './error.ts'
import { MISS } from './codec-read.ts'
import { drain, newSink } from './codec-write.ts'
import type { Fault, JsonValue, Schema, Value } from './codec-types.ts'
import type { Slab } from './slab.ts'

export * from './codec-types.ts'
export * from './codec-schema.ts'

/** Every limit of the codec. A decoder given no limit of its own refuses more than this. */
export const CODEC_LIMITS = { bytesMax: 2 * 1024 * 1024 } as const

// The options make msgpackr minimal and closed: plain maps with minimal length, no records, no extension types,
// no toJSON, decoded bytes copied so that a small field does not pin a network buffer (ADR 0002).
const packr = new Packr({
  useRecords: false, variableMapSize: true, mapsAsObjects: true, moreTypes: false,
  structuredClone: false, useToJSON: false, copyBuffers: true, int64AsType: 'bigint',
})

function refuse(code: string, message: string, fault: Fault): never {
  throw new SteleError({ code, message, details: { path: fault.path === '' ? '(root)' : fault.path, rule: fault.rule } })
}

/** Where `encode` writes; no encoding begins inside another. */
const sink = newSink()

/**
 * Canonical bytes of `value`: msgpack, map keys in byte order, smallest integer forms, u64/i64 always nine bytes.
 * Equal values have equal bytes on every machine. `slab`: where to take the bytes from, for what is let go with others of its kind. Throws `CODEC_VALUE_INVALID` naming the path and the rule.
 */
export function encode<T>(schema: Schema<T>, value: T, slab?: Slab): Uint8Array {
  sink.at = 0
  return schema.write(sink, value) ? drain(sink, slab) : encodeSlowly(schema, value)
}

/** `encode` of each value, as pieces of one buffer: for many that are kept and let go together. */
export function encodeAll<T>(schema: Schema<T>, values: readonly T[]): Uint8Array[] {
  sink.at = 0
  const ends: number[] = []
  for (const value of values) {
    if (!schema.write(sink, value)) return values.map((each) => encode(schema, each))
    ends.push(sink.at)
  }
  const all = drain(sink)
  return ends.map((end, i) => all.subarray(i === 0 ? 0 : ends[i - 1]!, end))
}

/** Finds why a value does not fit and names it, or writes what the fast way leaves. */
function encodeSlowly<T>(schema: Schema<T>, value: T): Uint8Array {
  const fault = schema.check(value)
  if (fault !== undefined) refuse('CODEC_VALUE_INVALID', 'the value does not fit its schema', fault)
  return pack(schema.toWire(value))
}

function pack(wire: Value): Uint8Array {
  // The copy frees the result from msgpackr's shared output buffer.
  return new Uint8Array(packr.pack(wire))
}

/**
 * The value of canonical `bytes`; exactly the bytes that `encode` gives are accepted, so no second encoding of a value exists.
 * `share`: the byte strings in it are views into `bytes`, for whoever keeps these anyway; a view takes half the memory of a small copy.
 * Throws `CODEC_TOO_LARGE`, `CODEC_MALFORMED` (not msgpack), `CODEC_VALUE_INVALID` (path and rule) or `CODEC_NOT_CANONICAL`.
 */
export function decode<T>(schema: Schema<T>, bytes: Uint8Array, limits: { readonly maxBytes?: number; readonly share?: boolean } = {}): T {
  const bytesMax = limits.maxBytes ?? CODEC_LIMITS.bytesMax
  if (bytes.length > bytesMax) {
    throw new SteleError({ code: 'CODEC_TOO_LARGE', message: 'more bytes than allowed here', details: { bytes: bytes.length, bytesMax } })
  }
  const cursor = { bytes, at: 0, share: limits.share === true }
  const read = schema.read(cursor)
  if (read !== MISS && cursor.at === bytes.length) return read
  return decodeSlowly(schema, bytes)
}

/** Judges what was not read in one go: finds the fault and names it. */
function decodeSlowly<T>(schema: Schema<T>, bytes: Uint8Array): T {
  const wire = unpack(bytes)
  const fault = schema.check(wire)
  if (fault !== undefined) refuse('CODEC_VALUE_INVALID', 'the bytes do not fit their schema', fault)
  const value = wire as T
  if (compareBytes(pack(schema.toWire(value)), bytes) !== 0) {
    throw new SteleError({ code: 'CODEC_NOT_CANONICAL', message: 'the bytes are not the canonical encoding of their value' })
  }
  return value
}

function unpack(bytes: Uint8Array): unknown {
  try {
    // A plain view: msgpackr hands out Buffers for Buffer input, and two kinds of bytes in one program compare badly.
    return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length))
  } catch (cause) {
    throw new SteleError({ code: 'CODEC_MALFORMED', message: 'the bytes are not msgpack', cause })
  }
}

/** JSON form for people and RPC: bytes as lower-case hex, u64/i64 as decimal strings, the rest as it is. */
export function toJson<T>(schema: Schema<T>, value: T): JsonValue {
  return schema.toJson(value)
}

/** Inverse of `toJson`. Unknown members are refused: they are nearly always typing errors. Throws `CODEC_VALUE_INVALID`. */
export function fromJson<T>(schema: Schema<T>, json: unknown): T {
  const result = schema.fromJson(json)
  if ('fault' in result) refuse('CODEC_VALUE_INVALID', 'the JSON does not fit its schema', result.fault)
  const fault = schema.check(result.value)
  if (fault !== undefined) refuse('CODEC_VALUE_INVALID', 'the JSON does not fit its schema', fault)
  return result.value
}

export { maybeFromHex, toHex }
