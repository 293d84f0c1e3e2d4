import { execFile } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { formatReceiptReport, verifyReceipt } from '../../client/verify-receipt.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { toHex } from '../../primitives/bytes.ts'
import { errorCode } from '../../primitives/error.ts'
import { genesisMemberSet, chainIdOf } from '../../primitives/genesis.ts'
import { receiptBundle, type Receipt, type ReceiptBundle } from '../../primitives/receipt.ts'
import { encodeProofText } from '../../primitives/proof-bundle.ts'
import { recoveryBytes } from '../../primitives/recovery.ts'
import { signerOf } from '../../docs/spec/sample-chain.ts'
import { writeGenesis } from '../../node/genesis-file.ts'
import { ChangingChain, setOf } from '../helpers/changing-chain.ts'
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

t.test('with a proven history a receipt verifies over changes of members, and says so when a recovery gave its block up', async (t) => {
  const changing = new ChangingChain(9, [[3, setOf(1, 2, 3, 5)]])
  const receiptAt = (height: number, certified: number): ReceiptBundle => {
    const { receipt, certified: { header: last, certificate } } = changing.bundle({ receiptAt: height, certified })
    const { header } = changing.block(height)
    return { v: 1, chain: changing.chain, receipt: receipt!.receipt, position: 0, path: receipt!.path, header, height: BigInt(height), finality: { certificate, descendant: height === certified ? null : { header: last, path: receipt!.block!.path } } }
  }
  const anchor = { genesis: changing.genesis }
  t.throws(() => verifyReceipt(receiptAt(8, 8), anchor), { code: 'CERTIFICATE_WRONG_MEMBER_SET' }, 'genesis alone does not know the voters of today')
  t.equal(verifyReceipt(receiptAt(2, 2), anchor).superseded, undefined, 'and cannot say whether a recovery came')
  const plain = changing.bundle({ receiptAt: 1, certified: 9 })
  t.match(verifyReceipt(receiptAt(8, 8), { ...anchor, history: encodeProofText(plain) }), { height: 8, superseded: false })

  const statement = { v: 1, chain: changing.chain, height: 7n, block: changing.block(7).hash, lostTo: 9n, set: { epoch: 1, voters: changing.block(9).set.voters.slice(0, 3) } }
  const signatures = [1, 2, 3].map((member) => ({ member, signature: signerOf(`governance ${member}`).sign(recoveryBytes(changing.chain, statement)) }))
  const recovered = (signed: typeof signatures): string => encodeProofText({ ...plain, links: [...plain.links, { kind: 'recovery', value: { statement, signatures: signed } }] })
  const history = recovered(signatures)
  const given = verifyReceipt(receiptAt(8, 8), { ...anchor, history })
  t.match(given, { height: 8, code: 'OK', superseded: true })
  t.match(formatReceiptReport(given), /^receipt SUPERSEDED/)
  t.match([receiptAt(2, 2), receiptAt(7, 7), receiptAt(7, 9)].map((bundle) => verifyReceipt(bundle, { ...anchor, history }).superseded), [false, false, false], 'what the recovery kept stays, whichever certificate shows it')
  t.throws(() => verifyReceipt(receiptAt(8, 8), { ...anchor, history: recovered(signatures.slice(1)) }), { code: 'RECOVERY_TOO_FEW' }, 'a history that proves nothing supersedes nothing')
  t.throws(() => verifyReceipt(receiptAt(8, 8), { ...anchor, history: history.replace('"v":1', '"v":2') }), { code: /^(CODEC|PROOF)_/ })
  t.throws(() => verifyReceipt(good, { genesis, history }), { code: 'PROOF_WRONG_CHAIN' }, 'nor does that of another chain')

  const folder = t.testdir({ 'proof.json': history, 'receipt.hex': toHex(encode(receiptBundle, receiptAt(8, 8))) })
  const genesisPath = join(folder, 'genesis.json')
  writeGenesis(genesisPath, changing.genesis)
  const run = (...more: string[]) => new Promise<{ readonly code: unknown; readonly out: string }>((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, '../../node/launch.js'), 'verify', 'receipt', join(folder, 'receipt.hex'), '--genesis', genesisPath, ...more], { env: withoutOptions() }, (error, out) => resolve({ code: error?.code ?? 0, out }))
  })
  const [superseded, unknown] = await Promise.all([run('--history', join(folder, 'proof.json')), run()])
  t.match(superseded, { code: 4, out: /receipt SUPERSEDED/ })
  t.match(unknown, { code: 4, out: /give a later proof/ })
})

/** The options of the test runner are not for the processes under test. */
function withoutOptions(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...env } = process.env
  return { ...env, NO_COLOR: '1' }
}
