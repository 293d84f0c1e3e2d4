import { array, boolean, fixedBytes, oneOf, optional, struct, text, u32, u64 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { membershipChange, PROPOSAL_STATES, VOTE_REASONS } from '../../primitives/calls/membership.ts'
import { chainParameters } from '../../primitives/genesis.ts'
import { memberSetSchema } from '../../primitives/member-set.ts'
import { defineTable, idPart, u32Part } from '../runtime/table.ts'

const member = struct({
  name: text({ max: 64 }), governanceKey: fixedBytes(32), operatorKey: fixedBytes(32), operatorSealKey: fixedBytes(32), account: fixedBytes(32), nodes: array(u32, { max: 16 }),
})
export type Member = Infer<typeof member>

const node = struct({ member: u32, transportKey: fixedBytes(32), attestationKey: fixedBytes(32), addresses: array(text({ max: 256 }), { max: 8 }) })
export type Node = Infer<typeof node>

/** All lists ascend. `nodes` vote; `learners` follow without a vote; `outgoing` is what voted before a joint change, until that is left. */
const roster = struct({ epoch: u32, members: array(u32, { max: 64 }), nodes: array(u32, { max: 1024 }), learners: array(u32, { max: 64 }), outgoing: array(u32, { max: 64 }) })
export type Roster = Infer<typeof roster>

/**
 * Steps of a change, each an activation block of its own. `learn`, `demote`, `rekey` and `leave` are due in the next block; `promote`, `swap` and `drop`
 * when the leader sees that they are safe: the learner has caught up, the last block with the old voters is final.
 */
export const STAGES = ['learn', 'promote', 'demote', 'swap', 'leave', 'rekey', 'drop'] as const
export type Stage = (typeof STAGES)[number]

const governance = struct({
  /** Numbers that are given next; none is given twice. */
  nextMember: u32, nextNode: u32, proposals: u32, sets: u32,
  open: optional(fixedBytes(32)),
  change: optional(struct({ proposal: fixedBytes(32), change: membershipChange, stage: oneOf(...STAGES), node: u32, since: u64 })),
})
export type Governance = Infer<typeof governance>

const proposal = struct({ member: u32, change: membershipChange, until: u64, height: u64, state: oneOf(...PROPOSAL_STATES), yes: array(u32, { max: 64 }), no: array(u32, { max: 64 }) })
export type Proposal = Infer<typeof proposal>

const ballot = struct({ yes: boolean, reason: oneOf(...VOTE_REASONS), text: optional(fixedBytes(32)), signature: fixedBytes(64), height: u64 })
export type Ballot = Infer<typeof ballot>

/** member → institution: name, keys, its own account, its nodes. */
export const members = defineTable({ contract: 'membership', name: 'members', number: 1, key: [u32Part], value: member })
/** node (Raft id) → its member and keys. */
export const nodes = defineTable({ contract: 'membership', name: 'nodes', number: 2, key: [u32Part], value: node })
/** Single leaf: who is a member now. */
export const rosterTable = defineTable({ contract: 'membership', name: 'roster', number: 3, key: [], value: roster })
/** Single leaf: the chain parameters in force. */
export const parameters = defineTable({ contract: 'membership', name: 'parameters', number: 4, key: [], value: chainParameters })
/** Single leaf: numbers to give, the open proposal, the change under way. */
export const governanceTable = defineTable({ contract: 'membership', name: 'governance', number: 5, key: [], value: governance })
/** Id of a proposal → what it would change, its votes, what became of it. */
export const proposals = defineTable({ contract: 'membership', name: 'proposals', number: 6, key: [idPart], value: proposal })
/** n-th proposal, from 0 → its id. */
export const proposalList = defineTable({ contract: 'membership', name: 'proposalList', number: 7, key: [u32Part], value: fixedBytes(32) })
/** (proposal, member) → its ballot with the governance signature. */
export const ballots = defineTable({ contract: 'membership', name: 'ballots', number: 8, key: [idPart, u32Part], value: ballot })
/** n-th member set of the chain, from 0 (genesis) → the set and the first height that it certifies. */
export const memberSets = defineTable({ contract: 'membership', name: 'memberSets', number: 9, key: [u32Part], value: struct({ from: u64, set: memberSetSchema }) })
/** Single leaf: contract versions that members have activated, with the height of their first block. */
export const activations = defineTable({ contract: 'membership', name: 'activations', number: 10, key: [], value: array(struct({ contract: text({ max: 32 }), version: u32, height: u64 }), { max: 256 }) })
