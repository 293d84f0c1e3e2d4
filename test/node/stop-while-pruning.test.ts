// Goal: a node that is stopped while it deletes old blocks stops like any other, so one that takes a snapshot then begins anew instead of ending its process.
// Method: a whole node in this process; its own pruning, when it comes to the receipts, finds that a stop has begun. `fatal` would throw here.
import t from 'tap'
import { createCluster, until } from '../helpers/cluster.ts'
import { testDirectory } from '../helpers/directory.ts'

const LIFETIME_MS = 500

t.test('a stop in the middle of pruning is none of a broken node, and the next start goes on with it', async (t) => {
  const failures: unknown[] = []
  const cluster = await createCluster(testDirectory(t), 1, {
    parameters: { snapshotBlocks: 4, lifetimeMsMax: LIFETIME_MS, permitMsMax: LIFETIME_MS }, config: { prune: { keepBlocks: 1 } }, onFatal: (_i, error) => { failures.push(error) },
  })
  t.teardown(() => cluster.stop())
  const block = async (): Promise<void> => {
    const { parts } = await cluster.leader()
    const { height } = parts.store
    await parts.admission.admit(cluster.enrolment(0, LIFETIME_MS - 100).bytes)
    parts.driver.kick()
    await until(() => parts.store.height > height)
  }
  const { world } = (await cluster.startNode(0)).parts
  let stopped: Promise<void> | undefined
  const prune = world.pruneReceipts.bind(world)
  Object.defineProperty(world, 'pruneReceipts', { value: (floor: number, signal: AbortSignal) => {
    stopped ??= cluster.stopNode(0)
    return prune(floor, signal)
  } })
  while (stopped === undefined) await block()
  await stopped
  t.same(failures, [], 'nothing is broken')

  const again = await cluster.startNode(0)
  while (again.parts.store.floor === 1) await block()
  t.ok(again.parts.store.floor >= 4, 'the blocks go after the next snapshot')
  t.same(failures, [])
})
