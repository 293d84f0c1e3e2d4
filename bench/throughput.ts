/**
 * How many signed transactions a second do three nodes commit, fsync on, verified and executed by every node?
 * Usage: node bench/throughput.ts [transactions, default 20000], for tuning; `npm run bench -- --only throughput` holds it against etcd.
 */
import { toHex } from '../primitives/bytes.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { Cleanup } from './cleanup.ts'
import { sendBody } from './load.ts'
import type { Answer } from './load.ts'
import { cpuSeconds, sleep } from './measure.ts'
import { BenchNetwork } from './network.ts'
import { enrolments, openInstitutions } from './transactions.ts'

/** How a load is offered: transactions per HTTP request, and requests open at once on each node. */
export interface Offer { readonly batch: number; readonly openPerNode: number }
/** As many open as suit the nodes best on two cores: fewer leave them waiting, more wait in memory and are copied by the collector. */
export const BATCHED: Offer = { batch: 100, openPerNode: 6 }
export const SINGLE: Offer = { batch: 1, openPerNode: 64 }

export interface Throughput {
  readonly perSecond: number
  readonly seconds: number
  readonly blocks: number
  /** Calls refused for want of room and sent again. */
  readonly refused: number
  /** CPU seconds per 1,000 transactions: of each node, and of this load generator. */
  readonly nodeCpu: readonly number[]
  readonly generatorCpu: number
}

const BUSY = ['CONSENSUS_BUSY', 'RPC_OVERLOADED', 'RPC_RATE_LIMITED']
const STALLED_MS = 30_000
const SAMPLE = 50

/**
 * Sends all transactions to the nodes in turn and waits until each node has committed, and therefore executed, all of them. Then asks for a sample of them by id.
 * Throws when one is refused for another reason than load, fails, or when nothing is committed for half a minute.
 */
export async function offerLoad(network: BenchNetwork, transactions: readonly Transaction[], { batch, openPerNode }: Offer, targets: readonly number[] = [...network.nodes.keys()]): Promise<Throughput> {
  const bodies: string[] = []
  for (let at = 0; at < transactions.length; at += batch) bodies.push(sendBody(transactions.slice(at, at + batch).map(({ bytes }) => bytes), 'none'))
  const from = await network.height(targets[0]!)
  const generator = process.cpuUsage()
  const before = targets.map((index) => cpuSeconds(network.nodes[index]!.process.pid))
  const started = performance.now()
  const counting = countCommitted(network, targets[0]!, from, transactions.length)
  const [refused, height] = await Promise.all([sendBodies(network, bodies, openPerNode, targets), counting])
  await network.reached(height, targets)
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(generator)
  const nodeCpu = targets.map((index, i) => ((cpuSeconds(network.nodes[index]!.process.pid) - before[i]!) / transactions.length) * 1000)
  await checkSample(network, transactions, targets[0]!)
  return { perSecond: transactions.length / seconds, seconds, blocks: height - from, refused, nodeCpu, generatorCpu: (user + system) / 1000 / transactions.length }
}

/** Each sender takes the next body and gives it to its node until nothing of it is refused. Sending bytes again is harmless. */
async function sendBodies(network: BenchNetwork, bodies: readonly string[], openPerNode: number, targets: readonly number[]): Promise<number> {
  let next = 0
  let refused = 0
  const senders = targets.flatMap((target) => Array.from({ length: openPerNode }, () => network.nodes[target]!.client))
  await Promise.all(senders.map(async (client) => {
    for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) {
      for (;;) {
        const answers = [JSON.parse(await client.post(body)) as Answer | Answer[]].flat()
        const faults = answers.flatMap(({ error }) => (error === undefined ? [] : [error]))
        if (faults.length === 0) break
        const fatal = faults.find(({ data }) => !BUSY.includes(data?.code ?? ''))
        if (fatal !== undefined) throw new Error(`a transaction was refused: ${JSON.stringify(fatal)}`)
        refused += faults.length
        await sleep(50)
      }
    }
  }))
  return refused
}

/** Height at which `count` transactions were committed above `from`, as soon as that is so. */
async function countCommitted(network: BenchNetwork, index: number, from: number, count: number): Promise<number> {
  let height = from
  for (let seen = 0, progress = performance.now(); seen < count;) {
    const head = await network.height(index)
    if (head > height) progress = performance.now()
    if (performance.now() - progress > STALLED_MS) throw new Error(`${seen} of ${count} transactions were committed, then none for ${STALLED_MS} ms`)
    seen += await network.countTransactions(index, height, head)
    height = head
    if (seen < count) await sleep(20)
  }
  return height
}

async function checkSample(network: BenchNetwork, transactions: readonly Transaction[], index: number): Promise<void> {
  const step = Math.max(1, Math.floor(transactions.length / SAMPLE))
  for (let at = 0; at < transactions.length; at += step) {
    const status = await network.nodes[index]!.client.call<{ status: string; code: string | null }>('tx_status', { id: toHex(transactions[at]!.id) })
    if (status.code !== 'OK') throw new Error(`transaction ${at} is ${status.status} with ${status.code ?? 'no result'}`)
  }
}

if (import.meta.main) {
  const count = Number(process.argv[2] ?? 20_000)
  const cleanup = new Cleanup()
  cleanup.onSignals()
  try {
    const network = await BenchNetwork.start(cleanup)
    const institutions = await openInstitutions(network.directory)
    await offerLoad(network, enrolments(institutions, 2000), BATCHED)
    const { perSecond, seconds, blocks, refused, nodeCpu, generatorCpu } = await offerLoad(network, enrolments(institutions, count), BATCHED)
    console.log(`${count} transactions in ${seconds.toFixed(2)} s = ${Math.round(perSecond)}/s, ${blocks} blocks, ${refused} refused; CPU s per 1,000: nodes ${nodeCpu.map((each) => each.toFixed(3)).join(' ')}, load generator ${generatorCpu.toFixed(3)}`)
  } finally {
    await cleanup.run()
  }
}
