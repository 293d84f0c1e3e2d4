// Goal: 2.5 million events of crashes and disks that lose, lie and flip break no invariant. Method: whole runs in one thread, the same seeds on every machine.
import t from 'tap'
import { runSeeds } from './fixed-seeds.ts'

// Many whole runs; the bound only ends a hang.
t.setTimeout(290_000)

/** Seeds that broke something in a long run; docs/simulator.md tells what. */
const FOUND = [100042, 100152, 100592, 101308, 101389, 200557, 200926, 500055, 700698, 900328]

t.test('crashes and bad disks break no invariant', async (t) => runSeeds(t,
  ...FOUND.map((from) => ({ profiles: ['swarm'], from, seeds: 1, ticks: 200 }) as const),
  { profiles: ['disk', 'storage'], from: 320_000, seeds: 6, ticks: 200 },
  { profiles: ['crash', 'storage', 'disk'], from: 1000, eventsMin: 2_500_000 },
))
