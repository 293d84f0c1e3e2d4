import { bytes, decode, struct } from './codec.ts'
import type { Infer } from './codec.ts'
import type { BlockHeader } from './block.ts'
import { SteleError } from './error.ts'
import type { MemberSet } from './member-set.ts'
import { finalitySchema, verifyFinality } from './receipt.ts'
import { stateProofSchema, verifyStateProof } from './state-proof.ts'

/** A state proof with the header whose state root it meets and the proof that this header is final: verifies with no node. */
export const stateBundle = struct({ header: bytes({ max: 2048 }), finality: finalitySchema, proof: stateProofSchema })
export type StateBundle = Infer<typeof stateBundle>

/** Checks that `key` held `value` (undefined: nothing) after the bundle's block, offline. Returns that block's header. Throws PROOF_*, CERTIFICATE_* or CODEC_*. */
export function verifyStateBundle(chain: Uint8Array, set: MemberSet, key: Uint8Array, value: Uint8Array | undefined, bundleBytes: Uint8Array): BlockHeader {
  const bundle = decode(stateBundle, bundleBytes)
  const header = verifyFinality(chain, set, bundle.header, bundle.finality)
  if (!verifyStateProof(header.stateRoot, key, value, bundle.proof)) {
    throw new SteleError({ code: 'PROOF_STATE_INVALID', message: 'the state proof does not meet the state root of its block', details: { height: Number(header.height) } })
  }
  return header
}
