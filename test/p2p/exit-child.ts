import { allReachable, startCluster, stopAll } from './cluster.ts'

// Starts three nodes, uses each protocol once, stops them, and must then end by itself: nothing may keep the process alive.
const nodes = await startCluster(3)
for (const { network } of nodes) {
  network.gossip.subscribe('tx', async () => 'accept')
  network.sync.handle('echo', async (_, body) => body)
}
await allReachable(nodes)
const [one] = nodes
one!.network.raft.send(2, 'append', new Uint8Array(500_000))
await one!.network.gossip.publish('tx', new Uint8Array(100))
await one!.network.sync.request(2, 'echo', new Uint8Array(100))
await stopAll(nodes)
process.stdout.write('stopped\n')
