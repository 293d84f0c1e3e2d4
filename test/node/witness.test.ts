// Goal: where others attest to something else than this node holds, the leader's second header is fetched and becomes evidence, and nobody is accused without one.
import t from 'tap'
import { noMetrics, silentLogger } from '../../primitives/ports.ts'
import { blockHashOf } from '../../primitives/block.ts'
import type { Certificate } from '../../primitives/certificate.ts'
import { Contradictions } from '../../node/contradictions.ts'
import { EvidenceStore } from '../../node/evidence.ts'
import type { BlockSource, SignedHeader } from '../../node/sync-blocks.ts'
import { Witness, type RefusedBlock } from '../../node/witness.ts'
import { attestation, header, sample } from '../helpers/equivocation.ts'

function scene(folder: string, theirs: SignedHeader | undefined) {
  const asked: number[] = []
  const [refused, diverged]: [RefusedBlock[], Certificate[]] = [[], []]
  const evidence = new EvidenceStore(folder, { id: sample.chain, sets: () => [sample.set] }, { logger: silentLogger, metrics: noMetrics, clock: { nowMs: () => 0, monotonicMs: () => 0 }, publish: async () => undefined })
  const source = { nodes: [2, 3, 4], header: async (node: number) => { asked.push(node); return theirs } } as unknown as BlockSource
  const contradictions = new Contradictions({ logger: silentLogger, metrics: noMetrics })
  const witness = new Witness({
    evidence, contradictions, source, headerAt: () => header(3), signal: new AbortController().signal, logger: silentLogger,
    onRefusedCertified: (block) => { refused.push(block) }, onDiverged: (_own, certificate) => { diverged.push(certificate) },
  })
  return { witness, evidence, contradictions, asked, refused, diverged }
}
const other = header(3, { timeMs: 1_760_000_000_000n })
const otherHash = blockHashOf(sample.chain, other.header)
const own = sample.block(3).attestation

t.test('the other header of the same leader and term is evidence; a few members are asked, not all again and again', async (t) => {
  const { witness, evidence, contradictions, asked } = scene(t.testdir(), other)
  await witness.contradicted(attestation(2, 3, { block: otherHash }), own)
  t.match(evidence.list, [{ proven: { kind: 'header', node: 1, at: 3n } }])
  for (let i = 0; i < 10; i++) await witness.contradicted(attestation(3, 3, { block: otherHash }), own)
  t.equal(asked.length, 3)
  t.match(contradictions.list, [{ node: 2, count: 1 }, { node: 3, count: 10 }], 'each that differs is told')
  t.equal(evidence.list.length, 1)
})

t.test('another term, an equal header, none, or one of another proposer accuses nobody', async (t) => {
  const inTerm = scene(t.testdir({ a: {} }), other)
  await inTerm.witness.contradicted(attestation(2, 3, { block: otherHash, term: 9 }), own)
  t.same([inTerm.asked, inTerm.evidence.list], [[], []], 'a later leader may cut the height anew')
  for (const theirs of [header(3), undefined, header(3, { proposer: 2, timeMs: 5n }), { ...other, signature: new Uint8Array(64) }]) {
    const { witness, evidence } = scene(t.testdir({ a: {} }), theirs)
    await witness.contradicted(attestation(2, 3, { block: otherHash }), own)
    t.same(evidence.list, [])
  }
})

t.test('a certificate for what this node refused, or instead of what it committed, is told; one for what it has not seen is not', async (t) => {
  const { witness, refused, diverged } = scene(t.testdir(), undefined)
  const certificate = sample.certificate(3)
  witness.certifiedElsewhere(certificate, undefined)
  t.same([refused, diverged], [[], []])
  witness.refused({ index: 4, height: 3, block: sample.hashes[3]!, code: 'ROOT_MISMATCH', data: new Uint8Array(1) })
  witness.certifiedElsewhere(certificate, undefined)
  t.match(refused, [{ height: 3, code: 'ROOT_MISMATCH' }])
  witness.certifiedElsewhere(certificate, { ...own, block: otherHash })
  t.equal(diverged.length, 1)
  const early = scene(t.testdir({ a: {} }), undefined)
  early.witness.certifiedElsewhere(certificate, undefined)
  early.witness.refused({ index: 4, height: 3, block: sample.hashes[3]!, code: 'ROOT_MISMATCH', data: new Uint8Array(1) })
  t.equal(early.refused.length, 1, 'a certificate may be heard of before its block is refused')
})
