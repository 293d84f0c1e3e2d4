import type { BenchNetwork } from './network.ts'
import { BATCHED, offerLoad } from './throughput.ts'
import { enrolments } from './transactions.ts'
import type { Institutions } from './transactions.ts'

/** Transactions a second: committed while a follower was down, and taken in by it once it was back. */
export interface CatchUp { readonly committedPerSecond: number; readonly caughtUpPerSecond: number }

/** Stops a follower, commits without it, starts it and takes the time from its first answer until it has committed, verified and executed what it missed. */
export async function measureCatchUp(network: BenchNetwork, institutions: Institutions, count: number): Promise<CatchUp> {
  const leader = await network.leader()
  const absent = (leader + 1) % network.nodes.length
  const others = [...network.nodes.keys()].filter((index) => index !== absent)
  await network.end(absent, 'SIGTERM')
  const { perSecond } = await offerLoad(network, enrolments(institutions, count), BATCHED, others)
  const head = await network.height(leader)
  await network.restart(absent)
  const started = performance.now()
  const from = await network.height(absent)
  await network.reached(head, [absent])
  const seconds = (performance.now() - started) / 1000
  const missed = await network.countTransactions(leader, from, head)
  return { committedPerSecond: perSecond, caughtUpPerSecond: missed / seconds }
}
