// Goal: evidence proves a misdeed to anybody who has genesis, and nobody can be accused of what an honest node does.
import t from 'tap'
import { decode, encode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { evidenceSchema, makeEvidence, verifyEvidence, type Evidence } from '../../primitives/evidence.ts'
import { attesterOf, bytes32 } from '../../docs/spec/sample-chain.ts'
import { attestation, header, PIECES, sample, vote } from '../helpers/equivocation.ts'

const { chain, set } = sample
const codeOf = (evidence: Evidence | Uint8Array): string | undefined => {
  try {
    verifyEvidence(chain, [set], evidence instanceof Uint8Array ? decode(evidenceSchema, evidence) : makeEvidence(evidence))
    return undefined
  } catch (error) {
    return errorCode(error) ?? String(error)
  }
}

t.test('what sound nodes sign is no evidence, however it is paired', async (t) => {
  const other = bytes32('another block')
  const refused: [string, Evidence][] = [
    ['the same attestation twice', { kind: 'attestation', value: { first: attestation(2, 3), second: attestation(2, 3) } }],
    ['attestations at two heights', { kind: 'attestation', value: { first: attestation(2, 2), second: attestation(2, 3) } }],
    ['attestations of two epochs', { kind: 'attestation', value: { first: attestation(2, 3), second: attestation(2, 3, { epoch: 1, block: other }) } }],
    ['attestations of two nodes', { kind: 'attestation', value: { first: attestation(2, 3), second: attestation(3, 3, { block: other }) } }],
    ['a block cut anew by the same leader in a later term', { kind: 'header', value: { first: header(3), second: header(3, { term: 4 }) } }],
    ['blocks of one term at two heights', { kind: 'header', value: { first: header(2), second: header(3) } }],
    ['blocks of two leaders', { kind: 'header', value: { first: header(3), second: header(3, { proposer: 2, timeMs: 5n }, attesterOf(2)) } }],
    ['a block of another chain', { kind: 'header', value: { first: header(3, { chain: other }), second: header(3, { chain: other, timeMs: 5n }) } }],
    ['the same vote twice, with another newest block', { kind: 'vote', value: { first: vote(3, 1), second: { ...vote(3, 1), signature: vote(3, 2).signature } } }],
    ['votes in two terms', { kind: 'vote', value: { first: vote(3, 1, 7), second: vote(3, 2, 8) } }],
    ['votes of two nodes', { kind: 'vote', value: { first: vote(3, 1), second: vote(2, 2) } }],
    ['a vote of a stranger', { kind: 'vote', value: { first: { ...vote(3, 1), content: { ...vote(3, 1).content, node: 9 } }, second: { ...vote(3, 2), content: { ...vote(3, 2).content, node: 9 } } } }],
    ['a header that somebody else signed', { kind: 'header', value: { first: header(3), second: header(3, { timeMs: 5n }, attesterOf(2)) } }],
  ]
  for (const [what, evidence] of refused) t.equal(codeOf(evidence), 'EVIDENCE_INVALID', what)
})

t.test('two statements where a sound node signs one prove who did it, in one form', async (t) => {
  const proven = PIECES.map((piece) => verifyEvidence(chain, [set], makeEvidence(piece)))
  t.match(proven, [{ kind: 'attestation', node: 2, member: 2, at: 3n }, { kind: 'header', node: 1, at: 3n, term: 2 }, { kind: 'vote', node: 3, at: 7n }])
  for (const piece of PIECES) {
    const { kind, value: { first, second } } = makeEvidence(piece)
    t.same(makeEvidence({ kind, value: { first: second, second: first } } as Evidence), { kind, value: { first, second } })
    t.throws(() => verifyEvidence(chain, [set], { kind, value: { first: second, second: first } } as Evidence), { code: 'EVIDENCE_INVALID' }, 'the other order is another form')
  }
  t.equal(new Set(proven.map(({ key }) => key)).size, 3)
})

t.test('no single flipped bit of a piece still accuses', async (t) => {
  for (const piece of PIECES) {
    const bytes = encode(evidenceSchema, makeEvidence(piece))
    t.equal(codeOf(bytes), undefined)
    const passed: number[] = []
    for (let at = 0; at < bytes.length; at++) {
      bytes[at]! ^= 1 << (at % 8)
      if (codeOf(bytes) === undefined) passed.push(at)
      bytes[at]! ^= 1 << (at % 8)
    }
    t.same(passed, [], piece.kind)
  }
})
