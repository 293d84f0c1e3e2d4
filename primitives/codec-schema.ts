import { maybeFromHex, toHex } from './bytes.ts'
import { MISS, asciiBytes, readAscii, readBigInteger, readBoolean, readBytes, readCount, readNil, readU32, readWord, take, wireName } from './codec-read.ts'
import type { Miss } from './codec-read.ts'
import { writeAscii, writeBigInteger, writeBoolean, writeBytes, writeCount, writeNil, writeRaw, writeU32 } from './codec-write.ts'
import type { Cursor, Fault, JsonValue, Parsed, Schema, SchemaShape, Sink, Value } from './codec-types.ts'

const wrong = (rule: string): Fault => ({ path: '', rule })
const at = (step: string, fault: Fault): Fault => ({ path: fault.path === '' ? step : fault.path.startsWith('[') ? `${step}${fault.path}` : `${step}.${fault.path}`, rule: fault.rule })
const asIs = <T extends Value>(value: T): Value => value

function leaf<T extends Value>(shape: SchemaShape, read: (cursor: Cursor) => Value | Miss, write: (sink: Sink, value: T) => boolean, fits: (value: unknown) => boolean, rule: string): Schema<T> {
  const fault = wrong(rule)
  return {
    shape,
    read: (cursor) => {
      const value = read(cursor)
      return value !== MISS && fits(value) ? (value as T) : MISS
    },
    check: (value) => (fits(value) ? undefined : fault),
    toWire: asIs,
    write: (sink, value) => fits(value) && write(sink, value),
    toJson: (value) => value as JsonValue,
    fromJson: (json) => (fits(json) ? { value: json as T } : { fault }),
  }
}

export const boolean: Schema<boolean> = leaf<boolean>({ kind: 'boolean' }, readBoolean, writeBoolean, (v) => typeof v === 'boolean', 'must be true or false')
/** Integer in [0, 2^32), a number in code. */
export const u32: Schema<number> = leaf<number>({ kind: 'u32' }, readU32, writeU32, (v) => typeof v === 'number' && Number.isInteger(v) && v >= 0 && v <= 0xffffffff && !Object.is(v, -0), 'must be an integer from 0 to 4294967295')

function bigInteger(kind: 'u64' | 'i64', min: bigint, max: bigint): Schema<bigint> {
  const fault = wrong(`must be an integer from ${min} to ${max}`)
  const fits = (value: unknown): value is bigint => typeof value === 'bigint' && value >= min && value <= max
  return {
    shape: { kind },
    read: (cursor) => {
      const value = readBigInteger(cursor)
      return value !== MISS && fits(value) ? value : MISS
    },
    check: (value) => (fits(value) ? undefined : fault),
    toWire: asIs,
    write: (sink, value) => fits(value) && writeBigInteger(sink, value),
    toJson: (value) => value.toString(),
    fromJson: (json) => {
      if (typeof json !== 'string' || !/^-?(0|[1-9][0-9]{0,19})$/.test(json) || json === '-0') return { fault: wrong('must be a decimal string') }
      const value = BigInt(json)
      return fits(value) ? { value } : { fault }
    },
  }
}
/** Integers that may exceed 32 bits: a bigint in code, nine bytes on the wire, a decimal string in JSON. */
export const u64: Schema<bigint> = bigInteger('u64', 0n, 2n ** 64n - 1n)
export const i64: Schema<bigint> = bigInteger('i64', -(2n ** 63n), 2n ** 63n - 1n)

function byteString(shape: SchemaShape, fits: (length: number) => boolean, rule: string): Schema<Uint8Array> {
  const fault = wrong(rule)
  return {
    shape,
    read: (cursor) => {
      const value = readBytes(cursor)
      return value !== MISS && fits(value.length) ? value : MISS
    },
    check: (value) => (value instanceof Uint8Array && fits(value.length) ? undefined : fault),
    toWire: asIs,
    write: (sink, value) => value instanceof Uint8Array && fits(value.length) && writeBytes(sink, value),
    toJson: (value) => toHex(value),
    fromJson: (json) => {
      const value = typeof json === 'string' ? maybeFromHex(json) : undefined
      if (value === undefined) return { fault: wrong('must be lower-case hex') }
      return fits(value.length) ? { value } : { fault }
    },
  }
}
/** Exactly `length` bytes. */
export const fixedBytes = (length: number): Schema<Uint8Array> => byteString({ kind: 'fixedBytes', length }, (n) => n === length, `must be ${length} bytes`)
/** At most `max` bytes. */
export const bytes = ({ max }: { readonly max: number }): Schema<Uint8Array> => byteString({ kind: 'bytes', max }, (n) => n <= max, `must be at most ${max} bytes`)

/** Well-formed text of at most `max` UTF-16 units, without a byte order mark in front: decoders of browsers drop one. Never in a call's arguments (DESIGN §5.12). */
export function text({ max, pattern }: { readonly max: number; readonly pattern?: RegExp }): Schema<string> {
  // The same few words come again and again.
  let last = ''
  const fits = (v: unknown): boolean => typeof v === 'string' && v.length <= max && v.isWellFormed() && !v.startsWith('\ufeff') && (pattern === undefined || pattern.test(v))
  return leaf({ kind: 'text', max }, readAscii, writeAscii, (v) => {
    if (pattern === undefined) return fits(v)
    if (v === last && last !== '') return true
    if (!fits(v)) return false
    last = v as string
    return true
  }, `must be well-formed text of at most ${max} characters${pattern === undefined ? '' : ` matching ${pattern.source}`}`)
}

/** One of a closed list of words. */
export function oneOf<const W extends readonly string[]>(...values: W): Schema<W[number]> {
  const known = new Set<unknown>(values)
  const words = values.map(asciiBytes)
  const read = (cursor: Cursor): string | Miss => values[readWord(cursor, words)] ?? MISS
  return leaf<W[number]>({ kind: 'oneOf', values }, read, writeAscii, (v) => typeof v === 'string' && known.has(v), `must be one of ${values.join(', ')}`)
}

export function optional<T>(of: Schema<T>): Schema<T | null> {
  return {
    shape: { kind: 'optional', of: of.shape },
    read: (cursor) => (readNil(cursor) ? null : of.read(cursor)),
    check: (value) => (value === null ? undefined : of.check(value)),
    toWire: (value) => (value === null ? null : of.toWire(value)),
    write: (sink, value) => (value === null ? writeNil(sink) : of.write(sink, value)),
    toJson: (value) => (value === null ? null : of.toJson(value)),
    fromJson: (json) => (json === null || json === undefined ? { value: null } : of.fromJson(json)),
  }
}

export function array<T>(of: Schema<T>, { max, min = 0 }: { readonly max: number; readonly min?: number }): Schema<T[]> {
  const outOfRange = wrong(`must be a list of ${min} to ${max} items`)
  const fits = (value: unknown): value is unknown[] => Array.isArray(value) && value.length >= min && value.length <= max
  return {
    shape: { kind: 'array', of: of.shape, min, max },
    read: (cursor) => {
      const count = readCount(cursor, 0x90, 0xdc)
      // Every item takes a byte at least, so room is made for no more than came.
      if (count < min || count > max || count > cursor.bytes.length - cursor.at) return MISS
      const value = new Array<T>(count)
      for (let i = 0; i < count; i++) {
        const item = of.read(cursor)
        if (item === MISS) return MISS
        value[i] = item
      }
      return value
    },
    check: (value) => {
      if (!fits(value)) return outOfRange
      for (let i = 0; i < value.length; i++) {
        const fault = of.check(value[i])
        if (fault !== undefined) return at(`[${i}]`, fault)
      }
      return undefined
    },
    toWire: (value) => value.map((item) => of.toWire(item)),
    write: (sink, value) => {
      if (!fits(value) || !writeCount(sink, value.length, 0x90, 0xdc)) return false
      for (let i = 0; i < value.length; i++) if (!of.write(sink, value[i]!)) return false
      return true
    },
    toJson: (value) => value.map((item) => of.toJson(item)),
    fromJson: (json) => {
      if (!fits(json)) return { fault: outOfRange }
      const value: T[] = []
      for (let i = 0; i < json.length; i++) {
        const item = of.fromJson(json[i])
        if ('fault' in item) return { fault: at(`[${i}]`, item.fault) }
        value.push(item.value)
      }
      return { value }
    },
  }
}

type Fields = Readonly<Record<string, Schema<unknown>>>
type StructOf<F> = { readonly [K in keyof F]: F[K] extends Schema<infer T> ? T : never }

const isPlainObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

function countNames(value: Record<string, unknown>): number {
  let count = 0
  for (const _ in value) count++ // Inherited names only send the value the slow way.
  return count
}

/** A map with exactly these members, written in byte order of their names. */
export function struct<F extends Fields>(fields: F): Schema<StructOf<F>> {
  const names = Object.keys(fields).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const members = names.map((name) => [name, fields[name]!] as const)
  const known = new Set(names)
  const wireNames = names.map(wireName)
  // A copy has its final shape from the start, which stores into it find fast.
  const blank: Record<string, unknown> = Object.fromEntries(names.map((name) => [name, null]))
  const checkNames = (value: unknown): Fault | undefined => {
    if (!isPlainObject(value)) return wrong('must be a map')
    for (const name of Object.keys(value)) if (!known.has(name)) return at(name.slice(0, 64), wrong('is not a member of this map'))
    return undefined
  }
  return {
    shape: { kind: 'struct', fields: Object.fromEntries(members.map(([name, schema]) => [name, schema.shape])) },
    read: (cursor) => {
      if (readCount(cursor, 0x80, 0xde) !== members.length) return MISS
      const out = { ...blank }
      for (let i = 0; i < members.length; i++) {
        const wire = wireNames[i]
        if (wire === undefined || !take(cursor, wire)) return MISS
        const [name, schema] = members[i]!
        const value = schema.read(cursor)
        if (value === MISS) return MISS
        out[name] = value
      }
      return out as StructOf<F>
    },
    check: (value) => {
      const fault = checkNames(value)
      if (fault !== undefined) return fault
      for (const [name, schema] of members) {
        const inner = schema.check((value as Record<string, unknown>)[name])
        if (inner !== undefined) return at(name, inner)
      }
      return undefined
    },
    toWire: (value) => {
      const out: Record<string, Value> = {}
      for (const [name, schema] of members) out[name] = schema.toWire((value as Record<string, unknown>)[name])
      return out
    },
    write: (sink, value) => {
      if (!isPlainObject(value) || countNames(value) !== members.length || !writeCount(sink, members.length, 0x80, 0xde)) return false
      for (let i = 0; i < members.length; i++) {
        const wire = wireNames[i]
        if (wire === undefined || !writeRaw(sink, wire)) return false
        const [name, schema] = members[i]!
        if (!schema.write(sink, (value as Record<string, unknown>)[name])) return false
      }
      return true
    },
    toJson: (value) => Object.fromEntries(members.map(([name, schema]) => [name, schema.toJson((value as Record<string, unknown>)[name])])),
    fromJson: (json): Parsed<StructOf<F>> => {
      const fault = checkNames(json)
      if (fault !== undefined) return { fault }
      const out: Record<string, unknown> = {}
      for (const [name, schema] of members) {
        const inner = schema.fromJson((json as Record<string, unknown>)[name])
        if ('fault' in inner) return { fault: at(name, inner.fault) }
        out[name] = inner.value
      }
      return { value: out as StructOf<F> }
    },
  }
}

const KIND = wireName('kind')!
const VALUE = wireName('value')!

type VariantOf<F extends Fields> = { [K in keyof F & string]: { readonly kind: K; readonly value: F[K] extends Schema<infer T> ? T : never } }[keyof F & string]

/** One of several named forms: `{kind, value}`. */
export function variant<F extends Fields>(options: F): Schema<VariantOf<F>> {
  const kinds = Object.keys(options)
  const words = kinds.map(asciiBytes)
  const rule = wrong(`must be {kind, value} with kind one of ${kinds.join(', ')}`)
  const pick = (value: unknown): Schema<unknown> | undefined => {
    if (!isPlainObject(value) || typeof value['kind'] !== 'string' || Object.keys(value).length !== 2 || !('value' in value)) return undefined
    return Object.hasOwn(options, value['kind']) ? (options[value['kind']] as Schema<unknown>) : undefined
  }
  return {
    shape: { kind: 'variant', options: Object.fromEntries(kinds.map((kind) => [kind, options[kind]!.shape])) },
    read: (cursor) => {
      if (readCount(cursor, 0x80, 0xde) !== 2 || !take(cursor, KIND)) return MISS
      const kind = kinds[readWord(cursor, words)]
      if (kind === undefined || !take(cursor, VALUE)) return MISS
      const value = options[kind]!.read(cursor)
      return value === MISS ? MISS : ({ kind, value } as VariantOf<F>)
    },
    check: (value) => {
      const schema = pick(value)
      if (schema === undefined) return rule
      const fault = schema.check((value as { value: unknown }).value)
      return fault === undefined ? undefined : at('value', fault)
    },
    toWire: (value) => ({ kind: value.kind, value: (options[value.kind] as Schema<unknown>).toWire(value.value) }),
    write: (sink, value) => {
      const schema = pick(value)
      return schema !== undefined && writeCount(sink, 2, 0x80, 0xde) && writeRaw(sink, KIND) && writeAscii(sink, value.kind) && writeRaw(sink, VALUE) && schema.write(sink, value.value)
    },
    toJson: (value) => ({ kind: value.kind, value: (options[value.kind] as Schema<unknown>).toJson(value.value) }),
    fromJson: (json): Parsed<VariantOf<F>> => {
      const schema = pick(json)
      if (schema === undefined) return { fault: rule }
      const inner = schema.fromJson((json as { value: unknown }).value)
      if ('fault' in inner) return { fault: at('value', inner.fault) }
      return { value: { kind: (json as { kind: string }).kind, value: inner.value } as VariantOf<F> }
    },
  }
}
