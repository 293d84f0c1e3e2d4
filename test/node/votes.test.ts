// Goal: a vote counts only with its giver's signature, and a voter that votes twice in a term is seen, whoever the candidates are.
import t from 'tap'
import { decode, encode } from '../../primitives/codec.ts'
import { signedVote, type SignedVote } from '../../primitives/vote.ts'
import { Votes } from '../../node/votes.ts'
import { attesterOf } from '../../docs/spec/sample-chain.ts'
import { sample, vote } from '../helpers/equivocation.ts'

function book(node: number, term = 7) {
  const sent: SignedVote[] = []
  const twice: [SignedVote, SignedVote][] = []
  const votes = new Votes({ chain: sample.chain, epoch: () => 0, keysOf: (of) => sample.set.voters.filter((voter) => voter.node === of).map(({ attestationKey }) => attestationKey), node, signer: attesterOf(node) }, {
    lastBlock: () => sample.hashes[3]!, broadcast: (bytes) => { sent.push(decode(signedVote, bytes)) }, onTwoVotes: (first, second) => { twice.push([first, second]) },
    term: () => term, clock: { nowMs: () => 0, monotonicMs: () => 0 },
  })
  return { votes, sent, twice }
}
const bytes = (of: SignedVote): Uint8Array => encode(signedVote, of)

t.test('a vote without a signature, by another, for another, of another term or epoch does not count', async (t) => {
  const { votes, sent } = book(1)
  const good = vote(3, 1)
  t.notOk(votes.accept(3, 7, undefined))
  t.notOk(votes.accept(3, 7, new Uint8Array(10)))
  t.notOk(votes.accept(2, 7, bytes(good)))
  t.notOk(votes.accept(3, 8, bytes(good)))
  t.notOk(votes.accept(3, 7, bytes(vote(3, 2))))
  t.notOk(votes.accept(3, 7, bytes({ ...good, signature: vote(3, 2).signature })))
  t.notOk(votes.accept(3, 7, bytes({ ...good, content: { ...good.content, epoch: 1 } })))
  t.same(sent, [])
})

t.test('a counted vote is passed on, with the candidate\'s own; signing fits into the frame', async (t) => {
  const { votes, sent } = book(1)
  t.ok(votes.accept(3, 7, bytes(vote(3, 1))))
  t.ok(votes.accept(4, 7, bytes(vote(4, 1))))
  t.same(sent.map(({ content: { node, candidate } }) => [node, candidate]), [[1, 1], [3, 1], [4, 1]])
  const given = book(2).votes.sign(9, 3)
  t.ok(given.length <= 255)
  t.match(decode(signedVote, given).content, { node: 2, candidate: 3, term: 9, lastBlock: sample.hashes[3]! })
})

t.test('two candidates that pass on their votes uncover who voted for both, once everybody hears them', async (t) => {
  const { votes, twice } = book(4)
  t.equal(votes.receive(1, bytes(vote(3, 1))), 'accept')
  t.equal(votes.receive(1, bytes(vote(3, 1))), 'ignore')
  t.equal(votes.receive(2, bytes(vote(2, 2))), 'accept')
  t.same(twice, [])
  t.equal(votes.receive(2, bytes(vote(3, 2))), 'accept')
  t.match(twice, [[{ content: { node: 3, candidate: 1 } }, { content: { node: 3, candidate: 2 } }]])
  const candidate = book(1)
  t.equal(candidate.votes.receive(2, bytes(vote(3, 2))), 'accept')
  t.ok(candidate.votes.accept(3, 7, bytes(vote(3, 1))), 'its vote still counts: Raft decides, the evidence accuses')
  t.equal(candidate.twice.length, 1)
})

t.test('forgeries are rejected, terms far off ignored, and a flood is not checked', async (t) => {
  const { votes } = book(4)
  t.equal(votes.receive(1, bytes({ ...vote(3, 1), signature: new Uint8Array(64) })), 'reject')
  t.equal(votes.receive(1, new Uint8Array(3)), 'reject')
  t.equal(votes.receive(1, bytes(vote(3, 1, 500))), 'ignore')
  const verdicts = Array.from({ length: 300 }, () => votes.receive(2, new Uint8Array(3)))
  t.equal(verdicts.filter((verdict) => verdict === 'reject').length, 128)
})
