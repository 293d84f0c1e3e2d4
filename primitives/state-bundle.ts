import { equalBytes } from './bytes.ts'
import { array, bytes, decode, fixedBytes, optional, struct, u32 } from './codec.ts'
import type { Infer } from './codec.ts'
import type { BlockHeader } from './block.ts'
import { SteleError } from './error.ts'
import type { MemberSet } from './member-set.ts'
import { finalitySchema, verifyFinality } from './receipt.ts'
import { stateProofSchema, verifyStateProof } from './state-proof.ts'

/** Longest key and value a proof can carry, in bytes. */
export const STATE_BUNDLE_LIMITS = { keyBytesMax: 512, valueBytesMax: 1024 * 1024 } as const

/**
 * What the state held under `key` (`value` null: nothing) after one block, with the header whose state root says so and the proof that this header is final.
 * Complete in itself: it verifies with a genesis and no node.
 */
export const stateBundle = struct({
  v: u32, chain: fixedBytes(32), key: bytes({ max: STATE_BUNDLE_LIMITS.keyBytesMax }), value: optional(bytes({ max: STATE_BUNDLE_LIMITS.valueBytesMax })),
  header: bytes({ max: 2048 }), finality: finalitySchema, proof: stateProofSchema,
})
export type StateBundle = Infer<typeof stateBundle>

/** Checks a state bundle offline. Returns it with the header of its block. Throws PROOF_*, CERTIFICATE_* or CODEC_*. */
export function verifyStateBundle(chain: Uint8Array, set: MemberSet, bundleBytes: Uint8Array): { readonly bundle: StateBundle; readonly header: BlockHeader } {
  const bundle = decode(stateBundle, bundleBytes)
  const header = verifiedHeader(chain, set, bundle)
  demandProven(header, bundle.key, bundle.value, bundle.proof)
  return { bundle, header }
}

/** Keys that one proof of many carries at most. */
export const STATE_KEYS_MAX = 64

/** As `stateBundle`, for several keys of one height under one certificate. */
export const stateBundles = struct({
  v: u32, chain: fixedBytes(32), header: bytes({ max: 2048 }), finality: finalitySchema,
  entries: array(struct({ key: bytes({ max: STATE_BUNDLE_LIMITS.keyBytesMax }), value: optional(bytes({ max: STATE_BUNDLE_LIMITS.valueBytesMax })), proof: stateProofSchema }), { min: 1, max: STATE_KEYS_MAX }),
})
export type StateBundles = Infer<typeof stateBundles>

/** Checks a bundle of several keys offline. Throws PROOF_*, CERTIFICATE_* or CODEC_*. */
export function verifyStateBundles(chain: Uint8Array, set: MemberSet, bundleBytes: Uint8Array): { readonly entries: StateBundles['entries']; readonly header: BlockHeader } {
  const bundle = decode(stateBundles, bundleBytes)
  const header = verifiedHeader(chain, set, bundle)
  for (const { key, value, proof } of bundle.entries) demandProven(header, key, value, proof)
  return { entries: bundle.entries, header }
}

function verifiedHeader(chain: Uint8Array, set: MemberSet, bundle: Pick<StateBundle, 'v' | 'chain' | 'header' | 'finality'>): BlockHeader {
  if (bundle.v !== 1) throw new SteleError({ code: 'PROOF_VERSION_UNKNOWN', message: 'this verifier does not know this state proof version', details: { version: bundle.v } })
  if (!equalBytes(bundle.chain, chain)) throw new SteleError({ code: 'PROOF_WRONG_CHAIN', message: 'the state proof belongs to another chain' })
  return verifyFinality(chain, set, bundle.header, bundle.finality)
}

function demandProven({ stateRoot, height }: BlockHeader, key: Uint8Array, value: Uint8Array | null, proof: StateBundle['proof']): void {
  if (!verifyStateProof(stateRoot, key, value ?? undefined, proof)) throw new SteleError({ code: 'PROOF_STATE_INVALID', message: 'the state proof does not meet the state root of its block', details: { height: Number(height) } })
}
