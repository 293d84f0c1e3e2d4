import t from 'tap'
import { Cluster } from '../../helpers/raft-cluster.ts'
import { BareNode, block } from '../../helpers/raft-node.ts'

// Goal: nothing unexecuted is vouched for, and a block that executes to another root is never acknowledged, never lost silently, and fences its leader (DESIGN §5.6).

const ROOT = new Uint8Array([1, 2, 3])

/** A follower of node 2 in term 1 that received entries 1 to 3 and executed none. */
function follower(): BareNode {
  const node = new BareNode()
  node.holdExecution = true
  node.receive('append', { from: 2, term: 1, prevIndex: 0, prevTerm: 0, entries: [block(1, 1), block(2, 1), block(3, 1)], commit: 3 })
  return node
}

t.test('an acknowledgement waits for the disk and for execution, whichever is later', async (t) => {
  const node = new BareNode()
  node.holdDisk = true
  node.holdExecution = true
  node.receive('append', { from: 2, term: 1, prevIndex: 0, prevTerm: 0, entries: [block(1, 1)], commit: 0 })
  node.receive('append', { from: 2, term: 1, prevIndex: 1, prevTerm: 1, entries: [block(2, 1)], commit: 0 })
  node.executeTo(1)
  t.same(node.take('appendAck'), [], 'executed, not durable')
  node.sync()
  t.match(node.take('appendAck').map(({ index }) => index), [1], 'durable, not executed')
  node.executeTo(2)
  t.match(node.take('appendAck').map(({ index }) => index), [2])
})

t.test('a vote waits for the execution of the whole received tail', async (t) => {
  const node = follower()
  node.step({ type: 'forgetLeader' })
  node.receive('voteRequest', { from: 3, term: 2, lastIndex: 3, lastTerm: 1, transfer: false })
  t.same(node.take('voteAnswer'), [])
  node.executeTo(3)
  t.match(node.take('voteAnswer'), [{ to: 3, granted: true, term: 2 }])
})

t.test('a node does not campaign over an unexecuted tail, and lets others win', async (t) => {
  const node = follower()
  t.match(node.step({ type: 'campaign' }), { code: 'UNEXECUTED_TAIL' })
  for (let i = 0; i < 10; i++) node.step({ type: 'tick', jitter: 0 })
  t.match(node.status, { role: 'follower', leader: 0, term: 1 })
})

t.test('the commit index follows the cluster only as far as execution has come', async (t) => {
  const node = follower()
  t.equal(node.status.committedIndex, 0)
  node.executeTo(2)
  t.equal(node.status.committedIndex, 2)
})

t.test('a report about an entry that was replaced meanwhile counts for nothing', async (t) => {
  const node = follower()
  node.receive('append', { from: 3, term: 4, prevIndex: 0, prevTerm: 0, entries: [], commit: 0 })
  const replaced = new BareNode()
  replaced.holdExecution = true
  replaced.receive('append', { from: 2, term: 1, prevIndex: 0, prevTerm: 0, entries: [block(1, 1)], commit: 0 })
  replaced.receive('append', { from: 3, term: 2, prevIndex: 0, prevTerm: 0, entries: [block(1, 2)], commit: 0 })
  t.equal(replaced.effects.at(-1)?.truncatedFrom ?? replaced.effects.at(-2)?.truncatedFrom, 1, 'the executor hears that its layers are void')
  replaced.step({ type: 'executed', index: 1, term: 1 })
  replaced.step({ type: 'refused', index: 1, term: 1, code: 'ROOT_MISMATCH', root: ROOT })
  t.match(replaced.status, { executedIndex: 0, lastIndex: 1, lastTerm: 2 })
  t.same(replaced.take('appendAck'), [])
})

t.test('a refusal cuts the tail, is durable before it is told, and names index, code and root', async (t) => {
  const node = follower()
  node.executeTo(1)
  t.match(node.take('appendAck').map(({ index }) => index), [], 'the acknowledgement of three entries covers an unexecuted one')
  node.holdDisk = true
  node.step({ type: 'refused', index: 2, term: 1, code: 'ROOT_MISMATCH', root: ROOT })
  const { persist, truncatedFrom } = node.effects.at(-1) ?? {}
  t.match(persist, { truncateFrom: 2, entries: [], refusals: [{ index: 2, term: 1, code: 'ROOT_MISMATCH', root: ROOT }], tail: { index: 1, term: 1 } })
  t.equal(truncatedFrom, 2)
  t.same(node.take('appendRefusal'), [], 'not durable yet')
  node.sync()
  t.match(node.sent, [{ type: 'appendRefusal', to: 2, index: 2, entryTerm: 1, code: 'ROOT_MISMATCH', root: ROOT }])
  t.match(node.status, { leader: 0, lastIndex: 1 })
})

t.test('the same entry again is refused at once, after a restart too, and another one in its place is taken', async (t) => {
  const node = new BareNode({ terms: [1], refusals: [{ index: 2, term: 1, code: 'ROOT_MISMATCH', root: ROOT }] })
  node.receive('append', { from: 2, term: 1, prevIndex: 1, prevTerm: 1, entries: [block(2, 1), block(3, 1)], commit: 3 })
  t.match(node.sent, [{ type: 'appendRefusal', index: 2, entryTerm: 1 }])
  t.match(node.status, { lastIndex: 1, committedIndex: 1 })
  node.receive('append', { from: 3, term: 2, prevIndex: 1, prevTerm: 1, entries: [block(2, 2)], commit: 2 })
  t.match(node.status, { lastIndex: 2, committedIndex: 2, leader: 3 })
})

t.test('what was acknowledged is never cut: refusing it breaks an invariant', async (t) => {
  const restarted = new BareNode({ terms: [1, 1] })
  t.throws(() => restarted.step({ type: 'refused', index: 2, term: 1, code: 'ROOT_MISMATCH', root: ROOT }), { code: 'INVARIANT_BROKEN' })
})

t.test('a node that refused an entry follows its leader no more in that term, so that a majority of refusers elects another', async (t) => {
  const node = follower()
  node.executeTo(1)
  node.step({ type: 'refused', index: 2, term: 1, code: 'ROOT_MISMATCH', root: ROOT })
  node.receive('heartbeat', { from: 2, term: 1, commit: 1, read: 0 })
  t.equal(node.status.leader, 0)
  node.receive('preVoteRequest', { from: 3, term: 2, lastIndex: 1, lastTerm: 1 })
  t.match(node.take('preVoteAnswer'), [{ granted: true }])
  node.receive('heartbeat', { from: 3, term: 2, commit: 0, read: 0 })
  t.equal(node.status.leader, 3)
})

t.test('a leader goes on while a minority refuses, and is fenced when no majority is left', async (t) => {
  const node = new BareNode()
  node.lead(2)
  for (const from of [2, 3]) node.receive('appendAck', { from, term: 1, index: 1 })
  node.step({ type: 'submit', term: 1, data: [new Uint8Array(1)] })
  node.receive('appendRefusal', { from: 3, term: 1, index: 2, entryTerm: 1, code: 'ROOT_MISMATCH', root: ROOT })
  t.match(node.status, { role: 'leader', fence: undefined })
  node.sent = []
  node.receive('heartbeatAnswer', { from: 3, term: 1, read: 0 })
  t.match(node.take('append'), [{ to: 3, entries: [] }], 'the refuser is not sent the entry again')
  node.step({ type: 'submit', term: 1, data: [new Uint8Array(1)] })
  node.receive('appendRefusal', { from: 2, term: 1, index: 3, entryTerm: 1, code: 'BLOCK_INVALID', root: ROOT })
  t.match(node.status, { role: 'follower', fence: { refusals: [{ peer: 2, index: 3, code: 'BLOCK_INVALID' }, { peer: 3, index: 2, root: ROOT }] } })
  t.equal(node.effects.findLast(({ stepDown }) => stepDown !== undefined)?.stepDown, 'fenced')
  t.match(node.step({ type: 'campaign' }), { code: 'LEADER_FENCED' })
  t.match(node.step({ type: 'submit', term: 1, data: [new Uint8Array(1)] }), { code: 'LEADER_FENCED' })
})

t.test('when a majority refuses, the leader is fenced and the cluster goes on without its block', async (t) => {
  const cluster = new Cluster({ nodes: 3, refuses: (node, entry) => node !== 1 && new TextDecoder().decode(entry.data) === 'bad' })
  cluster.elect(1)
  cluster.submit(1, 'good')
  cluster.settle()
  cluster.submit(1, 'bad')
  cluster.settle()
  t.match(cluster.status(1).fence, { refusals: [{ index: 3 }, { index: 3 }] })
  for (let round = 0; round < 40 && cluster.leader() === undefined; round++) {
    for (const { id } of cluster.nodes) cluster.tick(id)
    cluster.settle()
  }
  const leader = cluster.leader()
  t.ok(leader === 2 || leader === 3)
  cluster.submit(leader ?? 0, 'next')
  cluster.settle()
  t.equal(cluster.logOf(1), cluster.logOf(2), 'the fenced node follows, its block is gone')
  t.match(cluster.logOf(1), /good 2\.3:noop 2\.4:next$/)
})

t.test('one node alone that refuses stands still, and the others commit', async (t) => {
  const cluster = new Cluster({ nodes: 3, refuses: (node, entry) => node === 3 && new TextDecoder().decode(entry.data) === 'odd' })
  cluster.elect(1)
  cluster.submit(1, 'odd')
  cluster.submit(1, 'even')
  cluster.settle()
  for (let round = 0; round < 45; round++) {
    for (const { id } of cluster.nodes) cluster.tick(id)
    cluster.settle()
  }
  t.match(cluster.status(1), { role: 'leader', committedIndex: 3, term: 1 }, 'undisturbed')
  t.match(cluster.status(3), { lastIndex: 1 })
  cluster.crash(3)
  cluster.start(3)
  for (let round = 0; round < 30; round++) {
    for (const { id } of cluster.nodes) cluster.tick(id)
    cluster.settle()
  }
  t.match(cluster.status(3), { lastIndex: 1, refusals: [{ index: 2, term: 1 }] })
})
