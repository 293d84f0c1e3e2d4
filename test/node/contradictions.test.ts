// Goal: a member that attests to another block than the one held here is told of in log, metric and status; many such words fill neither log nor memory.
import t from 'tap'
import { attestationSchema } from '../../primitives/certificate.ts'
import { decode } from '../../primitives/codec.ts'
import { fromHex } from '../../primitives/bytes.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { Contradictions } from '../../node/contradictions.ts'
import { attestation, sample } from '../helpers/equivocation.ts'

const OTHER = new Uint8Array(32).fill(7)

function open() {
  const lines: Readonly<Record<string, unknown>>[] = []
  let counted = 0
  const contradictions = new Contradictions({
    logger: { ...silentLogger, error: (details) => { lines.push(details as Readonly<Record<string, unknown>>) } },
    metrics: { counter: () => ({ inc: () => { counted++ } }), gauge: () => ({ set: () => undefined }), histogram: () => ({ observe: () => undefined }) },
  })
  return { contradictions, lines, counted: () => counted }
}

t.test('the first word of a node is logged whole and counted, and shown by node', (t) => {
  const { contradictions, lines, counted } = open()
  const theirs = attestation(3, 2, { block: OTHER })
  contradictions.add(theirs, sample.block(2).attestation)
  contradictions.add(attestation(2, 3, { block: OTHER }), sample.block(3).attestation)
  t.same(contradictions.list, [{ node: 2, height: 3, count: 1 }, { node: 3, height: 2, count: 1 }])
  t.match(lines, [{ code: 'ATTESTATION_CONTRADICTED', node: 3, height: 2, theirs: '07'.repeat(32) }, { node: 2 }])
  t.same(decode(attestationSchema, fromHex(String(lines[0]!['attestation']))), theirs, 'so that it can be checked by others')
  t.equal(counted(), 2)
  t.equal(contradictions.of(1), undefined)
  t.end()
})

t.test('ten thousand words of one node are one record and fourteen lines', (t) => {
  const { contradictions, lines, counted } = open()
  const [theirs, own] = [attestation(3, 2, { block: OTHER }), sample.block(2).attestation]
  for (let i = 0; i < 10_000; i++) contradictions.add(theirs, own)
  t.same([contradictions.list, lines.length, counted()], [[{ node: 3, height: 2, count: 10_000 }], 14, 10_000])
  t.end()
})
