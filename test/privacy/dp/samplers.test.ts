// Goal: noise has exactly the distribution of the paper. Method: samples against published seeded ones, then exact probabilities against counts of many samples from a fixed seed.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { fromHex, utf8Bytes } from '../../../primitives/bytes.ts'
import { sampleDiscreteGaussian, sampleDiscreteLaplace } from '../../../privacy/dp/samplers.ts'
import { seededBytes, uniformFromBytes } from '../../../privacy/dp/uniform.ts'
import { CORPUS_ABSENT, corpusPath } from '../../helpers/corpus.ts'

t.test('a scale of zero or below is refused', async (t) => {
  const { bytes } = seededBytes(utf8Bytes('x'))
  for (const scale of [{ num: 0n, den: 1n }, { num: -1n, den: 1n }, { num: 1n, den: 0n }]) {
    t.throws(() => sampleDiscreteLaplace(scale, uniformFromBytes(bytes)), RangeError)
    t.throws(() => sampleDiscreteGaussian(scale, uniformFromBytes(bytes)), RangeError)
  }
})

t.test('uniform numbers cover every value below m, and one value costs no bytes', async (t) => {
  const uniform = uniformFromBytes(seededBytes(utf8Bytes('uniform')).bytes)
  for (const m of [1n, 2n, 3n, 7n, 256n, 257n]) {
    const seen = new Set(Array.from({ length: Number(m) * 40 }, () => uniform.below(m)))
    t.equal(seen.size, Number(m))
    t.ok([...seen].every((value) => value >= 0n && value < m))
  }
  t.equal(uniformFromBytes(() => { throw new Error('asked for bytes') }).below(1n), 0n)
})

const path = corpusPath('vectors/dp/cks20_seeded.json')
interface Vector { readonly mechanism: string; readonly num: number; readonly den: number; readonly seed_hex: string; readonly samples: readonly number[]; readonly sha256_blocks_used: number }

t.test('seeded samples are those of the authors\' program, and cost as many random bytes', { skip: path === undefined ? CORPUS_ABSENT : false }, async (t) => {
  const { vectors } = JSON.parse(readFileSync(path!, 'utf8')) as { vectors: readonly Vector[] }
  for (const { mechanism, num, den, seed_hex: seed, samples, sha256_blocks_used: blocks } of vectors) {
    const stream = seededBytes(fromHex(seed))
    const uniform = uniformFromBytes(stream.bytes)
    const sample = mechanism === 'dgauss' ? sampleDiscreteGaussian : sampleDiscreteLaplace
    t.same(samples.map(() => Number(sample({ num: BigInt(num), den: BigInt(den) }, uniform))), samples, `${mechanism} ${num}/${den}`)
    t.equal(stream.blocksUsed(), blocks)
  }
})

t.test('frequencies of 20,000 samples lie within five standard deviations of the formula', async (t) => {
  const count = 20_000
  const weigh = { laplace: (x: number) => Math.exp(-Math.abs(x) / 1.5), gauss: (x: number) => Math.exp(-(x * x) / (2 * 4)) } as const
  for (const [name, sample, scale] of [['laplace', sampleDiscreteLaplace, { num: 3n, den: 2n }], ['gauss', sampleDiscreteGaussian, { num: 4n, den: 1n }]] as const) {
    const uniform = uniformFromBytes(seededBytes(utf8Bytes(`frequencies ${name}`)).bytes)
    const seen = new Map<number, number>()
    for (let i = 0; i < count; i++) {
      const x = Number(sample(scale, uniform))
      seen.set(x, (seen.get(x) ?? 0) + 1)
    }
    const total = Array.from({ length: 201 }, (_, i) => weigh[name](i - 100)).reduce((a, b) => a + b)
    for (let x = -3; x <= 3; x++) {
      const p = weigh[name](x) / total
      t.ok(Math.abs((seen.get(x) ?? 0) - count * p) < 5 * Math.sqrt(count * p * (1 - p)), `${name} ${x}`)
    }
  }
})
