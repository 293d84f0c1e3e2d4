// Goal: 2.5 million events of crashes and disks that lose, lie and flip break no invariant. Method: whole runs in one thread, the same seeds on every machine.
import t from 'tap'
import { runSeeds } from './fixed-seeds.ts'

// Many whole runs; the bound only ends a hang.
t.setTimeout(290_000)

t.test('crashes and bad disks break no invariant', async (t) => runSeeds(t, { profiles: ['crash', 'storage', 'disk'], from: 1000, eventsMin: 2_500_000 }))
