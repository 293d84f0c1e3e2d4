import t from 'tap'
import { chooseConnection } from '../../p2p/choose-connection.ts'
import { backoffMs } from '../../p2p/dialer.ts'
import { P2P_ERRORS } from '../../p2p/errors.ts'
import { parseAddress } from '../../p2p/addresses.ts'
import { Roster } from '../../p2p/roster.ts'
import { PeerScores } from '../../p2p/scores.ts'
import { Slots } from '../../p2p/slots.ts'
import { TokenBucket } from '../../p2p/token-bucket.ts'
import { GOSSIP_KINDS, topicOf } from '../../p2p/topics.ts'
import type { Clock } from '../../primitives/ports.ts'
import { CHAIN, recordOf, seededRandom } from './cluster.ts'

interface SetClock extends Clock { now: number }
const clockAt = (now: number): SetClock => ({ now, nowMs() { return this.now }, monotonicMs() { return this.now } })

t.test('a peer is cut off at the limit of its points, and not before', async (t) => {
  const clock = clockAt(0)
  const scores = new PeerScores({ faultPointsMax: 100, banMs: 5_000 }, { clock })
  for (let i = 1; i <= 9; i++) t.notOk(scores.add(1, 'reject'), `fault ${i}`)
  t.equal(scores.banLeftMs(1), 0)
  t.ok(scores.add(1, 'reject'), 'the tenth is one too many')
  t.equal(scores.banLeftMs(1), 5_000)
  clock.now = 4_999
  t.equal(scores.banLeftMs(1), 1)
  clock.now = 5_000
  t.equal(scores.banLeftMs(1), 0)
  t.equal(scores.points(1), 0, 'it starts again')
  t.notOk(scores.add(2, 'ignore'), 'another peer is judged for itself')
})

t.test('one grave fault cuts a peer off; points fade with time', async (t) => {
  const clock = clockAt(0)
  const scores = new PeerScores({ faultPointsMax: 100, banMs: 5_000 }, { clock })
  t.ok(scores.add(1, 'disconnect'))
  for (let i = 0; i < 9; i++) scores.add(2, 'reject')
  clock.now = 60_000
  t.equal(scores.points(2), 45, 'half is left after a minute')
  t.notOk(scores.add(2, 'reject'))
  scores.forget(2)
  t.equal(scores.points(2), 0)
})

t.test('waits double from the least to the most, the upper half at random', async (t) => {
  const options = { backoffMsMin: 100, backoffMsMax: 10_000, firstDelayMs: 7 }
  const most = { ...seededRandom, jitter: (below: number) => below - 1 }
  const least = { ...seededRandom, jitter: () => 0 }
  t.same([0, 1, 2, 3, 7, 8, 100].map((failures) => backoffMs(failures, options, most)), [7, 100, 200, 400, 6_400, 10_000, 10_000])
  t.same([0, 1, 2, 100].map((failures) => backoffMs(failures, options, least)), [7, 50, 100, 5_000])
})

t.test('an allowance refills with time up to its burst', async (t) => {
  const clock = clockAt(0)
  const bucket = new TokenBucket({ perSecond: 10, burst: 2 }, { clock })
  t.same([bucket.take(), bucket.take(), bucket.take()], [true, true, false])
  clock.now = 100
  t.same([bucket.take(), bucket.take()], [true, false])
  clock.now = 60_000
  t.same([bucket.take(), bucket.take(), bucket.take()], [true, true, false])
})

t.test('slots are given in order; the line is bounded; giving up leaves the line', async (t) => {
  const slots = new Slots({ slots: 1, queueMax: 2 })
  const never = new AbortController().signal
  const leaver = new AbortController()
  const order: string[] = []
  t.ok(await slots.take(never))
  const left = slots.take(leaver.signal).catch((error: unknown) => error)
  const second = slots.take(never).then(() => order.push('second'))
  t.notOk(await slots.take(never), 'the line is full')
  const reason = new Error('gave up')
  leaver.abort(reason)
  t.equal(await left, reason)
  const third = slots.take(never).then(() => order.push('third'))
  slots.give()
  await second
  slots.give()
  await third
  t.same(order, ['second', 'third'])
  t.notOk(slots.unused)
  slots.give()
  t.ok(slots.unused)
  await t.rejects(slots.take(leaver.signal), reason, 'who has given up before gets none')
})

t.test('both sides keep the same one of two connections dialled at once', async (t) => {
  type Two = Parameters<typeof chooseConnection>[0]
  const open = (direction: 'inbound' | 'outbound'): Two['before'] => ({ direction, status: 'open' }) as Two['before']
  const choose = (self: number, node: number, before: Two['before'], after: Two['after'], gapMs = 10): string => chooseConnection({ self, node, before, after, gapMs }).direction
  t.equal(choose(1, 2, open('outbound'), open('inbound')), 'outbound', 'the lower id keeps what it dialled')
  t.equal(choose(1, 2, open('inbound'), open('outbound')), 'outbound')
  t.equal(choose(2, 1, open('outbound'), open('inbound')), 'inbound', 'the higher id keeps what it was dialled by')
  t.equal(choose(2, 1, open('inbound'), open('outbound')), 'inbound')
  t.equal(choose(1, 2, open('outbound'), open('inbound'), 60_000), 'inbound', 'much later, the old one is dead at the other side')
  t.equal(choose(1, 2, { ...open('outbound'), status: 'closed' } as Two['before'], open('inbound')), 'inbound')
})

t.test('a roster refuses doubled ids and keys, keeps the old list, and tells what changed', async (t) => {
  const [one, two, three] = await Promise.all([recordOf(1, ['/ip4/127.0.0.1/tcp/1']), recordOf(2, ['/ip4/127.0.0.1/tcp/2']), recordOf(3, [])])
  const roster = new Roster(1, [one, two, three])
  t.same(roster.peers().map(({ node }) => node), [2, 3], 'without this node')
  t.throws(() => roster.update([two, { ...three, node: 2 }]), { code: 'P2P_ROSTER_INVALID' })
  t.throws(() => roster.update([two, { ...two, node: 3 }]), { code: 'P2P_ROSTER_INVALID' })
  t.throws(() => roster.update([{ ...two, transportKey: new Uint8Array(31) }]), { code: 'P2P_ROSTER_INVALID' })
  t.same(roster.peers().map(({ node }) => node), [2, 3])
  const four = await recordOf(4, [])
  const changed = roster.update([one, { ...two, addresses: ['/ip4/127.0.0.1/tcp/9'] }, { ...three, transportKey: four.transportKey }])
  t.same({ added: changed.added.map(({ node }) => node), removed: changed.removed.map(({ node }) => node), moved: changed.moved.map(({ node }) => node) }, { added: [3], removed: [3], moved: [2] }, 'a new key is a new node')
})

t.test('only TCP addresses are addresses', async (t) => {
  for (const text of ['', 'localhost:80', '/ip4/1.2.3.4', '/ip4/1.2.3.4/udp/5/quic-v1', '/ip4/1.2.3.4/tcp/5/ws', '/dns4/example.org/tcp/443/wss', '/ip4/1.2.3/tcp/5', '/unix/tmp']) {
    t.throws(() => parseAddress(text), { code: 'P2P_ADDRESS_INVALID' }, text)
  }
  for (const text of ['/ip4/127.0.0.1/tcp/0', '/ip6/::1/tcp/7001', '/dns4/node.example.org/tcp/7001']) t.equal(parseAddress(text).toString(), text)
})

t.test('topics differ by chain and kind', async (t) => {
  t.same(GOSSIP_KINDS.map((kind) => topicOf(CHAIN, kind)), ['/stele/c1c1c1c1/tx/1', '/stele/c1c1c1c1/attestation/1', '/stele/c1c1c1c1/alert/1'])
})

t.test('every code says what it means and what to do', async (t) => {
  for (const [code, text] of Object.entries(P2P_ERRORS)) t.ok(/^[A-Z0-9_]+$/.test(code) && text.length > 30 && text.endsWith('.') || text.includes('?'), code)
})
