import t from 'tap'
import { setTimeout as delay } from 'node:timers/promises'
import { silentLogger } from '../../primitives/ports.ts'
import { ended, endedInTime } from '../../node/ending.ts'

const never = new Promise<void>(() => undefined)

t.test('a part that takes long to end is named once, one that ends is not, and its failure is passed on', async (t) => {
  const told: object[] = []
  const logger = { ...silentLogger, warn: (fields: object) => { told.push(fields) } }
  await ended('ledger', Promise.resolve(), logger, 1)
  await t.rejects(ended('state', Promise.reject(new Error('the disk failed')), logger, 1), { message: 'the disk failed' })
  await delay(20)
  t.same(told, [])
  const { promise, resolve } = Promise.withResolvers<void>()
  const waiting = ended('network', promise, { ...logger, warn: (fields: object) => { told.push(fields); resolve() } }, 1)
  await waiting
  t.same(told, [{ part: 'network' }])
})

t.test('a node that does not end in time is given up with a code, one that does is not', async (t) => {
  await endedInTime(Promise.resolve(), 60_000)
  await t.rejects(endedInTime(Promise.reject(new Error('the disk failed')), 60_000), { message: 'the disk failed' })
  await t.rejects(endedInTime(never, 1), { code: 'NODE_STOP_STUCK' })
})
