import { array, fixedBytes, struct, text, u32 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { chainParameters } from '../../primitives/genesis.ts'
import { defineTable, u32Part } from '../runtime/table.ts'

const member = struct({
  name: text({ max: 64 }), governanceKey: fixedBytes(32), operatorKey: fixedBytes(32), operatorSealKey: fixedBytes(32), account: fixedBytes(32), nodes: array(u32, { max: 16 }),
})
export type Member = Infer<typeof member>

const node = struct({ member: u32, transportKey: fixedBytes(32), attestationKey: fixedBytes(32), addresses: array(text({ max: 256 }), { max: 8 }) })
export type Node = Infer<typeof node>

const roster = struct({ epoch: u32, members: array(u32, { max: 64 }), nodes: array(u32, { max: 1024 }) })
export type Roster = Infer<typeof roster>

/** member → institution: name, keys, its own account, its nodes. */
export const members = defineTable({ contract: 'membership', name: 'members', number: 1, key: [u32Part], value: member })
/** node (Raft id) → its member and keys. */
export const nodes = defineTable({ contract: 'membership', name: 'nodes', number: 2, key: [u32Part], value: node })
/** Single leaf: who is a member now. */
export const rosterTable = defineTable({ contract: 'membership', name: 'roster', number: 3, key: [], value: roster })
/** Single leaf: the chain parameters in force. */
export const parameters = defineTable({ contract: 'membership', name: 'parameters', number: 4, key: [], value: chainParameters })
