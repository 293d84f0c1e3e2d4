import type { Fault, Plan } from './faults.ts'
import { simulate } from './simulation.ts'
import type { SimResult } from './simulation.ts'

/** A failing run and the faults that are enough for it, as positions in the plan of its seed. */
export interface Shrunk { readonly keep: readonly number[]; readonly faults: readonly Fault[]; readonly result: SimResult; readonly runs: number }

/** The plan with only these of its faults. */
export function keeping(plan: Plan, keep: readonly number[]): Plan {
  return { ...plan, faults: plan.faults.filter((_, i) => keep.includes(i)) }
}

/** Told after each try: how many there were, and how many faults are left of those that were drawn. */
export interface ShrinkProgress { readonly runs: number; readonly kept: number; readonly drawn: number }

/** Where to stop, though more faults may be dispensable. A run that does not come to life lasts minutes of virtual time, so 150 of them may take an hour. */
export interface ShrinkLimits { readonly runsMax?: number; readonly timeMaxMs?: number; readonly onProgress?: (progress: ShrinkProgress) => void }

const RUNS_MAX = 150
const TIME_MAX_MS = 60_000

/**
 * Removes faults by halves, quarters … single ones while the same claim still breaks (delta debugging, Zeller 2002). Every draw of a run but its faults comes from
 * generators of their own, so most of the schedule stays as it was. Ends after `runsMax` runs, or with the run in which `timeMaxMs` are over.
 */
export async function shrink(plan: Plan, failed: SimResult, { runsMax = RUNS_MAX, timeMaxMs = TIME_MAX_MS, onProgress }: ShrinkLimits = {}): Promise<Shrunk> {
  const claim = failed.violation?.claim
  const untilMs = performance.now() + timeMaxMs
  let keep = plan.faults.map((_, i) => i)
  let result = failed
  let runs = 0
  const goesOn = (): boolean => runs < runsMax && performance.now() < untilMs
  for (let size = Math.ceil(keep.length / 2); size >= 1 && goesOn(); size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < keep.length && goesOn();) {
      const without = [...keep.slice(0, at), ...keep.slice(at + size)]
      const tried = await simulate(keeping(plan, without))
      runs++
      if (tried.violation?.claim === claim) {
        keep = without
        result = tried
      } else at += size
      onProgress?.({ runs, kept: keep.length, drawn: plan.faults.length })
    }
  }
  return { keep, faults: keep.map((i) => plan.faults[i]!), result, runs }
}
