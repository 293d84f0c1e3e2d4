import { array, encode, fixedBytes, struct, u32 } from './codec.ts'
import type { Infer } from './codec.ts'
import { hash } from './hash.ts'

/** Voters of one chain at most: what a member set and a certificate have room for. */
export const MEMBER_SET_VOTERS_MAX = 64

/** Who votes and attests: the active voters, ascending by node id. Its hash stands in every header. */
export const memberSetSchema = struct({
  epoch: u32,
  voters: array(struct({ node: u32, member: u32, attestationKey: fixedBytes(32) }), { min: 1, max: MEMBER_SET_VOTERS_MAX }),
})
export type MemberSet = Infer<typeof memberSetSchema>

export function memberSetHash(chain: Uint8Array, set: MemberSet): Uint8Array {
  return hash('member-set', chain, encode(memberSetSchema, set))
}

/** How many lying voters a set of n is built to outvote: f = ⌊(n − 1) / 3⌋. */
export function faultyMax(voters: number): number {
  return Math.floor((voters - 1) / 3)
}

/** Attestations that certify a block: ⌈(n + f + 1) / 2⌉. 2 of 3, 3 of 4, 4 of 5, 4 of 6, 5 of 7 (DESIGN §5.7). */
export function certificateQuorum(voters: number): number {
  return Math.ceil((voters + faultyMax(voters) + 1) / 2)
}

/** Acknowledgements that commit a block: a Raft majority. */
export function commitQuorum(voters: number): number {
  return Math.floor(voters / 2) + 1
}
