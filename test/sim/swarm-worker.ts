import { parentPort, workerData } from 'node:worker_threads'
import { plantAll, switchOn } from './bugs.ts'
import type { Profile } from './faults.ts'
import type { SimResult } from './simulation.ts'

/**
 * Seeds `from`, `from + step`, … until `untilMs` (epoch) or `seeds` runs, or the first violation when `stopAtFirst`, or until the thread has run `eventsMin` events, those of earlier ranges included.
 * Of several profiles seed s is of the one at s modulo their number.
 */
export interface SeedRange { readonly from: number; readonly step: number; readonly seeds: number; readonly untilMs: number; readonly eventsMin?: number; readonly ticks: number; readonly profiles: readonly Profile[]; readonly bug: string | undefined; readonly stopAtFirst: boolean }

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
  let events = 0
  for (const [range, { from, step, seeds, untilMs, eventsMin = Infinity, ticks, profiles, bug, stopAtFirst }] of ranges.entries()) {
    switchOn(bug)
    for (let run = 0; run < seeds && events < eventsMin && Date.now() < untilMs; run++) {
      const seed = from + run * step
      const result = await simulate(drawPlan(seed, ticks, profiles[seed % profiles.length]!))
      events += result.events
      port.postMessage({ range, result } satisfies SwarmNews)
      if (stopAtFirst && result.violation !== undefined) break
    }
  }
  port.close()
}
