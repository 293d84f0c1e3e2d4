import type { BenchNetwork } from './network.ts'
import { BATCHED, offerLoad } from './throughput.ts'
import { enrolments } from './transactions.ts'
import type { Institutions } from './transactions.ts'

/** Transactions committed per second in each of the first and the last slices of a long load. */
export interface Growth { readonly first: readonly number[]; readonly last: readonly number[] }

const SLICE = 10_000
const COMPARED = 5

/** Commits `count` transactions, each of which adds an account, in slices that are signed in the pauses between. */
export async function measureGrowth(network: BenchNetwork, institutions: Institutions, count: number, onProgress: (text: string) => void): Promise<Growth> {
  const slice = Math.min(SLICE, Math.ceil(count / (2 * COMPARED)))
  const perSecond: number[] = []
  for (let done = 0; done < count; done += slice) {
    perSecond.push((await offerLoad(network, enrolments(institutions, slice), BATCHED)).perSecond)
    onProgress(`growth: ${done + slice} of ${count} transactions, ${Math.round(perSecond.at(-1)!)}/s`)
  }
  return { first: perSecond.slice(0, COMPARED), last: perSecond.slice(-COMPARED) }
}
