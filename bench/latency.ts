import type { Transaction } from '../primitives/transaction.ts'
import { sendBody } from './load.ts'
import type { Wait } from './load.ts'
import { quantile } from './measure.ts'
import type { BenchNetwork } from './network.ts'

/** p50 and p99 in ms. */
export interface Latency { readonly p50: number; readonly p99: number }

export const latencyOf = (times: readonly number[]): Latency => ({ p50: quantile(times, 0.5), p99: quantile(times, 0.99) })

/** Runs the writes one after another, as one client does, and takes the time of each in ms. */
export async function timeEach(count: number, write: (i: number) => Promise<void>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const started = performance.now()
    await write(i)
    times.push(performance.now() - started)
  }
  return times
}

/** One client at the leader, one transaction at a time, each waited for until it is committed, or final: attested by a quorum of members. */
export async function measureLatency(network: BenchNetwork, transactions: readonly Transaction[], wait: Exclude<Wait, 'none'>): Promise<Latency> {
  const { client } = network.nodes[await network.leader()]!
  const bodies = transactions.map(({ bytes }) => sendBody([bytes], wait))
  return latencyOf(await timeEach(bodies.length, async (i) => {
    const { result } = JSON.parse(await client.post(bodies[i]!)) as { result?: { status: string; code: string | null } }
    if (result?.code !== 'OK') throw new Error(`a transaction is ${result?.status ?? 'refused'}, not committed`)
  }))
}
