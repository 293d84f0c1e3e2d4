import t from 'tap'
import { Deadlines } from '../../rpc/deadlines.ts'
import { RateLimiter } from '../../rpc/rate-limit.ts'

t.test('a bucket holds one second, fills evenly, and names the time to wait', async (t) => {
  let nowMs = 0
  const limiter = new RateLimiter({ read: 4, write: 1, heavy: 1, bulk: 1 }, { clock: { nowMs: () => nowMs, monotonicMs: () => nowMs } })
  for (let i = 0; i < 4; i++) t.doesNotThrow(() => limiter.take('read', 'a'))
  t.throws(() => limiter.take('read', 'a'), { code: 'RPC_RATE_LIMITED', details: { rateClass: 'read', retryAfterMs: 250 } })
  t.doesNotThrow(() => limiter.take('read', 'b'), 'callers do not share')
  t.doesNotThrow(() => limiter.take('write', 'a'), 'classes do not share')
  nowMs = 250
  t.doesNotThrow(() => limiter.take('read', 'a'))
  t.throws(() => limiter.take('read', 'a'), { code: 'RPC_RATE_LIMITED' })
  nowMs = 1_000_000
  for (let i = 0; i < 4; i++) limiter.take('read', 'a')
  t.throws(() => limiter.take('read', 'a'), { code: 'RPC_RATE_LIMITED' }, 'idle time is not saved up')
})

t.test('a deadline expires once, unless it is removed, and an idle clock stops', async (t) => {
  const deadlines = new Deadlines()
  const expired: string[] = []
  const removed = deadlines.add(1, () => expired.push('removed'))
  deadlines.remove(removed)
  deadlines.remove(removed)
  // One look may find several due, in the order they were added: so the later one is added when the first has passed.
  const later = deadlines.add(3_600_000, () => expired.push('later'))
  await new Promise<void>((resolve) => { deadlines.add(1, () => { expired.push('first'); resolve() }) })
  t.strictSame(expired, ['first'], 'what is not due stays')
  deadlines.remove(later)
  await new Promise<void>((resolve) => { deadlines.add(1, () => { expired.push('second'); resolve() }) })
  t.strictSame(expired, ['first', 'second'], 'each once, under a clock that has stopped between them or not')
  t.pass('and the process ends by itself, for no timer is left')
})
