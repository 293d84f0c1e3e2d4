import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkHistory, limitsOf } from '../history/check.ts'
import { parseHistory } from '../history/parse.ts'
import { callRpc, eventually } from '../helpers/dev.ts'
import { chooser } from '../helpers/choose.ts'
import type { ClusterStatus } from '../../rpc/shapes/cluster.ts'
import { Clients } from './clients.ts'
import { NemesisCluster } from './cluster.ts'
import { SmallDisk } from './disk.ts'
import { FaultRunner } from './faults.ts'
import { compareLedgers, verifyFolder } from './ledgers.ts'
import { sameAgain } from './options.ts'
import type { Options } from './options.ts'
import { Recorder } from './recorder.ts'
import type { Report } from './report.ts'
import { createSchedule } from './schedule.ts'
import { Sender } from './sender.ts'
import { Workload } from './workload.ts'

/** Holds a ledger of some minutes and the segments it is about to write. */
const DISK_MIB = 160
/** All nodes must agree again within this time after the last fault. */
const CONVERGENCE_MS_MAX = 60_000
const CHECK_SECONDS = 120
const CHECK_BYTES = 1024 * 1024 * 1024
/** Registers of which every node is asked at the end. */
const LAST_READS = 40

export interface Surroundings {
  /** Empty, private. */
  readonly directory: string
  readonly canMount: boolean
  /** Aborts on Ctrl-C: everything ends, and there is no report. */
  readonly signal: AbortSignal
  readonly say: (text: string) => void
}

/** One whole run: network, load, faults, healing, judgement. Nothing of it runs afterwards, however it ends. */
export async function runNemesis(options: Options, { directory, canMount, signal, say }: Surroundings): Promise<Omit<Report, 'folder'>> {
  const leftOut = options.faults.includes('disk') && !canMount ? ['disk: this machine permits no mount of a small tmpfs (unshare --mount)'] : []
  const faults = options.faults.filter((name) => name !== 'disk' || canMount)
  const disk = faults.includes('disk') ? new SmallDisk(join(directory, 'disk'), DISK_MIB) : undefined
  const cluster = await NemesisCluster.create(directory, options.nodes, disk)
  try {
    say(`starting ${options.nodes} nodes`)
    await cluster.start()
    return { ...await faultAndJudge(options, cluster, faults, { directory, signal, say }), leftOut }
  } finally {
    await cluster.destroy()
    disk?.unmount()
  }
}

async function faultAndJudge(options: Options, cluster: NemesisCluster, faults: Options['faults'], { directory, signal, say }: Pick<Surroundings, 'directory' | 'signal' | 'say'>): Promise<Omit<Report, 'folder' | 'leftOut'>> {
  const events: { atMs: number; text: string }[] = []
  const violations: string[] = []
  const violation = (text: string): void => {
    violations.push(text)
    say(`VIOLATION: ${text}`)
  }
  const event = (atMs: number, text: string): void => {
    events.push({ atMs, text })
    say(`${(atMs / 1000).toFixed(1).padStart(6)} s  ${text}`)
  }
  const urls = cluster.files.members.map((_, node) => cluster.url(node))
  const sender = new Sender(urls, chooser(options.seed + 1))
  const workload = new Workload(cluster.files.chain, cluster.members, sender)
  const path = join(directory, 'history.ndjson')
  const recorder = new Recorder(path)
  const clients = new Clients(workload, recorder, chooser(options.seed + 2), options.nodes)
  const loadEnds = new AbortController()
  await clients.start(options.clients, AbortSignal.any([signal, loadEnds.signal]))

  const runner = new FaultRunner(cluster, { event, violation })
  await runner.run(createSchedule({ seed: options.seed, nodes: options.nodes, durationMs: options.minutes * 60_000, faults }), signal)
  signal.throwIfAborted()
  say('faults are over; waiting until all nodes agree')
  // Under load first: whoever only comes to rest when nobody asks for anything has not recovered.
  const convergedMs = await converge('all follow one leader', urls, violation, signal)
  loadEnds.abort()
  await clients.stopped()
  if (convergedMs !== undefined && await converge('all equal and final', urls, violation, signal) !== undefined) await Promise.all(urls.map(() => clients.readAll(clients.registers.slice(-LAST_READS))))
  await recorder.close()

  for (const [code, count] of workload.oddities) violation(`${count} receipts with a code that no register expects: ${code}`)
  for (const { node, code, lastWords } of cluster.ownEnds) violation(`node ${node + 1} ended by itself with ${code}: ${lastWords}`)
  say('stopping the nodes, comparing their ledgers')
  for (const code of await cluster.stop()) if (code !== 0) violation(`a node that was told to stop ended with ${code}`)
  const folders = cluster.files.members.map((_, node) => cluster.data(node))
  const ledgers = await compareLedgers(folders, cluster.files.genesis, sender)
  ledgers.violations.forEach(violation)
  for (const [node, folder] of folders.entries()) for (const text of await verifyFolder(folder, cluster.files.genesisPath)) violation(`node ${node + 1}: ${text}`)
  say('checking the history')
  const history = checkHistory(parseHistory(readFileSync(path, 'utf8')), limitsOf({ seconds: CHECK_SECONDS, memoryBytesMax: CHECK_BYTES }))
  for (const { key, explained, operations } of history.troubles) violation(`the history of ${key} is not linearizable: no order explains more than ${explained} of ${operations} operations`)
  return {
    again: sameAgain(options), seconds: Math.round(options.minutes * 60), nodes: options.nodes, faults: events, operations: recorder.counts, failedRequests: sender.failures,
    acknowledged: sender.acknowledged.size, sent: sender.sent.size, height: ledgers.height, transactions: ledgers.transactions, root: ledgers.root, convergedMs, fullDisks: runner.fullDisks, history, violations,
  }
}

type Wanted = 'all follow one leader' | 'all equal and final'

function isThere(wanted: Wanted, answers: readonly ClusterStatus[]): boolean {
  const { leader, height } = answers[0]!
  if (leader === null || answers.some((answer) => answer.leader !== leader || answer.nodes.some(({ reachable }) => !reachable))) return false
  return wanted === 'all follow one leader' || answers.every((answer) => answer.height === height && answer.finalHeight === height)
}

/** Ms until it was so at every node; undefined, and a violation, when that did not come about. */
async function converge(wanted: Wanted, urls: readonly string[], violation: (text: string) => void, signal: AbortSignal): Promise<number | undefined> {
  const startedMs = performance.now()
  try {
    await eventually(() => Promise.all(urls.map((url) => callRpc(url, 'cluster_status'))), (answers) => signal.aborted || isThere(wanted, answers), CONVERGENCE_MS_MAX)
    return Math.round(performance.now() - startedMs)
  } catch (error) {
    violation(`after the last fault it was not so within ${CONVERGENCE_MS_MAX} ms: ${wanted}; ${error instanceof Error ? error.message.slice(0, 600) : String(error)}`)
    return undefined
  } finally {
    signal.throwIfAborted()
  }
}
