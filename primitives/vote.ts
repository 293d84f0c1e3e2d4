import { encode, fixedBytes, struct, u32 } from './codec.ts'
import type { Infer } from './codec.ts'
import { domainBytes } from './hash.ts'

/** A vote in an election: `node` gives the vote of `term` to `candidate`, holding `lastBlock` as its newest block then (DESIGN §5.7). One candidate per (epoch, term), ever. */
export const voteContent = struct({ v: u32, epoch: u32, term: u32, node: u32, candidate: u32, lastBlock: fixedBytes(32) })
export type VoteContent = Infer<typeof voteContent>

/** Signed by the node's attestation key. */
export const signedVote = struct({ content: voteContent, signature: fixedBytes(64) })
export type SignedVote = Infer<typeof signedVote>

export function voteBytes(chain: Uint8Array, content: VoteContent): Uint8Array {
  return domainBytes('vote', chain, encode(voteContent, content))
}
