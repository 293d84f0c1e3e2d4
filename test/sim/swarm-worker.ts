import { parentPort, workerData } from 'node:worker_threads'
import { plantAll, switchOn } from './bugs.ts'
import type { Profile } from './faults.ts'
import type { SimResult } from './simulation.ts'

/** Seeds `from`, `from + step`, … of a profile until `untilMs` (epoch) or `seeds` runs, or the first violation when `stopAtFirst`. */
export interface SeedRange { readonly from: number; readonly step: number; readonly seeds: number; readonly untilMs: number; readonly ticks: number; readonly profile: Profile; readonly bug: string | undefined; readonly stopAtFirst: boolean }

/** What a worker is started with: ranges one after the other. With a bug in any of them all bugs are planted, and switched on by turns. */
export interface SwarmWork { readonly ranges: readonly SeedRange[] }
/** What it tells: a result, and the number of its range. */
export interface SwarmNews { readonly range: number; readonly result: SimResult }

if (parentPort !== null) {
  const port = parentPort
  const { ranges } = workerData as SwarmWork
  // A plant must be in place before the first import of what it changes.
  if (ranges.some(({ bug }) => bug !== undefined)) plantAll()
  const { drawPlan } = await import('./faults.ts')
  const { simulate } = await import('./simulation.ts')
  for (const [range, { from, step, seeds, untilMs, ticks, profile, bug, stopAtFirst }] of ranges.entries()) {
    switchOn(bug)
    for (let run = 0; run < seeds && Date.now() < untilMs; run++) {
      const result = await simulate(drawPlan(from + run * step, ticks, profile))
      port.postMessage({ range, result } satisfies SwarmNews)
      if (stopAtFirst && result.violation !== undefined) break
    }
  }
  port.close()
}
