import type { Uniform } from './uniform.ts'

/**
 * Exact samplers of discrete noise: whole numbers and fractions only, so that no rounding leaks anything (Mironov, CCS 2012).
 * Source: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020, algorithms 1–3.
 * Their running time depends on the noise; whoever answers over a network must not let it show.
 */

/** num / den ≥ 0, den > 0. */
export interface NoiseScale { readonly num: bigint; readonly den: bigint }

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b]
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

/** In lowest terms: the denominator decides how much chance is drawn. */
function fraction(num: bigint, den: bigint): NoiseScale {
  const common = gcd(num, den)
  return { num: num / common, den: den / common }
}

/** True with probability p ≤ 1. */
const bernoulli = (uniform: Uniform, { num, den }: NoiseScale): boolean => uniform.below(den) < num

/** True with probability exp(−x), for 0 ≤ x ≤ 1: the first failure in a row of coins x/1, x/2, x/3, … comes at an odd place (algorithm 1). */
function bernoulliExpSmall(uniform: Uniform, x: NoiseScale): boolean {
  let k = 1n
  while (bernoulli(uniform, fraction(x.num, x.den * k))) k++
  return k % 2n === 1n
}

/** True with probability exp(−x), for x ≥ 0: one coin exp(−1) for each whole unit above 1, then the rest. */
function bernoulliExp(uniform: Uniform, x: NoiseScale): boolean {
  let { num } = x
  for (; num > x.den; num -= x.den) if (!bernoulliExpSmall(uniform, { num: 1n, den: 1n })) return false
  return bernoulliExpSmall(uniform, fraction(num, x.den))
}

/** Geometric with parameter 1 − exp(−s/t): u uniform below t and accepted with exp(−u/t), v geometric with 1 − exp(−1), and ⌊(u + t·v) / s⌋. */
function geometricExp(uniform: Uniform, s: bigint, t: bigint): bigint {
  let u = uniform.below(t)
  while (!bernoulliExp(uniform, fraction(u, t))) u = uniform.below(t)
  let v = 0n
  while (bernoulliExp(uniform, { num: 1n, den: 1n })) v++
  return (v * t + u) / s
}

/**
 * Discrete Laplace: P(x) ∝ exp(−|x| / scale). For ε-differential privacy of a whole-number answer of sensitivity Δ, scale = Δ / ε (algorithm 2).
 * `scale` above 0.
 */
export function sampleDiscreteLaplace(scale: NoiseScale, uniform: Uniform): bigint {
  const { num, den } = checked(scale)
  for (;;) {
    const negative = bernoulli(uniform, { num: 1n, den: 2n })
    const magnitude = geometricExp(uniform, den, num)
    // Zero comes with either sign; half of it is thrown away.
    if (negative && magnitude === 0n) continue
    return negative ? -magnitude : magnitude
  }
}

/**
 * Discrete Gaussian: P(x) ∝ exp(−x² / 2σ²). Gives ρ-zCDP with ρ = Δ² / 2σ² (algorithm 3: rejection from a discrete Laplace of scale ⌊σ⌋ + 1).
 * `variance` = σ², above 0.
 */
export function sampleDiscreteGaussian(variance: NoiseScale, uniform: Uniform): bigint {
  const { num, den } = checked(variance)
  const t = floorRoot(num / den) + 1n
  for (;;) {
    const candidate = sampleDiscreteLaplace({ num: t, den: 1n }, uniform)
    const size = candidate < 0n ? -candidate : candidate
    // (|x| − σ²/t)² / 2σ², over the common denominator.
    const distance = size * t * den - num
    if (bernoulliExp(uniform, fraction(distance * distance * den, 2n * num * (t * den) ** 2n))) return candidate
  }
}

function checked({ num, den }: NoiseScale): NoiseScale {
  if (num <= 0n || den <= 0n) throw new RangeError('the scale of noise must be above 0')
  return fraction(num, den)
}

/** ⌊√n⌋ by Newton's method on whole numbers. */
function floorRoot(n: bigint): bigint {
  if (n < 2n) return n
  let x = 1n << BigInt((n.toString(2).length + 1) >> 1)
  for (let next = (x + n / x) >> 1n; next < x; next = (x + n / x) >> 1n) x = next
  return x
}
