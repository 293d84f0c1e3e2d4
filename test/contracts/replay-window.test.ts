import t from 'tap'
import { ReplayWindow } from '../../contracts/index.ts'
import type { WindowLayer } from '../../contracts/index.ts'
import { bytes32, ContractWorld, sectionOf } from '../helpers/contract-world.ts'

const world = new ContractWorld()
const make = (salt: number, validUntil = world.timeMs + 60_000n) => world.transaction(world.institution(1), 'identity', 'suspend', { account: bytes32('x') }, { salt, validUntil })
const receiptOf = (transaction: ReturnType<typeof make>) => ({ tx: transaction.id, position: 0, code: 'OK', cost: 1, events: [] })
const add = (layer: WindowLayer, transaction: ReturnType<typeof make>) => { layer.add(world.registry, 1n, transaction, receiptOf(transaction)) }
const holds = (view: WindowLayer | ReplayWindow, transaction: ReturnType<typeof make>) => view.hasId(transaction.id, transaction.body.validUntil)

t.test('a layer that is flushed before its parent, or takes transactions afterwards, is a bug', async (t) => {
  const window = new ReplayWindow()
  const first = window.layer()
  const second = first.layer()
  t.throws(() => { second.flush(world.timeMs) }, { code: 'WINDOW_LAYER_ORDER' })
  first.flush(world.timeMs)
  t.throws(() => { add(first, make(1)) }, { code: 'WINDOW_LAYER_ORDER' })
  t.doesNotThrow(() => { first.flush(world.timeMs) }, 'flushing twice is harmless')
})

t.test('a layer sees what lies below it and not what lies beside it; a dropped one leaves nothing', async (t) => {
  const window = new ReplayWindow()
  const [a, b, c] = [make(1), make(2), make(3)]
  const first = window.layer()
  add(first, a)
  const left = first.layer()
  add(left, b)
  const right = first.layer()
  add(right, c)
  t.same([holds(left, a), holds(left, b), holds(left, c)], [true, true, false])
  t.same([holds(window, a), holds(window, b)], [false, false], 'nothing is committed yet')
  first.flush(world.timeMs)
  left.flush(world.timeMs)
  t.same([holds(window, a), holds(window, b), holds(window, c)], [true, true, false])
})

t.test('a long chain of speculative layers stays correct while its lower end is committed', async (t) => {
  const window = new ReplayWindow()
  const transactions = Array.from({ length: 40 }, (_, i) => make(i + 1))
  const layers: WindowLayer[] = []
  transactions.forEach((transaction, i) => {
    const layer = (layers.at(-1) ?? window).layer()
    add(layer, transaction)
    layers.push(layer)
    if (i >= 8) layers[i - 8]!.flush(world.timeMs)
  })
  t.ok(transactions.every((transaction) => holds(layers.at(-1)!, transaction)))
  t.equal(transactions.filter((transaction) => holds(window, transaction)).length, 32)
})

t.test('an id that begins like one that is held is new, and a window taken from another holds what that held', async (t) => {
  const window = new ReplayWindow()
  const transaction = make(1)
  const layer = window.layer()
  add(layer, transaction)
  const alike = Uint8Array.from(transaction.id, (byte, i) => (i === 31 ? byte ^ 1 : byte))
  t.notOk(layer.hasId(alike, transaction.body.validUntil))
  t.notOk(layer.hasId(transaction.id, transaction.body.validUntil + 60_000n), 'ids are held under the minute in which they expire')
  layer.flush(world.timeMs)
  t.notOk(window.hasId(alike, transaction.body.validUntil))
  const other = new ReplayWindow()
  other.restore(window.content(world.timeMs))
  t.same([holds(other, transaction), holds(other.layer(), transaction), other.hasId(alike, transaction.body.validUntil)], [true, true, false])
})

t.test('ids are forgotten with their minute and not before', async (t) => {
  const window = new ReplayWindow({ idsMax: 1 })
  const minuteEnd = (world.timeMs / 60_000n + 1n) * 60_000n
  const transaction = make(1, minuteEnd - 1n)
  const layer = window.layer()
  add(layer, transaction)
  layer.flush(minuteEnd - 1n)
  t.ok(holds(window, transaction))
  t.ok(window.isFull(minuteEnd - 1n))
  t.notOk(window.isFull(minuteEnd), 'what has passed does not count, whether it was forgotten yet or not')
  window.layer().flush(minuteEnd)
  t.notOk(holds(window, transaction))
})

t.test('a window rebuilt from blocks answers as the one that saw them live, claims included', async (t) => {
  const live = new ContractWorld()
  const patient = live.enroll(1, 'patient', 'p')
  const readerKey = bytes32('reader')
  live.call(live.institution(1), 'records', 'register', live.registration(patient.account, bytes32('r'), [sectionOf('d')]))
  const request = live.transaction(patient, 'access', 'request', { subject: patient.account, record: bytes32('r'), version: 1, sections: [0], action: 'query', purpose: 'PATRQT', readerKey, detailsHash: bytes32('d') })
  const receipt = live.run(request)
  const rebuilt = new ReplayWindow()
  rebuilt.rebuild(live.registry, [{ height: live.height, timeMs: live.timeMs, transactions: [request], receipts: [receipt] }])
  t.ok(rebuilt.hasId(request.id, request.body.validUntil))
  for (const [timeMs, expected] of [[live.timeMs, true], [live.timeMs + 299_999n, true], [live.timeMs + 300_000n, false]] as const) {
    t.equal(live.window.isClaimed(readerKey, timeMs), expected)
    t.equal(rebuilt.isClaimed(readerKey, timeMs), expected)
  }
})
