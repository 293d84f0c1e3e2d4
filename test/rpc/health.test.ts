import { spawnSync } from 'node:child_process'
import t from 'tap'
import { silentLogger } from '../../primitives/ports.ts'
import { HealthServer } from '../../rpc/health.ts'
import { PrometheusRegister } from '../../rpc/metrics-register.ts'
import { createRpcMetrics } from '../../rpc/metrics.ts'
import type { HealthOptions } from '../../rpc/options.ts'
import type { NodeReadings } from '../../rpc/ports.ts'

const WELL: NodeReadings = {
  mode: 'normal', leader: 2, isLeader: false, term: 7, leaderChanges: 1, commitIndex: 1050, appliedIndex: 1049, height: 1042, finalHeight: 1041, finalityLagMs: 12, voters: 4, votersReachable: 4,
  writeQuorum: 3, certificateQuorum: 3, peers: 3, mempoolTransactions: 5, mempoolBytes: 2_000, storage: { ok: true, freeBytes: 2 ** 34, databaseBytes: 1e6, ledgerBytes: 2e6 }, syncing: false,
}

function serve(t: { teardown(work: () => Promise<void>): void }, readings: NodeReadings, options: Partial<HealthOptions> = {}, register = new PrometheusRegister({ processMetrics: false })): HealthServer {
  const server = new HealthServer({ port: 0, ...options }, { readings: { read: () => readings }, register, logger: silentLogger, build: { version: '0.1.0', node: 'hospital-a' } })
  t.teardown(() => server.stop())
  return server
}
const get = async (server: HealthServer, url: string) => {
  const { statusCode, body, headers } = await server.app.inject({ method: 'GET', url })
  return { status: statusCode, lines: body.trimEnd().split('\n'), body, type: headers['content-type'] }
}

t.test('a node that is not ready says why, and only that', async (t) => {
  const cases: readonly (readonly [string, Partial<NodeReadings>, RegExp])[] = [
    ['no leader', { leader: null }, /^\[-\]leader no leader known$/],
    ['repair', { mode: 'repair' }, /^\[-\]mode repair/],
    ['fenced', { mode: 'fenced' }, /^\[-\]mode fenced/],
    ['stopping', { mode: 'stopping' }, /^\[-\]mode shutting down$/],
    ['lag', { appliedIndex: 900 }, /^\[-\]lag 150 entries behind, 100 allowed$/],
    ['catching up', { syncing: true }, /^\[-\]lag catching up/],
    ['finality', { finalityLagMs: 31_000 }, /^\[-\]finality blocks without certificate for 31000 ms$/],
    ['disk full', { storage: { ...WELL.storage, freeBytes: 2 ** 20 } }, /^\[-\]storage only 1 MiB free$/],
    ['failed write', { storage: { ...WELL.storage, ok: false } }, /^\[-\]storage the last write failed$/],
  ]
  for (const [claim, change, line] of cases) {
    const { status, lines } = await get(serve(t, { ...WELL, ...change }), '/readyz')
    t.strictSame([status, lines.length, lines.at(-1)], [503, 2, 'not ready'], claim)
    t.match(lines[0], line)
  }
})

t.test('quorum for writes and for finality are told apart: at 5 nodes 3 commit, 4 certify', async (t) => {
  const readings = { ...WELL, voters: 5, writeQuorum: 3, certificateQuorum: 4, votersReachable: 3 }
  const { status, lines } = await get(serve(t, readings), '/readyz')
  t.equal(status, 503)
  t.strictSame(lines, ['[-]quorum-finality 3 of 5 voters reachable, 4 needed for certificates', 'not ready'])
  const fewer = await get(serve(t, { ...readings, votersReachable: 2 }), '/readyz')
  t.match(fewer.body, /\[-\]quorum-writes 2 of 5 voters reachable, 3 needed to commit/)
})

t.test('a ready node answers 200, and lists its checks when asked', async (t) => {
  const server = serve(t, WELL)
  t.strictSame(await get(server, '/readyz').then(({ status, body }) => [status, body.endsWith('ready\n')]), [200, true])
  const { lines } = await get(server, '/readyz?verbose')
  t.strictSame(lines, ['[+]mode ok (normal)', '[+]keys ok (as the ledger names them)', '[+]standing ok (not refused)', '[+]leader ok (node 2)', '[+]quorum-writes ok (4 of 4 voters reachable)', '[+]quorum-finality ok (4 of 4 voters reachable)', '[+]lag ok (1 entries)', '[+]finality ok (12 ms)', '[+]storage ok (16384 MiB free)', 'ready'])
  t.equal((await get(server, '/healthz')).status, 200)
})

t.test('a node whose ledger does not name its keys yet is not ready, and says so', async (t) => {
  const { status, body } = await get(serve(t, { ...WELL, keysAhead: true }), '/readyz')
  t.equal(status, 503)
  t.match(body, /\[-\]keys NODE_KEYS_AHEAD/)
})

t.test('a node that the others refuse is not ready, and says who does', async (t) => {
  const { status, body } = await get(serve(t, { ...WELL, refusedBy: [1, 4] }), '/readyz')
  t.equal(status, 503)
  t.match(body, /\[-\]standing NODE_REFUSED: nodes 1, 4 refuse/)
})

t.test('livez looks at nothing but the process', async (t) => {
  t.equal((await get(serve(t, { ...WELL, mode: 'repair', leader: null }), '/livez')).status, 200)
})

t.test('metrics show the readings under the names operators know, in the form Prometheus reads', async (t) => {
  const register = new PrometheusRegister({ processMetrics: true })
  createRpcMetrics(register).call('tx_send', 'OK', 0.002)
  const { body, type } = await get(serve(t, WELL, {}, register), '/metrics')
  t.match(type, /^text\/plain; version=0\.0\.4/)
  for (const line of ['stele_raft_has_leader 1', 'stele_raft_is_leader 0', 'stele_raft_term 7', 'stele_raft_commit_index 1050', 'stele_raft_applied_index 1049', 'stele_chain_height 1042', 'stele_chain_final_height 1041', 'stele_mempool_transactions 5', 'stele_p2p_peers 3', 'stele_db_size_bytes 1000000', 'stele_build_info{version="0.1.0",node="hospital-a"} 1', 'stele_rpc_requests_total{method="tx_send",code="OK"} 1', 'stele_rpc_request_duration_seconds_count{method="tx_send"} 1']) t.ok(body.includes(`${line}\n`), line)
  t.notMatch(body, /nodejs_active_\w+_total/)
  t.match(body, /^nodejs_eventloop_lag_seconds/m)
  for (const name of body.matchAll(/^# TYPE (\S+) counter$/gm)) t.match(name[1], /_total$/, 'counters end in _total')
  // Prometheus' own linter, where the machine has it.
  const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' })
  t.ok(error !== undefined || status === 0, `promtool: ${stdout ?? ''}${stderr ?? ''}`)
})

t.test('a name that is asked for twice is one metric', async (t) => {
  const register = new PrometheusRegister({ processMetrics: false })
  register.counter('stele_x_total', 'x').inc()
  register.counter('stele_x_total', 'x').inc({}, 2)
  register.gauge('stele_y', 'y', ['kind']).set(4, { kind: 'a' })
  register.histogram('stele_z_seconds', 'z', [1, 2]).observe(1.5)
  const text = await register.text()
  t.match(text, /stele_x_total 3\n/)
  t.match(text, /stele_y\{kind="a"\} 4\n/)
  t.match(text, /stele_z_seconds_bucket\{le="2"\} 1\n/)
})

t.test('the listener stays on this machine, names a port in use, and starts and stops twice', async (t) => {
  t.throws(() => serve(t, WELL, { host: '0.0.0.0' }), { code: 'RPC_BIND_REFUSED' })
  const server = serve(t, WELL)
  const url = await server.start()
  t.equal(await server.start(), url)
  await t.rejects(serve(t, WELL, { port: Number(new URL(url).port) }).start(), { code: 'RPC_LISTEN_FAILED' })
  t.equal((await fetch(`${url}/readyz`)).status, 200)
  await server.stop()
  await server.stop()
})
