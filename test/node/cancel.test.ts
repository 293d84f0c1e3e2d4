// Goal: a transaction that waits can be taken back by the account that signed it and by nobody else, and the answer claims no more than the members said.
// Method: whole nodes in this process, asked through their ports with signed requests; while their leaders may not cut, transactions wait.
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { signRequest } from '../../primitives/request.ts'
import { createSigner } from '../../primitives/signature.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { CANCELLATION_LIMITS, Cancellations } from '../../node/cancellations.ts'
import { NodeCancel } from '../../node/ports/cancel.ts'
import { Head } from '../../node/ports/head.ts'
import { NodeRequests } from '../../node/ports/requests.ts'
import { NodeTransactions } from '../../node/ports/transactions.ts'
import { systemRandom } from '../../node/system.ts'
import type { TxCancellation } from '../../rpc/shapes/transaction.ts'
import { enrolmentOf } from '../helpers/calls.ts'
import type { Party } from '../helpers/calls.ts'
import { Clinic } from '../helpers/clinic.ts'
import { testDirectory } from '../helpers/directory.ts'

t.setTimeout(290_000)

t.test('what is remembered is bounded for all and for each account, and ends', (t) => {
  const by = { account: systemRandom.bytes(32), signer: createSigner(systemRandom.bytes(32)) }
  const { transaction, party } = enrolmentOf(systemRandom.bytes(32), by)
  const cancellations = new Cancellations(1_000)
  cancellations.add(toHex(party.account), transaction.key, 0)
  t.notOk(cancellations.has(transaction), 'the word of another account stops nothing')
  cancellations.add(toHex(by.account), transaction.key, 0)
  t.ok(cancellations.has(transaction))
  for (let i = 0; i < CANCELLATION_LIMITS.perAccount; i++) cancellations.add('a', String(i), 0)
  cancellations.add('a', '0', 0)
  t.throws(() => cancellations.add('a', 'one more', 0), { code: 'CONSENSUS_BUSY', retryable: true })
  cancellations.add('a', 'later', 1_000)
  t.notOk(cancellations.has(transaction), 'by then it has expired anyway')
  t.end()
})

t.test('only its signer takes a waiting transaction back, from all who answer', async (t) => {
  const clinic = await Clinic.open(testDirectory(t), 3)
  t.teardown(() => clinic.cluster.stop())
  const { nodes, chain, institutions } = clinic
  const doors = nodes.map((node) => {
    const head = new Head(node)
    const requests = new NodeRequests(node)
    const transactions = new NodeTransactions(node, head)
    const cancel = new NodeCancel(node, requests, transactions, head)
    cancel.start()
    return { requests, transactions, cancel }
  })
  const cancel = async (party: Party, { key }: Transaction, i = 0): Promise<TxCancellation> => {
    const auth = signRequest(chain, 'tx_cancel', { id: key }, party.account, party.signer, systemRandom.bytes(16), Date.now())
    const caller = await doors[i]!.requests.verify({ method: 'tx_cancel', params: { id: key }, auth })
    return doors[i]!.cancel.cancel(key, auth, caller, new AbortController().signal)
  }
  const pause = (): void => { for (const { parts } of nodes) Object.defineProperty(parts.execution, 'cut', { value: () => undefined, configurable: true }) }
  const goOn = (): void => {
    for (const { parts } of nodes) {
      Reflect.deleteProperty(parts.execution, 'cut')
      parts.driver.kick()
    }
  }
  const [by, other] = institutions as [Party, Party]

  pause()
  const [first, second] = [enrolmentOf(chain, by).transaction, enrolmentOf(chain, by).transaction]
  for (const transaction of [first, second]) await clinic.send(transaction)
  await t.rejects(cancel(other, first), { code: 'RPC_FORBIDDEN' }, 'another account cannot')
  t.equal((await doors[0]!.transactions.status(first.key)).status, 'pending')
  const taken = await cancel(by, first)
  t.match(taken, { outcome: 'withdrawn', nodes: [{ node: 1, answer: 'withdrawn' }, { node: 2 }, { node: 3 }] })
  t.notOk(nodes.some(({ parts }) => parts.mempool.has(first.key)), 'nobody holds it any more')
  t.equal((await doors[0]!.transactions.status(first.key)).status, 'unknown', 'and nobody claims to know what becomes of it')
  for (let i = 0; i < nodes.length; i++) await t.rejects(doors[i]!.transactions.send(first.bytes), { code: 'TX_CANCELLED' }, `node ${i + 1} takes it no more`)
  goOn()
  await clinic.settled([second])
  t.equal(clinic.outcomes.has(first.key), false, 'it is in no block')

  t.match(await cancel(by, second), { outcome: 'tooLate', nodes: [{ node: 1, answer: 'committed' }] }, 'what is committed stays, and nobody else is asked')
  const never = enrolmentOf(chain, by).transaction
  t.match((await cancel(by, never)).outcome, 'unknown')
  await t.rejects(clinic.send(never, 1), { code: 'TX_CANCELLED' }, 'a cancellation may come before its transaction')

  pause()
  const third = enrolmentOf(chain, by).transaction
  const down = nodes.findIndex(({ parts }) => parts.driver.status.role !== 'leader' && parts.config.node !== 1)
  await clinic.cluster.stopNode(down)
  await clinic.send(third)
  const partly = await cancel(by, third)
  t.match(partly, { outcome: 'partly' }, 'who does not answer may still include it')
  t.equal(partly.nodes.find(({ node }) => node === down + 1)?.answer, 'silent')
})
