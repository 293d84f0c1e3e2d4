import { encode, fixedBytes, struct, u32, u64 } from './codec.ts'
import type { Infer } from './codec.ts'
import { domainBytes } from './hash.ts'
import type { MemberSet } from './member-set.ts'
import { verify } from './signature.ts'

/**
 * A node's newest appended block, signed under the asker's nonce: what a key-holding party needs from more than two thirds of the members
 * before it releases or re-serves anything (DESIGN §5.13). `timeMs` is the signer's clock, u64 ms.
 */
export const signedHeadContent = struct({ nonce: fixedBytes(32), request: fixedBytes(32), node: u32, height: u64, block: fixedBytes(32), term: u32, timeMs: u64 })
export type SignedHeadContent = Infer<typeof signedHeadContent>
export const signedHeadSchema = struct({ content: signedHeadContent, signature: fixedBytes(64) })
export type SignedHead = Infer<typeof signedHeadSchema>

export function signedHeadBytes(chain: Uint8Array, content: SignedHeadContent): Uint8Array {
  return domainBytes('signed-head', chain, encode(signedHeadContent, content))
}

/** Members that must answer: more than two thirds of all. */
export function releaseQuorum(members: number): number {
  return Math.floor((2 * members) / 3) + 1
}

/** The members behind the valid heads for this nonce and request; a head that is not signed by a voter, or for another question, does not count. */
export function answeringMembers(chain: Uint8Array, set: MemberSet, nonce: Uint8Array, request: Uint8Array, heads: readonly SignedHead[]): ReadonlySet<number> {
  const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])
  const members = new Set<number>()
  for (const { content, signature } of heads) {
    const voter = set.voters.find(({ node }) => node === content.node)
    if (voter !== undefined && same(content.nonce, nonce) && same(content.request, request) && verify(voter.attestationKey, signedHeadBytes(chain, content), signature)) members.add(voter.member)
  }
  return members
}
