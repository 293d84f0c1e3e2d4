// Goal: 2.5 million events of bad lines, changing leaders, reads and a liar break no invariant. Method: whole runs in one thread, the same seeds on every machine.
import t from 'tap'
import { runSeeds } from './fixed-seeds.ts'

// Many whole runs; the bound only ends a hang.
t.setTimeout(290_000)

t.test('bad lines, changing leaders, reads and a lying node break no invariant', async (t) => runSeeds(t, { profiles: ['network', 'leaders', 'reads', 'liar'], from: 1000, eventsMin: 2_500_000 }))
