import t from 'tap'
import { multiaddr } from '@multiformats/multiaddr'
import { silentLogger } from '../../primitives/ports.ts'
import { PeerFault } from '../../p2p/errors.ts'
import { createHost } from '../../p2p/host.ts'
import { CHAIN, FAST, OTHER_CHAIN, allReachable, createNode, membersOf, poll, recordOf, secretOf, startCluster, stopAll, until } from './cluster.ts'
import { closed, dial, startRogue } from './rogue.ts'

t.test('a stranger is refused in both directions, and counted', async (t) => {
  const [node] = await startCluster(1)
  const stranger = await startRogue(99)
  t.teardown(() => Promise.all([stopAll([node!]), stranger.stop()]))
  const { network, metrics } = node!
  // The dial may resolve before the other side hangs up: what counts is the close.
  const connection = await dial(stranger, network.host).catch(() => undefined)
  if (connection !== undefined) await closed(connection)
  await poll(() => metrics.count('gate_refused_total inbound foreign') === 1)
  t.same(network.peers.connectedNodes(), [])
  await t.rejects(network.host.libp2p.dial(multiaddr(stranger.addresses()[0]!)), 'outward')
  t.ok(metrics.count('gate_refused_total outbound foreign') >= 1)
  t.same(network.host.libp2p.getConnections(), [])
})

t.test('a node with the right id but another key is a stranger', async (t) => {
  const nodes = await startCluster(2)
  const impostor = await createNode({ node: 2, members: await membersOf(nodes), seed: 98 })
  t.teardown(() => stopAll([...nodes, impostor]))
  await allReachable(nodes)
  await impostor.network.start()
  await poll(() => nodes[0]!.metrics.count('gate_refused_total inbound foreign') >= 1)
  t.same(impostor.network.raft.reachable(), [])
  t.same(nodes[0]!.network.raft.reachable(), [2])
})

t.test('a node of another chain is hung up on, though its key is on the roster', async (t) => {
  const nodes = await startCluster(2)
  const members = await membersOf(nodes)
  t.teardown(() => stopAll([...nodes, wrong]))
  await nodes[1]!.network.stop()
  const wrong = await createNode({ node: 2, members, chain: OTHER_CHAIN })
  const [one] = nodes
  await wrong.network.start()
  await poll(() => one!.metrics.count('faults_total P2P_WRONG_CHAIN') >= 1 || wrong.metrics.count('faults_total P2P_WRONG_CHAIN') >= 1)
  await poll(() => !one!.network.peers.isConnected(2))
  t.ok(one!.metrics.count('bans_total') + wrong.metrics.count('bans_total') >= 1)
})

t.test('each pair keeps one connection, whoever dialled', async (t) => {
  const nodes = await startCluster(4, { p2p: { higherIdDelayMs: 0 } })
  t.teardown(() => stopAll(nodes))
  await allReachable(nodes)
  await poll(() => nodes.every(({ network }) => network.host.libp2p.getConnections().length === 3))
  for (const { node, network } of nodes) {
    const others = [1, 2, 3, 4].filter((other) => other !== node)
    t.same(network.peers.connectedNodes(), others)
    const status = network.peers.status()
    t.same(status.map((peer) => [peer.node, peer.connected, peer.faultPoints, peer.banLeftMs]), others.map((other) => [other, true, 0, 0]))
    t.ok(status.every(({ connectedMs, direction }) => connectedMs !== undefined && direction !== undefined))
  }
})

t.test('a node that restarts on its port is connected to again, and the loss was told at once', async (t) => {
  const nodes = await startCluster(3)
  await allReachable(nodes)
  const [one, two, three] = nodes
  const members = await membersOf(nodes)
  const port = two!.network.host.addresses()[0]!.replace(/\/p2p\/.*/, '')
  const changes: [number, boolean][] = []
  one!.network.raft.onPeerChange((node, connected) => changes.push([node, connected]))
  const lost = until((again) => one!.network.raft.onPeerChange(again), () => changes.length === 1)
  await two!.network.stop()
  await lost
  t.same(changes, [[2, false]])
  const revived = await createNode({ node: 2, members, p2p: { listen: [port] } })
  t.teardown(() => stopAll([one!, three!, revived]))
  await revived.network.start()
  await allReachable([one!, revived, three!])
  t.same(changes, [[2, false], [2, true]])
})

t.test('a node that appears, moves or disappears on the ledger is dialled, dialled anew, or hung up on', async (t) => {
  const nodes = await startCluster(2)
  t.teardown(() => stopAll(nodes))
  const [one, two] = nodes
  await allReachable(nodes)
  const members = await membersOf(nodes)
  const gone = until((again) => two!.network.raft.onPeerChange(again), () => two!.network.raft.reachable().length === 0)
  one!.network.roster.update([members[0]!])
  await gone
  await poll(() => one!.metrics.count('gate_refused_total inbound foreign') >= 1)
  t.same(one!.network.raft.reachable(), [], 'node 2 dials on in vain')
  one!.network.roster.update([members[0]!, { ...members[1]!, addresses: ['/ip4/127.0.0.1/tcp/1', 'nonsense'] }])
  one!.network.roster.update(members)
  await allReachable(nodes)
  t.pass('back')
})

t.test('a banned peer is kept out until its ban ends', async (t) => {
  // Several times what a dialler waits between two attempts.
  const nodes = await startCluster(2, { p2p: { banMs: 600 } })
  t.teardown(() => stopAll(nodes))
  const [one] = nodes
  await allReachable(nodes)
  const lost = until((again) => one!.network.raft.onPeerChange(again), () => one!.network.raft.reachable().length === 0)
  for (let i = 0; i < 11; i++) one!.network.peers.report(2, new PeerFault('P2P_GOSSIP_REJECTED', 'reject', 'a test'))
  t.ok(one!.network.scores.banLeftMs(2) > 0)
  await lost
  const leftAtReturn: number[] = []
  one!.network.raft.onPeerChange((_, connected) => { if (connected) leftAtReturn.push(one!.network.scores.banLeftMs(2)) })
  await allReachable(nodes)
  t.same(leftAtReturn, [0])
  t.equal(one!.metrics.count('bans_total'), 1)
})

t.test('a port in use is one clear error; a wrong secret or address another', async (t) => {
  const [node] = await startCluster(1)
  t.teardown(() => stopAll([node!]))
  const taken = node!.network.host.addresses()[0]!.replace(/\/p2p\/.*/, '')
  const second = await createNode({ node: 2, members: [await recordOf(1, [])], p2p: { listen: [taken] } })
  await t.rejects(second.network.start(), { code: 'P2P_LISTEN_FAILED' })
  await second.network.stop()
  await t.rejects(createHost({ secret: new Uint8Array(31), chain: CHAIN, p2p: FAST }, { gate: {}, logger: silentLogger }), { code: 'P2P_KEY_INVALID' })
  await t.rejects(createHost({ secret: secretOf(1), chain: CHAIN, p2p: { ...FAST, listen: ['/ip4/127.0.0.1/udp/1'] } }, { gate: {}, logger: silentLogger }), { code: 'P2P_ADDRESS_INVALID' })
})

t.test('start and stop may be called twice and in any order', async (t) => {
  const [node] = await startCluster(1)
  const { network } = node!
  await network.start()
  await network.stop()
  await network.stop()
  await network.start()
  t.ok(network.host.addresses().length > 0, 'starts again')
  await network.stop()
  const unstarted = await createNode({ node: 3, members: [] })
  await unstarted.network.stop()
})
