// Goal: one file proves one thing from genesis or a checkpoint, over changes of members, and no byte of it can be changed.
// Method: a small chain of real signatures whose voters change twice; every byte of its bundles is flipped, every part exchanged for another true one.
import t from 'tap'
import { toHex, utf8Bytes } from '../../primitives/bytes.ts'
import { errorCode } from '../../primitives/error.ts'
import { hash } from '../../primitives/hash.ts'
import type { ProofAnchor } from '../../primitives/proof-anchor.ts'
import type { MemberSetLink } from '../../primitives/member-history.ts'
import { decodeProofText, encodeProofText, PROOF_BUNDLE_LIMITS, verifyProofBundle, type ProofBundle } from '../../primitives/proof-bundle.ts'
import { recoveryBytes } from '../../primitives/recovery.ts'
import { bytes32, signerOf } from '../../docs/spec/sample-chain.ts'
import { ChangingChain, KNOWN, setOf } from '../helpers/changing-chain.ts'

const sample = new ChangingChain(9, [[3, setOf(1, 2, 3, 5)], [6, setOf(1, 2, 3, 5, 6)]])
const genesis: ProofAnchor = { chain: sample.chain, members: sample.first }
const pinned = (height: number): ProofAnchor => ({ checkpoint: sample.block(height).hash })
const absent = Uint8Array.of(7, 7, 7)

const change = (link: MemberSetLink, other: Partial<Extract<MemberSetLink, { kind: 'change' }>['value']>): MemberSetLink => (link.kind === 'change' ? { ...link, value: { ...link.value, ...other } } : link)

function codeOf(of: ProofBundle | Uint8Array, anchor = genesis): string | undefined {
  try {
    verifyProofBundle(anchor, decodeProofText(of instanceof Uint8Array ? of : utf8Bytes(encodeProofText(of))))
    return undefined
  } catch (error) {
    return errorCode(error) ?? String(error)
  }
}

const small = new ChangingChain(3, [])
const SMALL: readonly [string, Uint8Array, ProofAnchor][] = [
  ['a receipt, its block certified itself', utf8Bytes(encodeProofText(small.bundle({ receiptAt: 2, certified: 2 }))), genesis],
  ['absence, by a later block, from a checkpoint', utf8Bytes(encodeProofText(small.bundle({ stateAt: 2, key: absent, certified: 3, from: 1 }))), { checkpoint: small.block(1).hash }],
]
for (const [name, text, anchor] of SMALL) {
  t.test(`no single changed byte passes: ${name}`, async (t) => {
    t.equal(codeOf(text, anchor), undefined)
    const passed: number[] = []
    const codes = new Map<string, number>()
    for (let at = 0; at < text.length; at++) {
      const original = text[at]!
      // Bit 0 gives the neighbouring digit; bit 5 the other case of a letter and white space for a digit's place; bit 7 no ASCII; then the nearest white space.
      for (const other of [original ^ 1, original ^ 0x20, original ^ 0x80, original === 0x0a ? 0x0d : 0x0a]) {
        text[at] = other
        const code = codeOf(text, anchor)
        if (code === undefined) passed.push(at)
        else codes.set(code, (codes.get(code) ?? 0) + 1)
      }
      text[at] = original
    }
    t.same(passed, [])
    t.same([...codes.keys()].filter((code) => !/^(CODEC|PROOF|HISTORY|RECOVERY|CERTIFICATE)_/.test(code)), [], 'every refusal has a code of ours')
    t.ok(text.length < 6000, 'small enough that every byte was tried')
    t.comment(`${text.length} bytes: ${JSON.stringify(Object.fromEntries(codes))}`)
  })
}

t.test('with the digest made anew no change passes either, but of the key that is absent: then it is another true proof', async (t) => {
  const bundle = small.bundle({ stateAt: 2, key: absent, certified: 3, from: 1 })
  const inner = utf8Bytes(JSON.stringify((JSON.parse(encodeProofText(bundle)) as { bundle: unknown }).bundle))
  const key = new TextDecoder().decode(inner).indexOf('"key":"070707"') + 7
  const passed: number[] = []
  for (let at = 0; at < inner.length; at++) {
    inner[at]! ^= 1
    if (codeOf(utf8Bytes(`{"bundle":${new TextDecoder().decode(inner)},"digest":"${toHex(hash('proof-bundle', small.chain, inner))}"}`), { checkpoint: small.block(1).hash }) === undefined) passed.push(at)
    inner[at]! ^= 1
  }
  t.same(passed.filter((at) => at < key || at >= key + 6), [])
  t.comment(`${passed.length} of ${inner.length} changes give a proof that another key is absent`)
})

t.test('the same content in other JSON is refused: white space, order, case, doubled members, a byte order mark, a second line feed', async (t) => {
  const text = encodeProofText(sample.bundle({ receiptAt: 2, certified: 2 }))
  const refused = (what: string, other: string, code = 'CODEC_NOT_CANONICAL'): void => { t.equal(codeOf(utf8Bytes(other)), code, what) }
  t.equal(codeOf(utf8Bytes(text.trimEnd())), undefined, 'only the last line feed may be missing')
  refused('indented', `${JSON.stringify(JSON.parse(text), null, 2)}\n`)
  refused('two line feeds', `${text}\n`)
  refused('members in another order', `${JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).reverse()))}\n`)
  refused('a member twice', text.replace('"v":1', '"v":1,"v":1'))
  refused('a number written otherwise', text.replace('"v":1', '"v":1.0'))
  refused('an absent null', text.replace('"start":null,', ''))
  refused('upper case', text.replace(/[a-f](?=[0-9a-f]{8})/, (digit) => digit.toUpperCase()), 'CODEC_VALUE_INVALID')
  refused('a byte order mark', `\ufeff${text}`, 'CODEC_MALFORMED')
  refused('an unknown member', text.replace('"v":1', '"v":1,"x":1'), 'CODEC_VALUE_INVALID')
  refused('nothing', '', 'CODEC_MALFORMED')
  t.equal(codeOf(new Uint8Array(PROOF_BUNDLE_LIMITS.textBytesMax + 1)), 'CODEC_TOO_LARGE')
  t.equal(codeOf(Uint8Array.of(0xff, 0xfe)), 'CODEC_MALFORMED')
  t.equal(codeOf(utf8Bytes('['.repeat(100_000))), 'CODEC_MALFORMED', 'depth is no attack')
})

t.test('receipt, presence and absence verify over no, one and two changes of members, from genesis and from any checkpoint', async (t) => {
  for (const certified of [2, 3, 5, 6, 9]) {
    const bundle = sample.bundle({ receiptAt: 1, stateAt: 2, certified })
    const proven = verifyProofBundle(genesis, decodeProofText(utf8Bytes(encodeProofText(bundle))))
    t.match(proven, { certified: { height: BigInt(certified) }, memberChanges: [3, 6].filter((height) => height < certified).length, receipt: { receipt: { tx: bytes32('tx 1') } }, state: { value: KNOWN[1] } })
    t.equal(proven.members.voters.length, certified > 6 ? 5 : 4)
    for (let from = 1; from <= certified; from++) t.equal(codeOf(sample.bundle({ receiptAt: 1, stateAt: 2, key: absent, certified, from }), pinned(from)), undefined, `certified ${certified} from ${from}`)
  }
})

t.test('what leads to the certificate cannot be left out, added, exchanged or invented', async (t) => {
  const good = sample.bundle({ receiptAt: 2, certified: 9 })
  const [one, two] = good.links as [MemberSetLink, MemberSetLink]
  const cases: [string, ProofBundle, string][] = [
    ['a change left out', { ...good, links: [two] }, 'CERTIFICATE_WRONG_MEMBER_SET'],
    ['the last change left out', { ...good, links: [one] }, 'CERTIFICATE_WRONG_MEMBER_SET'],
    ['a change twice', { ...good, links: [one, one, two] }, 'HISTORY_INVALID'],
    ['changes in another order', { ...good, links: [two, one] }, 'CERTIFICATE_WRONG_MEMBER_SET'],
    ['another set than the block announces', { ...good, links: [change(one, { set: setOf(1, 2, 3, 7) }), two] }, 'HISTORY_INVALID'],
    ['a change certified by too few', { ...good, links: [change(one, { certificate: sample.certificate(3, [1, 2]) }), two] }, 'CERTIFICATE_TOO_FEW'],
    ['a change certified by a newcomer', { ...good, links: [change(one, { certificate: sample.certificate(3, [1, 2, 5]) }), two] }, 'CERTIFICATE_SIGNER_UNKNOWN'],
    ['a certificate by a member that was removed', { ...good, certified: { ...good.certified, certificate: sample.certificate(9, [1, 2, 3, 4]) } }, 'CERTIFICATE_SIGNER_UNKNOWN'],
    ['a block that changes nothing as a change', { ...good, links: [change(one, { header: sample.block(2).header, certificate: sample.certificate(2) }), two] }, 'HISTORY_INVALID'],
    ['neither receipt nor state', { ...good, receipt: null }, 'PROOF_EMPTY'],
    ['another version', { ...good, v: 2 }, 'PROOF_VERSION_UNKNOWN'],
    ['another chain', { ...good, chain: bytes32('x') }, 'PROOF_WRONG_CHAIN'],
    ['the receipt of another block', { ...good, receipt: { ...good.receipt!, receipt: sample.block(1).receipts[0]! } }, 'PROOF_LEAF_NOT_IN_BLOCK'],
    ['another block for the receipt', { ...good, receipt: { ...good.receipt!, block: { ...good.receipt!.block!, header: sample.block(1).header } } }, 'PROOF_NOT_AN_ANCESTOR'],
    ['a state that is not so', { ...sample.bundle({ stateAt: 5, certified: 9 }), state: { ...sample.bundle({ stateAt: 5, certified: 9 }).state!, value: null } }, 'PROOF_STATE_INVALID'],
  ]
  for (const [what, bundle, code] of cases) t.equal(codeOf(bundle), code, what)
})

t.test('a bundle is judged by the anchor it begins at and by no other', async (t) => {
  const fromBlock = sample.bundle({ receiptAt: 7, certified: 9, from: 5 })
  t.equal(codeOf(fromBlock), 'PROOF_OTHER_ANCHOR', 'genesis does not vouch for a checkpoint')
  t.equal(codeOf(fromBlock, pinned(4)), 'PROOF_OTHER_ANCHOR')
  t.equal(codeOf(sample.bundle({ receiptAt: 7, certified: 9 }), pinned(5)), 'PROOF_OTHER_ANCHOR')
  t.equal(codeOf({ ...fromBlock, start: { ...fromBlock.start!, set: sample.first } }, pinned(5)), 'PROOF_OTHER_ANCHOR', 'the checkpoint names its set')
  t.equal(codeOf({ ...fromBlock, start: { ...fromBlock.start!, path: sample.historyPath(4, 9) } }, pinned(5)), 'PROOF_NOT_AN_ANCESTOR')
  const fork = new ChangingChain(9, [[3, setOf(1, 2, 3, 5)], [7, setOf(1, 2, 3, 5, 6)]])
  const forked = fork.bundle({ receiptAt: 8, certified: 9, from: 2 })
  t.equal(codeOf({ ...forked, start: { header: sample.block(6).header, set: sample.block(6).set, path: fork.historyPath(6, 9) }, links: [fork.link(7)] }, pinned(6)), 'PROOF_NOT_AN_ANCESTOR', 'another past is no proof, whoever certified it')
})

t.test('after a recovery what was certified above it says so, what was kept does not', async (t) => {
  const block = sample.block(7)
  const set = { epoch: 1, voters: sample.block(9).set.voters.slice(0, 4) }
  const statement = { v: 1, chain: sample.chain, height: 7n, block: block.hash, lostTo: 9n, set }
  const signatures = [1, 2, 3, 5].map((member) => ({ member, signature: signerOf(`governance ${member}`).sign(recoveryBytes(sample.chain, statement)) }))
  const recovered = (bundle: ProofBundle): ProofBundle => ({ ...bundle, links: [...sample.bundle({ receiptAt: 1, certified: 9 }).links, { kind: 'recovery', value: { statement, signatures } }] })
  const proven = (bundle: ProofBundle) => verifyProofBundle(genesis, decodeProofText(utf8Bytes(encodeProofText(recovered(bundle)))))
  t.match(proven(sample.bundle({ receiptAt: 8, stateAt: 7, certified: 9 })), { receipt: { superseded: true }, state: { superseded: false } })
  t.equal(codeOf({ ...recovered(sample.bundle({ receiptAt: 8, certified: 9 })), links: [...sample.bundle({ receiptAt: 1, certified: 9 }).links, { kind: 'recovery', value: { statement, signatures: signatures.slice(1) } }] }), 'RECOVERY_TOO_FEW')
})
