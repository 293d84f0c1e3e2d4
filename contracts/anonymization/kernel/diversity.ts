import { LOG_PLACES, log2Fixed } from './fixed-logarithm.ts'
import type { Histogram } from './histogram.ts'
import type { Rational } from './rational.ts'

/** Different sensitive values in a class: distinct l-diversity (Machanavajjhala et al., ICDE 2006, §4). */
export function distinctDiversity(histogram: Histogram): Rational {
  return { num: BigInt(histogram.distinct), den: 1n }
}

/**
 * r1 / (r_l + … + r_m), frequencies descending: recursive (c, l)-diversity holds for every c above it. The denominator is zero when fewer than l values
 * are present, and then it holds for no c (Machanavajjhala et al., ICDE 2006, definition 4.3).
 */
export function recursiveDiversity(histogram: Histogram, l: number): Rational {
  const frequencies = Int32Array.from({ length: histogram.distinct }, (_, i) => histogram.counts[histogram.touched[i]!]!).sort()
  let tail = 0
  for (let i = frequencies.length - l; i >= 0; i--) tail += frequencies[i]!
  return { num: BigInt(frequencies.at(-1) ?? 0), den: BigInt(tail) }
}

/**
 * Entropy l-diversity: −Σ q ln q ≥ ln l, that is nⁿ ≥ lⁿ · Π c^c over the counts c of a class of n. Decided by fixed-point logarithms when the
 * difference is clearly larger than their error, else by those powers of whole numbers themselves, so the answer is exact.
 */
export function hasEntropyDiversity(histogram: Histogram, l: Rational): boolean {
  const n = histogram.size
  let surplus = BigInt(n) * (log2Fixed(n) - log2OfRational(l))
  for (let i = 0; i < histogram.distinct; i++) {
    const count = histogram.counts[histogram.touched[i]!]!
    surplus -= BigInt(count) * log2Fixed(count)
  }
  const doubt = BigInt(n) << 8n
  if (surplus > doubt) return true
  if (surplus < -doubt) return false
  const exponent = BigInt(n)
  let right = l.num ** exponent
  for (let i = 0; i < histogram.distinct; i++) {
    const count = BigInt(histogram.counts[histogram.touched[i]!]!)
    right *= count ** count
  }
  return exponent ** exponent * l.den ** exponent >= right
}

function log2OfRational({ num, den }: Rational): bigint {
  return log2OfWhole(num) - log2OfWhole(den)
}

/** Bounds of a policy have at most 60 digits; those beyond the exact range of a number are shifted down first, at the cost of the last of 50 bits. */
function log2OfWhole(n: bigint): bigint {
  let shift = 0n
  while (n >> shift > 0x3_ffff_ffff_ffffn) shift++
  return log2Fixed(Number(n >> shift)) + (shift << LOG_PLACES)
}

/** The largest whole l for which a class has entropy l-diversity; at least 1. */
export function wholeEntropyDiversity(histogram: Histogram): Rational {
  let l = 1n
  while (l < BigInt(histogram.distinct) && hasEntropyDiversity(histogram, { num: l + 1n, den: 1n })) l++
  return { num: l, den: 1n }
}
