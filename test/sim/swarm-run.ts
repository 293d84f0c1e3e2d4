import { Worker } from 'node:worker_threads'
import type { SimResult } from './simulation.ts'
import type { SwarmWork } from './swarm-worker.ts'

/** Sums of a swarm. `violations`: what broke, in order of arrival. */
export interface SwarmTotals { seeds: number; events: number; committed: number; repairs: number; readonly violations: SimResult[] }

/** Runs seeds in `jobs` threads; `onResult` is told of each. Resolves when all are through; rejects when a thread dies. */
export async function runSwarm(jobs: number, work: Omit<SwarmWork, 'step'>, onResult: (totals: SwarmTotals) => void = () => undefined): Promise<SwarmTotals> {
  const totals: SwarmTotals = { seeds: 0, events: 0, committed: 0, repairs: 0, violations: [] }
  const workers: Worker[] = []
  const running = Array.from({ length: jobs }, (_, i) => new Promise<void>((resolve, reject) => {
    const share: SwarmWork = { ...work, from: work.from + i, step: jobs, seeds: Math.ceil((work.seeds - i) / jobs) }
    const worker = new Worker(new URL('./swarm-worker.ts', import.meta.url), { workerData: share })
    workers.push(worker)
    worker.on('message', (result: SimResult) => {
      totals.seeds++
      totals.events += result.events
      totals.committed += result.committed
      totals.repairs += result.repairs
      if (result.violation !== undefined) totals.violations.push(result)
      onResult(totals)
      if (work.stopAtFirst && result.violation !== undefined) for (const other of workers) void other.terminate()
    })
    worker.on('error', reject)
    worker.on('exit', () => resolve())
  }))
  await Promise.all(running)
  return totals
}
