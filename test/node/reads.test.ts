// Goal: a linearizable read at any node shows what was committed before it was asked for, and without a quorum it is refused instead of answered. Method: whole nodes in this process.
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { readAccount, readerOf } from '../../contracts/index.ts'
import { NodeReads } from '../../node/ports/reads.ts'
import { createCluster, elect } from '../helpers/cluster.ts'
import { testDirectory } from '../helpers/directory.ts'

t.test('read index through driver, applier and port', async (t) => {
  const cluster = await createCluster(testDirectory(t), 3, { consensus: { tickMs: 50, electionTicks: 20 } })
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2].map((i) => cluster.startNode(i)))
  const leader = await elect(cluster, 0)
  const { signal } = new AbortController()
  for (let round = 0; round < 5; round++) {
    const transaction = cluster.enrolment()
    const committed = new Promise<void>((resolve) => {
      const end = leader.onCommitted((block) => {
        if (!block.receipts.some(({ tx }) => toHex(tx) === toHex(transaction.id))) return
        end()
        resolve()
      })
    })
    await leader.parts.admission.admit(transaction.bytes)
    leader.parts.driver.kick()
    await committed
    await Promise.all(cluster.nodes.map(async (node) => {
      await new NodeReads(node!).linearizable(signal)
      t.ok(readAccount(readerOf(node!.parts.world.view()), transaction.id), `node ${node!.parts.config.node} shows the account`)
    }))
  }
  const left = cluster.nodes.findIndex((node) => node === leader)
  await Promise.all([0, 1, 2].filter((i) => i !== left).map((i) => cluster.stopNode(i)))
  await t.rejects(new NodeReads(leader).linearizable(signal), { code: 'NO_LEADER', retryable: true }, 'alone it does not know what is committed')
})
