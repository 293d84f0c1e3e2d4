// Goal: a leader comes to be whenever the lines allow one, and nobody disturbs it when they do not change (research on Raft, §4.B 25–29, 32, 33, 36). Method: cores whose lines
// are cut in fixed shapes; time passes for all alike; every invariant is checked after every step by the cluster itself.
import t from 'tap'
import { Cluster } from '../../helpers/raft-cluster.ts'
import { BareNode } from '../../helpers/raft-node.ts'

type Passes = (from: number, to: number) => boolean

/** Two-way lines. */
function lines(...pairs: readonly (readonly [number, number])[]): Passes {
  const open = new Set(pairs.flatMap(([a, b]) => [`${a}:${b}`, `${b}:${a}`]))
  return (from, to) => open.has(`${from}:${to}`)
}

const everywhere: Passes = () => true

/** Time passes while only some lines carry messages; what the others were given is lost. */
function pass(cluster: Cluster, ticks: number, passes: Passes, each: () => void = () => undefined): void {
  for (let round = 0; round < ticks; round++) {
    for (const { id, raft } of cluster.nodes) if (raft !== undefined) cluster.tick(id)
    for (let moved = true; moved;) {
      cluster.network = cluster.network.filter(({ from, to }) => passes(from, to))
      moved = cluster.network.length > 0
      if (moved) cluster.deliver(0)
      for (const { id } of cluster.nodes) while (cluster.sync(id) || cluster.execute(id)) moved = true
    }
    each()
  }
}

/** A write at the present leader is committed there. */
function commits(cluster: Cluster, passes: Passes): boolean {
  const leader = cluster.leader()
  if (leader === undefined || cluster.submit(leader, 'later') !== undefined) return false
  const { lastIndex } = cluster.status(leader)
  pass(cluster, 3, passes)
  return cluster.status(leader).committedIndex >= lastIndex
}

t.test('with 1, 2 and 3 meshed, 4 on 2 only and 5 on 3 only, a leader that reaches a quorum stays and commits (Cloudflare 2020)', async (t) => {
  const mesh = lines([1, 2], [1, 3], [2, 3], [2, 4], [3, 5])
  const cluster = new Cluster({ nodes: 5 })
  cluster.elect(1)
  t.equal(cluster.leader(), 1)
  pass(cluster, 60, mesh)
  t.ok(commits(cluster, mesh))
  const { term } = cluster.status(cluster.leader()!)
  pass(cluster, 100, mesh)
  t.equal(cluster.status(cluster.leader()!).term, term, 'nodes that miss the leader raise no terms')
})

t.test('a leader cut off from its quorum does not keep its last followers from electing another (Cloudflare 2020)', async (t) => {
  const cluster = new Cluster({ nodes: 5 })
  cluster.elect(4)
  const mesh = lines([1, 2], [1, 3], [2, 3], [2, 4], [3, 5])
  pass(cluster, 80, mesh)
  t.not(cluster.status(4).role, 'leader', '4 reaches only 2')
  t.ok(commits(cluster, mesh))
})

t.test('a leader that reaches only a bridge gives way, and the bridge wins or votes (openraft#2080)', async (t) => {
  const cluster = new Cluster({ nodes: 3 })
  cluster.elect(1)
  // 1 was the leader of 2 and 3; now 1 hears nobody, but its messages still reach 2.
  const oneWay: Passes = (from, to) => (from === 1 ? to === 2 : to !== 1)
  pass(cluster, 80, oneWay)
  t.not(cluster.status(1).role, 'leader', 'it hears no quorum')
  const leader = cluster.leader()
  t.ok(leader === 2 || leader === 3)
  t.ok(commits(cluster, oneWay))
})

t.test('a follower with another entry at the snapshot\'s last index drops it and goes on (hashicorp#697)', async (t) => {
  const node = new BareNode({ terms: [1, 1, 1] })
  node.receive('snapshotOffer', { from: 2, term: 3, index: 3, entryTerm: 2 })
  const offer = node.effects.findLast(({ snapshotOffer }) => snapshotOffer !== undefined)?.snapshotOffer
  t.match(offer, { from: 2, index: 3, term: 2 }, 'the entry of term 1 at the same index does not stand for it')
  node.log.entryList = []
  node.log.base = { index: 3, term: 2 }
  node.step({ type: 'restored', index: 3, configuration: node.status.configuration })
  t.match(node.status, { lastIndex: 3, lastTerm: 2, committedIndex: 3 })
  t.match(node.take('appendAck').at(-1), { to: 2, index: 3 }, 'and the leader hears of it')
})

t.test('a snapshot brings its own configuration, and what was appended before it is gone (openraft#1808, canonical/raft#250)', async (t) => {
  const node = new BareNode({ terms: [1, 1] })
  node.receive('heartbeat', { from: 2, term: 3, commit: 0, read: 0 })
  node.log.entryList = []
  node.log.base = { index: 5, term: 2 }
  const configuration = { voters: [2, 3, 4], outgoing: [], learners: [1], learnersNext: [], autoLeave: false }
  node.step({ type: 'restored', index: 5, configuration })
  t.same(node.status.configuration.voters, [2, 3, 4])
  t.match(node.step({ type: 'campaign' }), { code: 'NOT_PROMOTABLE' }, 'it is a learner now')
})

t.test('a hand-over that failed does not stop a later leadership from writing (hashicorp#696)', async (t) => {
  const node = new BareNode({ terms: [1] })
  node.lead(2)
  node.receive('appendAck', { from: 2, term: 2, index: 2 })
  node.step({ type: 'transferLeader', to: 3 })
  t.equal(node.status.transferringTo, 3)
  t.match(node.step({ type: 'submit', term: 2, data: [new Uint8Array(1)] }), { code: 'CONSENSUS_BUSY' })
  node.receive('heartbeat', { from: 2, term: 3, commit: 2, read: 0 })
  node.step({ type: 'forgetLeader' })
  node.lead(2)
  t.match(node.status, { role: 'leader', transferringTo: 0 })
  t.equal(node.step({ type: 'submit', term: node.status.term, data: [new Uint8Array(1)] }), undefined)
})

t.test('a node that is no member any more and comes back with a high term disturbs nobody for long (hashicorp#524)', async (t) => {
  const cluster = new Cluster({ nodes: 4 })
  cluster.elect(1)
  const apart: Passes = (from, to) => from !== 4 && to !== 4
  pass(cluster, 200, apart)
  t.equal(cluster.status(4).term, cluster.status(1).term, 'asking first raises no term')
  pass(cluster, 50, everywhere)
  t.equal(cluster.leader(), 1)
  t.ok(commits(cluster, everywhere))
})

t.test('a learner that is asked votes: the asker may know a newer configuration (etcd#10998)', async (t) => {
  const configuration = { voters: [2, 3], outgoing: [], learners: [1], learnersNext: [], autoLeave: false }
  const node = new BareNode({ terms: [1], configuration })
  node.receive('voteRequest', { from: 2, term: 2, lastIndex: 1, lastTerm: 1, transfer: false })
  t.match(node.take('voteAnswer'), [{ to: 2, granted: true }])
})

t.test('after a lost quorum those who came back elect the one with the longest log, whoever heard from the old leader last (cockroach#142994)', async (t) => {
  const cluster = new Cluster({ nodes: 3 })
  cluster.elect(1)
  cluster.submit(1, 'a')
  cluster.settle()
  cluster.submit(1, 'only 2 has it')
  cluster.settle([1, 2])
  cluster.network = []
  cluster.crash(1)
  pass(cluster, 80, everywhere)
  t.equal(cluster.leader(), 2, '3 lacks an entry')
  t.ok(commits(cluster, everywhere))
})

t.test('a request for a pre-vote from a log that is behind is refused (ClickHouse/NuRaft#134)', async (t) => {
  const node = new BareNode({ terms: [1, 2] })
  node.receive('preVoteRequest', { from: 2, term: 3, lastIndex: 5, lastTerm: 1 })
  node.receive('preVoteRequest', { from: 3, term: 3, lastIndex: 1, lastTerm: 2 })
  t.match(node.take('preVoteAnswer'), [{ to: 2, granted: false }, { to: 3, granted: false }])
})

t.test('a voter that refused a good candidate grants no worse one (NuRaft#185)', async (t) => {
  const node = new BareNode({ terms: [1, 2], preVote: false })
  node.receive('heartbeat', { from: 3, term: 2, commit: 0, read: 0 })
  node.receive('voteRequest', { from: 2, term: 3, lastIndex: 3, lastTerm: 2, transfer: false })
  t.same(node.take('voteAnswer'), [], 'it hears from a leader')
  node.step({ type: 'forgetLeader' })
  node.receive('voteRequest', { from: 3, term: 4, lastIndex: 2, lastTerm: 1, transfer: false })
  t.match(node.take('voteAnswer'), [{ to: 3, granted: false }])
  node.receive('voteRequest', { from: 2, term: 5, lastIndex: 3, lastTerm: 2, transfer: false })
  t.match(node.take('voteAnswer'), [{ to: 2, granted: true }])
})

t.test('when only a node with an old log reaches a quorum nobody is elected, nothing is lost, and health ends it (OmniPaxos: constrained election)', async (t) => {
  const cluster = new Cluster({ nodes: 5 })
  cluster.elect(1)
  cluster.submit(1, 'a')
  cluster.settle()
  // 5 misses what the others commit, and is then the only one whom a quorum can hear.
  const without5: Passes = (from, to) => from !== 5 && to !== 5
  cluster.network = cluster.network.filter(({ from, to }) => without5(from, to))
  cluster.submit(1, 'b')
  pass(cluster, 3, without5)
  cluster.crash(1)
  const star: Passes = (from, to) => from === 5 || to === 5
  const committed = cluster.invariants.committedAnywhere
  pass(cluster, 100, star)
  t.equal(cluster.invariants.committedAnywhere, committed, 'Raft cannot elect here, by design')
  cluster.start(1)
  pass(cluster, 80, everywhere)
  t.ok(commits(cluster, everywhere))
})

t.test('a leader that finds another one\'s unfinished change in its log waits until it is applied (camunda#60086)', async (t) => {
  const node = new BareNode({ terms: [1], preVote: false })
  node.receive('append', { from: 2, term: 2, prevIndex: 1, prevTerm: 1, commit: 0, entries: [{ index: 2, term: 2, kind: 'reconfiguration', data: new Uint8Array(1) }] })
  node.step({ type: 'forgetLeader' })
  node.lead(2)
  t.equal(node.status.role, 'leader')
  const change = { transition: 'auto', changes: [] } as const
  t.match(node.step({ type: 'reconfigure', term: node.status.term, change, data: new Uint8Array(0) }), { code: 'CONSENSUS_BUSY' })
  t.same(node.status.configuration.outgoing, [], 'an uncommitted change is in force nowhere')
})

t.test('a node that retires answers on, before and after its vote has ended (CCF#5919)', async (t) => {
  const node = new BareNode({ id: 2, terms: [1], voters: [1, 2] })
  const entry = { term: 1, kind: 'reconfiguration', data: new Uint8Array(1) } as const
  node.receive('append', { from: 1, term: 1, prevIndex: 1, prevTerm: 1, commit: 1, entries: [{ ...entry, index: 2 }] })
  t.match(node.take('appendAck'), [{ to: 1, index: 2 }], 'without it the end of its vote could never be committed')
  node.receive('heartbeat', { from: 1, term: 1, commit: 2, read: 0 })
  t.equal(node.status.committedIndex, 2)
  node.step({ type: 'reconfigured', change: { transition: 'auto', changes: [{ kind: 'learner', node: 2 }] } })
  t.same(node.status.configuration, { voters: [1], outgoing: [], learners: [2], learnersNext: [], autoLeave: false })
  node.take('heartbeatAnswer')
  node.receive('append', { from: 1, term: 1, prevIndex: 2, prevTerm: 1, commit: 2, entries: [{ index: 3, term: 1, kind: 'block', data: new Uint8Array(1) }] })
  t.match(node.take('appendAck'), [{ to: 1, index: 3 }])
  node.step({ type: 'forgetLeader' })
  node.receive('voteRequest', { from: 1, term: 2, lastIndex: 3, lastTerm: 1, transfer: false })
  t.match(node.take('voteAnswer'), [{ to: 1, term: 2, granted: true }], 'who asks may not have come so far')
})

t.test('a follower that took its snapshot without a word is looked at again, also where nobody checks the quorum (etcd#10308)', async (t) => {
  const node = new BareNode({ terms: [1, 1, 1], checkQuorum: false })
  node.lead(2)
  node.receive('appendAck', { from: 2, term: 2, index: 4 })
  node.log.compact(3)
  node.receive('appendReject', { from: 3, term: 2, index: 3, hintIndex: 0, hintTerm: 0 })
  t.match(node.take('snapshotOffer'), [{ to: 3, index: 3 }])
  t.equal(node.status.peers.find(({ id }) => id === 3)?.state, 'snapshot')
  for (let ticks = 0; ticks < 20; ticks++) node.step({ type: 'tick' })
  node.receive('heartbeatAnswer', { from: 3, term: 2, read: 0 })
  t.ok(node.take('append').some(({ to, prevIndex }) => to === 3 && prevIndex === 3), 'what follows the snapshot is offered, and refused by whoever does not hold it')
})
