// Goal: nodes that are killed at random under load lose no acknowledged transaction and apply none twice (issue "Shows" 3).
// Method: four processes, kill -9 of one node (now and then of two) and restart, for CHAOS_SECONDS (20 unless told) under CHAOS_SEED; then
// the files of every node are read with no node running. The seed fixes who is hit, not what the machine makes of it.
import t from 'tap'
import { readGenesis } from '../../node/genesis-file.ts'
import { callRpc, eventually, startProcesses } from '../helpers/dev.ts'
import { chooser, Load } from '../helpers/load.ts'
import { readStoredChain } from '../helpers/offline.ts'

const SECONDS = Number(process.env['CHAOS_SECONDS'] ?? 20)
const SEED = Number(process.env['CHAOS_SEED'] ?? 20261121)
const NODES = 4

t.setTimeout((SECONDS + 120) * 1000)

t.test(`random nodes are killed for ${SECONDS} s under load (seed ${SEED})`, async (t) => {
  const choose = chooser(SEED)
  const processes = await startProcesses(t.testdir(), NODES)
  t.teardown(() => processes.stop())
  await eventually(() => callRpc(processes.nodes[0]!.rpc, 'cluster_status'), ({ leader }) => leader !== null)

  const load = new Load(processes, 6, chooser(SEED + 1))
  const endMs = performance.now() + SECONDS * 1000
  let kills = 0
  while (performance.now() < endMs) {
    await pause(200 + choose(1200))
    // Two at a time leave no quorum: nothing may be acknowledged then, and all must go on afterwards.
    const victims = [choose(NODES), ...(choose(4) === 0 ? [choose(NODES)] : [])].filter((victim, i, all) => all.indexOf(victim) === i)
    await Promise.all(victims.map((victim) => processes.kill(victim)))
    kills += victims.length
    await pause(choose(1500))
    await Promise.all(victims.map((victim) => processes.restart(victim)))
  }
  await load.stop()
  t.ok(load.acknowledged.size > 0, `${load.acknowledged.size} of ${load.sent.size} transactions acknowledged, ${load.failures} requests failed, ${kills} kills`)

  await eventually(() => callRpc(processes.nodes[0]!.rpc, 'cluster_status'), ({ nodes, height, finalHeight }) => nodes.every(({ lag }) => lag === 0) && height === finalHeight, 30_000)
  await processes.stop()
  const genesis = readGenesis(processes.genesis)
  const chains = await Promise.all(processes.nodes.map(({ data }) => readStoredChain(data, genesis)))
  const [first] = chains

  const places = first!.blocks.flatMap(({ transactions }) => transactions)
  t.equal(places.length, new Set(places).size, 'no transaction stands in the chain twice')
  const applied = new Set(places)
  t.same([...load.acknowledged].filter((id) => !applied.has(id)), [], 'every acknowledged transaction stands in the chain')
  t.same(places.filter((id) => !load.sent.has(id)), [], 'nothing stands in the chain that nobody sent')
  for (const [i, chain] of chains.entries()) {
    t.equal(chain.height, first!.height, `node ${i + 1} stands at the same height`)
    t.equal(chain.root, first!.root, 'with the same state root')
    t.equal(chain.root, chain.blocks.at(-1)!.stateRoot, 'which is the one its newest header names')
    t.same(chain.blocks.map(({ hash }) => hash), first!.blocks.map(({ hash }) => hash), 'and the same blocks')
  }
})

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
