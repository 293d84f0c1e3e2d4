// Goal: four institutions as four processes keep one ledger through the death of their leader (issue "Shows" 2).
// Method: the processes that `stele dev` starts, spoken to over RPC alone; kill -9 and SIGTERM as an operating system would send them.
import t, { type Test } from 'tap'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { decode } from '../../primitives/codec.ts'
import { receiptBundle } from '../../primitives/receipt.ts'
import { verifyReceipt } from '../../client/verify-receipt.ts'
import { readGenesis } from '../../node/genesis-file.ts'
import { callRpc, eventually, startProcesses } from '../helpers/dev.ts'
import type { ClusterStatus } from '../../rpc/shapes/cluster.ts'
import type { ProcessCluster } from '../helpers/dev.ts'
import { enrolmentOf } from '../helpers/calls.ts'

const NODES = 4
const processes: ProcessCluster = await startProcesses(t.testdir(), NODES)
t.teardown(() => processes.stop())

/** Ids of all transactions that a node reported as committed. */
const committed: string[] = []

async function write(i: number, until: 'committed' | 'final' = 'committed'): Promise<void> {
  const { transaction } = enrolmentOf(processes.chain, processes.members[i]!)
  const status = await callRpc(processes.nodes[i]!.rpc, 'tx_send', { transaction: toHex(transaction.bytes), wait: until, timeoutMs: 60_000 })
  if (status.code !== 'OK' || (until === 'final' && !status.final)) throw new Error(`not ${until}: ${JSON.stringify(status)}`)
  committed.push(status.id)
}

const statusFrom = (i: number) => callRpc(processes.nodes[i]!.rpc, 'cluster_status')
const leaderSeenBy = async (i: number): Promise<number> => (await eventually(() => statusFrom(i), ({ leader }) => leader !== null)).leader! - 1
const living = (): number[] => processes.nodes.flatMap((_, i) => (processes.alive(i) ? [i] : []))

/** Every node has every committed transaction, with one receipt and one state root per block. */
async function agreeOnAll(t: Test): Promise<void> {
  for (const id of committed) {
    const receipts = await Promise.all(living().map((i) => eventually(() => callRpc(processes.nodes[i]!.rpc, 'tx_receipt', { id }), () => true)))
    const facts = receipts.map(({ height, position, code, cost, events }) => JSON.stringify({ height, position, code, cost, events }))
    if (new Set(facts).size !== 1) return void t.fail(`receipts of ${id} differ: ${facts.join(' ')}`)
  }
  const newest = Math.max(...(await Promise.all(living().map((i) => statusFrom(i)))).map(({ height }) => height))
  for (let height = 1; height <= newest; height++) {
    const blocks = await Promise.all(living().map((i) => eventually(() => callRpc(processes.nodes[i]!.rpc, 'chain_block', { height }), () => true)))
    const facts = new Set(blocks.map(({ summary: { hash, stateRoot, eventRoot } }) => `${hash} ${stateRoot} ${eventRoot}`))
    if (facts.size !== 1) return void t.fail(`blocks at height ${height} differ: ${[...facts].join(' | ')}`)
  }
  t.pass(`${committed.length} transactions in ${newest} blocks, equal on ${living().length} nodes`)
}

t.test('cluster_status names leader, term, height and lag of every node', async (t) => {
  // Where a node stands is heard from itself, up to a second after its line is open.
  const isWhole = ({ leader, term, quorum, nodes }: ClusterStatus): boolean => leader !== null && quorum.reachable === NODES && nodes.every((node) => node.term === term && node.height !== null && node.lag !== null)
  const status = await eventually(() => statusFrom(0), isWhole)
  t.same(status.nodes.map(({ node, role, reachable }) => ({ node, leads: role === 'leader', reachable })), [1, 2, 3, 4].map((node) => ({ node, leads: node === status.leader, reachable: true })))
  t.ok(isWhole(status), 'term, height and lag of each')
  t.match(status.quorum, { voters: 4, reachable: 4, writes: 3, finality: 3, failuresLeft: 1 })
})

t.test('a transaction sent to any node, leading or following, becomes committed and final', async () => {
  for (let i = 0; i < NODES; i++) await write(i, 'final')
})

t.test('a receipt verifies without a node, by attestations of other processes than the one asked; with too few, repeated or strange signers it does not', async (t) => {
  const { bundle } = await callRpc(processes.nodes[0]!.rpc, 'tx_receipt', { id: committed[0]! })
  const anchor = { genesis: readGenesis(processes.genesis) }
  const report = verifyReceipt(fromHex(bundle!), anchor)
  t.equal(report.transaction, committed[0])
  t.ok(report.attestedBy.filter(({ node }) => node !== processes.nodes[0]!.id).length >= 2, 'at least two of the three are others')
  const whole = decode(receiptBundle, fromHex(bundle!))
  const [first, second, third] = whole.finality.certificate.signatures
  const signedBy = (signatures: typeof whole.finality.certificate.signatures) => () => verifyReceipt({ ...whole, finality: { ...whole.finality, certificate: { ...whole.finality.certificate, signatures } } }, anchor)
  t.throws(signedBy([first!, second!]), { code: 'CERTIFICATE_TOO_FEW' })
  t.throws(signedBy([first!, second!, second!]), { code: 'CERTIFICATE_SIGNER_TWICE' })
  t.throws(signedBy([first!, second!, { ...third!, node: 9 }]), { code: 'CERTIFICATE_SIGNER_UNKNOWN' })
  t.throws(signedBy([first!, second!, { ...third!, signature: second!.signature }]), { code: 'CERTIFICATE_SIGNATURE_INVALID' })
})

t.test('sending the same bytes again is harmless and tells the present status', async (t) => {
  const { transaction } = enrolmentOf(processes.chain, processes.members[0]!)
  const params = { transaction: toHex(transaction.bytes), wait: 'committed' }
  const statuses = await Promise.all([0, 1, 2, 3, 0].map((i) => callRpc(processes.nodes[i]!.rpc, 'tx_send', params)))
  t.equal(new Set(statuses.map(({ height, position }) => `${height} ${position}`)).size, 1, 'one place in the chain')
  committed.push(statuses[0]!.id)
})

t.test('after kill -9 of the leader writes resume, and nothing reported committed is lost', async (t) => {
  await Promise.all(Array.from({ length: 40 }, (_, n) => write(n % NODES)))
  const leader = await leaderSeenBy(0)
  await processes.kill(leader)
  const survivor = living()[0]!
  const failed = await callRpc(processes.nodes[leader]!.rpc, 'tx_status', { id: committed[0]! }).then(() => false, () => true)
  t.ok(failed, 'the killed node answers no more')
  await write(survivor)
  await Promise.all(living().map((i) => write(i)))
  t.not(await leaderSeenBy(survivor), leader, 'another node leads')
  await agreeOnAll(t)
  const status = await statusFrom(survivor)
  t.match(status.nodes[leader], { role: 'unreachable', reachable: false }, 'the status says which node is gone')
})

t.test('with its quorum lost a node goes on answering, marks what it shows as stale, takes no write, and readyz says why', async (t) => {
  await processes.kill(living()[2]!)
  const [one, other] = living() as [number, number]
  const lone = await eventually(() => callRpc(processes.nodes[one]!.rpc, 'tx_receipt', { id: committed[0]! }), ({ asOf }) => asOf.stale === true)
  t.equal(lone.status, 'final', 'what it has stays proved')
  const probe = async (): Promise<string> => {
    const answer = await fetch(`${processes.nodes[one]!.metrics}/readyz`, { headers: { connection: 'close' } })
    return `${answer.status} ${await answer.text()}`
  }
  t.match(await eventually(probe, (text) => text.includes('2 of 4')), /^503 [^]*leader no leader known\n[^]*quorum-writes 2 of 4 voters reachable, 3 needed to commit/)
  const { transaction } = enrolmentOf(processes.chain, processes.members[other]!)
  const sent = await callRpc(processes.nodes[other]!.rpc, 'tx_send', { transaction: toHex(transaction.bytes), wait: 'committed', timeoutMs: 300 }).then(({ status }) => status, ({ code }: { code: string }) => code)
  t.match(sent, /^(pending|included|NO_LEADER)$/, 'neither committed nor called failed')
})

t.test('the killed nodes catch up when they start again, and nothing is stale any more', async (t) => {
  const gone = processes.nodes.flatMap((_, i) => (processes.alive(i) ? [] : [i]))
  const [stayed] = living()
  await Promise.all(gone.map((i) => processes.restart(i)))
  await write(gone[0]!, 'final')
  await eventually(() => statusFrom(gone[0]!), ({ nodes }) => nodes.every(({ lag }) => lag === 0))
  await agreeOnAll(t)
  t.equal((await eventually(() => statusFrom(stayed!), ({ leader }) => leader !== null)).asOf.stale, undefined)
})

t.test('SIGTERM leaves no process behind', async (t) => {
  const pids = processes.nodes.map(({ pid }) => pid)
  await processes.stop()
  t.same(await Promise.all(processes.nodes.map(({ child }) => child.exited)), [0, 0, 0, 0], 'each ends with 0')
  t.same(pids.filter(isRunning), [])
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}
