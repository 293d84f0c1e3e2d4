import { sampleDiscreteLaplace } from '../dp/samplers.ts'
import type { Uniform } from '../dp/uniform.ts'

/** A row that comes or goes moves one person from one count to the next: two counts change by one. */
const SENSITIVITY = 2
const PPM = 1_000_000
/** Noise beyond this many times its scale is cut off: e^−21 on each side. */
const SCALES = 21

/** Largest noise of one site and count, for millionths of ε; as many dummies stand for none at all. */
export const noiseBound = (epsilon: number): number => Math.ceil((SCALES * SENSITIVITY * PPM) / epsilon)

/** Elements that each of `sites` sites adds, whatever its noise is: the most that it may need. */
export const addedElements = (sites: number, epsilon: number): number => sites * (sites + 1) * noiseBound(epsilon)

/**
 * How many dummies one site adds for persons of 1, 2, … `sites` sites: `noiseBound` and a discrete Laplace of scale 2 ÷ ε, cut off at the bound. A site's dummies alone make the counts
 * (ε, δ)-differentially private with δ ≤ (1 + e^ε) · 2^−28, whatever the other sites know of theirs: two counts change, and the noise of each differs from uncut noise with probability below 2 e^−21.
 */
export function drawDummies(sites: number, epsilon: number, uniform: Uniform): number[] {
  const bound = BigInt(noiseBound(epsilon))
  return Array.from({ length: sites }, () => {
    const noise = sampleDiscreteLaplace({ num: BigInt(SENSITIVITY * PPM), den: BigInt(epsilon) }, uniform)
    return Number(bound + (noise > bound ? bound : noise < -bound ? -bound : noise))
  })
}
