import t from 'tap'
import { decodeRequest, encodeAnswer, encodeRequest } from '../../vault/messages.ts'
import { createCluster } from './cluster.ts'
import { createClock, filesWith, random } from './fixtures.ts'

const address = { request: random.bytes(32), section: 0, kind: 'key' } as const
const entry = { ...address, sealed: Buffer.from('canary-sealed-bytes'), untilMs: null }

t.test('a member that may not post is refused everywhere but at home, and given up after a minute; nothing of it stays', async (t) => {
  const clock = createClock()
  const cluster = await createCluster(t.testdir({}), 3, clock)
  t.teardown(() => cluster.stop())
  cluster.mayPost = async (member) => member !== 2
  const { office } = cluster.vaults[1]!
  t.same(await office.put(entry), { delivered: [], waiting: [1, 3], refused: [] })
  await t.rejects(cluster.vaults[0]!.mailbox.get(address), { code: 'MAILBOX_NOT_FOUND' })
  clock.advance(59_999)
  await office.retry()
  t.equal(office.waiting, 2)
  clock.advance(1)
  await office.retry()
  t.equal(office.waiting, 0)
  await t.rejects(cluster.vaults[0]!.mailbox.get(address), { code: 'MAILBOX_NOT_FOUND' })
  const other = { ...address, section: 5 }
  t.match(await office.delete(other), { found: false, delivered: [] })
  t.match(await cluster.vaults[2]!.office.put({ ...entry, section: 5 }), { delivered: [1] }, 'a stranger cannot forbid an entry beforehand')
})

t.test('a member that had not seen the decision yet takes the entry once it has', async (t) => {
  const cluster = await createCluster(t.testdir({}), 2)
  t.teardown(() => cluster.stop())
  cluster.mayPost = async () => false
  t.match(await cluster.vaults[0]!.office.put(entry), { waiting: [2] })
  cluster.mayPost = async () => true
  await cluster.vaults[0]!.office.retry()
  t.equal(cluster.vaults[0]!.office.waiting, 0)
  t.match(await cluster.vaults[1]!.mailbox.get(address), { origin: 1 })
})

t.test('only the node that posted an entry deletes it elsewhere', async (t) => {
  const cluster = await createCluster(t.testdir({}), 3)
  t.teardown(() => cluster.stop())
  await cluster.vaults[0]!.office.put(entry)
  t.match(await cluster.vaults[1]!.office.delete(address), { delivered: [] })
  t.match(await cluster.vaults[0]!.mailbox.get(address), { origin: 1 })
  t.match(await cluster.vaults[2]!.mailbox.get(address), { origin: 1 })
})

t.test('an entry is at every member once posted, and nowhere on disk once deleted', async (t) => {
  const directory = t.testdir({})
  const cluster = await createCluster(directory, 4)
  t.teardown(() => cluster.stop())
  t.match(await cluster.vaults[0]!.office.put(entry), { delivered: [2, 3, 4], waiting: [], refused: [] })
  for (const vault of cluster.vaults) t.same(Buffer.from((await vault.office.get(address)).sealed), entry.sealed)
  t.equal(filesWith(directory, 'canary-sealed-bytes').length, 4)
  t.match(await cluster.vaults[0]!.office.delete(address), { found: true, delivered: [2, 3, 4] })
  t.same(filesWith(directory, 'canary-sealed-bytes'), [])
  for (const vault of cluster.vaults) await t.rejects(vault.office.get(address), { code: 'MAILBOX_NOT_FOUND' })
})

t.test('a member that was away gets entry and deletion later; meanwhile its readers collect', async (t) => {
  const cluster = await createCluster(t.testdir({}), 3)
  t.teardown(() => cluster.stop())
  const [first, second, third] = cluster.vaults
  cluster.down.add(3)
  t.match(await first!.office.put(entry), { delivered: [2], waiting: [3] })
  t.equal(first!.office.waiting, 1)
  await first!.office.retry()
  t.equal(first!.office.waiting, 1)
  cluster.down.clear()
  t.same(Buffer.from((await third!.office.get(address)).sealed), entry.sealed, 'collected from another member')
  await t.rejects(third!.mailbox.get(address), { code: 'MAILBOX_NOT_FOUND' })
  await first!.office.retry()
  t.equal(first!.office.waiting, 0)
  t.match(await third!.mailbox.get(address), { origin: 1 })

  cluster.down.add(2)
  await first!.office.put({ ...entry, section: 1 })
  t.match(await first!.office.delete({ ...address, section: 1 }), { waiting: [2] })
  t.equal(first!.office.waiting, 1, 'the posting that the deletion overtook is off the list')
  cluster.down.clear()
  await first!.office.retry()
  await t.rejects(second!.mailbox.put({ ...entry, section: 1, origin: 1 }), { code: 'MAILBOX_DELETED' })
})

t.test('an expired delivery is not made, an expired copy not collected', async (t) => {
  const clock = createClock()
  const cluster = await createCluster(t.testdir({}), 2, clock)
  t.teardown(() => cluster.stop())
  cluster.down.add(2)
  await cluster.vaults[0]!.office.put({ ...entry, untilMs: clock.nowMs() + 1_000 })
  clock.advance(1_000)
  cluster.down.clear()
  cluster.requests.length = 0
  await cluster.vaults[0]!.office.retry()
  t.same(cluster.requests, [])
  t.equal(cluster.vaults[0]!.office.waiting, 0)
  cluster.tamper = (_node, request) => (request.kind === 'collect' ? encodeAnswer({ kind: 'entry', value: { sealed: entry.sealed, origin: 1, storedAt: 0n, until: BigInt(clock.nowMs()) } }) : undefined)
  await t.rejects(cluster.vaults[1]!.office.get(address), { code: 'MAILBOX_NOT_FOUND' })
})

t.test('bytes that are no request are the peer\'s fault', async (t) => {
  for (const bytes of [new Uint8Array(0), Uint8Array.of(0x80), random.bytes(100)]) t.throws(() => decodeRequest(bytes), { code: 'VAULT_MESSAGE_INVALID' })
  const good = encodeRequest({ kind: 'collect', value: address })
  t.throws(() => decodeRequest(good.subarray(1)), { code: 'VAULT_MESSAGE_INVALID' })
  t.match(decodeRequest(good), { kind: 'collect' })
})

t.test('starting and stopping twice is harmless', async (t) => {
  const cluster = await createCluster(t.testdir({}), 1)
  t.teardown(() => cluster.stop())
  const { office } = cluster.vaults[0]!
  await office.start()
  await office.start()
  await office.stop()
  await office.stop()
  t.equal(office.waiting, 0)
})
