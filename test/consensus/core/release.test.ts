// Goal: nothing that vouches for an entry leaves before it is durable and executed, answers leave in the order they came, and what the log lost is vouched for no more (DESIGN §5.6).
// Method: the gate itself, then thousands of drawn orders of writes, executions and truncations against the rule spelled out.
import t from 'tap'
import type { Message } from '../../../consensus/core/message.ts'
import { Release } from '../../../consensus/core/release.ts'
import { SeededRandom } from '../../helpers/raft-random.ts'

const SELF = 1
const ack = (to: number, index: number): Message => ({ type: 'appendAck', from: SELF, to, term: 1, index })
const vote = (to: number): Message => ({ type: 'voteAnswer', from: SELF, to, term: 1, granted: true })

t.test('an answer waits for its write and its execution, and those behind it wait with it', async (t) => {
  const gate = new Release(SELF, 3, 10)
  gate.hold(ack(2, 5), 1, 5)
  gate.hold(vote(3), 1, 0)
  t.equal(gate.next(9), undefined, 'not durable')
  gate.stored(1)
  t.equal(gate.next(4), undefined, 'not executed')
  t.equal(gate.vouched, 3)
  t.same([gate.next(5), gate.next(5), gate.next(5)], [ack(2, 5), vote(3), undefined])
  t.equal(gate.vouched, 5)
  t.throws(() => gate.stored(0), { code: 'INVARIANT_BROKEN' })
})

t.test('a truncation voids acknowledgements, lowers what is vouched for and lets votes go', async (t) => {
  const gate = new Release(SELF, 8, 10)
  gate.hold(ack(2, 9), 1, 9)
  gate.hold(vote(3), 1, 9)
  gate.truncated(7)
  gate.stored(1)
  t.equal(gate.vouched, 6)
  t.same([gate.next(5), gate.next(6), gate.next(6)], [undefined, vote(3), undefined])
})

t.test('beyond the bound answers to others are dropped, never those to the node itself', async (t) => {
  const gate = new Release(SELF, 0, 2)
  for (const to of [2, 3, 2, SELF]) gate.hold(vote(to), 0, 0)
  t.same([gate.next(0), gate.next(0), gate.next(0), gate.next(0)].map((message) => message?.to), [2, 3, SELF, undefined])
})

t.test('whatever the order of writes, executions and truncations', async (t) => {
  let left = 0
  for (let seed = 1; seed <= 300; seed++) {
    const random = new SeededRandom(seed)
    const gate = new Release(SELF, 0, 1000)
    // What is due, spelled out: [number of the answer, its batch, the entry it waits for, whether it vouches for it].
    let due: { readonly to: number; readonly batch: number; readonly index: number; readonly vouches: boolean }[] = []
    let [batch, stored, last, executed] = [0, 0, 0, 0]
    for (let step = 0; step < 60; step++) {
      const what = random.below(5)
      if (what === 0) stored += random.below(batch - stored + 1)
      else if (what === 1) executed += random.below(last - executed + 1)
      else if (what === 2 && random.chance(0.3)) {
        const from = 1 + random.below(last + 1)
        ;[last, executed] = [Math.min(last, from - 1), Math.min(executed, from - 1)]
        due = due.filter(({ vouches, index }) => !vouches || index < from).map((each) => ({ ...each, index: Math.min(each.index, from - 1) }))
        gate.truncated(from)
      } else {
        const vouches = random.chance(0.7)
        ;[batch, last] = [batch + 1, last + random.below(3)]
        const to = 10 + step
        due.push({ to, batch, index: last, vouches })
        gate.hold(vouches ? ack(to, last) : vote(to), batch, last)
      }
      gate.stored(stored)
      for (let message = gate.next(executed); message !== undefined; message = gate.next(executed)) {
        const first = due.shift()
        if (first === undefined || first.to !== message.to || first.batch > stored || first.index > executed) t.fail(`seed ${seed}, step ${step}: an answer left too early, out of order, or void`)
        left++
      }
      if (due[0] !== undefined && due[0].batch <= stored && due[0].index <= executed) t.fail(`seed ${seed}, step ${step}: an answer is held back for nothing`)
      if (gate.waiting !== due.length || gate.vouched > executed) t.fail(`seed ${seed}, step ${step}: it vouches for ${gate.vouched}, executed is ${executed}`)
    }
  }
  t.ok(left > 3000, `${left} answers left`)
})
