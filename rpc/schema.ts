import { Type } from 'typebox'
import type { Static, TEnum, TObject, TProperties, TSchema } from 'typebox'

/** Object without unknown members: an unknown member is nearly always a typing error, and silence would hide it. */
export function record<const P extends TProperties>(properties: P, description?: string): TObject<P> {
  return Type.Object(properties, description === undefined ? { additionalProperties: false } : { additionalProperties: false, description })
}

/** Lower-case hex of exactly `count` bytes. */
export const hexBytes = (count: number, description: string) => Type.String({ pattern: `^[0-9a-f]{${2 * count}}$`, description })

/** Lower-case hex of 1 to `max` bytes. */
export const hexUpTo = (max: number, description: string) => Type.String({ pattern: '^(?:[0-9a-f]{2})+$', maxLength: 2 * max, description })

export const hash = (description: string) => hexBytes(32, description)
export const accountId = hash('account id')
export const transactionId = hash('transaction id')
export const recordId = hash('record id')
export const blobId = hash('blob id: hash over chunk root and size')
export const consentId = hash('consent id: the id of the granting transaction')
export const keyId = hexBytes(33, 'key id: algorithm byte (01 = Ed25519) and public key')
export const memberNumber = Type.Integer({ minimum: 1, maximum: 0xffff_ffff, description: 'member institution, from 1' })
export const nodeNumber = Type.Integer({ minimum: 1, maximum: 0xffff_ffff, description: 'node, from 1; never reused' })
export const height = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'block height; 0 stands for genesis' })
export const timeMs = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'ms since the epoch, UTC' })
export const u64 = (description: string) => Type.String({ pattern: '^(?:0|[1-9][0-9]{0,19})$', description: `${description} (u64 as a decimal string)` })
/** Lower-case or mixed names of contracts, calls, codes and attributes. */
export const slug = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_]{0,47}$' })

export const auth = Type.String({ pattern: '^(?:[0-9a-f]{2})+$', maxLength: 1024, description: 'signed request: hex of {account, signer, nonce, timeMs, signature} over method and the other parameters' })
export const cursor = Type.String({ pattern: '^[A-Za-z0-9_.-]{1,256}$', description: 'where to go on, as given by the page before; opaque' })
export const limit = Type.Integer({ minimum: 1, maximum: 500, description: 'items per page, 50 unless told' })
export const order = Type.Enum(['newest', 'oldest'], { description: 'newest first unless told' })

/** One of several literal strings, as a JSON Schema `enum`. */
export function oneOf<V extends string[]>(values: readonly [...V], description?: string): TEnum<V> {
  return Type.Enum<V>(values, description === undefined ? {} : { description })
}
export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])

/** The committed block whose state an answer shows. */
export const asOf = record({
  height, hash: hash('block hash'), term: Type.Integer({ minimum: 0, maximum: 0xffff_ffff, description: 'Raft term of the block' }),
  stale: Type.Optional(Type.Literal(true, { description: 'the node knows no leader now: the others may have committed more than it shows' })),
}, 'the block whose state the answer shows')
export type AsOf = Static<typeof asOf>

/** One page; `nextCursor` is null on the last. All pages of one query show the state at the same height. */
export const page = <S extends TSchema>(item: S) => record({ items: Type.Array(item), nextCursor: nullable(cursor), asOf })
/** A page of a list whose items are proved by their blocks, which a node may have pruned. */
export const provenPage = <S extends TSchema>(item: S) => record({
  items: Type.Array(item), nextCursor: nullable(cursor),
  firstHeight: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'lowest block this node keeps, when it is not the first: items below it come without what only their block tells; ask a member that keeps more' })),
  asOf,
})
