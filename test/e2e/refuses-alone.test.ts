// Goal: a member whose root differs stops taking part and names block, transaction and key, the others carry on; with the right program it comes back by itself (DESIGN §5.6, REQUIREMENTS L4).
// Method: four whole nodes in one process; the executor of one alters a write while `wrong`.
import t from 'tap'
import { errorCode, SteleError } from '../../primitives/error.ts'
import { toHex } from '../../primitives/bytes.ts'
import { stateKeyOf } from '../../primitives/state-key.ts'
import { Executor } from '../../node/executor.ts'
import type { Layer, TransactionStore } from '../../state/overlay.ts'
import { createCluster, lead, until } from '../helpers/cluster.ts'
import { testDirectory } from '../helpers/directory.ts'

const SICK = 2
let wrong = false
/** Alters accounts: what another version of a contract might do. */
class WrongExecutor extends Executor {
  protected override store(layer: Layer): TransactionStore {
    const store = super.store(layer)
    if (!wrong) return store
    return { ...store, put: (key, value) => store.put(key, key[0] === 2 && key[1] === 1 ? value.map((byte, i) => (i === value.length - 1 ? byte ^ 1 : byte)) : value) }
  }
}

t.test('it stands aside naming height, transaction and key; after a restart with the right program it has the block', async (t) => {
  const failures: unknown[] = []
  const cluster = await createCluster(testDirectory(t), 4, { executorOf: (i) => (i === SICK ? WrongExecutor : Executor), onFatal: (_i, error) => { failures.push(error) } })
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2, 3].map((i) => cluster.startNode(i)))
  const leader = await lead(cluster, 0)
  const others = [0, 1, 3]
  const write = async (): Promise<ReturnType<typeof cluster.enrolment>> => {
    const transaction = cluster.enrolment()
    await leader.parts.admission.admit(transaction.bytes)
    leader.parts.driver.kick()
    await until(() => others.every((i) => cluster.nodes[i]!.parts.store.locate(transaction.id) !== undefined))
    return transaction
  }
  await write()
  await until(() => cluster.nodes[SICK]!.parts.store.height === 1)
  wrong = true
  const sick = cluster.nodes[SICK]!
  const transaction = await write()
  await until(() => failures.length > 0)
  const [error] = failures
  t.equal(errorCode(error), 'BLOCK_CERTIFIED_ELSEWHERE')
  t.match((error as SteleError).details, { height: 2, refusedFor: 'ROOT_MISMATCH', position: 0, transaction: transaction.key, key: toHex(stateKeyOf({ kind: 'account', id: transaction.id })) })
  t.equal(sick.mode, 'repair')
  t.match(sick.repairReason, new RegExp(`height 2, transaction ${transaction.key}, key 0201`))
  await write()
  t.ok(others.every((i) => cluster.nodes[i]!.mode === 'normal'), 'the others carry on')
  t.equal(sick.parts.store.height, 1, 'it vouches for nothing any more')

  await cluster.stopNode(SICK)
  wrong = false
  await cluster.startNode(SICK)
  await until(() => cluster.nodes[SICK]!.parts.store.height === 3)
  t.same(cluster.nodes[SICK]!.parts.world.root, leader.parts.world.root, 'what it refused before is judged again, and now it agrees')
  t.equal(cluster.nodes[SICK]!.mode, 'normal')
})
