import t from 'tap'
import { allReachable, poll, startCluster, stopAll } from './cluster.ts'

/**
 * Goal: no break at any moment throws where nobody catches, and everything works again afterwards. Method: connections are cut again and again
 * in the middle of full streams of every protocol, from both sides.
 */
t.test('connections that break under load lose messages, and nothing else', async (t) => {
  const nodes = await startCluster(3)
  t.teardown(() => stopAll(nodes))
  const uncaught: unknown[] = []
  const onUncaught = (error: unknown): void => { uncaught.push(error) }
  process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught)
  t.teardown(() => process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught))
  const errors: string[] = []
  for (const { network } of nodes) {
    network.gossip.subscribe('tx', async () => 'accept')
    network.sync.handle('echo', async (_, body) => body)
    network.sync.handle('blocks', async function* () { for (let i = 0; i < 8; i++) yield new Uint8Array(500_000) })
  }
  await allReachable(nodes)
  const block = new Uint8Array(700_000)
  let round = 0
  const load = async (): Promise<void> => {
    for (const { node, network } of nodes) {
      for (const to of [1, 2, 3].filter((other) => other !== node)) {
        network.raft.send(to, 'append', block)
        network.raft.send(to, 'control', new Uint8Array(50))
        const failed = (error: { code?: string }): void => { errors.push(error.code ?? String(error)) }
        network.sync.request(to, 'echo', block).catch(failed)
        const reading = (async () => { for await (const item of network.sync.stream(to, 'blocks', new Uint8Array())) if (item.length !== 500_000) throw new Error('not whole') })()
        reading.catch(failed)
      }
      await network.gossip.publish('tx', new Uint8Array(20_000).fill(round))
    }
  }
  for (round = 1; round <= 12; round++) {
    await load()
    for (let i = 0; i < round % 5; i++) await new Promise((resolve) => setImmediate(resolve))
    const { node, network } = nodes[round % 3]!
    network.peers.disconnect((node % 3) + 1, 'a break')
    if (round % 4 === 0) await allReachable(nodes)
  }
  await allReachable(nodes)
  t.same(uncaught, [])
  t.same([...new Set(errors)].filter((code) => !['P2P_CONNECTION_LOST', 'P2P_UNREACHABLE', 'P2P_BUSY'].includes(code)), [], `${errors.length} requests failed, each with a reason that says so`)
  t.ok(errors.length > 0, 'connections were cut in the middle of something')
  const startMs = performance.now()
  await poll(() => nodes.every(({ network }) => network.gossip.subscribers('tx').length === 2))
  t.comment(`gossip was whole again after ${Math.round(performance.now() - startMs)} ms`)
  for (const { node, network } of nodes) {
    t.equal(network.peers.status().filter(({ connected }) => connected).length, 2)
    for (const to of [1, 2, 3].filter((other) => other !== node)) t.equal((await network.sync.request(to, 'echo', new Uint8Array(10))).length, 10, `${node} asks ${to}`)
    t.same(network.peers.status().map(({ faultPoints }) => faultPoints), [0, 0], 'a break is nobody\'s fault')
  }
})
