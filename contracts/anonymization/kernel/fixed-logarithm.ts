import { divideBig } from './whole.ts'

/** Binary places of the logarithms below: their error is under 2^−90, so that sums over ten million rows are good to 20 decimal digits. */
export const LOG_PLACES = 96n
/** Each squaring doubles the relative error of the mantissa, so it is kept with twice the places and some to spare. */
const MANTISSA_PLACES = 224n
const TWO = 2n << MANTISSA_PLACES

const cache = new Map<number, bigint>()
/** Counts repeat; more distinct ones than this are computed anew. */
const CACHE_MAX = 100_000

function bitLength(n: bigint): bigint {
  return BigInt(n.toString(2).length)
}

/**
 * ⌊log2(n) · 2^96⌋ for n ≥ 1, in whole numbers only, so that every machine gets the same bits: one binary digit per squaring of the mantissa
 * (Knuth, TAOCP 1, §1.2.2, exercise 25).
 */
export function log2Fixed(n: number): bigint {
  const known = cache.get(n)
  if (known !== undefined) return known
  const value = BigInt(n)
  const whole = bitLength(value) - 1n
  let mantissa = value << (MANTISSA_PLACES - whole)
  let fraction = 0n
  for (let i = 0n; i < LOG_PLACES; i++) {
    mantissa = (mantissa * mantissa) >> MANTISSA_PLACES
    fraction <<= 1n
    if (mantissa >= TWO) {
      mantissa >>= 1n
      fraction |= 1n
    }
  }
  const result = (whole << LOG_PLACES) + fraction
  if (cache.size < CACHE_MAX) cache.set(n, result)
  return result
}

/** ln 2 · 2^96, from ln 2 = 2 · artanh(1/3) = 2 · Σ 1 / ((2i + 1) · 3^(2i + 1)). */
export const LN2_FIXED: bigint = ln2()

function ln2(): bigint {
  const spare = 16n
  let [sum, power] = [0n, divideBig(1n << (LOG_PLACES + spare), 3n)]
  for (let i = 1n; power > 0n; i += 2n) {
    sum += divideBig(power, i)
    power = divideBig(power, 9n)
  }
  return (2n * sum) >> spare
}

/** −ln(part / whole) · 2^96 for 0 < part ≤ whole. */
export function minusLnFixed(part: number, whole: number): bigint {
  return ((log2Fixed(whole) - log2Fixed(part)) * LN2_FIXED) >> LOG_PLACES
}
