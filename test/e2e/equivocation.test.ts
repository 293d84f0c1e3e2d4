// Goal: a member that votes or attests twice is known to all members by its own signatures, and the chain goes on (DESIGN §5.7).
// Method: four whole nodes; a fifth hand holds the keys of one of them and signs what a sound node never would.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { decode, encode } from '../../primitives/codec.ts'
import { attestationSchema, certificateSchema } from '../../primitives/certificate.ts'
import { verifyEvidence } from '../../primitives/evidence.ts'
import { createSigner } from '../../primitives/signature.ts'
import { signedVote } from '../../primitives/vote.ts'
import { readKeys } from '../../node/keys.ts'
import { contentOf } from '../../node/chain-follower.ts'
import { createCluster, until } from '../helpers/cluster.ts'
import { signAttestation, signVote } from '../helpers/equivocation.ts'
import { testDirectory } from '../helpers/directory.ts'

const LIAR = 1

t.test('two votes and two attestations of one member reach all members as evidence, survive a restart and stop nothing', async (t) => {
  const cluster = await createCluster(testDirectory(t), 4)
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2, 3].map((i) => cluster.startNode(i)))
  const { folder, passphraseFile } = cluster.files.members[LIAR]!
  const signer = createSigner((await readKeys(`${folder}/node.json`, 'node', readFileSync(passphraseFile, 'utf8').trim())).attestation)
  const write = async (): Promise<void> => {
    const leader = await cluster.leader()
    const transaction = cluster.enrolment()
    await leader.parts.admission.admit(transaction.bytes)
    leader.parts.driver.kick()
    await until(() => cluster.nodes.every((node) => node!.parts.store.locate(transaction.id) !== undefined))
  }
  await write()
  await until(() => cluster.nodes.every((node) => node!.parts.store.finalHeight >= 1))
  const { lines, store, driver, rules } = cluster.nodes[LIAR]!.parts
  const { chain } = rules
  const node = LIAR + 1
  t.ok(cluster.nodes.every((each) => each!.parts.evidence.list.length === 0), 'honest elections leave no evidence')

  const { term } = driver.status
  for (const candidate of [1, 3]) lines.broadcastVote(encode(signedVote, signVote(chain, signer, { term: term + 3, node, candidate })))
  const { header, hash } = store.block(1)!
  lines.broadcastAttestation(encode(attestationSchema, signAttestation(chain, node, signer, { ...contentOf({ header, hash }), block: new Uint8Array(32).fill(7) })))
  const knows = (i: number): string[] => cluster.nodes[i]!.parts.evidence.list.map(({ proven }) => `${proven.kind} ${proven.node}`).sort()
  const all = [`attestation ${node}`, `vote ${node}`]
  await until(() => [0, 2, 3].every((i) => knows(i).length === 2))
  for (const i of [0, 2, 3]) {
    t.same(knows(i), all)
    for (const { evidence } of cluster.nodes[i]!.parts.evidence.list) t.equal(verifyEvidence(chain, [rules.members], evidence).node, node)
  }
  await until(() => knows(LIAR).length === 2)
  t.pass('gossip tells even the member that lied')
  await write()
  t.ok(cluster.nodes.every((each) => each!.mode === 'normal'), 'the others carry on, and so does it')
  await until(() => cluster.nodes.every((each) => each!.parts.store.finalHeight >= 2))
  await Promise.all([0, 2, 3].map((i) => cluster.stopNode(i)))
  const { evidence, contradictions, ledger, store: kept } = (await cluster.startNode(3)).parts
  t.same(knows(3), all)

  // Height 2 is final for long, this node has begun anew, and nobody else is there to tell: only its ledger knows what was said then.
  const other = encode(attestationSchema, signAttestation(chain, node, signer, { ...contentOf(kept.block(2)!), block: new Uint8Array(32).fill(8) }))
  const stored = ledger.certificateCovering(2)!
  const signed = stored.height === 2 && decode(certificateSchema, stored.bytes).signatures.some((signature) => signature.node === node)
  await until(() => {
    lines.broadcastAttestation(other)
    return signed ? knows(3).length === 3 : contradictions.of(node) !== undefined
  })
  t.equal(signed ? evidence.list.at(-1)!.proven.at : BigInt(contradictions.of(node)!.height), 2n, signed ? 'its word in the certificate and this one are evidence' : 'its only word at that height contradicts what is final')
})
