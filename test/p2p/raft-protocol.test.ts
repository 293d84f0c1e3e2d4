import t from 'tap'
import { PeerFault } from '../../p2p/errors.ts'
import { encodeHello } from '../../p2p/hello.ts'
import { frameHeader, frameOf } from '../../p2p/wire.ts'
import { transportCompliance } from '../compliance/transport.ts'
import { CHAIN, FAST, OTHER_CHAIN, allReachable, poll, recordOf, startCluster, stopAll } from './cluster.ts'
import type { TestNode } from './cluster.ts'
import { createMemoryCluster } from './memory-transport.ts'
import { closed, dial, ended, startRogue } from './rogue.ts'

/** A node whose roster also holds a rogue as node 9. */
async function nodeWithRogue(): Promise<{ node: TestNode; rogue: Awaited<ReturnType<typeof startRogue>>; stop: () => Promise<unknown> }> {
  const [node] = await startCluster(1)
  node!.network.roster.update([await recordOf(1, []), await recordOf(9, [])])
  const rogue = await startRogue(9)
  return { node: node!, rogue, stop: () => Promise.all([stopAll([node!]), rogue.stop()]) }
}

t.test('each kind of garbage resets the stream, is counted under its code, and ends the connection', async (t) => {
  const hello = frameOf(encodeHello(CHAIN, 9, 1))
  const cases: [string, string, Uint8Array[]][] = [
    ['no hello', 'P2P_FRAME_GARBLED', [frameOf(new Uint8Array(50))]],
    ['another chain', 'P2P_WRONG_CHAIN', [frameOf(encodeHello(OTHER_CHAIN, 9, 1))]],
    ['another sender', 'P2P_WRONG_NODE', [frameOf(encodeHello(CHAIN, 2, 1))]],
    ['another receiver', 'P2P_WRONG_NODE', [frameOf(encodeHello(CHAIN, 9, 2))]],
    ['another version', 'P2P_FRAME_VERSION', [hello, Uint8Array.of(0, 0, 0, 1, 9, 1)]],
    ['an oversized frame', 'P2P_FRAME_TOO_LARGE', [hello, frameHeader(FAST.raft.controlFrameBytesMax + 1)]],
    ['four gigabytes announced', 'P2P_FRAME_TOO_LARGE', [hello, Uint8Array.of(255, 255, 255, 255, 1)]],
  ]
  const { node, rogue, stop } = await nodeWithRogue()
  t.teardown(stop)
  for (const [what, code, pieces] of cases) {
    await poll(() => node.network.scores.banLeftMs(9) === 0)
    const before = node.metrics.count(`faults_total ${code}`)
    const connection = await dial(rogue, node.network.host)
    const stream = await connection.newStream('/stele/raft-control/1')
    for (const piece of pieces) stream.send(piece)
    t.not(await ended(stream), 'closed', `${what}: the stream is cut off`)
    await closed(connection)
    t.equal(node.metrics.count(`faults_total ${code}`), before + 1, what)
  }
  t.equal(node.metrics.count('bans_total'), cases.length)
})

t.test('nothing of a garbled stream reaches the handler, and other peers are not disturbed', async (t) => {
  const nodes = await startCluster(2)
  const rogue = await startRogue(9)
  t.teardown(() => Promise.all([stopAll(nodes), rogue.stop()]))
  const [one, two] = nodes
  await allReachable(nodes)
  one!.network.roster.update([...one!.network.roster.peers(), await recordOf(9, [])])
  const received: [number, number][] = []
  one!.network.raft.onMessage((from, _, frame) => received.push([from, frame.length]))
  const connection = await dial(rogue, one!.network.host)
  const stream = await connection.newStream('/stele/raft-append/1')
  stream.send(frameOf(encodeHello(OTHER_CHAIN, 9, 1)))
  stream.send(frameOf(new Uint8Array(99)))
  await closed(connection)
  t.ok(two!.network.raft.send(1, 'control', new Uint8Array(7)))
  await poll(() => received.length > 0)
  t.same(received, [[2, 7]])
})

t.test('a member that sends what Raft cannot read is reported by the receiver and cut off', async (t) => {
  const { node, rogue, stop } = await nodeWithRogue()
  t.teardown(stop)
  node.network.raft.onMessage((from) => node.network.raft.report(from, new PeerFault('P2P_FRAME_GARBLED', 'disconnect', 'not a message')))
  const connection = await dial(rogue, node.network.host)
  const stream = await connection.newStream('/stele/raft-control/1')
  stream.send(frameOf(encodeHello(CHAIN, 9, 1)))
  stream.send(frameOf(new Uint8Array(3)))
  await closed(connection)
  t.equal(node.metrics.count('faults_total P2P_FRAME_GARBLED'), 1)
})

t.test('a handler that throws is a bug of this node: it is counted, and the peer is not blamed', async (t) => {
  const errors: string[] = []
  const nodes = await startCluster(2, { logger: { debug() {}, info() {}, warn() {}, error: (_, phrase) => errors.push(phrase) } })
  t.teardown(() => stopAll(nodes))
  const [one, two] = nodes
  await allReachable(nodes)
  let calls = 0
  const twice = new Promise<void>((resolve) => {
    one!.network.raft.onMessage(() => {
      calls++
      if (calls === 2) resolve()
      throw new Error('a bug')
    })
  })
  two!.network.raft.send(1, 'control', new Uint8Array(1))
  two!.network.raft.send(1, 'control', new Uint8Array(1))
  await twice
  t.same(errors, ['a handler of raft messages failed', 'a handler of raft messages failed'])
  t.equal(one!.metrics.count('handler_failures_total control'), 2)
  t.equal(one!.network.scores.points(2), 0)
  t.ok(one!.network.peers.isConnected(2))
})

t.test('a second stream of a peer replaces its first', async (t) => {
  const { node, rogue, stop } = await nodeWithRogue()
  t.teardown(stop)
  const received: number[] = []
  node.network.raft.onMessage((_, __, frame) => received.push(frame[0]!))
  const connection = await dial(rogue, node.network.host)
  const [first, second] = [await connection.newStream('/stele/raft-control/1'), await connection.newStream('/stele/raft-control/1')]
  second.send(frameOf(encodeHello(CHAIN, 9, 1)))
  second.send(frameOf(Uint8Array.of(2)))
  await poll(() => received.length === 1)
  t.not(await ended(first), 'open')
  t.same(received, [2])
})

t.test('a stream that breaks is opened again while the connection lives', async (t) => {
  const nodes = await startCluster(2)
  t.teardown(() => stopAll(nodes))
  await allReachable(nodes)
  const [one, two] = nodes
  const arrived = new Promise<void>((resolve) => two!.network.raft.onMessage((_, __, frame) => { if (frame.length === 5) resolve() }))
  for (const stream of one!.network.peers.connection(2)!.streams) if (stream.protocol === '/stele/raft-control/1' && stream.direction === 'outbound') stream.abort(new Error('a break'))
  one!.network.raft.send(2, 'control', new Uint8Array(5))
  await arrived
  t.ok(one!.network.peers.isConnected(2))
})

t.test('when the append stream breaks, the next append is refused, so that Raft asks what has arrived', async (t) => {
  const nodes = await startCluster(2)
  t.teardown(() => stopAll(nodes))
  await allReachable(nodes)
  const [one, two] = nodes
  const arrived: number[] = []
  two!.network.raft.onMessage((_, __, frame) => arrived.push(frame[0]!))
  const told = new Promise<number>((resolve) => one!.network.raft.onUnreachable(resolve))
  t.ok(one!.network.raft.send(2, 'append', Uint8Array.of(1)))
  await poll(() => arrived.length === 1)
  for (const stream of one!.network.peers.connection(2)!.streams) if (stream.protocol === '/stele/raft-append/1' && stream.direction === 'outbound') stream.abort(new Error('a break'))
  t.equal(await told, 2)
  t.notOk(one!.network.raft.send(2, 'append', Uint8Array.of(2)), 'refused once')
  t.ok(one!.network.raft.send(2, 'append', Uint8Array.of(3)))
  await poll(() => arrived.length === 2)
  t.same(arrived, [1, 3])
})

t.test('transport', async (t) => {
  await transportCompliance(t, 'in memory', async () => createMemoryCluster(3))
  await transportCompliance(t, 'libp2p', async () => {
    const nodes = await startCluster(3)
    await allReachable(nodes)
    return {
      transports: new Map(nodes.map(({ node, network }) => [node, network.raft])),
      controlFrameBytesMax: FAST.raft.controlFrameBytesMax,
      appendQueueMessagesMax: FAST.raft.appendQueueMessagesMax,
      cut: (node) => nodes[node - 1]!.network.stop(),
      stop: () => stopAll(nodes),
    }
  })
})
