import t from 'tap'
import { attestationBytes, attestationSchema, verifyCertificate } from '../../primitives/certificate.ts'
import type { Attestation, AttestationContent, Certificate } from '../../primitives/certificate.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { memberSetHash } from '../../primitives/member-set.ts'
import type { MemberSet } from '../../primitives/member-set.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { createSigner, verify } from '../../primitives/signature.ts'
import { Finality } from '../../consensus/finality.ts'

const chain = new Uint8Array(32).fill(1)
const signers = [1, 2, 3, 4].map((node) => createSigner(new Uint8Array(32).fill(node)))
const members: MemberSet = { epoch: 0, voters: signers.map(({ publicKey }, i) => ({ node: i + 1, member: i + 1, attestationKey: publicKey, governanceKey: publicKey })) }
const memberSet = memberSetHash(chain, members)
const content = (height: number, fill = height): AttestationContent => ({ v: 1, epoch: 0, height: BigInt(height), term: 1, block: new Uint8Array(32).fill(fill), stateRoot: new Uint8Array(32).fill(9), memberSet })
const attest = (node: number, of: AttestationContent): Uint8Array => encode(attestationSchema, { content: of, node, signature: signers[node - 1]!.sign(attestationBytes(chain, of)) })

interface Bench { readonly finality: Finality; readonly written: Attestation[]; readonly sent: Attestation[]; readonly certificates: Certificate[]; readonly evidence: number[]; readonly contradictions: number[]; readonly foreign: [number, number | undefined][]; readonly failures: unknown[]; checked: number; settle(): Promise<void>; hold: Promise<void> | undefined }

function bench(options: { readonly lastAttested?: Attestation; readonly attestedFloor?: number; readonly changeHeights?: readonly number[]; readonly newestCertificate?: Certificate; readonly finalAt?: (height: number) => { content: AttestationContent; certificate?: Certificate } | undefined } = {}): Bench {
  const [written, sent, certificates, evidence, failures]: [Attestation[], Attestation[], Certificate[], number[], unknown[]] = [[], [], [], [], []]
  const [contradictions, foreign]: [number[], [number, number | undefined][]] = [[], []]
  const { finalAt = () => undefined } = options
  const self: Bench = {
    written, sent, certificates, evidence, contradictions, foreign, failures, checked: 0, hold: undefined,
    settle: async () => { for (let i = 0; i < 50; i++) await Promise.resolve() },
    finality: new Finality({ chain, sets: { membersAt: () => members, isSetOf: (_height, hash) => Buffer.compare(hash, memberSet) === 0, changeHeights: options.changeHeights ?? [] }, node: 1, signer: signers[0]!, attestedFloor: options.attestedFloor ?? 0, lastAttested: options.lastAttested, newestCertificate: options.newestCertificate, restMs: 0 }, {
      persistAttestation: async (bytes) => {
        written.push(decode(attestationSchema, bytes))
        await self.hold
      },
      broadcast: (bytes) => { sent.push(decode(attestationSchema, bytes)) },
      verifyBatch: async (items) => {
        self.checked += items.length
        return items.map(({ publicKey, message, signature }) => verify(publicKey, message, signature))
      },
      onCertificate: (certificate) => { certificates.push(certificate) },
      onEvidence: (node) => { evidence.push(node) },
      onContradiction: ({ node }) => { contradictions.push(node) },
      onForeignCertificate: ({ content: { height, block } }, own) => { foreign.push([Number(height) * 1000 + block[0]!, own?.block[0]]) },
      finalAt,
      onFailure: (error) => { failures.push(error) },
      logger: silentLogger,
    }),
  }
  return self
}

t.test('three of four attestations certify the committed block, and the certificate verifies', async (t) => {
  const b = bench()
  b.finality.committed(content(1))
  await b.settle()
  t.equal(await b.finality.receive(attest(2, content(1))), 'accept')
  t.equal(b.finality.finalHeight, 0, 'two are too few')
  t.equal(await b.finality.receive(attest(2, content(1))), 'ignore', 'the same again counts once')
  t.equal(await b.finality.receive(attest(4, content(1))), 'accept')
  t.equal(b.finality.finalHeight, 1)
  verifyCertificate(chain, members, b.certificates[0]!)
  t.same(b.certificates[0]!.signatures.map(({ node }) => node), [1, 2, 4])
})

t.test('attestations to another block than the committed one certify nothing', async (t) => {
  const b = bench()
  for (const node of [2, 3, 4]) t.equal(await b.finality.receive(attest(node, content(1, 77))), 'accept')
  b.finality.committed(content(1))
  await b.settle()
  t.equal(b.finality.finalHeight, 0)
})

t.test('an attestation that waits for its block counts once the block is committed', async (t) => {
  const b = bench()
  for (const node of [2, 3]) await b.finality.receive(attest(node, content(1)))
  t.equal(b.finality.finalHeight, 0)
  b.finality.committed(content(1))
  await b.settle()
  t.equal(b.finality.finalHeight, 1)
})

t.test('garbage, strangers, wrong sets and bad signatures are rejected', async (t) => {
  const b = bench()
  b.finality.committed(content(1))
  const good = decode(attestationSchema, attest(2, content(1)))
  t.equal(await b.finality.receive(new Uint8Array(5)), 'reject')
  t.equal(await b.finality.receive(encode(attestationSchema, { ...good, node: 9 })), 'reject')
  t.equal(await b.finality.receive(encode(attestationSchema, { ...good, node: 3 })), 'reject', 'another member\'s signature')
  t.equal(await b.finality.receive(encode(attestationSchema, { ...good, content: { ...good.content, memberSet: new Uint8Array(32) } })), 'reject')
  t.equal(await b.finality.receive(encode(attestationSchema, { ...good, content: { ...good.content, epoch: 1 } })), 'reject')
  t.equal(await b.finality.receive(attest(2, content(1_000_000))), 'ignore', 'so far ahead is of no use')
})

t.test('two attestations of one member at one height are evidence', async (t) => {
  const b = bench()
  await b.finality.receive(attest(3, content(5)))
  await b.finality.receive(attest(3, content(5, 99)))
  t.same(b.evidence, [3])
})

t.test('a second attestation is evidence although the height is final meanwhile, and a third costs no check', async (t) => {
  const b = bench()
  b.finality.committed(content(1))
  for (const node of [2, 3]) await b.finality.receive(attest(node, content(1)))
  await b.settle()
  t.equal(b.finality.finalHeight, 1)
  t.equal(await b.finality.receive(attest(3, content(1, 77))), 'ignore')
  await b.finality.receive(attest(3, content(1, 78)))
  t.same(b.evidence, [3])
  t.equal(await b.finality.receive(attest(4, content(1))), 'ignore', 'a late one that agrees is only remembered')
  await b.finality.receive(attest(4, content(1, 77)))
  t.same(b.evidence, [3, 4])
  const bent = decode(attestationSchema, attest(2, content(1, 77)))
  t.equal(await b.finality.receive(encode(attestationSchema, { ...bent, signature: new Uint8Array(64) })), 'reject', 'nobody is accused by a signature that does not verify')
  t.same(b.evidence, [3, 4])
})

t.test('a member that attests to another block than the one committed here is told, and so is a quorum that certifies another', async (t) => {
  const b = bench()
  b.finality.committed(content(1))
  await b.finality.receive(attest(2, content(1, 77)))
  await b.finality.receive(attest(2, content(1, 77)))
  t.same(b.contradictions, [2])
  await b.finality.receive(attest(3, content(1, 77)))
  t.same(b.foreign, [], 'two of four certify nothing')
  await b.finality.receive(attest(4, content(1, 77)))
  t.same(b.foreign, [[1077, 1]])
  t.same(b.contradictions, [2, 3, 4])
  t.equal(b.finality.finalHeight, 0)
  const late = bench()
  for (const node of [2, 3, 4]) await late.finality.receive(attest(node, content(1, 77)))
  t.same(late.foreign, [[1077, undefined]], 'a node that is behind hears of it too')
  late.finality.committed(content(1))
  t.same(late.contradictions, [2, 3, 4], 'whoever commits another block afterwards contradicts them all')
  t.same(late.foreign, [[1077, undefined], [1077, 1]], 'and hears that its ledger is a fork')
})

t.test('who attests only after the height is final, and to another block, is told once; a word that agrees accuses nobody', async (t) => {
  const b = bench()
  b.finality.committed(content(1))
  for (const node of [2, 3]) await b.finality.receive(attest(node, content(1)))
  t.equal(b.finality.finalHeight, 1)
  t.equal(await b.finality.receive(attest(4, content(1, 77))), 'ignore')
  t.equal(await b.finality.receive(attest(4, content(1, 78))), 'ignore')
  t.same([b.contradictions, b.evidence], [[4], []])
  const bent = decode(attestationSchema, attest(4, content(1, 79)))
  t.equal(await b.finality.receive(encode(attestationSchema, { ...bent, node: 9 })), 'ignore', 'a stranger')
  t.equal(await b.finality.receive(attest(4, { ...content(1, 79), epoch: 1 })), 'ignore', 'another epoch says nothing about this one')
  t.equal(await b.finality.receive(attest(4, { ...content(1, 79), memberSet: new Uint8Array(32) })), 'ignore', 'nor do other voters')
  const fresh = bench()
  fresh.finality.committed(content(1))
  for (const node of [2, 3]) await fresh.finality.receive(attest(node, content(1)))
  t.equal(await fresh.finality.receive(encode(attestationSchema, { ...bent, signature: new Uint8Array(64) })), 'reject')
  t.same(fresh.contradictions, [], 'nobody is accused by a signature that does not verify')
})

t.test('what was said long ago is compared with the ledger: the word in a certificate and another one are evidence, also after a restart', async (t) => {
  const signed = (height: number): Certificate => ({ content: content(height), signatures: [1, 2, 3].map((node) => ({ node, signature: decode(attestationSchema, attest(node, content(height))).signature })) })
  const finalAt = (height: number) => height === 4 ? { content: content(4), certificate: signed(4) } : height < 9 ? { content: content(height) } : undefined
  const b = bench({ newestCertificate: signed(9), finalAt })
  t.equal(b.finality.finalHeight, 9)
  t.equal(await b.finality.receive(attest(3, content(4, 77))), 'ignore')
  t.same([b.evidence, b.contradictions], [[3], []])
  await b.finality.receive(attest(3, content(4, 77)))
  await b.finality.receive(attest(4, content(4, 77)))
  t.same([b.evidence, b.contradictions], [[3], [4]], 'node 4 is not in the certificate')
  await b.finality.receive(attest(2, content(5, 77)))
  t.same([b.evidence, b.contradictions], [[3], [4, 2]], 'nor is there one at height 5')
  for (const height of [3, 5, 6]) await b.finality.receive(attest(4, content(height)))
  t.same([b.evidence, b.contradictions], [[3], [4, 2]], 'a late word that agrees')
})

t.test('one liar keeps nobody busy: late words of a node are looked at a few times, again once more heights are final; what others forge in its name costs it nothing', async (t) => {
  const looked: number[] = []
  const b = bench({ finalAt: (height) => {
    looked.push(height)
    return { content: content(height) }
  } })
  const certify = async (height: number): Promise<void> => {
    b.finality.committed(content(height, height % 200))
    for (const node of [2, 3]) await b.finality.receive(attest(node, content(height, height % 200)))
  }
  for (let height = 1; height <= 300; height++) await certify(height)
  t.equal(b.finality.finalHeight, 300)
  const forged = encode(attestationSchema, { ...decode(attestationSchema, attest(4, content(1, 201))), signature: new Uint8Array(64) })
  for (let i = 0; i < 100; i++) t.equal(await b.finality.receive(forged), 'reject')
  b.checked = 0
  await Promise.all(Array.from({ length: 70 }, (_, i) => b.finality.receive(attest(4, content(i + 1, 202)))))
  b.checked = 64
  for (let height = 71; height <= 150; height++) await b.finality.receive(attest(4, content(height, 202)))
  t.same([b.contradictions.length, b.checked, looked.length], [64, 64, 64])
  for (let height = 151; height < 300; height++) await b.finality.receive(attest(4, content(height, 202)))
  t.same([b.contradictions.length, b.checked], [64, 64], 'heights of the last minute count as well')
  await certify(301)
  for (let height = 100; height < 110; height++) await b.finality.receive(attest(4, content(height, 203)))
  t.equal(b.contradictions.length, 65)
  b.checked = 0
  await b.finality.receive(attest(1, content(20, 202)))
  t.equal(b.contradictions.length, 66, 'another node has its own')
  await b.finality.receive(attest(1, content(20, 202)))
  t.equal(b.checked, 1, 'the same again costs no check')
})

t.test('an attestation is durable before it leaves, one at a time, the roundest height first', async (t) => {
  const b = bench()
  let release = (): void => {}
  b.hold = new Promise((resolve) => { release = resolve })
  b.finality.committed(content(1))
  await b.settle()
  t.same(b.written.map((each) => Number(each.content.height)), [1])
  t.same(b.sent, [], 'nothing leaves before the write')
  for (const height of [2, 3, 4, 5]) b.finality.committed(content(height))
  await b.settle()
  t.equal(b.written.length, 1, 'the next waits for it')
  b.hold = undefined
  release()
  await b.settle()
  t.same(b.sent.map((each) => Number(each.content.height)), [1, 4, 5], '4 is the roundest of 2 to 5, then the newest')
})

t.test('a change of voters that the others certified first holds nothing back: this node attests to what comes after it', async (t) => {
  let release = (): void => undefined
  const b = bench({ changeHeights: [2] })
  b.hold = new Promise((resolve) => { release = resolve })
  b.finality.committed(content(1))
  b.finality.committed(content(2))
  for (const node of [2, 3, 4]) await b.finality.receive(attest(node, content(2)))
  t.equal(b.finality.finalHeight, 2, 'certified while this node still wrote its word on block 1')
  release()
  b.hold = undefined
  b.finality.committed(content(3))
  for (let i = 0; i < 3; i++) await b.settle()
  t.same(b.sent.map(({ content: { height } }) => Number(height)), [1, 3])
  for (const node of [2, 3]) await b.finality.receive(attest(node, content(3)))
  t.equal(b.finality.finalHeight, 3, 'with one of four gone its word is needed')
})

t.test('members that skip differently meet at the round heights', async (t) => {
  for (const steps of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 5, 9], [7, 9], [9], [1, 9], [6, 8, 9]]) {
    const b = bench()
    let release = (): void => {}
    let next = 1
    for (const upTo of steps) {
      b.hold = new Promise((resolve) => { release = resolve })
      for (; next <= upTo; next++) b.finality.committed(content(next))
      b.hold = undefined
      release()
      await b.settle()
    }
    t.ok(b.sent.some((each) => each.content.height === 8n), `steps ${steps.join(' ')} attest to 8`)
  }
})

t.test('after a restart nothing is signed at or below what was attested, and a conflict stops the node', async (t) => {
  const last = decode(attestationSchema, attest(1, content(3)))
  const same = bench({ lastAttested: last, attestedFloor: 3 })
  for (const height of [2, 3, 4]) same.finality.committed(content(height))
  await same.settle()
  t.same(same.sent.map((each) => Number(each.content.height)), [4])
  const other = bench({ lastAttested: last, attestedFloor: 3 })
  t.throws(() => other.finality.committed(content(3, 50)), { code: 'ATTESTATION_CONFLICT' })
  const lost = bench({ attestedFloor: 3 })
  for (const height of [2, 3, 4]) lost.finality.committed(content(height, 60))
  await lost.settle()
  t.same(lost.sent.map((each) => Number(each.content.height)), [4], 'the floor holds even when the attestation itself was lost')
})

t.test('a failed write is told and nothing leaves', async (t) => {
  const b = bench()
  b.hold = Promise.reject(new Error('disk'))
  b.finality.committed(content(1))
  await b.settle()
  t.equal(b.failures.length, 1)
  t.same(b.sent, [])
})

t.test('a certificate that another node gathered makes the committed block final; one for another block says that this ledger is a fork', async (t) => {
  const certificate = (of: AttestationContent): Certificate => ({ content: of, signatures: [2, 3, 4].map((node) => ({ node, signature: decode(attestationSchema, attest(node, of)).signature })) })
  const b = bench()
  t.equal(b.finality.uncertified, undefined, 'nothing waits')
  t.notOk(b.finality.adopt(certificate(content(1))), 'not committed here')
  b.finality.committed(content(1))
  b.finality.committed(content(2))
  await b.settle()
  t.equal(b.finality.uncertified, 2)
  t.notOk(b.finality.adopt(certificate(content(2, 77))))
  t.notOk(b.finality.adopt(certificate(content(2, 77))))
  t.same(b.foreign, [[2077, 2]], 'told once, with the block committed here')
  t.equal(b.finality.finalHeight, 0)
  t.ok(b.finality.adopt(certificate(content(2))))
  t.equal(b.finality.finalHeight, 2)
  t.equal(b.finality.uncertified, undefined)
})

t.test('above an uncertified change of voters no certificate is taken over', async (t) => {
  const b = bench({ changeHeights: [1] })
  b.finality.committed(content(1))
  b.finality.committed(content(2))
  await b.settle()
  t.equal(b.finality.uncertified, 1)
  t.notOk(b.finality.adopt({ content: content(2), signatures: [] }))
  t.equal(b.finality.finalHeight, 0)
})
