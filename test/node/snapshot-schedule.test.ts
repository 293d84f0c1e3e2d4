// Goal: snapshots stand at the same heights on every node, whenever it was started and whatever the members voted meanwhile.
import t from 'tap'
import { SnapshotSchedule } from '../../node/snapshot-schedule.ts'

const BLOCK = 100
const every = (snapshotBlocks: number, snapshotBytes = 1_000_000) => ({ snapshotBlocks, snapshotBytes })
const ledger = { firstHeight: () => 1, indexOfHeight: (height: number) => height, entryBytes: () => BLOCK }
/** The parameters under each block: a vote in block 13 changed them. */
const voted = (height: number) => (height < 13 ? every(10) : every(7, 300))

function heights(schedule: SnapshotSchedule, from: number, to: number, at = voted): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i).filter((height) => schedule.ends(height, BLOCK, at(height)))
}

t.test('a snapshot is made at multiples of snapshotBlocks, and when so many bytes have come since the last', async (t) => {
  t.same(heights(new SnapshotSchedule(), 1, 20, () => every(10)), [10, 20])
  t.same(heights(new SnapshotSchedule(), 1, 12, () => every(10, 400)), [4, 8, 10])
})

t.test('changed parameters are in force on a running node as on one that starts later', async (t) => {
  const running = heights(new SnapshotSchedule(), 1, 30)
  t.same(running, [10, 13, 14, 17, 20, 21, 24, 27, 28])
  for (let height = 13; height < 30; height++) {
    const known = running.findLast((each) => each <= height)!
    t.same(heights(SnapshotSchedule.at(voted(height), ledger, height, known), height + 1, 30), running.filter((each) => each > height), `started at ${height}`)
  }
})
