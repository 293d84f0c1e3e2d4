import t from 'tap'
import { decodeMessage, encodeMessage } from '../../../consensus/message-wire.ts'
import { Cluster } from '../../helpers/raft-cluster.ts'
import { BareNode, block } from '../../helpers/raft-node.ts'

// Goal: bugs that have broken other implementations (research on Raft, §4.A) stay impossible here. Method: the shortest schedule of each, by hand.

t.test('a leader does not commit an entry of an earlier term by counting replicas (§5.4.2, Fig. 8; logcabin#44)', async (t) => {
  const node = new BareNode({ terms: [1, 2], hardState: { term: 3, vote: 0, commit: 1 }, voters: [1, 2, 3, 4, 5], applied: 1 })
  node.lead(2, 3)
  t.equal(node.status.term, 4)
  node.receive('appendAck', { from: 2, term: 4, index: 2 })
  node.receive('appendAck', { from: 3, term: 4, index: 2 })
  t.equal(node.status.committedIndex, 1, 'entry 2 of term 2 is at a majority and not committed')
  node.receive('appendAck', { from: 2, term: 4, index: 3 })
  node.receive('appendAck', { from: 3, term: 4, index: 3 })
  t.equal(node.status.committedIndex, 3, 'the no-op of term 4 commits all before it')
})

t.test('an append that does not match makes a candidate of the same term step down and keep its vote (CCF#5891, #8094)', async (t) => {
  const node = new BareNode({ terms: [1], preVote: false })
  node.step({ type: 'campaign' })
  t.match(node.status, { role: 'candidate', term: 2, vote: 1 })
  node.receive('append', { from: 2, term: 2, prevIndex: 7, prevTerm: 2, entries: [], commit: 0 })
  t.match(node.status, { role: 'follower', term: 2, vote: 1, leader: 2 })
  node.step({ type: 'forgetLeader' })
  node.take('voteAnswer')
  node.receive('voteRequest', { from: 3, term: 2, lastIndex: 9, lastTerm: 1, transfer: false })
  t.match(node.take('voteAnswer'), [{ to: 3, granted: false }], 'the delayed request gets no second vote')
})

t.test('a vote outlives every change of the leader within its term, and a restart (camunda#5356, nebula#3415)', async (t) => {
  const node = new BareNode({ terms: [1] })
  node.receive('voteRequest', { from: 2, term: 5, lastIndex: 1, lastTerm: 1, transfer: false })
  t.match(node.take('voteAnswer'), [{ to: 2, granted: true, term: 5 }])
  node.receive('heartbeat', { from: 2, term: 5, commit: 0, read: 0 })
  node.step({ type: 'forgetLeader' })
  node.receive('voteRequest', { from: 3, term: 5, lastIndex: 1, lastTerm: 1, transfer: false })
  t.match(node.take('voteAnswer'), [{ to: 3, granted: false }])
  const hardState = node.effects.findLast(({ persist }) => persist?.hardState !== undefined)?.persist?.hardState
  t.match(hardState, { term: 5, vote: 2 })
  const candidate = new BareNode({ terms: [1], preVote: false })
  candidate.step({ type: 'campaign' })
  t.match(candidate.effects[0]?.persist?.hardState, { term: 2, vote: 1 }, 'a candidate records its vote for itself')
})

t.test('a follower with a divergent tail commits only what a message has shown to match (CCF#8172, scylladb#9965, ra#508)', async (t) => {
  const node = new BareNode({ terms: [1, 1, 1, 1] })
  node.receive('append', { from: 2, term: 3, prevIndex: 1, prevTerm: 1, entries: [block(2, 1)], commit: 4 })
  t.equal(node.status.committedIndex, 2, 'entries 3 and 4 may be anything')
  t.equal(node.status.lastIndex, 4, 'and are not removed without a conflict')
})

t.test('an acknowledgement names what the message showed, not the own last entry (CCF#6001, RATIS-2605)', async (t) => {
  const node = new BareNode({ terms: [1, 1, 1, 1] })
  node.receive('append', { from: 2, term: 3, prevIndex: 1, prevTerm: 1, entries: [block(2, 1)], commit: 0 })
  t.match(node.take('appendAck'), [{ to: 2, index: 2 }])
})

t.test('a rejection never lowers what a follower has acknowledged (CCF#5324)', async (t) => {
  const node = new BareNode({ terms: [1, 1, 1] })
  node.lead(2)
  node.receive('appendAck', { from: 2, term: 2, index: 4 })
  t.equal(node.status.committedIndex, 4)
  node.receive('appendReject', { from: 2, term: 2, index: 3, hintIndex: 1, hintTerm: 1 })
  node.receive('appendReject', { from: 2, term: 2, index: 9, hintIndex: 0, hintTerm: 0 })
  t.match(node.status.peers.find(({ id }) => id === 2), { match: 4, next: 5 })
})

t.test('an append that arrives late takes no acknowledged entry away (CCF#5927, rollback_safety)', async (t) => {
  const node = new BareNode()
  node.receive('append', { from: 2, term: 1, prevIndex: 0, prevTerm: 0, entries: [block(1, 1), block(2, 1), block(3, 1)], commit: 0 })
  node.receive('append', { from: 2, term: 1, prevIndex: 0, prevTerm: 0, entries: [block(1, 1)], commit: 0 })
  t.same(node.terms, [1, 1, 1])
  t.match(node.take('appendAck').map(({ index }) => index), [3, 1])
})

t.test('each half of a joint configuration votes and commits on its own (CCF#3837, async-raft#62)', async (t) => {
  const configuration = { voters: [1, 2, 3], outgoing: [1, 4, 5], learners: [], learnersNext: [], autoLeave: false }
  const node = new BareNode({ terms: [1], configuration, preVote: false })
  node.lead(2, 3)
  t.equal(node.status.role, 'candidate', 'three of five, but one of the outgoing three')
  node.receive('voteAnswer', { from: 4, term: 2, granted: true })
  t.equal(node.status.role, 'leader')
  for (const from of [2, 3]) node.receive('appendAck', { from, term: 2, index: 2 })
  t.equal(node.status.committedIndex, 0, 'the outgoing half lacks it')
  node.receive('appendAck', { from: 5, term: 2, index: 2 })
  t.equal(node.status.committedIndex, 2)
})

t.test('two of five never commit, in whatever order acknowledgements arrive (openraft#1802)', async (t) => {
  for (const order of [[2, 3], [5, 4], [3, 5], [4, 2]]) {
    const node = new BareNode({ terms: [1], voters: [1, 2, 3, 4, 5] })
    node.lead(2, 3)
    const [first = 0, second = 0] = order
    node.step({ type: 'submit', term: 2, data: [new Uint8Array(1)] })
    node.receive('appendAck', { from: first, term: 2, index: 3 })
    t.equal(node.status.committedIndex, 0)
    node.receive('appendAck', { from: second, term: 2, index: 2 })
    t.equal(node.status.committedIndex, 2, 'the third smallest is at a majority')
    node.receive('appendAck', { from: second, term: 2, index: 3 })
    t.equal(node.status.committedIndex, 3)
  }
})

t.test('between a vote and its answer the log takes nothing of an earlier term (braft#882)', async (t) => {
  const node = new BareNode({ terms: [1] })
  node.holdDisk = true
  node.receive('voteRequest', { from: 2, term: 5, lastIndex: 1, lastTerm: 1, transfer: false })
  t.same(node.take('voteAnswer'), [], 'the answer waits for the disk')
  node.receive('append', { from: 3, term: 4, prevIndex: 1, prevTerm: 1, entries: [block(2, 4)], commit: 2 })
  t.match(node.status, { lastIndex: 1, committedIndex: 0 })
  node.sync()
  t.match(node.take('voteAnswer'), [{ to: 2, granted: true }])
  const longer = new BareNode({ terms: [1] })
  longer.receive('append', { from: 3, term: 4, prevIndex: 1, prevTerm: 1, entries: [block(2, 4)], commit: 2 })
  longer.step({ type: 'forgetLeader' })
  longer.receive('voteRequest', { from: 2, term: 5, lastIndex: 1, lastTerm: 1, transfer: false })
  t.match(longer.take('voteAnswer'), [{ to: 2, granted: false }], 'the other order refuses')
})

t.test('a leader changes the configuration only after it has committed and applied an entry of its term (raft-dev 2015)', async (t) => {
  const node = new BareNode({ terms: [1] })
  node.lead(2)
  const change = { transition: 'auto', changes: [{ kind: 'remove', node: 3 }] } as const
  t.match(node.step({ type: 'reconfigure', term: 2, change, data: new Uint8Array(1) }), { code: 'CONSENSUS_BUSY' })
  node.receive('appendAck', { from: 2, term: 2, index: 2 })
  t.equal(node.step({ type: 'reconfigure', term: 2, change, data: new Uint8Array(1) }), undefined)
  t.match(node.step({ type: 'reconfigure', term: 2, change, data: new Uint8Array(1) }), { code: 'CONSENSUS_BUSY' }, 'one at a time')
})

t.test('a read waits until the leader has committed an entry of its term (etcd#7331, tikv#6340)', async (t) => {
  const node = new BareNode({ terms: [1] })
  node.lead(2)
  node.step({ type: 'readIndex', request: 1 })
  for (const { read } of node.take('heartbeat')) node.receive('heartbeatAnswer', { from: 2, term: 2, read })
  t.same(node.effects.flatMap(({ reads }) => reads), [])
  node.receive('appendAck', { from: 2, term: 2, index: 2 })
  const read = node.take('heartbeat').at(-1)?.read ?? 0
  node.receive('heartbeatAnswer', { from: 2, term: 2, read })
  t.same(node.effects.flatMap(({ reads }) => reads), [{ request: 1, index: 2 }])
})

t.test('an answer of an earlier leadership confirms no new read (etcd#20418)', async (t) => {
  const node = new BareNode({ terms: [1] })
  node.lead(2)
  node.receive('appendAck', { from: 2, term: 2, index: 2 })
  node.step({ type: 'readIndex', request: 1 })
  t.match(node.take('heartbeat').at(-1), { read: 1 })
  node.receive('heartbeat', { from: 3, term: 3, commit: 0, read: 0 })
  t.same(node.effects.flatMap(({ droppedReads }) => droppedReads), [1])
  node.step({ type: 'forgetLeader' })
  node.lead(2)
  node.receive('appendAck', { from: 2, term: 4, index: 3 })
  t.match(node.step({ type: 'readIndex', request: 1 }), { code: 'READ_NOT_FRESH' })
  node.step({ type: 'readIndex', request: 2 })
  node.receive('heartbeatAnswer', { from: 2, term: 2, read: 1 })
  t.same(node.effects.flatMap(({ reads }) => reads), [], 'the late answer belongs to term 2')
  node.receive('heartbeatAnswer', { from: 2, term: 4, read: 1 })
  t.same(node.effects.flatMap(({ reads }) => reads), [{ request: 2, index: 3 }])
})

t.test('a leader that reaches only a bridge steps down and falls silent, so that the bridge can elect another (openraft#2080)', async (t) => {
  const cluster = new Cluster({ nodes: 5 })
  cluster.elect(1)
  t.equal(cluster.leader(), 1)
  // 1 reaches only 2; 2, 3, 4 and 5 reach each other.
  const passes = (from: number, to: number): boolean => from !== 1 && to !== 1 || from === 2 || to === 2
  for (let round = 0; round < 60; round++) {
    for (const { id } of cluster.nodes) cluster.tick(id)
    cluster.network = cluster.network.filter(({ from, to }) => passes(from, to))
    for (let moved = true; moved;) {
      moved = cluster.network.length > 0
      if (moved) cluster.deliver(0)
      cluster.network = cluster.network.filter(({ from, to }) => passes(from, to))
      for (const { id } of cluster.nodes) while (cluster.sync(id) || cluster.execute(id)) moved = true
    }
  }
  const leader = cluster.leader()
  t.ok(leader !== undefined && leader !== 1, `node ${leader} leads`)
  t.not(cluster.status(1).role, 'leader')
})

t.test('an append carries no more entries than its receiver takes, however small they are (found by the simulator, seed 300111)', async (t) => {
  const node = new BareNode({ terms: Array.from({ length: 5000 }, () => 1), applied: 1 })
  node.lead(2)
  const entriesSent = (): number => {
    const [message] = node.take('append').filter(({ to, entries }) => to === 2 && entries.length > 0)
    if (message === undefined) return 0
    t.same(decodeMessage(encodeMessage(message)).type, 'append', 'and it can be read')
    return message.entries.length
  }
  node.take('append')
  node.receive('appendReject', { from: 2, term: 2, index: 5000, hintIndex: 0, hintTerm: 0 })
  t.equal(entriesSent(), 4096)
  node.receive('appendAck', { from: 2, term: 2, index: 4096 })
  t.equal(entriesSent(), 5001 - 4096, 'the rest comes next')
})
