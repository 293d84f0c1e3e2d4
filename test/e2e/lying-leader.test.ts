// Goal: a leader whose execution differs by one write gets nothing past the others (DESIGN §5.6; issue "Shows" 9).
// Method: four whole nodes in one process; one of them alters one write of the blocks it proposes and is made leader.
// The proof that this test can fail stands in docs/testing.md: without re-execution by the members it does.
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { errorCode, SteleError } from '../../primitives/error.ts'
import { Executor } from '../../node/executor.ts'
import type { SteleNode } from '../../node/stele-node.ts'
import type { Layer, TransactionStore } from '../../state/overlay.ts'
import { createCluster, lead, until } from '../helpers/cluster.ts'
import { keepingLogger } from '../helpers/log-lines.ts'
import type { LogLine } from '../helpers/log-lines.ts'
import { testDirectory } from '../helpers/directory.ts'

const LIAR = 1

/** Executes like the others, but alters the first write of a block it proposes while `lies`. */
class LyingExecutor extends Executor {
  static lies = false
  /** The blocks it lied in. */
  static readonly lied: { readonly index: number; readonly root: string }[] = []
  #proposing = false

  override propose(...args: Parameters<Executor['propose']>): ReturnType<Executor['propose']> {
    this.#proposing = LyingExecutor.lies
    try {
      const outcome = super.propose(...args)
      if (this.#proposing && 'block' in outcome) LyingExecutor.lied.push({ index: outcome.block.index, root: toHex(outcome.block.header.stateRoot) })
      return outcome
    } finally {
      this.#proposing = false
    }
  }

  protected override store(layer: Layer): TransactionStore {
    const store = super.store(layer)
    if (!this.#proposing) return store
    let altered = false
    return {
      ...store,
      put(key, value) {
        const bytes = value.slice()
        if (!altered) bytes[bytes.length - 1]! ^= 1
        altered = true
        store.put(key, bytes)
      },
    }
  }
}

t.test('a block with one altered write is acknowledged by nobody, and the others go on without its leader', async (t) => {
  const refusals: { readonly node: number; readonly line: LogLine; readonly vouched: number }[] = []
  const logs = [0, 1, 2, 3].map((i) => keepingLogger((line) => {
    if (line.phrase !== 'this node refuses a block') return
    refusals.push({ node: i, line, vouched: cluster.nodes[i]!.parts.driver.status.vouchedIndex })
  }))
  const cluster = await createCluster(testDirectory(t), 4, { loggerOf: (i) => logs[i]!.logger, executorOf: (i) => (i === LIAR ? LyingExecutor : Executor) })
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2, 3].map((i) => cluster.startNode(i)))
  const liar = await lead(cluster, LIAR)
  const honest = (): SteleNode[] => cluster.nodes.flatMap((node, i) => (node === undefined || i === LIAR ? [] : [node]))

  const sound = await liar.parts.admission.admit(cluster.enrolment(LIAR).bytes)
  liar.parts.driver.kick()
  await until(() => cluster.nodes.every((node) => node!.parts.store.locate(sound.transaction.id) !== undefined))
  const before = liar.parts.executor.tip

  LyingExecutor.lies = true
  await liar.parts.admission.admit(cluster.enrolment(LIAR).bytes)
  liar.parts.driver.kick()
  await until(() => liar.mode === 'fenced' || liar.parts.store.height > before.height)
  t.equal(liar.parts.store.height, before.height, 'the altered block is not committed')
  t.equal(liar.mode, 'fenced', 'a majority refused it, so its leader is fenced')
  if (liar.mode !== 'fenced') return
  t.equal(LyingExecutor.lied.length, 1)
  const [{ index: lyingIndex, root: theirs }] = LyingExecutor.lied as [{ index: number; root: string }]

  t.ok(refusals.length >= 2, 'at least two of the three others re-executed and refused')
  for (const { node, line, vouched } of refusals) {
    const { error } = line.fields
    t.equal(errorCode(error), 'ROOT_MISMATCH', `node ${node + 1} says why`)
    const { height, ours, theirs: claimed } = (error as SteleError).details
    t.equal(height, before.height + 1, 'the height is named')
    t.equal(claimed, theirs, 'the root that the leader signed is named')
    t.match(String(ours), /^[0-9a-f]{64}$/, 'the node\'s own root is named')
    t.not(ours, claimed, 'the two differ')
    t.ok(vouched < lyingIndex, `node ${node + 1} had acknowledged nothing at or above the block`)
  }
  t.equal(new Set(refusals.map(({ line }) => ((line.fields['error'] as SteleError).details['ours']))).size, 1, 'those who refuse agree on the right root')
  t.ok([...honest(), liar].every(({ parts }) => parts.store.height === before.height && parts.executor.hashAt(before.height) !== undefined), 'nothing was committed')
  t.ok(logs[LIAR]!.lines.some(({ fields }) => fields['code'] === 'LEADER_FENCED'), 'the fenced node says so')

  await until(() => honest().some(({ parts }) => parts.driver.status.role === 'leader'))
  t.pass('another node leads')
  const next = cluster.enrolment(0)
  const [first] = honest()
  await first!.parts.admission.admit(next.bytes)
  first!.parts.relay.relay(next)
  first!.parts.driver.kick()
  await until(() => honest().every(({ parts }) => parts.store.locate(next.id) !== undefined))
  t.pass('the others commit without it')

  await until(() => liar.parts.store.locate(next.id) !== undefined)
  await Promise.all([...honest(), liar].map(({ parts }) => parts.applier.settled()))
  await until(() => new Set([...honest(), liar].map(({ parts }) => parts.store.height)).size === 1)
  t.equal(new Set([...honest(), liar].map(({ parts }) => toHex(parts.world.root))).size, 1, 'the fenced node follows, with the others\' root')
  for (const { parts } of honest()) {
    for (let height = 1; height <= parts.store.height; height++) t.not(toHex(parts.store.block(height)!.header.stateRoot), theirs, `block ${height} does not carry the altered root`)
  }
  t.not(cluster.nodes.indexOf(await cluster.leader()), LIAR)
})
