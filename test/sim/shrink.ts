import type { Fault, Plan } from './faults.ts'
import { simulate } from './simulation.ts'
import type { SimResult } from './simulation.ts'

/** A failing run and the faults that are enough for it, as positions in the plan of its seed. */
export interface Shrunk { readonly keep: readonly number[]; readonly faults: readonly Fault[]; readonly result: SimResult; readonly runs: number }

/** The plan with only these of its faults. */
export function keeping(plan: Plan, keep: readonly number[]): Plan {
  return { ...plan, faults: plan.faults.filter((_, i) => keep.includes(i)) }
}

/**
 * Removes faults by halves, quarters … single ones while the same claim still breaks (delta debugging, Zeller 2002). Every draw of a run but its faults comes from
 * generators of their own, so most of the schedule stays as it was.
 */
export async function shrink(plan: Plan, failed: SimResult, runsMax = 150): Promise<Shrunk> {
  const claim = failed.violation?.claim
  let keep = plan.faults.map((_, i) => i)
  let result = failed
  let runs = 0
  for (let size = Math.ceil(keep.length / 2); size >= 1 && runs < runsMax; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < keep.length && runs < runsMax;) {
      const without = [...keep.slice(0, at), ...keep.slice(at + size)]
      const tried = await simulate(keeping(plan, without))
      runs++
      if (tried.violation?.claim === claim) {
        keep = without
        result = tried
      } else at += size
    }
  }
  return { keep, faults: keep.map((i) => plan.faults[i]!), result, runs }
}
