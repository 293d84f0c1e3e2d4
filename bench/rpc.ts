/**
 * How many JSON-RPC calls a second does the front answer, beside a bare Fastify echo of the same body in the same run?
 * The ports answer at once, so this is the cost of HTTP, JSON, checks, limits and metrics alone. The server runs on this thread (one core), the load on another.
 * Usage: node bench/rpc.ts [seconds per figure, default 4]
 *
 * Calls a second say little when other work shares the machine; server CPU per call (this thread alone) is the steadier figure.
 * 2026-11-21, 2 cores shared with much other work (load average 10; absolute figures are low for that reason): echo 85 µs of CPU per call (11,700/s per core),
 * tx_send 140 µs (0.61 x, 7,200/s per core), chain_head 100 µs (0.85 x, 10,000/s), tx_send in batches of 50 9.7 µs (103,000/s): what a lone call costs is HTTP.
 */
import autocannon from 'autocannon'
import Fastify from 'fastify'
import { silentLogger } from '../primitives/ports.ts'
import { PrometheusRegister } from '../rpc/metrics-register.ts'
import type { RpcPorts } from '../rpc/ports.ts'
import { SAMPLE, SAMPLE_AS_OF } from '../rpc/samples.ts'
import { RpcServer } from '../rpc/server.ts'
import type { ChainHead } from '../rpc/shapes/chain.ts'
import { METHODS } from '../rpc/methods/index.ts'

const seconds = Number(process.argv[2] ?? 4)
const TRANSACTION_BYTES = 480
const CONNECTIONS = 32

const absent = (): never => { throw new Error('not part of this benchmark') }
const accepted = { id: SAMPLE.transaction, status: 'pending', height: null, position: null, code: null, final: false, asOf: SAMPLE_AS_OF } as const
const head = METHODS.chain_head.examples[0]!.result as ChainHead
const ports: RpcPorts = {
  requests: { verify: absent }, reads: { linearizable: absent },
  transactions: { send: async () => accepted, status: async () => accepted, wait: absent, receipt: absent }, cancellations: { cancel: absent },
  chain: { head: () => head, info: absent, block: absent, proof: absent, proofs: absent, bundle: absent, memberLinks: absent, keyOf: absent },
  identity: { account: absent, members: absent }, consents: { list: absent }, records: { list: absent, history: absent }, audit: { audit: absent, permits: absent },
  vault: { begin: absent, status: absent, putChunk: absent, getChunk: absent, hashes: absent, commit: absent },
  mailbox: { put: absent, get: absent, delete: absent, list: absent }, cluster: { status: absent, nodeInfo: absent, membership: absent, evidence: absent, releaseCheck: absent },
  events: { headers: absent, txStatus: absent, audit: absent },
}

interface Figure { readonly name: string; readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number; readonly cpuMicros: number }

async function measure(name: string, url: string, body: string, callsPerRequest: number): Promise<Figure> {
  const options = { url, method: 'POST', headers: { 'content-type': 'application/json' }, body, connections: CONNECTIONS, workers: 1 } as const
  await autocannon({ ...options, duration: 1 })
  const cpu = process.threadCpuUsage()
  const { requests, latency, errors, non2xx } = await autocannon({ ...options, duration: seconds })
  const { user, system } = process.threadCpuUsage(cpu)
  if (errors > 0 || non2xx > 0) throw new Error(`${name}: ${errors} errors, ${non2xx} refusals`)
  const calls = requests.total * callsPerRequest
  return { name, perSecond: Math.round(requests.average * callsPerRequest), p50Ms: latency.p50, p99Ms: latency.p99, cpuMicros: (user + system) / calls }
}

const call = (method: string, params: object) => ({ jsonrpc: '2.0', id: 1, method, params })
const send = call('tx_send', { transaction: 'ab'.repeat(TRANSACTION_BYTES) })

const unlimited = 1_000_000
const server = new RpcServer(
  { port: 0, requestsPerSecond: unlimited, rates: { read: unlimited, write: unlimited, heavy: unlimited, bulk: unlimited } },
  { ports, logger: silentLogger, metrics: new PrometheusRegister({ processMetrics: false }), clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() }, version: 'bench' },
)
const url = `${await server.start()}/rpc`
const echo = Fastify()
echo.post('/rpc', (request, reply) => reply.send(request.body))
const echoUrl = `${await echo.listen({ port: 0, host: '127.0.0.1' })}/rpc`

const reference = await measure('bare Fastify echo of the same bytes', echoUrl, JSON.stringify(send), 1)
const figures = [
  reference,
  await measure('tx_send', url, JSON.stringify(send), 1),
  await measure('chain_head', url, JSON.stringify(call('chain_head', {})), 1),
  await measure('tx_send, batches of 50', url, JSON.stringify(Array.from({ length: 50 }, () => send)), 50),
]
console.table(Object.fromEntries(figures.map(({ name, perSecond, p50Ms, p99Ms, cpuMicros }) => [name, {
  'calls/s': perSecond, 'of the echo': (perSecond / reference.perSecond).toFixed(2), 'p50 ms': p50Ms, 'p99 ms': p99Ms, 'server CPU µs/call': cpuMicros.toFixed(1), 'speed by CPU': (reference.cpuMicros / cpuMicros).toFixed(2), 'calls/s per core': Math.round(1e6 / cpuMicros),
}])))
await server.stop()
await echo.close()
