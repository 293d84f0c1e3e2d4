// Goal: no seed of a fixed list breaks an invariant, of every profile a few and of the swarm's mixture 2.5 million events. Method: whole runs in this process, the same ones on every machine.
import t from 'tap'
import { PROFILES } from './faults.ts'
import { runSeed, runSeeds } from './fixed-seeds.ts'

// Many whole runs; the bound only ends a hang.
t.setTimeout(290_000)

t.test('the first seeds of every profile, and the mixture, break no invariant', async (t) => {
  let events = 0
  for (const profile of PROFILES) for (let seed = 1; seed <= 4; seed++) events += await runSeed(t, seed, profile)
  await runSeeds(t, ['swarm'], { from: 1000, eventsMin: 2_500_000 - events })
})
