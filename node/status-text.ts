import type { RpcClusterStatus, RpcNodeInfo } from '../primitives/rpc-types.ts'
import { bad, dim, good, table } from './output.ts'

/** The cluster as a table and one sentence about its quorum. */
export function formatClusterStatus({ nodes, quorum, leader, finalHeight }: RpcClusterStatus): string {
  const shown = (value: number | string | null): string => (value === null ? '-' : String(value))
  const rows = nodes.map(({ node, name, role, version, term, height, finalHeight: final, lag, uptimeMs, problems }) => [
    String(node), name, role, shown(version), shown(term), shown(height), shown(final), shown(lag), uptimeMs === null ? '-' : duration(uptimeMs), problems.join('; '),
  ])
  const lines = [table([['NODE', 'NAME', 'ROLE', 'VERSION', 'TERM', 'HEIGHT', 'FINAL', 'LAG', 'UPTIME', 'PROBLEMS'], ...rows]), quorumSentence(quorum)]
  if (leader === null) lines.push(bad('no leader: nothing is written until one is elected'))
  if (quorum.reachable < quorum.finality && quorum.reachable >= quorum.writes) lines.push(bad(`blocks are committed but do not become final above height ${finalHeight}: that needs ${quorum.finality} nodes`))
  return lines.join('\n')
}

export function quorumSentence({ voters, reachable, writes, failuresLeft }: RpcClusterStatus['quorum']): string {
  if (reachable < writes) return bad(`no quorum: ${reachable} of ${voters} nodes reachable, writes need ${writes}`)
  const more = failuresLeft + 1
  return `${good(`quorum ${reachable} of ${voters} reachable`)} · ${more} more failure${more === 1 ? '' : 's'} would stop writes`
}

/** True while the cluster takes writes, as the asked node sees it. */
export function isWritable({ leader, quorum }: RpcClusterStatus): boolean {
  return leader !== null && quorum.reachable >= quorum.writes
}

export function formatNodeInfo(info: RpcNodeInfo, nowMs: number): string {
  const { node, name, member, chain, role, mode, leader, term, versions, startedAt, peers, mempool, peer, listen, firstHeight, snapshotHeight, modeReason, asOf } = info
  const lines = [
    ['node', member === 0 ? `${node}, ${bad('which the ledger held here does not name: its members have not added it, or it has not come so far')}` : `${node} of ${name} (member ${member})`], ['chain', chain], ['role', `${role}${mode === 'normal' ? '' : `, ${bad(modeReason ?? mode)}`}`],
    ['leader', leader === null ? bad('none') : `node ${leader}, term ${term}`], ['height', String(asOf.height)], ['kept', `${firstHeight > 1 ? `blocks from ${firstHeight} on` : 'all blocks'}, ${snapshotHeight === 0 ? 'no snapshot yet' : `newest snapshot ${snapshotHeight}`}`], ['waiting', `${mempool} transactions`], ['peers', `${peers} connected`],
    ['version', `${versions.software} (rpc ${versions.rpc}, wire ${versions.wire}, storage ${versions.storage})`], ['uptime', duration(nowMs - startedAt)], ['peer id', peer], ['listens', listen.join(' ')],
  ]
  return `${lines.map(([label, value]) => `${label!.padEnd(9)} ${value!}`).join('\n')}\n${dim('all nodes: stele status --cluster')}`
}

/** `9d4h`, `2h11m`, `3m12s`, `14s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60]
  if (days > 0) return `${days}d${hours}h`
  if (hours > 0) return `${hours}h${minutes}m`
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`
}
