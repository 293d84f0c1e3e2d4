// Goal: attestations that were lost on their way keep neither finality from an idle chain nor a fork from being noticed. Method: the production pursuit and finality of two members, whose lines lose everything until they are repaired.
import t from 'tap'
import { attestationBytes, attestationSchema } from '../../primitives/certificate.ts'
import type { AttestationContent, Certificate } from '../../primitives/certificate.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { memberSetHash } from '../../primitives/member-set.ts'
import type { MemberSet } from '../../primitives/member-set.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { finalitySchema } from '../../primitives/receipt.ts'
import { createSigner, verify } from '../../primitives/signature.ts'
import { Finality } from '../../consensus/finality.ts'
import { CertificatePursuit } from '../../node/certificate-pursuit.ts'
import type { PursuitPorts } from '../../node/certificate-pursuit.ts'

const chain = new Uint8Array(32).fill(1)
const signers = [1, 2, 3, 4].map((node) => createSigner(new Uint8Array(32).fill(node)))
const members: MemberSet = { epoch: 0, voters: signers.map(({ publicKey }, i) => ({ node: i + 1, member: i + 1, attestationKey: publicKey, governanceKey: publicKey })) }
const memberSet = memberSetHash(chain, members)
const content = (block: number): AttestationContent => ({ v: 1, epoch: 0, height: 1n, term: 1, block: new Uint8Array(32).fill(block), stateRoot: new Uint8Array(32), memberSet })
const signatureOf = (node: number, of: AttestationContent): Uint8Array => signers[node - 1]!.sign(attestationBytes(chain, of))
const certificateOf = (of: AttestationContent): Certificate => ({ content: of, signatures: [2, 3, 4].map((node) => ({ node, signature: signatureOf(node, of) })) })

// The pursuit's own timer keeps no process alive.
t.jobs = 3 // Each waits for two looks of the pursuit.
const alive = setInterval(() => undefined, 1_000)
t.teardown(() => clearInterval(alive))

interface Member { readonly finality: Finality; readonly final: Promise<Certificate>; readonly fork: Promise<Certificate> }

function member(node: number): Member {
  const [final, fork] = [Promise.withResolvers<Certificate>(), Promise.withResolvers<Certificate>()]
  const finality = new Finality({ chain, sets: { membersAt: () => members, isSetOf: () => true, changeHeights: [] }, node, signer: signers[node - 1]!, attestedFloor: 0, lastAttested: undefined, newestCertificate: undefined, restMs: 0 }, {
    persistAttestation: () => Promise.resolve(), broadcast: () => undefined, verifyBatch: (items) => Promise.resolve(items.map(({ publicKey, message, signature }) => verify(publicKey, message, signature))),
    onCertificate: final.resolve, onEvidence: () => undefined, onForeignCertificate: fork.resolve, onFailure: final.reject, logger: silentLogger,
  })
  return { finality, final: final.promise, fork: fork.promise }
}

/** Ports of a pursuit whose peers answer with `certificate`. */
function ports(finality: Finality, certificate: Certificate | undefined, broadcast: (attestation: Uint8Array) => void): PursuitPorts {
  const answer = certificate === undefined ? new Uint8Array(0) : encode(finalitySchema, { certificate, descendant: null })
  return { finality, rules: { chain, membersAt: () => members } as unknown as PursuitPorts['rules'], sync: { request: () => Promise.resolve(answer) } as unknown as PursuitPorts['sync'], peers: () => [2], broadcast, logger: silentLogger }
}

t.test('who waits for a certificate says its own word again until there is one', async (t) => {
  const [one, two] = [member(1), member(2)]
  for (const { finality } of [one, two]) finality.committed(content(5))
  await one.finality.receive(encode(attestationSchema, { content: content(5), node: 3, signature: signatureOf(3, content(5)) }))
  t.equal(one.finality.finalHeight, 0, 'two of four are too few')
  const pursuit = new CertificatePursuit(ports(two.finality, undefined, (bytes) => {
    t.equal(decode(attestationSchema, bytes).node, 2)
    one.finality.receive(bytes).catch((error: unknown) => { t.error(error) })
  }))
  t.teardown(() => pursuit.stop())
  pursuit.start()
  await one.final
  t.equal(one.finality.finalHeight, 1)
})

t.test('who missed the others\' words takes the certificate from one of them', async (t) => {
  const { finality, final } = member(1)
  finality.committed(content(5))
  const pursuit = new CertificatePursuit(ports(finality, certificateOf(content(5)), () => undefined))
  t.teardown(() => pursuit.stop())
  pursuit.start()
  t.equal(Number((await final).content.height), 1)
})

t.test('who committed another block than a quorum certified hears of it on an idle chain too', async (t) => {
  const { finality, fork } = member(1)
  finality.committed(content(6))
  const pursuit = new CertificatePursuit(ports(finality, certificateOf(content(5)), () => undefined))
  t.teardown(() => pursuit.stop())
  pursuit.start()
  t.same((await fork).content.block, content(5).block)
  t.equal(finality.finalHeight, 0)
})
