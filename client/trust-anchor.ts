import { chainIdOf, genesisMemberSet, type Genesis } from '../primitives/genesis.ts'
import type { MemberSet } from '../primitives/member-set.ts'

/** Whom a verifier trusts: a genesis, or a chain id with the member set that was active at the proven height. */
export type TrustAnchor = { readonly genesis: Genesis } | { readonly id: Uint8Array; readonly members: MemberSet }

export function anchorOf(anchor: TrustAnchor): { readonly id: Uint8Array; readonly members: MemberSet } {
  // A client's chain has all three; its id was computed once, from the same genesis.
  if ('id' in anchor) return anchor
  return { id: chainIdOf(anchor.genesis), members: genesisMemberSet(anchor.genesis) }
}
