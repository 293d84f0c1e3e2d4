import fc from 'fast-check'
import t from 'tap'
import { attestationBytes, certificateSchema, verifyCertificate, type Certificate } from '../../primitives/certificate.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { memberSetHash, type MemberSet } from '../../primitives/member-set.ts'
import { attesterOf, bytes32, SampleChain } from '../../docs/spec/sample-chain.ts'

const sample = new SampleChain([1, 1])
const { chain, set } = sample
const good = sample.certificate(2)

function codeOf(certificate: Certificate | Uint8Array, as: MemberSet = set, of: Uint8Array = chain): string | undefined {
  try {
    verifyCertificate(of, as, certificate instanceof Uint8Array ? decode(certificateSchema, certificate) : certificate)
    return undefined
  } catch (error) {
    return errorCode(error) ?? String(error)
  }
}

t.test('too few, repeated, unordered, unknown and false signers certify nothing', async (t) => {
  t.equal(codeOf(sample.certificate(2, [1, 2])), 'CERTIFICATE_TOO_FEW')
  t.equal(codeOf(sample.certificate(2, [1])), 'CERTIFICATE_TOO_FEW')
  t.equal(codeOf(sample.certificate(2, [1, 2, 2])), 'CERTIFICATE_SIGNER_TWICE')
  t.equal(codeOf(sample.certificate(2, [1, 1, 1])), 'CERTIFICATE_SIGNER_TWICE')
  t.equal(codeOf(sample.certificate(2, [2, 1, 3])), 'CERTIFICATE_SIGNER_TWICE', 'one set of signers has one order, so one form')
  t.equal(codeOf(sample.certificate(2, [1, 2, 5])), 'CERTIFICATE_SIGNER_UNKNOWN')
  t.equal(codeOf(sample.certificate(2, [0, 1, 2])), 'CERTIFICATE_SIGNER_UNKNOWN')
  t.equal(codeOf({ ...good, signatures: good.signatures.map(({ node }, i) => ({ node, signature: good.signatures[(i + 1) % 3]!.signature })) }), 'CERTIFICATE_SIGNATURE_INVALID', 'signatures of others under one\'s name')
  t.equal(codeOf({ ...good, signatures: [...good.signatures, { node: 4, signature: bytes64() }] }), 'CERTIFICATE_SIGNATURE_INVALID', 'a false one beside a quorum spoils it')
  t.throws(() => encode(certificateSchema, { ...good, signatures: [] }), { code: 'CODEC_VALUE_INVALID', details: { path: 'signatures' } })
  t.equal(codeOf(good), undefined)
  t.equal(codeOf(sample.certificate(2, [1, 2, 3, 4])), undefined)
})

t.test('a certificate serves one chain, one epoch, one member set', async (t) => {
  t.equal(codeOf(good, { ...set, epoch: 1 }), 'CERTIFICATE_WRONG_MEMBER_SET')
  t.equal(codeOf(good, { ...set, voters: set.voters.slice(0, 3) }), 'CERTIFICATE_WRONG_MEMBER_SET')
  t.equal(codeOf(good, { ...set, voters: set.voters.map((voter) => ({ ...voter, member: 1 })) }), 'CERTIFICATE_WRONG_MEMBER_SET')
  t.equal(codeOf(good, set, bytes32('other chain')), 'CERTIFICATE_WRONG_MEMBER_SET')
  t.equal(codeOf(sample.certificate(2, [1, 2, 3], { epoch: 1 })), 'CERTIFICATE_WRONG_MEMBER_SET')
  const otherChain = bytes32('other chain')
  const content = { ...good.content, memberSet: memberSetHash(otherChain, set) }
  const replayed = { content, signatures: [1, 2, 3].map((node) => ({ node, signature: attesterOf(node).sign(attestationBytes(chain, content)) })) }
  t.equal(codeOf(replayed, set, otherChain), 'CERTIFICATE_SIGNATURE_INVALID', 'the chain stands under the signature as well')
})

t.test('no flipped bit of a certificate passes', async (t) => {
  const bytes = encode(certificateSchema, good)
  for (let bit = 0; bit < 8 * bytes.length; bit += 3) {
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    if (codeOf(bytes) === undefined) t.fail(`bit ${bit}`)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
  }
  t.equal(codeOf(bytes), undefined)
})

t.test('an Ed25519 signature has no second form: s plus the order of the group is refused', async (t) => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  for (const times of [1n, 2n, 15n]) {
    const signature = Uint8Array.from(good.signatures[0]!.signature)
    let s = times * order
    for (let i = 63; i >= 32; i--) s += BigInt(signature[i]!) << BigInt(8 * (i - 32))
    if (s >= 2n ** 256n) continue
    for (let i = 32; i < 64; i++) signature[i] = Number((s >> BigInt(8 * (i - 32))) & 255n)
    t.equal(codeOf({ ...good, signatures: [{ node: 1, signature }, ...good.signatures.slice(1)] }), 'CERTIFICATE_SIGNATURE_INVALID', `${times} × the order`)
  }
})

t.test('arbitrary bytes are refused with a code, never by a crash', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => codeOf(bytes)?.startsWith('CODEC_') === true), { numRuns: 2000, seed: 8 })
})

function bytes64(): Uint8Array {
  return new Uint8Array(64).fill(9)
}
