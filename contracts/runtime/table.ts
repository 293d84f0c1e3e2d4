import { invariant } from '../../primitives/assert.ts'
import { u32Bytes, u64Bytes } from '../../primitives/bytes.ts'
import { decode, encode } from '../../primitives/codec.ts'
import type { Schema } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import type { Slab } from '../../primitives/slab.ts'
import { CONTRACT_NUMBERS } from './keyspace.ts'
import type { ContractNamespace } from './keyspace.ts'
import type { StateView } from './ports.ts'

/** One part of a key: always `length` bytes, so that concatenation is unambiguous. */
export interface KeyPart<T> { readonly length: number; encode(value: T): Uint8Array }

export const idPart: KeyPart<Uint8Array> = { length: 32, encode: (value) => value }
export const u32Part: KeyPart<number> = { length: 4, encode: u32Bytes }
export const u64Part: KeyPart<bigint> = { length: 8, encode: u64Bytes }
/** One byte: the position in a closed list of words. The list only ever grows at its end. */
export function wordPart<const W extends readonly string[]>(words: W): KeyPart<W[number]> {
  return {
    length: 1,
    encode: (word) => {
      const position = words.indexOf(word)
      invariant(position >= 0, 'a word is not in its key list')
      return Uint8Array.of(position)
    },
  }
}

type Parts<K extends readonly unknown[]> = { readonly [I in keyof K]: KeyPart<K[I]> }

/** A table of a contract: key layout and value schema. `id` = contract number × 256 + table number. */
export interface Table<K extends readonly unknown[], V> {
  readonly contract: ContractNamespace
  readonly name: string
  /** `contract.name`, as permissions name it. */
  readonly fullName: string
  readonly id: number
  readonly value: Schema<V>
  keyOf(...key: K): Uint8Array
  /** The same, as a piece of `slab`. */
  keyIn(slab: Slab, ...key: K): Uint8Array
}

export function defineTable<K extends readonly unknown[], V>(spec: {
  readonly contract: ContractNamespace, readonly name: string, readonly number: number, readonly key: Parts<K>, readonly value: Schema<V>,
}): Table<K, V> {
  const parts = spec.key as readonly KeyPart<unknown>[]
  const length = parts.reduce((sum, part) => sum + part.length, 2)
  const contractNumber = CONTRACT_NUMBERS[spec.contract]
  const fill = (out: Uint8Array, key: readonly unknown[]): Uint8Array => {
    out[0] = contractNumber
    out[1] = spec.number
    let at = 2
    for (let i = 0; i < parts.length; i++) {
      const bytes = parts[i]!.encode(key[i])
      invariant(bytes.length === parts[i]!.length, 'a key part has the wrong length')
      out.set(bytes, at)
      at += bytes.length
    }
    return out
  }
  return {
    contract: spec.contract, name: spec.name, fullName: `${spec.contract}.${spec.name}`, id: contractNumber * 256 + spec.number, value: spec.value,
    keyOf: (...key) => fill(new Uint8Array(length), key),
    keyIn: (slab, ...key) => fill(slab.take(length), key),
  }
}

/** Typed reads. Contracts get one with permissions and metering; RPC and key release use `readerOf` over any view. */
export interface Reader {
  get<K extends readonly unknown[], V>(table: Table<K, V>, ...key: K): V | undefined
}

export interface Writer extends Reader {
  put<K extends readonly unknown[], V>(table: Table<K, V>, key: K, value: V): void
  delete<K extends readonly unknown[], V>(table: Table<K, V>, ...key: K): void
}

// Decoding is pure and stores hand out the same bytes object for an unchanged value, so the decoded form is remembered beside it.
// It is frozen, because whoever sorted such a list in place would change what this node's next block reads.
const decodedValues = new WeakMap<Uint8Array, unknown>()

/** Freezes maps and lists, not the byte arrays in them: the language cannot freeze those. */
function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    for (const member of Object.values(value)) freeze(member)
    Object.freeze(value)
  }
  return value
}

/** The value of bytes read from `table`. Throws `STATE_VALUE_DAMAGED`: a fault of this node's store, never of the block that is being executed. */
export function decodeValue<K extends readonly unknown[], V>(table: Table<K, V>, bytes: Uint8Array): V {
  const known = decodedValues.get(bytes)
  if (known !== undefined) return known as V
  try {
    const value = freeze(decode(table.value, bytes))
    decodedValues.set(bytes, value)
    return value
  } catch (cause) {
    throw new SteleError({ code: 'STATE_VALUE_DAMAGED', message: 'a stored value does not fit its table', details: { table: table.fullName }, cause })
  }
}

/** Reads tables straight from a view. Throws `STATE_VALUE_DAMAGED`. */
export function readerOf(view: StateView): Reader {
  return {
    get: (table, ...key) => {
      const bytes = view.get(table.keyOf(...key))
      return bytes === undefined ? undefined : decodeValue(table, bytes)
    },
  }
}

/** Writes tables straight to a store, with no permissions: for genesis only. */
export function writerOf(store: StateView & { put(key: Uint8Array, value: Uint8Array): void, delete(key: Uint8Array): void }): Writer {
  return {
    ...readerOf(store),
    put: (table, key, value) => { store.put(table.keyOf(...key), encode(table.value, value)) },
    delete: (table, ...key) => { store.delete(table.keyOf(...key)) },
  }
}
