import t from 'tap'
import { Raft } from '../../../consensus/core/raft.ts'
import { DEFAULT_RAFT_OPTIONS } from '../../../consensus/core/config.ts'
import { configurationOf } from '../../../consensus/core/reconfiguration.ts'
import { BareNode, block } from '../../helpers/raft-node.ts'
import { MemoryLog } from '../../helpers/raft-disk.ts'

// Goal: each setting of the core changes what it says, and nothing when it is left alone.

t.test('reads by lease need the check of the quorum that the lease rests on', async (t) => {
  t.throws(() => new BareNode({ leaseReads: true, checkQuorum: false }), { code: 'INVARIANT_BROKEN' })
})

t.test('with lease reads a leader answers at once, but not before it has committed in its term, and followers keep their leader', async (t) => {
  const node = new BareNode({ terms: [1], leaseReads: true })
  node.lead(2)
  node.step({ type: 'readIndex', request: 1 })
  t.same(node.effects.flatMap(({ reads }) => reads), [], 'nothing of term 2 is committed yet')
  node.receive('appendAck', { from: 2, term: 2, index: 2 })
  t.same(node.effects.flatMap(({ reads }) => reads), [{ request: 1, index: 2 }])
  node.step({ type: 'readIndex', request: 2 })
  t.same(node.effects.flatMap(({ reads }) => reads).at(-1), { request: 2, index: 2 }, 'no heartbeat had to be answered')
  const follower = new BareNode({ terms: [1], leaseReads: true })
  follower.receive('heartbeat', { from: 2, term: 1, commit: 0, read: 0 })
  follower.step({ type: 'forgetLeader' })
  t.equal(follower.status.leader, 2)
})

t.test('without the check a second change of the configuration may be appended before the first is applied', async (t) => {
  const change = { transition: 'auto', changes: [{ kind: 'learner', node: 4 }] } as const
  for (const checkReconfigurations of [true, false]) {
    const node = new BareNode({ terms: [1], checkReconfigurations })
    node.lead(2)
    const refusal = node.step({ type: 'reconfigure', term: 2, change, data: new Uint8Array(1) })
    if (checkReconfigurations) t.match(refusal, { code: 'CONSENSUS_BUSY' })
    else t.equal(refusal, undefined)
  }
})

t.test('a message of an earlier term is answered only where terms spread by such answers', async (t) => {
  for (const [preVote, checkQuorum, answers] of [[true, false, 1], [false, true, 1], [false, false, 0]] as const) {
    const node = new BareNode({ terms: [3], preVote, checkQuorum })
    node.receive('heartbeat', { from: 2, term: 2, commit: 0, read: 0 })
    t.equal(node.take('appendAck').length, answers)
  }
})

t.test('committed entries that the limit cut off wait until what was handed out is applied', async (t) => {
  const log = new MemoryLog()
  for (let index = 1; index <= 3; index++) log.append(block(index, 1, 'x'.repeat(100)))
  const raft = new Raft({ ...DEFAULT_RAFT_OPTIONS, id: 1, configuration: configurationOf([1, 2, 3]), hardState: { term: 1, vote: 0, commit: 3 }, applied: 0, refusals: [], jitter: 0, maxCommittedBytesPerEffects: 200 }, log)
  raft.step({ type: 'executed', index: 3, term: 1 })
  t.same(raft.takeEffects().committed.map(({ index }) => index), [1])
  t.notOk(raft.hasEffects(), 'entry 2 would pass the limit')
  raft.step({ type: 'applied', index: 1 })
  t.same(raft.takeEffects().committed.map(({ index }) => index), [2])
})

t.test('a learner that hears nothing neither campaigns nor forgets, and votes for others once the lease is over', async (t) => {
  const configuration = { voters: [2, 3], outgoing: [], learners: [1], learnersNext: [], autoLeave: false }
  const node = new BareNode({ terms: [1], configuration })
  node.receive('heartbeat', { from: 2, term: 1, commit: 0, read: 0 })
  for (let tick = 0; tick < 9; tick++) node.step({ type: 'tick' })
  node.receive('preVoteRequest', { from: 3, term: 2, lastIndex: 1, lastTerm: 1 })
  t.same(node.take('preVoteAnswer'), [], 'the lease of node 2 holds')
  for (let tick = 0; tick < 30; tick++) node.step({ type: 'tick' })
  t.match(node.status, { role: 'follower', leader: 2, term: 1 })
  node.receive('preVoteRequest', { from: 3, term: 2, lastIndex: 1, lastTerm: 1 })
  t.match(node.take('preVoteAnswer'), [{ granted: true }])
})

t.test('a transfer to the leader itself calls off the one under way', async (t) => {
  const node = new BareNode({ terms: [1] })
  node.lead(2)
  node.receive('appendAck', { from: 2, term: 2, index: 2 })
  node.step({ type: 'transferLeader', to: 3 })
  t.match(node.step({ type: 'submit', term: 2, data: [new Uint8Array(1)] }), { code: 'CONSENSUS_BUSY' })
  t.equal(node.step({ type: 'transferLeader', to: 1 }), undefined)
  t.equal(node.status.transferringTo, 0)
  t.equal(node.step({ type: 'submit', term: 2, data: [new Uint8Array(1)] }), undefined)
})
