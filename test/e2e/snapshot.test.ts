// Goal: a node that is new to a busy chain joins by snapshot while load goes on; in the end all have the same state.
// Method: four processes with a snapshot every few blocks. The fourth is stopped at the beginning and comes back when the others have gone far; it is killed once on its way.
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readGenesis } from '../../node/genesis-file.ts'
import { verifyData } from '../../node/verify-data.ts'
import { callRpc, eventually, startProcesses } from '../helpers/dev.ts'
import type { ProcessCluster } from '../helpers/dev.ts'
import { toHex } from '../../primitives/bytes.ts'
import { enrolmentOf } from '../helpers/calls.ts'
import { testDirectory } from '../helpers/directory.ts'
import { readStoredState } from '../helpers/offline.ts'

const NODES = 4
const LATE = 3

t.setTimeout(290_000)

/** Four clients that send enrolments to the first three nodes, one after the other. */
function startLoad(processes: ProcessCluster): { readonly acknowledged: () => number; stop(): Promise<void> } {
  let running = true
  let acknowledged = 0
  const clients = [0, 1, 2, 0].map(async (i) => {
    while (running) {
      const { transaction } = enrolmentOf(processes.chain, processes.members[i]!)
      const sent = await callRpc(processes.nodes[i]!.rpc, 'tx_send', { transaction: toHex(transaction.bytes), wait: 'committed', timeoutMs: 5_000 }).catch(() => undefined) // An election refuses for a moment.
      if (sent?.status === 'committed' || sent?.status === 'final') acknowledged++
    }
  })
  return {
    acknowledged: () => acknowledged,
    async stop() {
      running = false
      await Promise.all(clients)
    },
  }
}

t.test('a late node joins by snapshot under load', async (t) => {
  const directory = testDirectory(t)
  const processes = await startProcesses(directory, NODES, { snapshotBlocks: 20 })
  t.teardown(() => processes.stop())
  await eventually(() => callRpc(processes.nodes[0]!.rpc, 'cluster_status'), ({ leader }) => leader !== null)
  await processes.kill(LATE)
  appendFileSync(join(processes.nodes[LATE]!.folder, 'config.yaml'), '\nsnapshots:\n  joinBehindBlocks: 10\n')
  const load = startLoad(processes)
  const heightOf = async (i: number): Promise<number> => (await callRpc(processes.nodes[i]!.rpc, 'cluster_status')).height
  await eventually(() => heightOf(0), (height) => height >= 65)

  await processes.restart(LATE)
  await eventually(() => callRpc(processes.nodes[LATE]!.rpc, 'cluster_status'), ({ height }) => height > 0)
  await processes.kill(LATE)
  await processes.restart(LATE)
  await eventually(() => callRpc(processes.nodes[LATE]!.rpc, 'cluster_status'), ({ nodes }) => nodes.every(({ lag }) => lag !== null && lag < 20))
  await load.stop()
  t.ok(load.acknowledged() > 100, `${load.acknowledged()} transactions acknowledged`)
  await eventually(() => callRpc(processes.nodes[0]!.rpc, 'cluster_status'), ({ nodes, height, finalHeight }) => nodes.every(({ lag }) => lag === 0) && height === finalHeight)
  const first = await callRpc(processes.nodes[LATE]!.rpc, 'chain_block', { height: 1 }).then(() => 'served', ({ code }: { code: string }) => code)
  t.equal(first, 'BLOCK_PRUNED', 'it does not have the first block, and says so')
  await processes.stop()

  const genesis = readGenesis(processes.genesis)
  const states = await Promise.all(processes.nodes.map(({ data }) => readStoredState(data, genesis)))
  for (const [i, state] of states.entries()) t.same(state, states[0], `node ${i + 1} has the same height and state root`)
  const report = await verifyData({ dataDir: processes.nodes[LATE]!.data, genesis, threads: 0 })
  t.same(report.findings, [])
  t.notOk(existsSync(join(processes.nodes[LATE]!.data, 'join')), 'nothing is left half-done')
})
