import t from 'tap'
import { formatReceiptReport, verifyReceipt } from '../../client/verify-receipt.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { genesisMemberSet, chainIdOf } from '../../primitives/genesis.ts'
import { receiptBundle, type Receipt, type ReceiptBundle } from '../../primitives/receipt.ts'
import { certifiedBundle, seed, testGenesis } from './fake-node.ts'

const genesis = testGenesis()
const receipts: Receipt[] = [0, 1, 2, 3, 4].map((position) => ({ tx: seed(position), position, code: 'OK', cost: 3, events: [] }))
const good = certifiedBundle(genesis, receipts, 3)
const codeOf = (bundle: ReceiptBundle | Uint8Array): string | undefined => {
  try {
    verifyReceipt(bundle, { genesis })
    return undefined
  } catch (error) {
    return errorCode(error)
  }
}

t.test('too few, repeated, foreign or false attestations prove nothing', async (t) => {
  t.equal(codeOf(certifiedBundle(genesis, receipts, 3, { voters: [1, 2] })), 'CERTIFICATE_TOO_FEW')
  t.equal(codeOf(certifiedBundle(genesis, receipts, 3, { voters: [1, 2, 2] })), 'CERTIFICATE_SIGNER_TWICE')
  t.equal(codeOf(certifiedBundle(genesis, receipts, 3, { voters: [1, 2, 9] })), 'CERTIFICATE_SIGNER_UNKNOWN')
  const { certificate } = good.finality
  const swapped = certificate.signatures.map(({ node }, i) => ({ node, signature: certificate.signatures[(i + 1) % 3]!.signature }))
  t.equal(codeOf({ ...good, finality: { ...good.finality, certificate: { ...certificate, signatures: swapped } } }), 'CERTIFICATE_SIGNATURE_INVALID')
})

t.test('a receipt of another chain, position, height or block is refused', async (t) => {
  t.equal(codeOf(certifiedBundle(testGenesis(3), receipts, 3)), 'PROOF_WRONG_CHAIN')
  t.equal(codeOf({ ...good, position: 2 }), 'PROOF_LEAF_NOT_IN_BLOCK')
  t.equal(codeOf({ ...good, height: 2n }), 'PROOF_WRONG_BLOCK')
  t.equal(codeOf({ ...good, header: certifiedBundle(genesis, receipts, 3, { height: 2 }).header }), 'PROOF_WRONG_BLOCK')
  t.equal(codeOf({ ...good, receipt: certifiedBundle(genesis, receipts, 2).receipt }), 'PROOF_LEAF_NOT_IN_BLOCK')
})

t.test('no single flipped bit anywhere in the file passes', async (t) => {
  const bytes = encode(receiptBundle, good)
  t.equal(codeOf(bytes), undefined)
  // Every byte once, one bit each: 1,000 odd bundles, few of which get as far as a signature.
  const passed = [...bytes.keys()].filter((at) => codeOf(bytes.map((byte, i) => (i === at ? byte ^ (1 << (at % 8)) : byte))) === undefined)
  t.same(passed, [])
})

t.test('the report names block, result and who attested, and member sets work without a genesis', async (t) => {
  const report = verifyReceipt(decode(receiptBundle, encode(receiptBundle, good)), { genesis })
  t.match(report, { height: 1, position: 3, code: 'OK', needed: 3, voters: 4, certifiedHeight: 1, attestedBy: [{ node: 1, member: 1, name: 'hospital-a' }, { node: 2 }, { node: 3 }] })
  const text = formatReceiptReport(report)
  t.match(text, /receipt valid[^]*3 of 4 voters attested \(3 needed\); the block itself is certified[^]*hospital-a \(node 1\)/)
  const bare = verifyReceipt(good, { id: chainIdOf(genesis), members: genesisMemberSet(genesis) })
  t.match(formatReceiptReport(bare), /member 1 \(node 1\)/)
})
