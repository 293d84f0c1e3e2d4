import t from 'tap'
import { equalBytes } from '../../primitives/bytes.ts'
import { decodeHeader, encodeHeader } from '../../primitives/block.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { chainIdOf } from '../../primitives/genesis.ts'
import { finalitySchema, receiptBundle, receiptSchema, verifyFinality, verifyReceipt, type ReceiptBundle } from '../../primitives/receipt.ts'
import { bytes32, sampleGenesis, SampleChain } from '../../docs/spec/sample-chain.ts'

// Goal: a receipt bundle proves one thing and cannot be bent into proving another.
// Method: a small real chain of four voters; every bit of two complete bundles is flipped once, and every part is exchanged for one of another block.
const sample = new SampleChain()
const { chain, set } = sample

function codeOf(bundle: ReceiptBundle | Uint8Array): string | undefined {
  try {
    verifyReceipt(chain, set, bundle instanceof Uint8Array ? decode(receiptBundle, bundle) : bundle)
    return undefined
  } catch (error) {
    return errorCode(error) ?? String(error)
  }
}

// A bent signature costs a full verification in portable code, so the second bundle tries one bit in eight there; the code behind is the same.
for (const [name, bundle, signatureStep] of [['certified itself', sample.bundle(3, 2), 1], ['certified as an ancestor', sample.bundle(2, 1, 5), 8]] as const) {
  t.test(`no single flipped bit in the bundle of a block ${name} passes`, async (t) => {
    const bytes = encode(receiptBundle, bundle)
    t.equal(codeOf(bytes), undefined)
    const passed: number[] = []
    const inSignature = new Set(bundle.finality.certificate.signatures.flatMap(({ signature }) => Array.from({ length: 64 }, (_, i) => Buffer.from(bytes).indexOf(signature) + i)))
    const codes = new Map<string, number>()
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      if (inSignature.has(bit >> 3) && bit % signatureStep !== 0) continue
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const code = codeOf(bytes)
      if (code === undefined) passed.push(bit)
      else codes.set(code, (codes.get(code) ?? 0) + 1)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
    t.same(passed, [])
    t.same([...codes.keys()].filter((code) => !/^(CODEC|PROOF|CERTIFICATE)_/.test(code)), [], 'every refusal has a code of ours')
    t.comment(`${8 * bytes.length} bits: ${JSON.stringify(Object.fromEntries(codes))}`)
  })
}

t.test('a bundle cut short or continued is refused', async (t) => {
  const bytes = encode(receiptBundle, sample.bundle(3, 2))
  for (let length = 0; length < bytes.length; length += 7) if (codeOf(bytes.subarray(0, length)) === undefined) t.fail(`${length} bytes pass`)
  t.match(codeOf(Uint8Array.of(...bytes, 0)), /^CODEC_/)
})

t.test('every receipt of every block verifies, by its own certificate and by every later one', async (t) => {
  let verified = 0
  for (let height = 1; height <= 5; height++) {
    for (let certified = height; certified <= 5; certified++) {
      for (const [position, receipt] of sample.block(height).receipts.entries()) {
        const proven = verifyReceipt(chain, set, sample.bundle(height, position, certified))
        if (!equalBytes(proven.receipt.tx, decode(receiptSchema, receipt).tx) || Number(proven.header.height) !== height) t.fail(`block ${height} by ${certified}`)
        verified++
      }
    }
  }
  t.equal(verified, 1 * 5 + 2 * 4 + 5 * 3 + 1 * 2 + 3)
})

t.test('a proof taken from another place is refused with the reason', async (t) => {
  const good = sample.bundle(2, 1, 5)
  const { finality } = good
  const { descendant } = finality
  const cases: [string, ReceiptBundle, string][] = [
    ['of an unknown version', { ...good, v: 2 }, 'PROOF_VERSION_UNKNOWN'],
    ['that names another chain', { ...good, chain: bytes32('other chain') }, 'PROOF_WRONG_CHAIN'],
    ['that names another height', { ...good, height: 3n }, 'PROOF_WRONG_BLOCK'],
    ['that names another position', { ...good, position: 0 }, 'PROOF_LEAF_NOT_IN_BLOCK'],
    ['with the path of another leaf', { ...good, path: sample.bundle(2, 0, 5).path }, 'PROOF_LEAF_NOT_IN_BLOCK'],
    ['with a longer path', { ...good, path: [...good.path, bytes32('sibling')] }, 'PROOF_LEAF_NOT_IN_BLOCK'],
    ['with a receipt of another block', { ...good, receipt: sample.block(3).receipts[1]! }, 'PROOF_LEAF_NOT_IN_BLOCK'],
    ['with the certificate of another block', { ...good, finality: { ...finality, certificate: sample.certificate(4) } }, 'PROOF_WRONG_BLOCK'],
    ['with its certified descendant left out', { ...good, finality: { ...finality, descendant: null } }, 'PROOF_WRONG_BLOCK'],
    ['with the history path of another block', { ...good, finality: { ...finality, descendant: { ...descendant!, path: sample.historyPath(3, 5) } } }, 'PROOF_NOT_AN_ANCESTOR'],
    ['of a block that would be its own ancestor', { ...sample.bundle(5, 1), finality: { ...finality, descendant: { ...descendant!, header: sample.block(5).header } } }, 'PROOF_NOT_AN_ANCESTOR'],
    ['whose certified block is older', { ...sample.bundle(5, 0), finality: { certificate: sample.certificate(3), descendant: { header: sample.block(3).header, path: [] } } }, 'PROOF_NOT_AN_ANCESTOR'],
  ]
  for (const [what, bundle, code] of cases) t.equal(codeOf(bundle), code, what)
})

t.test('a header that no quorum signed does not become final by a certificate beside it', async (t) => {
  const header = decodeHeader(sample.block(3).header)
  const refused = (changes: Partial<typeof header>, code: string): void => {
    t.throws(() => verifyFinality(chain, set, encodeHeader({ ...header, ...changes }), sample.finality(3)), { code }, JSON.stringify(Object.keys(changes)))
  }
  refused({ v: 2 }, 'PROOF_VERSION_UNKNOWN')
  refused({ chain: bytes32('other') }, 'PROOF_WRONG_CHAIN')
  refused({ count: 6 }, 'PROOF_WRONG_BLOCK')
  refused({ timeMs: header.timeMs + 1n }, 'PROOF_WRONG_BLOCK')
  refused({ memberSet: bytes32('other members') }, 'PROOF_WRONG_BLOCK')
})

t.test('members who sign what contradicts the header they name are not believed', async (t) => {
  // Three real signatures each: only the cross-check between attestation and header refuses these.
  for (const changes of [{ height: 4n }, { term: 3 }, { stateRoot: bytes32('other root') }]) {
    t.throws(() => verifyFinality(chain, set, sample.block(3).header, { certificate: sample.certificate(3, [1, 2, 3], changes), descendant: null }), { code: 'PROOF_WRONG_BLOCK' }, Object.keys(changes)[0]!)
  }
  t.throws(() => verifyFinality(chain, set, sample.block(3).header, { certificate: sample.certificate(3, [1, 2, 3], { v: 2 }), descendant: null }), { code: 'CERTIFICATE_VERSION_UNKNOWN' })
})

t.test('another consortium\'s verifier refuses the bundle', async (t) => {
  t.throws(() => verifyReceipt(chainIdOf(sampleGenesis(3)), set, sample.bundle(3, 0)), { code: 'PROOF_WRONG_CHAIN' })
})

t.test('the position of a leaf is bound by the number of transactions in the header', async (t) => {
  // Leaf 0 of five has a path of the same shape as leaf 0 of six, seven or eight: were the count free, it could say any of them.
  const header = decodeHeader(sample.block(3).header)
  t.equal(header.count, 5)
  t.equal(codeOf(sample.bundle(3, 0)), undefined)
  t.equal(decode(finalitySchema, encode(finalitySchema, sample.finality(3))).descendant, null)
})
