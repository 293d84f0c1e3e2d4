import { toHex } from '../../primitives/bytes.ts'
import { membershipChange } from '../../primitives/calls/membership.ts'
import { toJson } from '../../primitives/codec.ts'
import { chainParameters } from '../../primitives/genesis.ts'
import { certificateQuorum } from '../../primitives/member-set.ts'
import { listProposals, openProposal, readActivations, readerOf, readGovernance, readMember, readNode, readParameters, readProposal, readRoster } from '../../contracts/index.ts'
import type { Reader } from '../../contracts/index.ts'
import type { AsOf } from '../../rpc/schema.ts'
import type { Membership } from '../../rpc/shapes/cluster.ts'
import type { NodeParts } from '../node-parts.ts'

const PROPOSALS_SHOWN = 20

/** Who takes part by the newest durable state, with what this node sees of each. */
export function membershipOf({ world, driver, network, config, executor, presence, clock }: NodeParts, asOf: AsOf): Membership {
  const reader = readerOf(world.view())
  const roster = readRoster(reader)
  const { nextMember, nextNode, open: newest, change } = readGovernance(reader)
  // The ledger closes what is over only with the next proposal; for people it is over now.
  const open = openProposal(reader, { height: BigInt(world.height + 1), timeMs: BigInt(clock.nowMs()) })?.id ?? null
  const reachable = new Set(network.raft.reachable())
  const { peers, lastIndex } = driver.status
  const lagOf = (node: number): number | null => {
    const peer = peers.find(({ id }) => id === node)
    return peer === undefined ? null : Math.max(0, lastIndex - peer.match)
  }
  const ids = [...new Set([...roster.nodes, ...roster.learners])].sort((a, b) => a - b)
  return {
    epoch: roster.epoch, voters: [...roster.nodes], learners: [...roster.learners], outgoing: [...roster.outgoing], needed: certificateQuorum(roster.members.length), nextMember, nextNode,
    members: Array.from({ length: nextMember - 1 }, (_, i) => {
      const { name, nodes, governanceKey } = readMember(reader, i + 1)!
      return { member: i + 1, name, active: roster.members.includes(i + 1), node: nodes[0] ?? null, governanceKey: toHex(governanceKey) }
    }),
    nodes: ids.map((node) => {
      const { member, transportKey, attestationKey, addresses } = readNode(reader, node)!
      return {
        node, member, role: roster.nodes.includes(node) ? 'voter' : 'learner', transportKey: toHex(transportKey), attestationKey: toHex(attestationKey), addresses: [...addresses],
        connected: node === config.node || reachable.has(node), lag: node === config.node ? Math.max(0, lastIndex - executor.executedIndex) : lagOf(node), refused: presence.refused(node) ?? null,
      }
    }),
    activations: readActivations(reader).map(({ contract, version, height }) => ({ contract, version, height: Number(height) })),
    parameters: toJson(chainParameters, readParameters(reader)),
    open: open === null ? null : toHex(open),
    underWay: change === null ? null : { proposal: toHex(change.proposal), stage: change.stage, node: change.node, since: Number(change.since), change: toJson(membershipChange, change.change) },
    proposals: listProposals(reader, PROPOSALS_SHOWN).map((id) => proposalJson(reader, id, open === null && String(id) === String(newest))),
    asOf,
  }
}

function proposalJson(reader: Reader, id: Uint8Array, isOver: boolean): Membership['proposals'][number] {
  const { member, state, until, height, change, ballots } = readProposal(reader, id)!
  return {
    proposal: toHex(id), member, state: isOver ? 'expired' : state, until: Number(until), height: Number(height), change: toJson(membershipChange, change),
    ballots: ballots.map(({ member: voter, yes, reason, text, height: at }) => ({ member: voter, vote: yes ? 'yes' : 'no', reason, text: text === null ? null : toHex(text), height: Number(at) })),
  }
}
