import type { Test } from 'tap'
import { drawPlan } from './faults.ts'
import type { Profile } from './faults.ts'
import { reproduction } from './report.ts'
import { simulate } from './simulation.ts'

/** Virtual time of a run, in ticks: the faults of a plan crowd into it, and then it is healed. */
export const TICKS = 60

/** One run; a broken invariant fails the test with the line that brings it back. Gives the number of its events. */
export async function runSeed(t: Pick<Test, 'fail'>, seed: number, profile: Profile): Promise<number> {
  const plan = drawPlan(seed, TICKS, profile)
  const { events, violation } = await simulate(plan)
  if (violation !== undefined) t.fail(`${violation.claim}: ${reproduction({ ticks: TICKS, profile, bug: undefined }, seed, plan.faults.map((_, i) => i))}`)
  return events
}

/** Runs seeds from `from` on, of the profiles by turns, until there were `eventsMin` events: always the same ones, however fast the machine. */
export async function runSeeds(t: Pick<Test, 'fail' | 'ok'>, profiles: readonly Profile[], { from, eventsMin }: { readonly from: number; readonly eventsMin: number }): Promise<void> {
  const before = process.cpuUsage()
  let [seed, events] = [from, 0]
  for (; events < eventsMin; seed++) events += await runSeed(t, seed, profiles[seed % profiles.length]!)
  const { user, system } = process.cpuUsage(before)
  t.ok(seed > from, `${seed - from} seeds of ${profiles.join(', ')}, ${events} events, ${Math.round((1e6 * events) / (user + system))} per second of processor time`)
}
