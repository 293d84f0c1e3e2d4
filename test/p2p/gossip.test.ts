import t from 'tap'
import type { GossipVerdict } from '../../p2p/gossip.ts'
import { topicOf } from '../../p2p/topics.ts'
import { CHAIN, FAST, allReachable, poll, recordOf, startCluster, stopAll } from './cluster.ts'
import type { TestNode } from './cluster.ts'
import { closed, dial, startRogue } from './rogue.ts'

interface Listener { readonly seen: { from: number; text: string }[]; verdict: (text: string) => GossipVerdict }

/** Nodes that take part in `tx` and note what they get. */
async function startListening(count: number, settings: Parameters<typeof startCluster>[1] = {}): Promise<{ nodes: TestNode[]; listeners: Listener[] }> {
  const nodes = await startCluster(count, settings)
  const listeners = nodes.map((): Listener => ({ seen: [], verdict: () => 'accept' }))
  for (const [i, { network }] of nodes.entries()) {
    network.gossip.subscribe('tx', async (from, data) => {
      const text = Buffer.from(data).toString()
      listeners[i]!.seen.push({ from, text })
      return listeners[i]!.verdict(text)
    })
  }
  await allReachable(nodes)
  await poll(() => nodes.every(({ network }) => network.gossip.subscribers('tx').length === count - 1))
  return { nodes, listeners }
}
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

t.test('what is too large, or said before the start, is refused at the sender', async (t) => {
  const [node] = await startCluster(1)
  t.teardown(() => stopAll([node!]))
  await t.rejects(node!.network.gossip.publish('tx', new Uint8Array(FAST.gossip.messageBytesMax + 1)), { code: 'P2P_MESSAGE_TOO_LARGE' })
  t.equal(await node!.network.gossip.publish('tx', bytes('alone')), 0, 'nobody listens, and that is no error')
  await node!.network.stop()
  await t.rejects(node!.network.gossip.publish('tx', bytes('late')), { code: 'P2P_NOT_STARTED' })
})

t.test('an accepted message reaches every member once, its sender not at all', async (t) => {
  const { nodes, listeners } = await startListening(4)
  t.teardown(() => stopAll(nodes))
  t.equal(await nodes[0]!.network.gossip.publish('tx', bytes('hello')), 3)
  await poll(() => listeners.slice(1).every(({ seen }) => seen.length > 0))
  t.equal(await nodes[0]!.network.gossip.publish('tx', bytes('hello')), 0, 'equal content is one message')
  await nodes[0]!.network.gossip.publish('tx', bytes('second'))
  await poll(() => listeners.slice(1).every(({ seen }) => seen.length > 1))
  t.same(listeners.map(({ seen }) => seen.map(({ text }) => text).sort()), [[], ['hello', 'second'], ['hello', 'second'], ['hello', 'second']])
  t.equal(await nodes[0]!.network.gossip.publish('attestation', bytes('hello')), 0, 'on another topic it is another message, with no listeners yet')
})

t.test('a message goes around a missing connection only when it was accepted on the way', async (t) => {
  const { nodes, listeners } = await startListening(3)
  t.teardown(() => stopAll(nodes))
  const [one, two, three] = nodes
  // Nodes 1 and 3 no longer know each other, so what 1 says reaches 3 through 2 or not at all.
  one!.network.roster.update(one!.network.roster.peers().filter(({ node }) => node !== 3))
  three!.network.roster.update(three!.network.roster.peers().filter(({ node }) => node !== 1))
  await poll(() => one!.network.gossip.subscribers('tx').length === 1 && three!.network.gossip.subscribers('tx').length === 1)
  listeners[1]!.verdict = (text) => (text.startsWith('bad') ? 'reject' : text.startsWith('old') ? 'ignore' : 'accept')
  for (const text of ['bad', 'old', 'good']) await one!.network.gossip.publish('tx', bytes(text))
  await poll(() => listeners[2]!.seen.length > 0)
  t.same(listeners[2]!.seen, [{ from: 2, text: 'good' }], 'from the one who relayed it')
  t.same(listeners[1]!.seen.map(({ text }) => text), ['bad', 'old', 'good'])
  // Points fade while this runs, so they say no number: the faults do.
  t.ok(two!.network.scores.points(1) > 0)
  t.same([...two!.metrics.counts].filter(([name]) => name.startsWith('faults_total')), [['faults_total P2P_GOSSIP_REJECTED', 1]], 'rejecting counts, ignoring does not')
})

t.test('a flood of rejected messages gets its relayer disconnected', async (t) => {
  const { nodes, listeners } = await startListening(2)
  t.teardown(() => stopAll(nodes))
  const [one, two] = nodes
  listeners[0]!.verdict = () => 'reject'
  const connection = one!.network.peers.connection(2)!
  for (let i = 0; i < 20; i++) await two!.network.gossip.publish('tx', bytes(`garbage ${i}`))
  await closed(connection)
  t.equal(one!.metrics.count('bans_total'), 1)
  t.ok(one!.metrics.count('faults_total P2P_GOSSIP_REJECTED') >= 10)
})

t.test('messages that arrive faster than their verdicts are dropped unread, and counted', async (t) => {
  const nodes = await startCluster(2, { p2p: { gossip: { ...FAST.gossip, pendingMessagesMax: 4 } } })
  t.teardown(() => stopAll(nodes))
  const [one, two] = nodes
  let judged = 0
  let release: (() => void) | undefined
  const held = new Promise<void>((resolve) => { release = resolve })
  one!.network.gossip.subscribe('tx', async () => {
    judged++
    await held
    return 'accept'
  })
  two!.network.gossip.subscribe('tx', async () => 'accept')
  await poll(() => two!.network.gossip.subscribers('tx').length === 1)
  for (let i = 0; i < 20; i++) await two!.network.gossip.publish('tx', bytes(`message ${i}`))
  await poll(() => one!.metrics.count('faults_total P2P_GOSSIP_FLOOD') === 16)
  t.equal(judged, 4)
  release?.()
  await poll(() => one!.metrics.count('gossip_messages_total tx accept') === 4)
  await two!.network.gossip.publish('tx', bytes('after the flood'))
  await poll(() => judged === 5)
  t.ok(one!.network.peers.isConnected(2), 'a short flood is forgiven')
})

t.test('a handler that throws is a bug of this node: nothing is passed on, and the peer is not blamed', async (t) => {
  const { nodes, listeners } = await startListening(2)
  t.teardown(() => stopAll(nodes))
  listeners[0]!.verdict = () => { throw new Error('a bug') }
  await nodes[1]!.network.gossip.publish('tx', bytes('x'))
  await poll(() => nodes[0]!.metrics.count('handler_failures_total gossip') === 1)
  t.equal(nodes[0]!.network.scores.points(2), 0)
})

t.test('an oversized message never reaches the handler', async (t) => {
  const { nodes, listeners } = await startListening(2)
  const rogue = await startRogue(9)
  t.teardown(() => Promise.all([stopAll(nodes), rogue.stop()]))
  const [one] = nodes
  one!.network.roster.update([...one!.network.roster.peers(), await recordOf(9, [])])
  await dial(rogue, one!.network.host)
  const { pubsub } = rogue.libp2p.services
  const topic = topicOf(CHAIN, 'tx')
  pubsub.subscribe(topic)
  await poll(() => pubsub.getSubscribers(topic).length === 1)
  await pubsub.publish(topic, new Uint8Array(FAST.gossip.messageBytesMax + 1))
  await poll(() => one!.metrics.count('faults_total P2P_GOSSIP_REJECTED') === 1)
  await pubsub.publish(topic, bytes('fine'))
  await poll(() => listeners[0]!.seen.length === 1)
  t.same(listeners[0]!.seen, [{ from: 9, text: 'fine' }])
})

t.test('after a restart a member hears gossip again', async (t) => {
  const { nodes, listeners } = await startListening(2)
  const [one, two] = nodes
  t.teardown(() => stopAll(nodes))
  one!.network.peers.disconnect(2, 'a break')
  await poll(() => !one!.network.peers.isConnected(2))
  await allReachable(nodes)
  await poll(() => two!.network.gossip.subscribers('tx').length === 1)
  await two!.network.gossip.publish('tx', bytes('again'))
  await poll(() => listeners[0]!.seen.length === 1)
  t.pass('heard')
})
