import { array, encode, fixedBytes, oneOf, optional, struct, text, u32, u64, variant } from '../codec.ts'
import type { Infer } from '../codec.ts'
import { chainParameters } from '../genesis.ts'
import { domainBytes } from '../hash.ts'
import { hash32, memberId, nodeId, signature64, transactionId } from '../ids.ts'
import { slug } from '../transaction.ts'

/** Why a member votes as it does. A word of this list, never a text: what there is to say is said off the ledger, and its hash may stand beside. */
export const VOTE_REASONS = ['agreed', 'identity-unverified', 'technical', 'security', 'policy', 'timing', 'other'] as const
export type VoteReason = (typeof VOTE_REASONS)[number]

/** A node as a proposal names it: its keys and addresses, certified by the governance key of its member under these very numbers. */
export const proposedNode = struct({
  node: nodeId, transportKey: fixedBytes(32), attestationKey: fixedBytes(32),
  addresses: array(text({ max: 256, pattern: /^\/[\x21-\x7e]+$/ }), { max: 8 }), certification: signature64,
})
export type ProposedNode = Infer<typeof proposedNode>

/** What members can decide. Numbers of new members and nodes are the next free ones (`member list` tells them); they are never given twice. */
export const membershipChange = variant({
  add: struct({
    member: memberId, name: text({ max: 64, pattern: /^[a-z0-9][a-z0-9-]*$/ }), governanceKey: fixedBytes(32), operatorKey: fixedBytes(32), operatorSealKey: fixedBytes(32), node: proposedNode,
  }),
  remove: struct({ member: memberId }),
  /** Another node takes the place of a member's node: after a loss, a wipe or a restored backup. */
  replace: struct({ member: memberId, old: nodeId, node: proposedNode }),
  /** New keys or addresses for a node that keeps its number. */
  rotateNode: proposedNode,
  /** New keys of an institution. `certification`: the new governance key over its node's keys as they are. */
  rotateMember: struct({ member: memberId, governanceKey: fixedBytes(32), operatorKey: fixedBytes(32), operatorSealKey: fixedBytes(32), certification: signature64 }),
  parameters: chainParameters,
  /** A version of a contract comes into force with the block of this height. */
  activate: struct({ contract: slug, version: u32, height: u64 }),
  /** Takes an accepted `activate` back, as long as its first block has not come. */
  deactivate: struct({ contract: slug, version: u32 }),
})
export type MembershipChange = Infer<typeof membershipChange>

/** What a member's governance key signs when it votes. */
export const ballotContent = struct({ proposal: transactionId, vote: oneOf('yes', 'no'), reason: oneOf(...VOTE_REASONS), text: optional(hash32) })
export type BallotContent = Infer<typeof ballotContent>

export function ballotBytes(chain: Uint8Array, content: BallotContent): Uint8Array {
  return domainBytes('ballot', chain, encode(ballotContent, content))
}

/** Arguments of the `membership` calls; all are sent by institutions' own accounts. The id of a proposal is that of the transaction that made it. */
export const membershipCalls = {
  propose: struct({ change: membershipChange, until: u64 }),
  vote: struct({ ballot: ballotContent, signature: signature64 }),
  withdraw: struct({ proposal: transactionId }),
} as const

export const PROPOSAL_STATES = ['open', 'passed', 'rejected', 'withdrawn', 'expired'] as const

export const membershipEvents = {
  proposed: struct({ proposal: transactionId, member: memberId }),
  voted: struct({ proposal: transactionId, member: memberId, vote: oneOf('yes', 'no'), reason: oneOf(...VOTE_REASONS) }),
  decided: struct({ proposal: transactionId, state: oneOf(...PROPOSAL_STATES) }),
} as const
