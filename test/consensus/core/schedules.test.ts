import t from 'tap'
import { runSchedule } from '../../helpers/raft-schedule.ts'

/** More seeds by hand: `RAFT_SEEDS=20000 RAFT_FIRST_SEED=5000 node test/consensus/core/schedules.test.ts`. */
const SEEDS = Number(process.env['RAFT_SEEDS'] ?? 1200)
const FIRST = Number(process.env['RAFT_FIRST_SEED'] ?? 1)
const STEPS = Number(process.env['RAFT_STEPS'] ?? 1000)

t.test('random schedules of loss, crashes, partitions and refusals break none of Raft\'s invariants, and heal', async (t) => {
  const total = { committed: 0, leaders: 0, fenced: 0, refusals: 0 }
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    try {
      const result = runSchedule(seed, STEPS)
      total.committed += result.committed
      total.leaders += result.leaders
      total.fenced += result.fenced
      total.refusals += result.refusals
    } catch (error) {
      t.fail(`seed ${seed}`, { found: error })
      return
    }
  }
  t.comment(JSON.stringify(total))
  t.ok(total.committed > SEEDS * 2, 'the schedules do commit')
  t.ok(total.leaders > SEEDS, 'the schedules do elect')
  t.ok(total.refusals > 0 && total.fenced > 0, 'the schedules do refuse and fence')
})
