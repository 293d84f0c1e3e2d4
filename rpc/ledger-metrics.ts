import type { MetricsRegister } from '../primitives/ports.ts'
import type { NodeReadings } from './ports.ts'

/**
 * Gauges that show the node's readings, set when somebody scrapes. Names follow etcd (raft) and CometBFT (chain, mempool, peers), so that
 * existing dashboards are easy to adapt. Counters that grow with events belong to the folders where the events happen.
 */
export function createLedgerMetrics(register: MetricsRegister, build: { readonly version: string; readonly node: string }) {
  const gauge = (name: string, help: string) => register.gauge(`stele_${name}`, help)
  const info = register.gauge('stele_build_info', 'Always 1; the labels say what runs', ['version', 'node'])
  const shown: readonly [ReturnType<typeof gauge>, (readings: NodeReadings) => number][] = [
    [gauge('raft_has_leader', '1 while this node knows a leader; alert when 0 for a minute'), ({ leader }) => Number(leader !== null)],
    [gauge('raft_is_leader', '1 while this node leads'), ({ isLeader }) => Number(isLeader)],
    [gauge('raft_term', 'Raft term'), ({ term }) => term],
    [gauge('raft_leader_changes', 'Leader changes seen since the start; alert above 3 an hour'), ({ leaderChanges }) => leaderChanges],
    [gauge('raft_commit_index', 'Highest committed log index'), ({ commitIndex }) => commitIndex],
    [gauge('raft_applied_index', 'Highest applied log index'), ({ appliedIndex }) => appliedIndex],
    [gauge('raft_voters', 'Voting nodes'), ({ voters }) => voters],
    [gauge('raft_voters_reachable', 'Voting nodes that answer, this one included; alert below the quorum plus one'), ({ votersReachable }) => votersReachable],
    [gauge('chain_height', 'Height of the newest committed block'), ({ height }) => height],
    [gauge('chain_final_height', 'Height of the newest final block'), ({ finalHeight }) => finalHeight],
    [gauge('chain_finality_lag_seconds', 'Age of the oldest committed block without certificate'), ({ finalityLagMs }) => finalityLagMs / 1000],
    [gauge('mempool_transactions', 'Transactions waiting'), ({ mempoolTransactions }) => mempoolTransactions],
    [gauge('mempool_bytes', 'Bytes of transactions waiting'), ({ mempoolBytes }) => mempoolBytes],
    [gauge('p2p_peers', 'Connected peers'), ({ peers }) => peers],
    [gauge('sync_in_progress', '1 while the node catches up'), ({ syncing }) => Number(syncing)],
    [gauge('node_repair_mode', '1 while damage keeps the node from voting; page at once'), ({ mode }) => Number(mode === 'repair')],
    [gauge('node_fenced', '1 while the node disagrees with the majority about a state root; page at once'), ({ mode }) => Number(mode === 'fenced')],
    [gauge('storage_ok', '0 when the last write to the disk failed'), ({ storage }) => Number(storage.ok)],
    [gauge('storage_free_bytes', 'Free space on the disk of the data directory'), ({ storage }) => storage.freeBytes],
    [gauge('db_size_bytes', 'Size of the state database'), ({ storage }) => storage.databaseBytes],
    [gauge('ledger_size_bytes', 'Size of the ledger files'), ({ storage }) => storage.ledgerBytes],
  ]
  info.set(1, build)
  return (readings: NodeReadings): void => {
    for (const [metric, value] of shown) metric.set(value(readings))
  }
}
