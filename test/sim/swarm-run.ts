import { Worker } from 'node:worker_threads'
import type { SimResult } from './simulation.ts'
import type { SeedRange, SwarmNews, SwarmWork } from './swarm-worker.ts'

/** Sums over the seeds of a range. `violations`: what broke, in order of arrival. */
export interface SwarmTotals { seeds: number; events: number; committed: number; repairs: number; readonly violations: SimResult[] }

function count(totals: SwarmTotals, result: SimResult): void {
  totals.seeds++
  totals.events += result.events
  totals.committed += result.committed
  totals.repairs += result.repairs
  if (result.violation !== undefined) totals.violations.push(result)
}

const nothing = (): SwarmTotals => ({ seeds: 0, events: 0, committed: 0, repairs: 0, violations: [] })

function startWorker(work: SwarmWork, onNews: (news: SwarmNews) => void): { readonly worker: Worker; readonly ended: Promise<void> } {
  const worker = new Worker(new URL('./swarm-worker.ts', import.meta.url), { workerData: work })
  const ended = new Promise<void>((resolve, reject) => {
    worker.on('message', onNews)
    worker.on('error', reject)
    worker.on('exit', () => resolve())
  })
  return { worker, ended }
}

/** Runs seeds of one range in `jobs` threads; `onResult` is told of each. Resolves when all are through; rejects when a thread dies. */
export async function runSwarm(jobs: number, range: Omit<SeedRange, 'step'>, onResult: (totals: SwarmTotals, newest: SimResult) => void = () => undefined): Promise<SwarmTotals> {
  const totals = nothing()
  const workers = Array.from({ length: jobs }, (_, i) => startWorker({ ranges: [{ ...range, from: range.from + i, step: jobs, seeds: Math.ceil((range.seeds - i) / jobs) }] }, ({ result }) => {
    count(totals, result)
    onResult(totals, result)
    if (range.stopAtFirst && result.violation !== undefined) for (const { worker } of workers) void worker.terminate()
  }))
  await Promise.all(workers.map(({ ended }) => ended))
  return totals
}

/** Runs several ranges in one thread, whose code is warm after the first; one sum for each, in order. */
export async function runRanges(ranges: readonly Omit<SeedRange, 'step'>[], onResult: (range: number, totals: SwarmTotals) => void = () => undefined): Promise<readonly SwarmTotals[]> {
  const sums = ranges.map(nothing)
  await startWorker({ ranges: ranges.map((range) => ({ ...range, step: 1 })) }, ({ range, result }) => {
    count(sums[range]!, result)
    onResult(range, sums[range]!)
  }).ended
  return sums
}
