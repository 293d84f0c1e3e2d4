// Goal: no seed of a fixed list breaks an invariant, of every profile a few and of the swarm's mixture 2.5 million events. Method: whole runs in one thread, the same ones on every machine.
import t from 'tap'
import { PROFILES } from './faults.ts'
import { runSeeds } from './fixed-seeds.ts'

// Many whole runs; the bound only ends a hang.
t.setTimeout(290_000)

t.test('the first seeds of every profile, and the mixture, break no invariant', async (t) => {
  await runSeeds(t, ...PROFILES.map((profile) => ({ profiles: [profile], from: 1, seeds: 4 })), { profiles: ['swarm'], from: 1000, eventsMin: 2_500_000 })
})
