import { equalBytes, toHex } from './bytes.ts'
import { blockHashOf, decodeHeader } from './block.ts'
import { array, bytes, fixedBytes, struct } from './codec.ts'
import type { Infer } from './codec.ts'
import { SteleError } from './error.ts'
import { followLinks } from './member-history.ts'
import type { MemberPeriod, MemberSetLink } from './member-history.ts'
import { leafHash, verifyInclusion } from './merkle.ts'
import { memberSetHash, memberSetSchema } from './member-set.ts'
import type { MemberSet } from './member-set.ts'

/**
 * Where trust begins when it is not genesis: the header of the pinned block, the set that this header names, and the block's path in the history of the certified block
 * (empty when it is that block).
 */
export const proofStart = struct({ header: bytes({ max: 2048 }), set: memberSetSchema, path: array(fixedBytes(32), { max: 64 }) })

/** Whom a verifier trusts: the chain and voters of a genesis, or the hash of one block it once saw final. */
export type ProofAnchor = { readonly chain: Uint8Array; readonly members: MemberSet } | { readonly checkpoint: Uint8Array }

/** What of a bundle leads from the anchor to the set that signed its certificate. */
export interface AnchoredProof {
  readonly chain: Uint8Array
  readonly start: Infer<typeof proofStart> | null
  readonly links: readonly MemberSetLink[]
  readonly certified: { readonly header: Uint8Array }
}

function refuse(code: string, message: string, details: Record<string, unknown> = {}): never {
  throw new SteleError({ code, message, details })
}

/** The member sets from the anchor on, proven link by link. Throws PROOF_*, HISTORY_*, RECOVERY_*, CERTIFICATE_* or CODEC_*. */
export function periodsFrom(anchor: ProofAnchor, proof: AnchoredProof): readonly MemberPeriod[] {
  const first = 'checkpoint' in anchor ? fromCheckpoint(anchor.checkpoint, proof) : fromGenesis(anchor, proof)
  return followLinks(proof.chain, first, proof.links)
}

function fromGenesis(anchor: { readonly chain: Uint8Array; readonly members: MemberSet }, { chain, start }: AnchoredProof): MemberPeriod {
  if (!equalBytes(anchor.chain, chain)) refuse('PROOF_WRONG_CHAIN', 'the bundle belongs to another chain', { chain: toHex(chain) })
  if (start !== null) refuse('PROOF_OTHER_ANCHOR', 'the bundle begins at a checkpoint, not at genesis', { checkpoint: toHex(blockHashOf(chain, start.header)) })
  return { from: 1n, set: anchor.members }
}

function fromCheckpoint(checkpoint: Uint8Array, { chain, start, certified }: AnchoredProof): MemberPeriod {
  if (start === null) return refuse('PROOF_OTHER_ANCHOR', 'the bundle begins at genesis, not at a checkpoint', { checkpoint: toHex(checkpoint) })
  const pinned = decodeHeader(start.header)
  const hash = blockHashOf(chain, start.header)
  if (!equalBytes(hash, checkpoint)) refuse('PROOF_OTHER_ANCHOR', 'the bundle begins at another block than the checkpoint', { checkpoint: toHex(checkpoint), begins: toHex(hash) })
  if (pinned.v !== 1) refuse('PROOF_VERSION_UNKNOWN', 'this verifier does not know this header version', { version: pinned.v })
  if (!equalBytes(pinned.chain, chain)) refuse('PROOF_WRONG_CHAIN', 'the checkpoint belongs to another chain', { chain: toHex(chain) })
  if (!equalBytes(memberSetHash(chain, start.set), pinned.memberSet)) refuse('PROOF_OTHER_ANCHOR', 'the first member set is not the one the checkpoint names', { height: Number(pinned.height) })
  const target = decodeHeader(certified.header)
  // The certified block has to stand on the pinned one: a set that later turned could certify another past.
  const stands = equalBytes(start.header, certified.header)
    ? start.path.length === 0
    : verifyInclusion(Number(pinned.height), Number(target.height), leafHash(hash), start.path, target.historyRoot)
  if (!stands) refuse('PROOF_NOT_AN_ANCESTOR', 'the checkpoint is not in the history of the certified block', { checkpoint: Number(pinned.height), certified: Number(target.height) })
  return { from: pinned.height, set: start.set }
}
