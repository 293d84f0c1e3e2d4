import { join as joinPath } from 'node:path'
import { measureCatchUp } from './catch-up.ts'
import type { Cleanup } from './cleanup.ts'
import { accessRequests, checkPermitted, setScene } from './decisions.ts'
import type { EtcdFigures } from './etcd-figures.ts'
import { electionTimeoutMs, measureFailover } from './failover.ts'
import { measureGrowth } from './growth.ts'
import { measureIdle } from './idle.ts'
import { measureJoin } from './join.ts'
import { measureLatency } from './latency.ts'
import type { Latency } from './latency.ts'
import { contentBytes, median, writtenBytes } from './measure.ts'
import type { BenchNetwork } from './network.ts'
import type { NodeFigureName, Sizes } from './options.ts'
import { readsPerSecond, startEcho } from './reads.ts'
import type { Row } from './report.ts'
import { BATCHED, offerLoad, SINGLE } from './throughput.ts'
import type { Offer, Throughput } from './throughput.ts'
import { enrolments } from './transactions.ts'
import type { Institutions } from './transactions.ts'

/** What every figure may use. `ceiling` is there when it was asked for; `committed` is filled by `throughput`. */
export interface Bench {
  readonly network: BenchNetwork
  readonly institutions: Institutions
  readonly sizes: Sizes
  readonly cleanup: Cleanup
  readonly etcd: EtcdFigures | undefined
  readonly say: (text: string) => void
  readonly note: (text: string) => void
  /** Verifications per second that the machine has for each node. */
  readonly ceiling: number | undefined
  committed?: readonly number[]
}

const NO_ETCD = 'etcd is not installed, or was left out'
const LOAD = 'signed transactions committed'

/** Runs before latency is taken: a node that has just started compiles its code while it works, for some thousand blocks. */
const WARM_UP_RUNS = 6

/** Runs one after another, each after the one before has ended. */
async function repeat<T>(runs: number, run: () => Promise<T>): Promise<T[]> {
  const values: T[] = []
  for (let i = 0; i < runs; i++) values.push(await run())
  return values
}

async function idle({ network, sizes }: Bench): Promise<Row[]> {
  const { residentMiB, cpuPercent } = await measureIdle(network, sizes.idleSeconds)
  return [
    { figure: `memory per idle node, after ${sizes.idleSeconds} s`, unit: 'MiB', values: residentMiB, goal: { atMost: 150 } },
    { figure: 'CPU of an idle node, of one core', unit: '%', values: cpuPercent },
  ]
}

async function latency({ network, institutions, sizes, etcd }: Bench): Promise<Row[]> {
  const cold = await measureLatency(network, enrolments(institutions, sizes.writes), 'committed')
  for (let i = 1; i < WARM_UP_RUNS; i++) await measureLatency(network, enrolments(institutions, sizes.writes), 'committed')
  const committed: Latency[] = []
  const final: Latency[] = []
  for (let run = 0; run < sizes.runs; run++) {
    committed.push(await measureLatency(network, enrolments(institutions, sizes.writes), 'committed'))
    final.push(await measureLatency(network, enrolments(institutions, sizes.writes), 'final'))
  }
  const row = (name: string, runs: readonly Latency[], part: 'p50' | 'p99'): Row => ({
    figure: `${name} latency ${part}, one client`, unit: 'ms', values: runs.map((run) => run[part]),
    ...(etcd === undefined ? { missing: NO_ETCD } : { reference: { name: `etcd put over ${etcd.latencyOver}, ${part}`, values: etcd[part] } }),
  })
  return [
    { ...row('commit', committed, 'p50'), goal: { ratioAtMost: 1.5 } }, { ...row('commit', committed, 'p99'), goal: { ratioAtMost: 1.5 } },
    row('final', final, 'p50'), row('final', final, 'p99'),
    { figure: `commit latency p50, the first ${sizes.writes} writes after the start`, unit: 'ms', values: [cold.p50] },
  ]
}

async function throughput(bench: Bench): Promise<Row[]> {
  const { network, institutions, sizes, etcd, note } = bench
  const load = (offer: Offer, count: number) => () => offerLoad(network, enrolments(institutions, count), offer)
  await load(BATCHED, sizes.transactions)() // Warms the code up.
  const data = network.nodes.map(({ process }) => joinPath(process.folder, 'data'))
  const before = data.map(contentBytes)
  const writtenBefore = network.nodes.map(({ process }) => writtenBytes(process.pid))
  const batched = await repeat(sizes.runs, load(BATCHED, sizes.transactions))
  const perTransaction = (bytes: number): number => bytes / (sizes.runs * sizes.transactions)
  const kept = data.map((directory, i) => perTransaction(contentBytes(directory) - before[i]!))
  const written = network.nodes.map(({ process }, i) => perTransaction(writtenBytes(process.pid) - writtenBefore[i]!))
  const single = await repeat(sizes.runs, load(SINGLE, Math.ceil(sizes.transactions / 2)))
  bench.committed = batched.map(({ perSecond }) => perSecond)
  noteLoad(batched, single, note)
  const values = bench.committed
  return [
    { figure: `${LOAD}, ${BATCHED.batch} a request`, unit: '/s', values, goal: { ratioAtLeast: 1 }, ...(etcd === undefined ? { missing: NO_ETCD } : { reference: { name: `etcd puts over gRPC, ${etcd.openPuts} open`, values: etcd.grpc } }) },
    { figure: `${LOAD}, 1 a request`, unit: '/s', values: single.map(({ perSecond }) => perSecond), ...(etcd === undefined ? { missing: NO_ETCD } : { reference: { name: 'etcd puts over its HTTP gateway, the same client', values: etcd.gateway } }) },
    { figure: 'in batches, as share of the verification ceiling', unit: '/s', values, goal: { ratioAtLeast: 0.5 }, ...(bench.ceiling === undefined ? { missing: 'ceiling was not asked for' } : { reference: { name: 'verifications ÷ nodes', values: [bench.ceiling] } }) },
    { figure: 'CPU of a node per 1,000 transactions', unit: 's', values: batched.flatMap(({ nodeCpu }) => nodeCpu) },
    { figure: 'kept on disk per transaction and node', unit: 'bytes', values: kept },
    { figure: 'written to disk per transaction and node', unit: 'bytes', values: written },
  ]
}

function noteLoad(batched: readonly Throughput[], single: readonly Throughput[], note: (text: string) => void): void {
  const cpu = (runs: readonly Throughput[]): string => median(runs.map(({ generatorCpu }) => generatorCpu)).toFixed(3)
  const perBlock = median(batched.map(({ blocks, seconds, perSecond }) => (seconds * perSecond) / blocks))
  const refused = batched.reduce((sum, run) => sum + run.refused, 0)
  note(`The load generator took ${cpu(batched)} CPU seconds per 1,000 transactions in batches, ${cpu(single)} one by one, on the same cores; signing and encoding were done before.`)
  note(`In batches, ${Math.round(perBlock)} transactions a block at the median; ${refused} calls were refused for want of room and sent again.`)
}

async function decisions({ network, institutions, sizes, committed }: Bench): Promise<Row[]> {
  const scene = await setScene(network, institutions)
  const runs = await repeat(sizes.runs, async () => {
    const requests = accessRequests(scene, sizes.decisions)
    const { perSecond } = await offerLoad(network, requests, BATCHED)
    await checkPermitted(scene, requests)
    return perSecond
  })
  return [{ figure: 'access decisions committed', unit: '/s', values: runs, goal: { ratioAtLeast: 0.8 }, ...(committed === undefined ? { missing: 'throughput was not asked for' } : { reference: { name: LOAD, values: committed } }) }]
}

async function reads({ network, sizes, cleanup }: Bench): Promise<Row[]> {
  const echo = await startEcho(cleanup)
  const node = network.nodes[0]!.process.rpc
  const measured: number[] = []
  const reference: number[] = []
  for (let run = 0; run < sizes.runs; run++) {
    reference.push(await readsPerSecond(echo, sizes.readSeconds))
    measured.push(await readsPerSecond(node, sizes.readSeconds))
  }
  return [{ figure: 'JSON-RPC reads (chain_head)', unit: '/s', values: measured, reference: { name: 'bare Fastify echo', values: reference }, goal: { ratioAtLeast: 0.5 } }]
}

async function catchUp({ network, institutions, sizes }: Bench): Promise<Row[]> {
  const runs = await repeat(Math.min(3, sizes.runs), () => measureCatchUp(network, institutions, sizes.transactions))
  return [{
    figure: 'catch-up of a node that was away', unit: '/s', values: runs.map(({ caughtUpPerSecond }) => caughtUpPerSecond), goal: { ratioAtLeast: 5 },
    reference: { name: 'committed by the others meanwhile', values: runs.map(({ committedPerSecond }) => committedPerSecond) },
  }]
}

async function failover({ network, institutions, sizes }: Bench): Promise<Row[]> {
  const values = await repeat(sizes.failoverRounds, () => measureFailover(network, institutions))
  const reference = { name: 'election timeout', values: [electionTimeoutMs(network)] }
  return [
    { figure: 'a write commits again after kill -9 of the leader, p50', unit: 'ms', values, reference, goal: { ratioAtMost: 2 } },
    { figure: 'the same, the longest', unit: 'ms', values: [Math.max(...values)], reference },
  ]
}

async function growth({ network, institutions, sizes, say }: Bench): Promise<Row[]> {
  const { first, last } = await measureGrowth(network, institutions, sizes.growth, say)
  return [{ figure: `${LOAD}, ledger of ${sizes.growth} accounts`, unit: '/s', values: last, reference: { name: 'the same, ledger empty', values: first }, goal: { ratioAtLeast: 0.8 } }]
}

async function join({ cleanup, sizes, say, note }: Bench): Promise<Row[]> {
  const { replaySeconds, joinSeconds, height, snapshotMiB, blocksAfter } = await measureJoin(cleanup, sizes.growth, say)
  note(`Joining: ${sizes.growth} transactions in ${height} blocks; the snapshot has ${snapshotMiB.toFixed(1)} MiB, and ${blocksAfter} blocks came after it. Both times begin with the start of the process.`)
  return [{ figure: `a new node joins by snapshot, ${sizes.growth} transactions behind it`, unit: 's', values: [joinSeconds], reference: { name: 'the same by replay', values: [replaySeconds] }, goal: { ratioAtMost: 0.2 } }]
}

/** What takes each figure, in rows of the table. */
export const MEASURE: Readonly<Record<NodeFigureName, (bench: Bench) => Promise<Row[]>>> = { idle, latency, throughput, decisions, reads, 'catch-up': catchUp, failover, growth, join }
