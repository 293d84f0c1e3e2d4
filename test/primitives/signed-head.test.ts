import t from 'tap'
import { genesisMemberSet } from '../../primitives/genesis.ts'
import { answeringMembers, releaseQuorum, signedHeadBytes, type SignedHead, type SignedHeadContent } from '../../primitives/signed-head.ts'
import { attesterOf, bytes32, SampleChain, sampleGenesis } from '../../docs/spec/sample-chain.ts'

const { chain } = new SampleChain([])
const set = genesisMemberSet(sampleGenesis())
const nonce = bytes32('nonce')
const request = bytes32('request')

function head(node: number, changes: Partial<SignedHeadContent> = {}, signer = attesterOf(node), on = chain): SignedHead {
  const content = { nonce, request, node, height: 9n, block: bytes32('block'), term: 2, timeMs: 1n, ...changes }
  return { content, signature: signer.sign(signedHeadBytes(on, content)) }
}
const counted = (heads: readonly SignedHead[], members = set): number[] => [...answeringMembers(chain, members, nonce, request, heads)]

t.test('heads for another question, chain or signer count for nobody', async (t) => {
  t.same(counted([head(1, { nonce: bytes32('old nonce') })]), [])
  t.same(counted([head(1, { request: bytes32('other request') })]), [])
  t.same(counted([head(1, {}, attesterOf(2))]), [], 'signed by another node')
  t.same(counted([head(5)]), [], 'not a voter')
  t.same(counted([head(1, {}, attesterOf(1), bytes32('other chain'))]), [])
  const good = head(1)
  t.same(counted([{ ...good, content: { ...good.content, height: 10n } }]), [], 'the height stands under the signature')
  t.same(counted([{ ...good, content: { ...good.content, timeMs: 2n } }]), [])
})

t.test('members are counted, not answers: repeats and a second node of one member add nothing', async (t) => {
  t.same(counted([head(1), head(1), head(1, { height: 10n })]), [1])
  const shared = { ...set, voters: set.voters.map((voter) => (voter.node === 2 ? { ...voter, member: 1 } : voter)) }
  t.same(counted([head(1), head(2)], shared), [1])
  t.same(counted([head(1), head(3), head(4)]), [1, 3, 4])
})

t.test('more than two thirds of the members must answer', async (t) => {
  t.same([1, 2, 3, 4, 5, 6, 7, 9].map(releaseQuorum), [1, 2, 3, 3, 4, 5, 5, 7])
})
