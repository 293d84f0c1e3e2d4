import { sampleDiscreteGaussian, sampleDiscreteLaplace } from './samplers.ts'
import type { NoiseScale } from './samplers.ts'
import type { Uniform } from './uniform.ts'

/** ε in millionths, as budgets stand on the ledger. */
const PPM = 1_000_000n

export interface NoiseTerms {
  readonly mechanism: 'laplace' | 'gaussian'
  /** Millionths of ε, at least 1. */
  readonly epsilon: number
  /** By how much one person can change the answer, at least 1: the sum of the changes over all cells. A person lies in one cell, so it bounds the Euclidean norm as well. */
  readonly sensitivity: bigint
}

/**
 * Scale of the discrete Laplace (Δ/ε), or variance of the discrete Gaussian ((Δ/ε)², so that ρ = ε²/2): exact fractions. Whoever spends ε₁, ε₂, … on Gaussians has Σ ε²/2 ≤ (Σ ε)²/2,
 * so that one budget in ε bounds both.
 */
export function noiseScale({ mechanism, epsilon, sensitivity }: NoiseTerms): NoiseScale {
  const [num, den] = [sensitivity * PPM, BigInt(epsilon)]
  return mechanism === 'laplace' ? { num, den } : { num: num * num, den: den * den }
}

/**
 * Adds noise to every cell. Each institution does so for itself, at the full scale: the sum over n institutions carries n independent noises, and whoever knows n − 1 of the institutions'
 * numbers and noises still faces one whole noise. Shares that make up one noise only together (differences of Pólya variables) would be quieter by √n, and lose that.
 */
export function addNoise(cells: readonly bigint[], terms: NoiseTerms, uniform: Uniform): bigint[] {
  const scale = noiseScale(terms)
  const sample = terms.mechanism === 'laplace' ? sampleDiscreteLaplace : sampleDiscreteGaussian
  return cells.map((cell) => cell + sample(scale, uniform))
}
