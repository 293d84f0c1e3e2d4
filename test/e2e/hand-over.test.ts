// Goal: a leader that is stopped in order, or whose clock is off, hands over before it costs an election; what expires while nothing happens is told so everywhere.
import t from 'tap'
import { createSigner, ed25519KeyId } from '../../primitives/signature.ts'
import { identityCalls } from '../../primitives/calls/identity.ts'
import { encode } from '../../primitives/codec.ts'
import { genesisAccountId } from '../../primitives/genesis.ts'
import { createTransaction } from '../../primitives/transaction.ts'
import { systemRandom } from '../../node/system.ts'
import { createCluster, until } from '../helpers/cluster.ts'
import { keepingLogger } from '../helpers/log-lines.ts'
import { testDirectory } from '../helpers/directory.ts'

// So long an election timeout that no test below could pass by one.
const SLOW = { tickMs: 50, electionTicks: 400 }

t.setTimeout(290_000)

t.test('a leader stopped in order is followed at once, and the other takes writes', async (t) => {
  const logs = [0, 1, 2].map(() => keepingLogger())
  const cluster = await createCluster(testDirectory(t), 3, { consensus: SLOW, loggerOf: (i) => logs[i]!.logger })
  t.teardown(() => cluster.stop())
  const nodes = await Promise.all([0, 1, 2].map((i) => cluster.startNode(i)))
  await until(() => nodes.every(({ parts }) => parts.network.raft.reachable().length === 2))
  nodes[0]!.parts.driver.campaign()
  const first = await cluster.leader()
  const { term } = first.parts.driver.status
  await until(() => nodes.every(({ parts }) => parts.driver.status.leader === first.parts.config.node && parts.driver.status.committedIndex >= 1))
  await cluster.stopNode(nodes.indexOf(first))
  const next = await cluster.leader()
  t.equal(next.parts.driver.status.term, term + 1)
  t.ok(logs[nodes.indexOf(first)]!.lines.some(({ phrase }) => phrase === 'the leadership was handed over'))
  const transaction = cluster.enrolment()
  await next.parts.admission.admit(transaction.bytes)
  next.parts.driver.kick()
  await until(() => next.parts.store.locate(transaction.id) !== undefined)
})

t.test('a leader whose clock the others\' median leaves behind hands over and does not come back', async (t) => {
  const cluster = await createCluster(testDirectory(t), 3, { consensus: SLOW })
  t.teardown(() => cluster.stop())
  const nodes = await Promise.all([0, 1, 2].map((i) => cluster.startNode(i)))
  await until(() => nodes.every(({ parts }) => parts.network.raft.reachable().length === 2))
  nodes[0]!.parts.driver.campaign()
  const first = await cluster.leader()
  await until(() => nodes.every(({ parts }) => parts.driver.status.leader === first.parts.config.node && parts.driver.status.committedIndex >= 1))
  // As if the two others had said so: their clocks agree with each other and not with this one's.
  for (const { parts } of nodes) if (parts !== first.parts) for (let i = 0; i < 8; i++) first.parts.clocks.heard(parts.config.node, Date.now() + 60_000)
  first.parts.clocks.look()
  await until(() => first.parts.driver.status.role !== 'leader')
  await until(() => nodes.some((node) => node !== first && node.parts.driver.status.role === 'leader'))
  t.notOk(first.parts.clocks.isSound)
})

t.test('on an idle chain an expired transaction is told so by every node, by one empty block', async (t) => {
  const cluster = await createCluster(testDirectory(t), 3)
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2].map((i) => cluster.startNode(i)))
  const leader = await cluster.leader()
  const account = createSigner(systemRandom.bytes(32))
  const args = encode(identityCalls.enroll, { kind: 'service', signKey: ed25519KeyId(account.publicKey), sealKey: systemRandom.bytes(32) })
  const soon = createTransaction({ chain: cluster.files.chain, account: genesisAccountId(cluster.files.chain, 1), contract: 'identity', call: 'enroll', args, validUntil: BigInt(Date.now() + 2_500), salt: systemRandom.bytes(16) }, cluster.operators[0]!)
  for (const node of cluster.nodes) {
    const { mempool, driver } = node!.parts
    await node!.parts.admission.admit(soon.bytes)
    // Kept from the next block, as a transaction is that has to wait for another.
    mempool.hold(soon.key)
    t.ok(mempool.has(soon.key))
    driver.kick()
  }
  await until(() => cluster.nodes.every((node) => node!.parts.book.get(soon.key)?.status === 'expired'))
  await until(() => cluster.nodes.every((node) => node!.parts.store.height === 1))
  t.equal(leader.parts.store.block(1)!.envelope.transactions.length, 0, 'the block that says so is empty')
  t.ok(leader.parts.store.block(1)!.header.timeMs > soon.body.validUntil)
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  t.equal(leader.parts.store.height, 1, 'and there is one of them: an idle leader rests again')
})
