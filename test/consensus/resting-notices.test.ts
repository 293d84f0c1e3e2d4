import t from 'tap'
import type { Append } from '../../consensus/core/message.ts'
import { RestingNotices } from '../../consensus/resting-notices.ts'

function setUp() {
  const sent: string[] = []
  const timers: { due: number; run: (() => void) | undefined }[] = []
  let now = 0
  const notices = new RestingNotices({
    clock: { nowMs: () => now, monotonicMs: () => now },
    timers: {
      every: () => () => undefined,
      soon: (callback) => callback(),
      after: (run, delayMs) => {
        const timer = { due: now + delayMs, run: run as (() => void) | undefined }
        timers.push(timer)
        return () => { timer.run = undefined }
      },
    },
    send: ({ to, commit }) => sent.push(`${commit} to ${to}`),
  })
  const advance = (ms: number): void => {
    now += ms
    for (const timer of timers) {
      if (timer.due > now || timer.run === undefined) continue
      const { run } = timer
      timer.run = undefined
      run()
    }
  }
  return { notices, sent, advance, armed: () => timers.filter(({ run }) => run !== undefined).length }
}

const notice = (to: number, commit: number): Append => ({ type: 'append', from: 1, to, term: 1, prevIndex: commit, prevTerm: 1, entries: [], commit })

/** A notice that left at once, and a block soon after it. */
function learnThatRestPays({ notices, advance }: ReturnType<typeof setUp>): void {
  notices.keep(notice(2, 1))
  notices.keep(notice(3, 1))
  advance(3)
  notices.carriedTo(2)
  notices.carriedTo(3)
}

t.test('without a block close behind it, news of a commit leaves at once', (t) => {
  const { notices, advance } = setUp()
  t.notOk(notices.keep(notice(2, 1)))
  advance(20)
  notices.carriedTo(2)
  t.notOk(notices.keep(notice(2, 2)), 'the block came too late to carry it')
  t.end()
})

t.test('while blocks follow closely, each carries the news, and nothing is sent for it', (t) => {
  const all = setUp()
  const { notices, sent, advance, armed } = all
  learnThatRestPays(all)
  for (const commit of [2, 3, 4]) {
    t.ok(notices.keep(notice(2, commit)))
    t.ok(notices.keep(notice(3, commit)))
    advance(4)
    notices.carriedTo(2)
    notices.carriedTo(3)
    t.equal(armed(), 0, 'no timer is left behind')
  }
  advance(100)
  t.same(sent, [])
  t.end()
})

t.test('news that rested in vain is told to whom no block went, the newest only, and the next leaves at once again', (t) => {
  const all = setUp()
  const { notices, sent, advance } = all
  learnThatRestPays(all)
  notices.keep(notice(2, 2))
  notices.keep(notice(3, 2))
  notices.carriedTo(2)
  notices.keep(notice(3, 3))
  advance(8)
  t.same(sent, ['3 to 3'])
  t.notOk(notices.keep(notice(2, 4)))
  advance(100)
  t.same(sent, ['3 to 3'], 'and only once')
  t.end()
})

t.test('what rests when the node stops is forgotten', (t) => {
  const all = setUp()
  const { notices, sent, advance, armed } = all
  learnThatRestPays(all)
  notices.keep(notice(2, 2))
  notices.stop()
  t.equal(armed(), 0)
  advance(100)
  t.same(sent, [])
  t.end()
})
