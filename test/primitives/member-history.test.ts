import t from 'tap'
import { blockHashOf, decodeHeader, encodeHeader } from '../../primitives/block.ts'
import type { BlockHeader } from '../../primitives/block.ts'
import { attestationBytes } from '../../primitives/certificate.ts'
import type { AttestationContent } from '../../primitives/certificate.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { activationRoot, followLink, followLinks, memberSetAt, memberSetLink } from '../../primitives/member-history.ts'
import type { MemberSetLink } from '../../primitives/member-history.ts'
import { memberSetHash } from '../../primitives/member-set.ts'
import type { MemberSet } from '../../primitives/member-set.ts'
import { merkleRoot } from '../../primitives/merkle.ts'
import { recoveryBytes } from '../../primitives/recovery.ts'
import type { RecoveryStatement } from '../../primitives/recovery.ts'
import { attesterOf, SampleChain, signerOf } from '../../docs/spec/sample-chain.ts'

const sample = new SampleChain([1, 2, 1])
const { chain, set } = sample
const genesis = { from: 1n, set }
const grown: MemberSet = { epoch: 0, voters: [...set.voters, { node: 5, member: 5, attestationKey: attesterOf(5).publicKey, governanceKey: signerOf('governance 5').publicKey }] }

/** The activation of `next` at height 3 of the sample, certified by `nodes` of `before`. */
function activation(next: MemberSet, nodes: readonly number[] = [1, 2, 3], changes: Partial<BlockHeader> = {}, before: MemberSet = set): MemberSetLink {
  const header = encodeHeader({ ...decodeHeader(sample.block(3).header), count: 0, txRoot: merkleRoot([]), eventRoot: activationRoot(next), ...changes })
  const { height, term, epoch, stateRoot } = decodeHeader(header)
  const content: AttestationContent = { v: 1, epoch, height, term, block: blockHashOf(chain, header), stateRoot, memberSet: memberSetHash(chain, before) }
  const message = attestationBytes(chain, content)
  return { kind: 'change', value: { header, certificate: { content, signatures: nodes.map((node) => ({ node, signature: attesterOf(node).sign(message) })) }, set: next } }
}

function recovery(changes: Partial<RecoveryStatement> = {}, members: readonly number[] = [1, 2, 3]): MemberSetLink {
  const statement: RecoveryStatement = { v: 1, chain, height: 2n, block: sample.hashes[2]!, lostTo: 2n, set: { epoch: 1, voters: set.voters.slice(0, 2) }, ...changes }
  const message = recoveryBytes(chain, statement)
  return { kind: 'recovery', value: { statement, signatures: members.map((member) => ({ member, signature: signerOf(`governance ${member}`).sign(message) })) } }
}

const codeOf = (link: MemberSetLink, before = genesis): string | undefined => {
  try {
    followLink(chain, before, link)
  } catch (error) {
    return errorCode(error)
  }
  return undefined
}

t.test('a change that its own certificate, header or set does not bear out is refused', async (t) => {
  t.equal(codeOf(activation(grown, [1, 2])), 'CERTIFICATE_TOO_FEW')
  t.equal(codeOf(activation(grown, [1, 2, 5])), 'CERTIFICATE_SIGNER_UNKNOWN', 'the newcomer does not certify its own coming')
  t.equal(codeOf(activation(grown, [1, 2, 3], {}, grown)), 'CERTIFICATE_WRONG_MEMBER_SET')
  const sound = activation(grown)
  t.equal(sound.kind, 'change')
  if (sound.kind !== 'change') return
  t.equal(codeOf({ kind: 'change', value: { ...sound.value, set } }), 'HISTORY_INVALID', 'another set than the block announces')
  t.equal(codeOf({ kind: 'change', value: { ...sound.value, header: sample.block(2).header } }), 'HISTORY_INVALID')
  t.equal(codeOf(activation(grown, [1, 2, 3], { count: 1 })), 'HISTORY_INVALID', 'a block with transactions announces no set')
  t.equal(codeOf(activation(grown, [1, 2, 3], { epoch: 1 })), 'HISTORY_INVALID')
  t.equal(codeOf(sound, { from: 4n, set }), 'HISTORY_INVALID', 'a step backwards')
  t.equal(codeOf(activation({ ...grown, voters: [...grown.voters].reverse() })), 'HISTORY_INVALID')
  t.equal(codeOf(activation({ epoch: 0, voters: grown.voters.map((voter) => ({ ...voter, member: 1 })) })), 'HISTORY_INVALID', 'a member with several votes')
})

t.test('a recovery takes a quorum of governance keys, one epoch and voters of before', async (t) => {
  t.equal(codeOf(recovery({}, [1, 2])), 'RECOVERY_TOO_FEW')
  t.equal(codeOf(recovery({}, [1, 2, 2])), 'RECOVERY_SIGNATURE_INVALID')
  t.equal(codeOf(recovery({}, [1, 2, 9])), 'RECOVERY_SIGNATURE_INVALID')
  t.equal(codeOf(recovery({ set: { epoch: 2, voters: set.voters.slice(0, 2) } })), 'RECOVERY_INVALID')
  t.equal(codeOf(recovery({ set: { ...grown, epoch: 1 } })), 'RECOVERY_INVALID', 'nobody joins by recovery')
  t.equal(codeOf(recovery({ lostTo: 1n })), 'RECOVERY_INVALID')
  t.equal(codeOf(recovery({ chain: new Uint8Array(32) })), 'RECOVERY_INVALID')
  const forged = recovery()
  if (forged.kind === 'recovery') forged.value.signatures[1]!.signature[3]! ^= 1
  t.equal(codeOf(forged), 'RECOVERY_SIGNATURE_INVALID')
})

t.test('the chain of sets says who certifies each height of each epoch, and which heights were given up', async (t) => {
  const links = [activation(grown), recovery({ height: 5n, lostTo: 7n, set: { epoch: 1, voters: grown.voters.slice(0, 2) } }, [1, 2, 3, 4])].map((link) => decode(memberSetLink, encode(memberSetLink, link)))
  const periods = followLinks(chain, genesis, links)
  t.same(periods.map(({ from, set: { epoch, voters } }) => [Number(from), epoch, voters.length]), [[1, 0, 4], [4, 0, 5], [6, 1, 2]])
  const at = (epoch: number, height: bigint): unknown[] => {
    const { set: { voters }, superseded } = memberSetAt(periods, epoch, height)
    return [voters.length, superseded]
  }
  t.same([at(0, 3n), at(0, 4n), at(0, 5n), at(0, 6n), at(1, 6n), at(1, 99n)], [[4, false], [5, false], [5, false], [5, true], [2, false], [2, false]])
  t.throws(() => memberSetAt(periods, 1, 5n), { code: 'HISTORY_INCOMPLETE' })
  t.throws(() => memberSetAt(periods, 2, 9n), { code: 'HISTORY_INCOMPLETE' })
})
