import { concatBytes } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import type { Uniform } from '../dp/uniform.ts'
import { challengeOf, ORDER, POINT_BYTES, randomScalar, readPoint, readScalar, scalarBytes, timesBase } from './group.ts'
import type { GroupPoint } from './group.ts'

/** What a site publishes of its key: without the proof, the last to speak could choose a key that cancels all others. */
export interface LinkageKey { readonly key: Uint8Array; readonly proof: Uint8Array }
export const KEY_PROOF_BYTES = 64

/** A key with a proof that its maker knows the secret (Schnorr, 1991), bound to a context of fixed length: run and site. */
export function makeLinkageKey(context: Uint8Array, uniform: Uniform): LinkageKey & { readonly secret: bigint } {
  const [secret, once] = [randomScalar(uniform), randomScalar(uniform)]
  const [key, commitment] = [timesBase(secret).toBytes(), timesBase(once).toBytes()]
  const answer = (once + challengeOf(context, key, commitment) * secret) % ORDER
  return { secret, key, proof: concatBytes(commitment, scalarBytes(answer)) }
}

/** The key as a point. Throws `LINKAGE_POINT_INVALID`, `LINKAGE_KEY_UNPROVEN`. */
export function checkLinkageKey(context: Uint8Array, { key, proof }: LinkageKey): GroupPoint {
  const point = readPoint(key)
  const [commitment, answer] = [proof.subarray(0, POINT_BYTES), readScalar(proof.subarray(POINT_BYTES))]
  const claimed = readPoint(commitment).add(point.multiply(challengeOf(context, key, commitment)))
  if (answer === 0n || !timesBase(answer).equals(claimed)) throw new SteleError({ code: 'LINKAGE_KEY_UNPROVEN', message: 'the maker of a key did not prove that it knows its secret', details: {} })
  return point
}
