// Goal: seeds that nobody has looked at break no invariant either. Method: the swarm, for some seconds; always the same first seeds, and never fewer than these.
import t from 'tap'
import { drawPlan } from './faults.ts'
import type { Profile } from './faults.ts'
import { reproduction } from './report.ts'
import { simulate } from './simulation.ts'

/** What the suite has time for: some hundred thousand events. The rest is for `npm run sim:swarm`. */
const SECONDS = 15
const TICKS = 60
const FIXED: readonly (readonly [profile: Profile, seeds: number])[] = [['storage', 3], ['liar', 4], ['network', 2], ['crash', 2], ['leaders', 2], ['reads', 1], ['disk', 3], ['members', 6], ['snapshots', 4], ['swarm', 4]]

async function broken(seed: number, profile: Profile): Promise<{ readonly events: number; readonly told: string | undefined }> {
  const { events, violation } = await simulate(drawPlan(seed, TICKS, profile))
  const { faults } = drawPlan(seed, TICKS, profile)
  return { events, told: violation === undefined ? undefined : `${violation.claim}: ${reproduction({ ticks: TICKS, profile, bug: undefined }, seed, faults.map((_, i) => i))}` }
}

// Many whole runs; the bound only ends a hang.
t.setTimeout(300_000)

t.test('a fixed list of seeds of every profile, and as many more as fit, break no invariant', { timeout: 300_000 }, async (t) => {
  const endMs = Date.now() + SECONDS * 1000
  let [seeds, events] = [0, 0]
  const run = async (seed: number, profile: Profile): Promise<void> => {
    const result = await broken(seed, profile)
    seeds++
    events += result.events
    if (result.told !== undefined) t.fail(result.told)
  }
  for (const [profile, count] of FIXED) for (let seed = 1; seed <= count; seed++) await run(seed, profile)
  for (let seed = 1000; Date.now() < endMs; seed++) await run(seed, 'swarm')
  t.ok(events > 10_000, `${seeds} seeds, ${events} events`)
})
