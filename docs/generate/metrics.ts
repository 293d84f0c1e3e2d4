import type { MetricsRegister } from '../../primitives/ports.ts'
import { ROOT, readSources } from './sources.ts'

export interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  /** File whose factory registers it. */
  readonly path: string
}

/** What an operator should be told, and when. Every metric that a person must act on stands here; a test refuses names that no longer exist. */
export const ALERTS: Readonly<Record<string, string>> = {
  stele_raft_has_leader: '0 for 1 min: page. Writes stop; see operations.md, "no leader".',
  stele_raft_leader_changes: 'more than 3 an hour: warn. Slow disks, an overloaded machine or an unsteady network.',
  stele_raft_voters_reachable: 'below the quorum for writes + 1 for 5 min: warn; below the quorum: page. One more failure stops writes.',
  stele_raft_applied_index: 'stays behind `stele_raft_commit_index` by more than 1,000 for 1 min: warn. The node is too slow or its disk is.',
  stele_chain_final_height: 'stands still for 1 min while `stele_chain_height` grows: page. Committed but not certified: too few members attest.',
  stele_chain_finality_lag_seconds: 'above 10: warn; above 60: page. Keys are released against final permits only, so reading stops.',
  stele_mempool_transactions: 'above 80 % of `mempool.transactionsMax` for 1 min: warn. Clients will be told CONSENSUS_BUSY.',
  stele_sync_in_progress: '1 for 30 min: warn. The node does not catch up.',
  stele_node_repair_mode: '1: page at once. Damaged ledger; the node does not vote. See operations.md, "repair mode".',
  stele_node_fenced: '1: page at once. The node computes another state than the majority.',
  stele_storage_ok: '0: page at once. The last write to the disk failed.',
  stele_storage_free_bytes: 'below 10 GiB or 10 %: warn. A full disk ends the process.',
  stele_p2p_connected_nodes: 'below the number of other nodes for 10 min: warn.',
  stele_p2p_gate_refused_total: 'grows steadily: look. Strangers knock, or a member uses old keys.',
  stele_p2p_faults_total: 'grows: look at the label `code`. One member misbehaves or runs another version.',
  stele_p2p_bans_total: 'grows: warn. Talk to the member.',
  stele_p2p_handler_failures_total: 'grows: report. A bug of this node.',
  stele_p2p_frames_dropped_total: 'grows steadily: warn. A peer or the network is too slow.',
  stele_evidence_total: 'any: page. A member signed two things for one height; see operations.md, "Alarms".',
  stele_attestation_contradictions_total: 'any: page. A member follows another history than this node; see operations.md, "Alarms".',
  stele_vault_used_bytes: 'above 80 % of `vault.bytesMax`: warn. A full vault refuses.',
  stele_vault_damage_total: 'grows: page. A disk loses bits; the vault mends them from other members.',
  stele_vault_copies_total: 'outcome other than success keeps growing: warn. New records find too few members.',
  stele_mailbox_deliveries_waiting: 'above 0 for 10 min: warn. A member does not take its mail.',
  stele_rpc_requests_total: 'code `RPC_INTERNAL` grows: report with the trace id in the log. code `RPC_RATE_LIMITED` grows: a caller is too busy.',
  stele_rpc_refusals_total: 'code `RPC_REQUEST_SLOW` or `RPC_CONNECTION_LIMIT` grows: somebody holds connections, see the access log of the proxy.',
  stele_rpc_connections: 'above 1,500 of 2,048: warn. Find who holds them.',
  stele_rpc_request_duration_seconds: '99th percentile above 1 s for 5 min: warn.',
  stele_rpc_subscribers_lagged_total: 'grows: a subscriber reads too slowly.',
}

/** Names a source registers itself; a wrong one is a bug in a factory. */
const NAME = /^stele_[a-z0-9_]+$/

/** A metric that one class registers for itself, with a literal name and text. */
const SINGLE = /\b(?:metrics|register)\.(counter|gauge|histogram)\(\s*'(stele_[a-z0-9_]+)',\s*'((?:\\.|[^'\\])*)'(?:,\s*\[([^\]]*)\])?/g

/** Calls every metrics factory of the sources with a register that only writes down what it is asked for, and reads the single registrations besides. */
export async function readMetrics(): Promise<Metric[]> {
  const sources = await readSources()
  const files = sources.filter(({ path }) => /(?:^|\/|-)metrics\.ts$/.test(path))
  const single = sources.filter((source) => !files.includes(source)).flatMap(({ path, code }) => [...code.matchAll(SINGLE)].map(([, type, name, help, labels = '']): Metric => (
    { name: name!, type: type as Metric['type'], help: help!.replaceAll("\\'", "'"), labels: [...labels.matchAll(/'(\w+)'/g)].map(([, label]) => label!), path }
  )))
  const lists = await Promise.all(files.map(async ({ path }) => {
    const module = (await import(new URL(path, ROOT).href)) as Record<string, unknown>
    const found: Metric[] = []
    const add = (type: Metric['type'], name: string, help: string, labels: readonly string[] = []): void => {
      if (!NAME.test(name)) throw new Error(`${path}: ${name} is no name of a metric`)
      found.push({ name, type, help, labels, path })
    }
    const register: MetricsRegister = {
      counter: (name, help, labels) => (add('counter', name, help, labels), { inc: () => undefined }),
      gauge: (name, help, labels) => (add('gauge', name, help, labels), { set: () => undefined }),
      histogram: (name, help, _buckets, labels) => (add('histogram', name, help, labels), { observe: () => undefined }),
    }
    for (const [name, value] of Object.entries(module)) {
      if (/^create\w+Metrics$/.test(name) && typeof value === 'function') (value as (register: MetricsRegister, build: { version: string; node: string }) => unknown)(register, { version: '', node: '' })
    }
    return found
  }))
  return [...lists.flat(), ...single].sort((a, b) => (a.name < b.name ? -1 : 1))
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** docs/metrics.md. */
export async function renderMetrics(): Promise<string> {
  const metrics = await readMetrics()
  const rows = metrics.map(({ name, type, help, labels, path }) => `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ') || '–'} | ${cell(help)} | ${cell(ALERTS[name] ?? '–')} | ${path} |`)
  return `# Metrics

<!-- Made by \`node docs/generate.ts\` from the metrics factories in the sources and the alerts in docs/generate/metrics.ts. Do not edit. -->

Prometheus text at \`GET /metrics\` on the second listener (\`admin.host\`, \`admin.port\`). Names follow etcd for agreement and CometBFT for chain, mempool and peers. No label
holds a person, an account, a record or text of a peer. Besides these come the process metrics of prom-client (\`process_*\`, \`nodejs_*\`); of those watch
\`nodejs_eventloop_lag_p99_seconds\` (above 0.2 for 5 min: warn; the node is overloaded and elections may follow) and \`process_resident_memory_bytes\`.

| metric | type | labels | meaning | alert | registered in |
|---|---|---|---|---|---|
${rows.join('\n')}

## Probes

| path | answers |
|---|---|
| \`/livez\` | 200 while the process answers. Restart the process when it does not |
| \`/readyz\` | 200 when the node should get traffic, else 503 with one line per reason: mode, keys, leader, quorum for writes, quorum for finality, lag, finality, storage. \`?verbose\` lists all checks |
| \`/healthz\` | as \`/readyz\` |
`
}
