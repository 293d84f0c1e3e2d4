// Goal: a node whose clock is off knows it, one liar or a slow line makes nobody believe so, and too few clocks judge nothing.
import t from 'tap'
import { ClockWatch } from '../../node/clock-watch.ts'
import { keepingLogger } from '../helpers/log-lines.ts'

function watch(voters: readonly number[]) {
  const time = { wall: 1_000_000, mono: 0 }
  const off: number[] = []
  const sent: number[] = []
  const log = keepingLogger()
  const clocks = new ClockWatch({ toleranceMs: 500, voters: () => voters }, {
    broadcast: (timeMs) => { sent.push(timeMs) }, onOff: (ms) => { off.push(ms) }, clock: { nowMs: () => time.wall, monotonicMs: () => time.mono }, logger: log.logger,
  })
  return { clocks, time, off, sent, log }
}

t.test('one that differs from all others does not lead, and is told once', async (t) => {
  const { clocks, time, off, sent, log } = watch([1, 2, 3, 4])
  for (const node of [2, 3, 4]) clocks.heard(node, time.wall + 900)
  clocks.look()
  clocks.look()
  t.notOk(clocks.isSound)
  t.same(off, [900, 900])
  t.equal(log.lines.length, 1)
  t.same(sent, [1_000_000, 1_000_000])
  time.wall += 900
  for (let i = 0; i < 8; i++) for (const node of [2, 3, 4]) clocks.heard(node, time.wall)
  clocks.look()
  t.ok(clocks.isSound, 'set right, it may lead again')
})

t.test('one liar among four, a slow line, old words and strangers move nothing', async (t) => {
  const { clocks, time } = watch([1, 2, 3, 4])
  clocks.heard(2, time.wall + 3_600_000)
  clocks.heard(3, time.wall - 20)
  clocks.heard(4, time.wall + 30)
  clocks.look()
  t.ok(clocks.isSound)
  for (const node of [2, 3, 4]) clocks.heard(node, time.wall - 2_000)
  clocks.look()
  t.ok(clocks.isSound, 'what came late seems behind; the fastest word counts')
  const alone = watch([1, 2, 3, 4])
  alone.clocks.heard(2, 0)
  alone.clocks.heard(9, 0)
  alone.clocks.look()
  t.ok(alone.clocks.isSound, 'two of four clocks judge nothing, a stranger\'s does not count')
  const old = watch([1, 2, 3])
  old.clocks.heard(2, 0)
  old.clocks.heard(3, 0)
  old.time.mono += 60_000
  old.clocks.look()
  t.ok(old.clocks.isSound)
})

t.test('of three, two that agree outvote the third; when only one other is heard nobody is blamed', async (t) => {
  const { clocks, time } = watch([1, 2, 3])
  clocks.heard(2, time.wall - 5_000)
  clocks.look()
  t.ok(clocks.isSound)
  clocks.heard(3, time.wall - 5_100)
  clocks.look()
  t.equal(clocks.offsetMs, -5_000)
})
