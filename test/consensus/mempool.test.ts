import t from 'tap'
import { Mempool } from '../../consensus/mempool.ts'
import { createSigner } from '../../primitives/signature.ts'
import { createTransaction } from '../../primitives/transaction.ts'
import type { Transaction } from '../../primitives/transaction.ts'

const signer = createSigner(new Uint8Array(32).fill(5))
const transaction = (n: number, validUntil = 1000n): Transaction => createTransaction({ chain: new Uint8Array(32), account: new Uint8Array(32), contract: 'consent', call: 'grant', args: new Uint8Array(0), validUntil, salt: new Uint8Array(16).fill(n) }, signer)

t.test('transactions come out in the order they came in, within count and bytes', (t) => {
  const pool = new Mempool()
  const some = [1, 2, 3, 4].map((n) => transaction(n))
  for (const each of some) t.equal(pool.add(each), true)
  t.equal(pool.add(some[0]!), false, 'the same again is no second one')
  t.same([...pool.peek(3, 1e6)].map(({ key }) => key), some.slice(0, 3).map(({ key }) => key))
  t.same([...pool.peek(9, some[0]!.bytes.length * 2)].length, 2)
  t.end()
})

t.test('a full mempool refuses, retryably, and evicts nothing', (t) => {
  const pool = new Mempool({ transactionsMax: 2, bytesMax: 1e6 })
  pool.add(transaction(1))
  pool.add(transaction(2))
  t.throws(() => pool.add(transaction(3)), { code: 'CONSENSUS_BUSY', retryable: true })
  t.equal(pool.size, 2)
  const small = new Mempool({ transactionsMax: 9, bytesMax: transaction(1).bytes.length })
  small.add(transaction(1))
  t.throws(() => small.add(transaction(2)), { code: 'CONSENSUS_BUSY' })
  t.end()
})

t.test('what a dropped block had cut waits again; what was committed is gone', (t) => {
  const pool = new Mempool()
  const [a, b] = [transaction(1), transaction(2)]
  pool.add(a)
  pool.add(b)
  pool.markCut(a.key)
  t.same([...pool.peek(9, 1e6)].map(({ key }) => key), [b.key])
  t.ok(pool.has(a.key))
  t.equal(pool.add(a), false, 'what is in a block is not taken twice')
  pool.restore(a.key)
  t.same([...pool.peek(9, 1e6)].map(({ key }) => key), [b.key, a.key])
  pool.remove(a.key)
  pool.remove(b.key)
  t.same([pool.size, pool.bytes, pool.waiting], [0, 0, 0])
  t.end()
})

t.test('expiry drops exactly those whose time has passed', (t) => {
  const pool = new Mempool()
  const [early, late] = [transaction(1, 99n), transaction(2, 100n)]
  pool.add(early)
  pool.add(late)
  t.same(pool.expire(100n), [early.key])
  t.ok(pool.has(late.key))
  t.end()
})

t.test('what is held is out of the way of the others, counts against the limits, and waits behind them once released', (t) => {
  const pool = new Mempool({ transactionsMax: 3, bytesMax: 1e6 })
  const [a, b, c] = [transaction(1), transaction(2), transaction(3)]
  for (const each of [a, b, c]) pool.add(each)
  pool.hold(a.key)
  pool.hold('unknown')
  t.same([...pool.peek(9, 1e6)].map(({ key }) => key), [b.key, c.key])
  t.equal(pool.add(a), false, 'a held one is known')
  t.throws(() => pool.add(transaction(4)), { code: 'CONSENSUS_BUSY' })
  pool.releaseHeld()
  t.same([...pool.peek(9, 1e6)].map(({ key }) => key), [b.key, c.key, a.key])
  t.end()
})

t.test('what is held can be cut by another node, expire, or be removed', (t) => {
  const pool = new Mempool()
  const [cut, expiring, removed] = [transaction(1), transaction(2, 10n), transaction(3)]
  for (const each of [cut, expiring, removed]) {
    pool.add(each)
    pool.hold(each.key)
  }
  pool.markCut(cut.key)
  t.same(pool.expire(50n), [expiring.key])
  pool.remove(removed.key)
  pool.releaseHeld()
  t.same([pool.size, pool.waiting, pool.bytes], [1, 0, cut.bytes.length])
  pool.restore(cut.key)
  t.equal(pool.waiting, 1)
  t.end()
})

t.test('a member that floods leaves the others their part of the room, and its own transactions their places in the block', (t) => {
  const pool = new Mempool({ transactionsMax: 80, bytesMax: 1e6 }, () => 4)
  let flooded = 0
  t.throws(() => { for (let i = 0; ; i++, flooded++) pool.add(transaction(i), 1) }, { code: 'CONSENSUS_BUSY', details: { member: 1, waiting: 50 } })
  t.equal(flooded, 50, 'half of all, and its own part of the other half')
  for (const member of [2, 3, 4]) for (let i = 0; i < 10; i++) t.ok(pool.add(transaction(1000 * member + i), member))
  t.throws(() => pool.add(transaction(5000), 2), { code: 'CONSENSUS_BUSY' }, 'full is full')
  const block = [...pool.peek(20, 1e6)].map(({ key }) => key)
  const of = (member: number): string[] => Array.from({ length: 10 }, (_, i) => transaction(1000 * member + i).key)
  t.same([2, 3, 4].map((member) => of(member).filter((key) => block.includes(key)).length), [5, 5, 5], 'equal places, although the flood came first')
  t.same(block.slice(0, 5), Array.from({ length: 5 }, (_, i) => transaction(i).key), 'in order of arrival')
  t.equal([...pool.peek(100, 1e6)].length, 80, 'when all fit, all go')
  for (const key of block) pool.remove(key)
  t.ok(pool.add(transaction(6000), 1), 'what was cut makes room')
  for (let i = 0; i < 50; i++) pool.remove(transaction(i).key)
  t.equal([...pool.peek(20, 1e6)].length, 16)
  t.end()
})

t.test('bytes are shared like places, and room that members of a smaller consortium had stays theirs', (t) => {
  let members = 2
  const { length } = transaction(1).bytes
  const pool = new Mempool({ transactionsMax: 1000, bytesMax: 8 * length }, () => members)
  for (let i = 0; i < 6; i++) pool.add(transaction(i), 1)
  t.throws(() => pool.add(transaction(7), 1), { code: 'CONSENSUS_BUSY' })
  members = 4
  t.ok(pool.add(transaction(8), 2))
  t.throws(() => pool.add(transaction(9), 1), { code: 'CONSENSUS_BUSY' })
  t.ok(pool.add(transaction(10), 3))
  t.end()
})
