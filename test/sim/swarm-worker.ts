import { parentPort, workerData } from 'node:worker_threads'
import { plant } from './bugs.ts'
import type { Profile } from './faults.ts'
import type { SimResult } from './simulation.ts'

/** What a worker is started with. It runs `from`, `from + step`, … until `untilMs` (epoch) or `seeds` runs, or the first violation when `stopAtFirst`. */
export interface SwarmWork { readonly from: number; readonly step: number; readonly seeds: number; readonly untilMs: number; readonly ticks: number; readonly profile: Profile; readonly bug: string | undefined; readonly stopAtFirst: boolean }

if (parentPort !== null) {
  const port = parentPort
  const work = workerData as SwarmWork
  // A plant must be in place before the first import of what it changes.
  if (work.bug !== undefined) plant(work.bug)
  const { drawPlan } = await import('./faults.ts')
  const { simulate } = await import('./simulation.ts')
  for (let run = 0; run < work.seeds && Date.now() < work.untilMs; run++) {
    const result: SimResult = await simulate(drawPlan(work.from + run * work.step, work.ticks, work.profile))
    port.postMessage(result)
    if (work.stopAtFirst && result.violation !== undefined) break
  }
  port.close()
}
