import { membershipChange } from '../primitives/calls/membership.ts'
import type { MembershipChange } from '../primitives/calls/membership.ts'
import { fromJson, toJson } from '../primitives/codec.ts'
import { chainParameters } from '../primitives/genesis.ts'
import type { RpcMembership, RpcProposal } from '../primitives/rpc-types.ts'
import type { Preflight } from './membership-change.ts'
import { bad, good, table } from './output.ts'

export function formatMembership(membership: RpcMembership): string {
  const { members, nodes, needed, nextMember, nextNode, proposals, underWay, epoch, activations } = membership
  const rows = members.map(({ member, name, active, node }) => {
    const found = nodes.find((each) => each.node === node) ?? nodes.find((each) => each.member === member)
    return [String(member), name, active ? 'active' : found === undefined ? 'removed' : 'no vote', found === undefined ? '-' : String(found.node), found?.role ?? '-', found?.connected === true ? 'yes' : 'no', found?.lag === null || found === undefined ? '-' : String(found.lag)]
  })
  const lines = [table([['MEMBER', 'NAME', 'STATUS', 'NODE', 'ROLE', 'CONNECTED', 'LAG'], ...rows]), `epoch ${epoch} · a proposal needs ${needed} votes · next member ${nextMember}, next node ${nextNode}`]
  if (underWay !== null) lines.push(`under way: ${underWay.stage}${underWay.node === 0 ? '' : ` node ${underWay.node}`}, since height ${underWay.since}`)
  for (const { contract, version, height } of activations) lines.push(`contract ${contract}: version ${version} from block ${height}`)
  for (const proposal of proposals.slice(0, 5)) lines.push(...formatProposal(proposal, membership))
  return lines.join('\n')
}

function formatProposal(found: RpcProposal, membership: RpcMembership): string[] {
  const { proposal, member, state, until, ballots } = found
  const votes = ballots.map(({ member: voter, vote, reason }) => `${voter} ${vote} (${reason})`).join(', ')
  return [
    `${state.padEnd(9)} ${proposal}  by member ${member}${state === 'open' ? `, open until ${new Date(until).toISOString().slice(0, 16)}Z` : ''}`,
    `          ${describeProposal(found, membership)} · ${votes === '' ? 'no votes' : `votes: ${votes}`}`,
  ]
}

/** In words, what a proposal changes, so that nobody votes on an id alone; of open ones about parameters, what differs from those in force. */
export function describeProposal({ change, state }: RpcProposal, membership: RpcMembership): string {
  const known = fromJson(membershipChange, change as never)
  return known.kind === 'parameters' && state !== 'open' ? 'change parameters' : describeChange(known, membership)
}

export function describeChange({ kind, value }: MembershipChange, { members, nodes, parameters }: RpcMembership): string {
  const named = (member: number | undefined): string => `member ${member ?? 'unknown'} (${members.find((each) => each.member === member)?.name ?? 'unknown'})`
  const at = (addresses: readonly string[]): string => (addresses.length === 0 ? 'without an address' : `at ${addresses.join(' ')}`)
  switch (kind) {
    case 'add': return `add member ${value.member} (${value.name}) with node ${value.node.node} ${at(value.node.addresses)}`
    case 'remove': return `remove ${named(value.member)}`
    case 'replace': return `replace node ${value.old} of ${named(value.member)} by node ${value.node.node} ${at(value.node.addresses)}`
    case 'rotateNode': return `new keys or addresses of node ${value.node} of ${named(nodes.find(({ node }) => node === value.node)?.member)} ${at(value.addresses)}`
    case 'rotateMember': return `new governance and operator keys of ${named(value.member)}`
    case 'parameters': return `change parameters: ${differences(parameters as Parameters, toJson(chainParameters, value) as Parameters).join(', ') || 'none differs from those in force'}`
    case 'activate': return `activate version ${value.version} of contract ${value.contract} from block ${value.height}`
    case 'deactivate': return `take version ${value.version} of contract ${value.contract} back`
  }
}

type Parameters = Readonly<Record<string, unknown>>

function differences(now: Parameters, then: Parameters): string[] {
  const [before, after] = [(name: string) => JSON.stringify(now[name]), (name: string) => JSON.stringify(then[name])]
  return Object.keys(then).filter((name) => before(name) !== after(name)).map((name) => `${name} ${before(name)} → ${after(name)}`)
}

export function formatPreflight({ safe, reasons, before, after, down, learners }: Preflight): string {
  const row = (label: string, { voters, reachable, commit, finality }: Preflight['before']): string[] => [label, voters.join(' '), `${reachable} of ${voters.length}`, String(commit), String(finality)]
  return [
    table([['', 'VOTERS', 'ANSWER', 'COMMIT', 'FINALITY'], row('before', before), row('after', after)]),
    `down: ${down.length === 0 ? 'none' : down.map((node) => `node ${node}`).join(', ')}`,
    ...learners.map(({ node, lag, connected }) => `learner ${node}: ${connected ? `${lag ?? 'unknown'} entries behind` : 'not connected'}`),
    safe ? good('safe') : bad(`unsafe: ${reasons.join('; ')}`),
  ].join('\n')
}
