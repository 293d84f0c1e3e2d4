import type { Test } from 'tap'
import { drawPlan } from './faults.ts'
import type { Profile } from './faults.ts'
import { reproduction } from './report.ts'
import { runRanges } from './swarm-run.ts'

/** Virtual time of a run, in ticks, unless a list has its own: the faults of a plan crowd into it, and then it is healed. */
const TICKS = 60

/** Seeds of some profiles by turns, `ticks` long each: so many, or as many as it takes until all before them and they have run so many events. */
export interface FixedSeeds { readonly profiles: readonly Profile[]; readonly from: number; readonly seeds?: number; readonly eventsMin?: number; readonly ticks?: number }

/**
 * Runs the lists one after the other, always the same seeds, however fast the machine. A broken invariant fails the test with the line that brings it back.
 * In a thread of its own, where the test runner does not watch every promise: that takes a third of the time.
 */
export async function runSeeds(t: Pick<Test, 'fail' | 'ok'>, ...lists: readonly FixedSeeds[]): Promise<void> {
  const before = process.cpuUsage()
  const sums = await runRanges(lists.map(({ seeds = Infinity, ...list }) => ({ ticks: TICKS, ...list, seeds, untilMs: Infinity, bug: undefined, stopAtFirst: false })))
  const { user, system } = process.cpuUsage(before)
  lists.forEach(({ profiles, ticks = TICKS }, i) => {
    for (const { seed, violation } of sums[i]!.violations) {
      const profile = profiles[seed % profiles.length]!
      t.fail(`${violation?.claim}: ${reproduction({ ticks, profile, bug: undefined }, seed, drawPlan(seed, ticks, profile).faults.map((_, fault) => fault))}`)
    }
  })
  const [seeds, events] = [sums.reduce((sum, one) => sum + one.seeds, 0), sums.reduce((sum, one) => sum + one.events, 0)]
  t.ok(events >= Math.max(...lists.map(({ eventsMin = 0 }) => eventsMin)), `${seeds} seeds, ${events} events, ${Math.round((1e6 * events) / (user + system))} per second of processor time`)
}
