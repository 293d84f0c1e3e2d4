import { SteleError } from '../../primitives/error.ts'
import type { ChainParameters } from '../../primitives/genesis.ts'
import type { MemberSet } from '../../primitives/member-set.ts'
import type { Reader } from '../runtime/table.ts'
import { members, nodes, parameters, rosterTable } from './tables.ts'
import type { Member, Node, Roster } from './tables.ts'

function missing(what: string): never {
  throw new SteleError({ code: 'STATE_INCOMPLETE', message: 'the state lacks what genesis writes', details: { what } })
}

export function readParameters(reader: Reader): ChainParameters {
  return reader.get(parameters) ?? missing('parameters')
}

export function readRoster(reader: Reader): Roster {
  return reader.get(rosterTable) ?? missing('roster')
}

export function readMember(reader: Reader, member: number): Member | undefined {
  return reader.get(members, member)
}

export function readNode(reader: Reader, node: number): Node | undefined {
  return reader.get(nodes, node)
}

/** The voters of this state, ascending by node id. */
export function readMemberSet(reader: Reader): MemberSet {
  const { epoch, nodes: ids } = readRoster(reader)
  return {
    epoch,
    voters: ids.map((id) => {
      const { member, attestationKey } = readNode(reader, id) ?? missing(`node ${id}`)
      const { governanceKey } = readMember(reader, member) ?? missing(`member ${member}`)
      return { node: id, member, attestationKey, governanceKey }
    }),
  }
}
