import { SteleError } from '../../primitives/error.ts'
import type { ChainParameters } from '../../primitives/genesis.ts'
import type { MemberPeriod } from '../../primitives/member-history.ts'
import type { MemberSet } from '../../primitives/member-set.ts'
import type { Reader } from '../runtime/table.ts'
import { activations, ballots, governanceTable, members, memberSets, nodes, parameters, proposalList, proposals, rosterTable } from './tables.ts'
import type { Ballot, Governance, Member, Node, Proposal, Roster } from './tables.ts'

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

export function readGovernance(reader: Reader): Governance {
  return reader.get(governanceTable) ?? missing('governance')
}

/** Every member set of the chain with the first height that it certifies, oldest first. */
export function readMemberSets(reader: Reader): readonly MemberPeriod[] {
  return Array.from({ length: readGovernance(reader).sets }, (_, i) => reader.get(memberSets, i) ?? missing(`member set ${i}`))
}

/** A proposal with its ballots, by id; undefined when there is none. */
export function readProposal(reader: Reader, id: Uint8Array): (Proposal & { readonly id: Uint8Array; readonly ballots: readonly (Ballot & { readonly member: number })[] }) | undefined {
  const proposal = reader.get(proposals, id)
  if (proposal === undefined) return undefined
  const cast = [...proposal.yes, ...proposal.no].map((member) => ({ member, ...(reader.get(ballots, id, member) ?? missing('ballot')) }))
  return { ...proposal, id, ballots: cast }
}

/** Ids of proposals, newest first, at most `limit`. */
export function listProposals(reader: Reader, limit: number): readonly Uint8Array[] {
  const { proposals: count } = readGovernance(reader)
  return Array.from({ length: Math.min(limit, count) }, (_, i) => reader.get(proposalList, count - 1 - i) ?? missing('proposal'))
}

/** Contract versions that members have activated. */
export function readActivations(reader: Reader): readonly { readonly contract: string; readonly version: number; readonly height: bigint }[] {
  return reader.get(activations) ?? []
}
