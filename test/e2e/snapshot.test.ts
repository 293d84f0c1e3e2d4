// Goal: a node that is new to a busy chain joins by snapshot while load goes on, deletes old blocks and their files, and serves them again from a member's archive; in the end all have the same state.
// Method: four processes with a snapshot every few blocks. The fourth is stopped at the beginning and comes back when the others have gone far; it is killed once on its way. It prunes, the others do not.
import { appendFileSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readGenesis } from '../../node/genesis-file.ts'
import { verifyData } from '../../node/verify-data.ts'
import { callRpc, eventually, startProcesses } from '../helpers/dev.ts'
import type { ProcessCluster } from '../helpers/dev.ts'
import { toHex } from '../../primitives/bytes.ts'
import { createTransaction } from '../../primitives/transaction.ts'
import { systemRandom } from '../../node/system.ts'
import { enrolmentOf } from '../helpers/calls.ts'
import { CommandLine } from '../helpers/command-lines.ts'
import { testDirectory } from '../helpers/directory.ts'
import { readStoredState } from '../helpers/offline.ts'

const NODES = 4
const LATE = 3
/** Blocks younger than this are not pruned. Much longer than a block takes, so that a transaction of this length of life seldom expires. */
const LIFETIME_MS = 5_000
const validUntil = (): bigint => BigInt(Date.now() + LIFETIME_MS - 500)

t.setTimeout(290_000)

/** Two clients that send enrolments, one after the other: enough for some thirty blocks a second, and no more than the machine has to spare. */
function startLoad(processes: ProcessCluster): { readonly acknowledged: () => number; stop(): Promise<void> } {
  let running = true
  let acknowledged = 0
  const clients = [0, 1].map(async (i) => {
    while (running) {
      const { transaction } = enrolmentOf(processes.chain, processes.members[i]!, 'service', { validUntil: validUntil() })
      const sent = await callRpc(processes.nodes[i]!.rpc, 'tx_send', { transaction: toHex(transaction.bytes), wait: 'committed', timeoutMs: 5_000 }).catch(() => undefined) // An election refuses for a moment.
      if (sent?.status === 'committed' || sent?.status === 'final') acknowledged++
      await new Promise((resolve) => setTimeout(resolve, 30))
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

const segmentsOf = (data: string): string[] => readdirSync(join(data, 'ledger')).filter((name) => name.endsWith('.segment')).sort()

/** Calls of nonsense with long arguments, of which each leaves its bytes in a block and nothing else. */
async function fill(processes: ProcessCluster, bytes: number): Promise<void> {
  const { account, signer } = processes.members[0]!
  await Promise.all(Array.from({ length: Math.ceil(bytes / 60_000) }, () => {
    const { bytes: envelope } = createTransaction({ chain: processes.chain, account, contract: 'identity', call: 'suspend', args: systemRandom.bytes(60_000), validUntil: validUntil(), salt: systemRandom.bytes(16) }, signer)
    return callRpc(processes.nodes[0]!.rpc, 'tx_send', { transaction: toHex(envelope), wait: 'committed', timeoutMs: 5_000 })
  }))
}

t.test('a late node joins by snapshot under load, prunes, and serves what it lacks from an archive', async (t) => {
  const directory = testDirectory(t)
  const processes = await startProcesses(directory, NODES, { snapshotBlocks: 20, lifetimeMsMax: LIFETIME_MS, permitMsMax: LIFETIME_MS })
  t.teardown(() => processes.stop())
  await eventually(() => callRpc(processes.nodes[0]!.rpc, 'cluster_status'), ({ leader }) => leader !== null)
  await processes.kill(LATE)
  appendFileSync(join(processes.nodes[LATE]!.folder, 'config.yaml'), '\nsnapshots:\n  joinBehindBlocks: 10\nprune:\n  keepBlocks: 10\nledger:\n  segmentBytes: 2097152\n')
  const load = startLoad(processes)
  t.teardown(() => load.stop())
  const heightOf = async (i: number): Promise<number> => (await callRpc(processes.nodes[i]!.rpc, 'cluster_status')).height
  await eventually(() => heightOf(0), (height) => height >= 65)

  await processes.restart(LATE)
  await eventually(() => callRpc(processes.nodes[LATE]!.rpc, 'cluster_status'), ({ height }) => height > 0)
  await processes.kill(LATE)
  await processes.restart(LATE)
  await eventually(() => callRpc(processes.nodes[LATE]!.rpc, 'cluster_status'), ({ nodes }) => nodes.every(({ lag }) => lag !== null && lag < 20))
  const late = (): string => processes.nodes[LATE]!.rpc
  const joined = (await callRpc(late(), 'node_info')).firstHeight
  t.ok(joined >= 40, `it began at block ${joined}`)
  const [oldest] = segmentsOf(processes.nodes[LATE]!.data)
  while (segmentsOf(processes.nodes[LATE]!.data).length === 1) await fill(processes, 1_200_000)
  await eventually(async () => segmentsOf(processes.nodes[LATE]!.data), (names) => !names.includes(oldest!))
  const { firstHeight } = await callRpc(late(), 'node_info')
  t.ok(firstHeight > joined, `the file with its first blocks is gone; it keeps them from ${firstHeight} on`)
  await load.stop()
  t.ok(load.acknowledged() > 100, `${load.acknowledged()} transactions acknowledged`)
  await eventually(() => callRpc(processes.nodes[0]!.rpc, 'cluster_status'), ({ nodes, height, finalHeight }) => nodes.every(({ lag }) => lag === 0) && height === finalHeight)
  for (const height of [1, joined]) await t.rejects(callRpc(late(), 'chain_block', { height }), { code: 'BLOCK_PRUNED' }, `it does not have block ${height}, and says so`)
  const blocks = await Promise.all([1, joined].map((height) => callRpc(processes.nodes[0]!.rpc, 'chain_block', { height })))
  await processes.stop()

  const genesis = readGenesis(processes.genesis)
  const states = await Promise.all(processes.nodes.map(({ data }) => readStoredState(data, genesis)))
  for (const [i, state] of states.entries()) t.same(state, states[0], `node ${i + 1} has the same height and state root`)
  const report = await verifyData({ dataDir: processes.nodes[LATE]!.data, genesis, threads: 0 })
  t.same(report.findings, [])
  t.notOk(existsSync(join(processes.nodes[LATE]!.data, 'join')), 'nothing is left half-done')

  const shell = new CommandLine(directory)
  t.teardown(() => shell.stop())
  const archive = join(directory, 'all.archive')
  t.match(await shell.run('archive', 'export', archive, '--data', processes.nodes[0]!.folder), { code: 0, stdout: /blocks 1 to \d+/ })
  t.match(await shell.run('archive', 'import', archive, '--data', processes.nodes[LATE]!.folder), { code: 0, stdout: /serves them from its next start on/ })
  await processes.restart(LATE)
  const again = await callRpc(late(), 'chain_block', { height: joined })
  t.same(again.summary, blocks[1]!.summary, 'a pruned block comes back from the archive')
  t.ok(again.finality, 'and a certificate proves it')
  t.same((await callRpc(late(), 'chain_block', { height: 1 })).summary, blocks[0]!.summary, 'and one that it never had')
})
