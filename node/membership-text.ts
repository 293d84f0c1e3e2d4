import type { RpcMembership } from '../primitives/rpc-types.ts'
import type { Preflight } from './membership-change.ts'
import { bad, good, table } from './output.ts'

export function formatMembership({ members, nodes, needed, nextMember, nextNode, proposals, underWay, epoch, activations }: RpcMembership): string {
  const rows = members.map(({ member, name, active, node }) => {
    const found = nodes.find((each) => each.node === node) ?? nodes.find((each) => each.member === member)
    return [String(member), name, active ? 'active' : found === undefined ? 'removed' : 'no vote', found === undefined ? '-' : String(found.node), found?.role ?? '-', found?.connected === true ? 'yes' : 'no', found?.lag === null || found === undefined ? '-' : String(found.lag)]
  })
  const lines = [table([['MEMBER', 'NAME', 'STATUS', 'NODE', 'ROLE', 'CONNECTED', 'LAG'], ...rows]), `epoch ${epoch} · a proposal needs ${needed} votes · next member ${nextMember}, next node ${nextNode}`]
  if (underWay !== null) lines.push(`under way: ${underWay.stage}${underWay.node === 0 ? '' : ` node ${underWay.node}`}, since height ${underWay.since}`)
  for (const { contract, version, height } of activations) lines.push(`contract ${contract}: version ${version} from block ${height}`)
  for (const { proposal, member, state, change, ballots } of proposals.slice(0, 5)) {
    const votes = ballots.map(({ member: voter, vote, reason }) => `${voter} ${vote} (${reason})`).join(', ')
    lines.push(`${state.padEnd(9)} ${proposal}  ${(change as { kind: string }).kind} by member ${member}${votes === '' ? '' : `: ${votes}`}`)
  }
  return lines.join('\n')
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
