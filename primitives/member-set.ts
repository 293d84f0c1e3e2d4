import { array, encode, fixedBytes, struct, u32 } from './codec.ts'
import type { Infer } from './codec.ts'
import { hash } from './hash.ts'

/** Voters of one chain at most: what a member set and a certificate have room for. */
export const MEMBER_SET_VOTERS_MAX = 64

/** A voter: its node, the member it stands for, the key under its attestations, and the member's offline governance key, which decides recoveries. */
export const voterSchema = struct({ node: u32, member: u32, attestationKey: fixedBytes(32), governanceKey: fixedBytes(32) })
export type Voter = Infer<typeof voterSchema>

/** Who votes and attests: the active voters, one for each member, ascending by node id. Its hash stands in every header. */
export const memberSetSchema = struct({ epoch: u32, voters: array(voterSchema, { min: 1, max: MEMBER_SET_VOTERS_MAX }) })
export type MemberSet = Infer<typeof memberSetSchema>

/** What is wrong with a list of voters, as a constant text; undefined when it is one that may vote. */
export function memberSetFault({ voters }: MemberSet): string | undefined {
  if (voters.some(({ node }, i) => node === 0 || (i > 0 && voters[i - 1]!.node >= node))) return 'voters ascend by node id'
  if (new Set(voters.map(({ member }) => member)).size !== voters.length) return 'a member has one voter'
  const keys = voters.flatMap(({ attestationKey, governanceKey }) => [String(attestationKey), String(governanceKey)])
  return new Set(keys).size === keys.length ? undefined : 'voters have distinct keys'
}

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
