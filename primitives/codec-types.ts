import type { Miss } from './codec-read.ts'

/** What msgpack is handed: plain values only. */
export type Value = null | boolean | number | bigint | string | Uint8Array | readonly Value[] | { readonly [key: string]: Value }
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

/** Why a value does not fit: where (dotted path, array positions in brackets) and which rule. */
export interface Fault { readonly path: string; readonly rule: string }
export type Parsed<T> = { readonly value: T } | { readonly fault: Fault }

/** Describes a schema from outside, for documentation and for tests that walk schemas. */
export type SchemaShape =
  | { readonly kind: 'struct'; readonly fields: Readonly<Record<string, SchemaShape>> }
  | { readonly kind: 'variant'; readonly options: Readonly<Record<string, SchemaShape>> }
  | { readonly kind: 'array'; readonly of: SchemaShape; readonly min: number; readonly max: number }
  | { readonly kind: 'optional'; readonly of: SchemaShape }
  | { readonly kind: 'oneOf'; readonly values: readonly string[] }
  | { readonly kind: 'fixedBytes'; readonly length: number }
  | { readonly kind: 'bytes'; readonly max: number }
  | { readonly kind: 'text'; readonly max: number }
  | { readonly kind: 'u32' | 'u64' | 'i64' | 'boolean' }

/** Where a reader stands; `at` is anywhere after a miss. `share`: byte strings are views into `bytes` instead of copies. */
export interface Cursor { readonly bytes: Uint8Array; at: number; readonly share: boolean }

/** Where a writer stands; what lies before `at` is written. */
export interface Sink { bytes: Uint8Array; view: DataView; at: number }

/** One type of the codec. `check` first; `toWire` may rely on a checked value. Decoded values have the same shape as encoded ones. */
export interface Schema<T> {
  readonly shape: SchemaShape
  check(value: unknown): Fault | undefined
  toWire(value: T): Value
  /** The value whose canonical bytes come next, or `MISS` when they do not, or when only the slow way can tell (codec-read.ts). */
  read(cursor: Cursor): T | Miss
  /** Writes the canonical bytes of `value` and answers true; false when it does not fit, or when only the slow way can write it (codec-write.ts): then what it has written is worthless. */
  write(sink: Sink, value: T): boolean
  toJson(value: T): JsonValue
  fromJson(json: unknown): Parsed<T>
}

export type Infer<S> = S extends Schema<infer T> ? T : never
