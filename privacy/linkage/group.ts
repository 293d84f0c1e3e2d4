import { ristretto255, ristretto255_hasher } from '@noble/curves/ed25519.js'
import { concatBytes, utf8Bytes } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import type { Uniform } from '../dp/uniform.ts'

/** Points of ristretto255 (RFC 9496): a group of prime order, with one encoding of 32 bytes for each element. */
export const { Point } = ristretto255
export type GroupPoint = InstanceType<typeof Point>
export const ORDER = Point.Fn.ORDER
export const POINT_BYTES = 32

/** Uniform and never zero. */
export const randomScalar = (uniform: Uniform): bigint => 1n + uniform.below(ORDER - 1n)

/** A point whose logarithm nobody knows, by a hash that is uniform over the group (RFC 9380, ristretto255_XMD:SHA-512_R255MAP_RO_). `context` has a fixed length at every caller. */
export function hashToPoint(context: Uint8Array, name: string): GroupPoint {
  return Point.fromBytes(ristretto255_hasher.hashToCurve(concatBytes(context, utf8Bytes(name)), { DST: 'stele/linkage/v1/name' }).toBytes())
}

/** Multiplication of the base point: quicker than of any other. */
export const timesBase = (scalar: bigint): GroupPoint => Point.BASE.multiply(scalar)

/** The one point of an encoding; the neutral element, which carries nothing, is none. Throws `LINKAGE_POINT_INVALID`. */
export function readPoint(bytes: Uint8Array): GroupPoint {
  try {
    const point = Point.fromBytes(bytes)
    if (!point.is0()) return point
  } catch (cause) {
    throw invalid('the one encoding of an element of the group', cause)
  }
  throw invalid('not the neutral element')
}

/** Throws `LINKAGE_POINT_INVALID`. */
export function readScalar(bytes: Uint8Array): bigint {
  try {
    return Point.Fn.fromBytes(bytes)
  } catch (cause) {
    throw invalid('a number below the order of the group', cause)
  }
}

export const scalarBytes = (scalar: bigint): Uint8Array => Point.Fn.toBytes(scalar)

/** A challenge that nobody can choose (Fiat and Shamir). */
export const challengeOf = (...parts: readonly Uint8Array[]): bigint => ristretto255_hasher.hashToScalar(concatBytes(...parts), { DST: 'stele/linkage/v1/challenge' })

const invalid = (rule: string, cause?: unknown): SteleError => new SteleError({ code: 'LINKAGE_POINT_INVALID', message: 'bytes are no point of the group', details: { rule }, cause })
