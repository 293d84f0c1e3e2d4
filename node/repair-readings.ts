import { certificateQuorum, commitQuorum } from '../primitives/member-set.ts'
import type { NodeReadings } from '../rpc/ports.ts'
import type { NodeSettings } from './node-parts.ts'
import type { SteleNode } from './stele-node.ts'

/** What probes see of a node that does not take part yet: starting, or in repair mode with its reason. */
export function bareReadings(node: SteleNode, { genesis }: NodeSettings): NodeReadings {
  const voters = genesis.members.reduce((sum, { nodes }) => sum + nodes.length, 0)
  return {
    mode: node.mode, ...(node.repairReason === undefined ? {} : { modeReason: node.repairReason }), leader: null, isLeader: false, term: 0, leaderChanges: node.leaderChanges, commitIndex: 0, appliedIndex: 0, height: 0, finalHeight: 0, finalityLagMs: 0,
    voters, votersReachable: 1, writeQuorum: commitQuorum(voters), certificateQuorum: certificateQuorum(voters), peers: 0, mempoolTransactions: 0, mempoolBytes: 0,
    storage: { ok: true, freeBytes: node.freeBytes, databaseBytes: node.databaseBytes, ledgerBytes: node.ledgerBytes }, syncing: true,
  }
}
