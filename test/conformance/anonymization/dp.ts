import { fromHex } from '../../../primitives/bytes.ts'
import { sampleDiscreteGaussian, sampleDiscreteLaplace } from '../../../privacy/dp/samplers.ts'
import { seededBytes, uniformFromBytes } from '../../../privacy/dp/uniform.ts'
import { compareAll, notOurs } from './expectation.ts'
import type { Outcome } from './expectation.ts'

interface NoiseVector { readonly mechanism: string; readonly num: number; readonly den: number; readonly seed_hex: string; readonly samples: readonly number[]; readonly sha256_blocks_used?: number }
export interface NoiseVectors { readonly vectors: readonly NoiseVector[] }

export function isNoiseVectors(document: unknown): document is NoiseVectors {
  const vectors = (document as { vectors?: unknown } | null)?.vectors
  return Array.isArray(vectors) && vectors.every((each: unknown) => typeof each === 'object' && each !== null && 'mechanism' in each && 'samples' in each)
}

const SAMPLERS = { dlaplace: sampleDiscreteLaplace, dgauss: sampleDiscreteGaussian } as const

/** Seeded samples, one by one, and the random bytes they cost. */
export function* checkNoise(name: string, { vectors }: NoiseVectors): Generator<Outcome, void, undefined> {
  for (const { mechanism, num, den, seed_hex: seed, samples, sha256_blocks_used: blocks } of vectors) {
    const id = `${name} ${mechanism} ${num}/${den} seed ${seed.slice(0, 12)}`
    if (mechanism !== 'dlaplace' && mechanism !== 'dgauss') {
      yield notOurs(id, 'no sampler of ours')
      continue
    }
    const stream = seededBytes(fromHex(seed))
    const uniform = uniformFromBytes(stream.bytes)
    const drawn = samples.map(() => SAMPLERS[mechanism]({ num: BigInt(num), den: BigInt(den) }, uniform))
    const first = samples.findIndex((sample, i) => BigInt(sample) !== drawn[i])
    yield compareAll(id, [['first sample that differs', -1, first], ['hash blocks', blocks ?? stream.blocksUsed(), stream.blocksUsed()]], `${samples.length} samples`)
  }
}
