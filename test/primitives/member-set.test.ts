import fc from 'fast-check'
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { encode } from '../../primitives/codec.ts'
import { certificateQuorum, commitQuorum, faultyMax, MEMBER_SET_VOTERS_MAX, memberSetHash, memberSetSchema } from '../../primitives/member-set.ts'
import { bytes32, SampleChain } from '../../docs/spec/sample-chain.ts'

const { chain, set } = new SampleChain([])

t.test('a member set has 1 to 64 voters', async (t) => {
  const many = (count: number): typeof set => ({ epoch: 0, voters: Array.from({ length: count }, (_, i) => ({ node: i + 1, member: i + 1, attestationKey: bytes32(`voter ${i}`), governanceKey: bytes32(`governance ${i}`) })) })
  t.throws(() => memberSetHash(chain, many(0)), { code: 'CODEC_VALUE_INVALID', details: { path: 'voters' } })
  t.throws(() => memberSetHash(chain, many(MEMBER_SET_VOTERS_MAX + 1)), { code: 'CODEC_VALUE_INVALID', details: { path: 'voters' } })
  t.doesNotThrow(() => memberSetHash(chain, many(MEMBER_SET_VOTERS_MAX)))
})

t.test('its hash tells chain, epoch, order, node, member and key apart', async (t) => {
  const [first, ...rest] = set.voters
  const others = [
    { ...set, epoch: 1 }, { ...set, voters: rest }, { ...set, voters: [...rest, first!] }, { ...set, voters: [{ ...first!, node: 9 }, ...rest] },
    { ...set, voters: [{ ...first!, member: 9 }, ...rest] }, { ...set, voters: [{ ...first!, attestationKey: bytes32('other') }, ...rest] }, { ...set, voters: [{ ...first!, governanceKey: bytes32('other') }, ...rest] },
  ]
  const hashes = [memberSetHash(chain, set), memberSetHash(bytes32('other chain'), set), ...others.map((other) => memberSetHash(chain, other))].map(toHex)
  t.equal(new Set(hashes).size, hashes.length)
  t.same(encode(memberSetSchema, set), encode(memberSetSchema, { voters: set.voters, epoch: set.epoch }))
})

t.test('the quorum table is the published one, and two quorums always share an honest voter', async (t) => {
  t.same([1, 2, 3, 4, 5, 6, 7].map((n) => [n, commitQuorum(n), faultyMax(n), certificateQuorum(n)]), [
    [1, 1, 0, 1], [2, 2, 0, 2], [3, 2, 0, 2], [4, 3, 1, 3], [5, 3, 1, 4], [6, 4, 1, 4], [7, 4, 2, 5],
  ])
  fc.assert(fc.property(fc.integer({ min: 1, max: 64 }), (n) => {
    const [f, quorum] = [faultyMax(n), certificateQuorum(n)]
    return 2 * quorum - n > f && quorum <= n - f && quorum >= commitQuorum(n)
  }), { numRuns: 64, seed: 7 })
})

