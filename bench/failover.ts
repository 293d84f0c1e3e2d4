import { loadConfig } from '../node/config.ts'
import { join } from 'node:path'
import type { Answer } from './load.ts'
import { sendBody } from './load.ts'
import { sleep } from './measure.ts'
import type { BenchNetwork } from './network.ts'
import { enrolments } from './transactions.ts'
import type { Institutions } from './transactions.ts'

const OFFER_EVERY_MS = 20
const WRITES_MAX = 3000

/** Longest silence, in ms and before jitter, after which the nodes of this network elect. */
export function electionTimeoutMs(network: BenchNetwork): number {
  const { tickMs, electionTicks } = loadConfig(join(network.nodes[0]!.process.folder, 'config.yaml')).consensus
  return tickMs * electionTicks
}

/** Kills the leader with SIGKILL and takes the ms until a write offered to the others is committed again; then starts it again and lets it catch up. */
export async function measureFailover(network: BenchNetwork, institutions: Institutions): Promise<number> {
  const leader = await network.leader()
  const survivors = [...network.nodes.keys()].filter((index) => index !== leader)
  const transactions = enrolments(institutions, WRITES_MAX)
  const started = performance.now()
  await network.end(leader, 'SIGKILL')
  await firstCommitted(network, survivors, transactions.map(({ bytes }) => sendBody([bytes], 'committed')))
  const elapsed = performance.now() - started
  await network.restart(leader)
  await network.reached(await network.height(survivors[0]!))
  return elapsed
}

/** Offers a fresh write to a survivor every 20 ms, as the clients of a hospital would, and resolves when the first of them is committed. */
async function firstCommitted(network: BenchNetwork, survivors: readonly number[], bodies: readonly string[]): Promise<void> {
  const open: Promise<void>[] = []
  const { promise: done, resolve } = Promise.withResolvers<true>()
  for (const [i, body] of bodies.entries()) {
    const { client } = network.nodes[survivors[i % survivors.length]!]!
    open.push(client.post(body).then((text) => {
      const { result } = JSON.parse(text) as Answer
      if ((result as { code?: string } | undefined)?.code === 'OK') resolve(true)
    }))
    if ((await Promise.race([sleep(OFFER_EVERY_MS), done])) === true) return
  }
  await Promise.all(open)
  throw new Error('no write was committed after the leader was killed')
}
