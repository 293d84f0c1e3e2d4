import { LOG_PLACES, minusLnFixed } from './fixed-logarithm.ts'
import type { Histogram } from './histogram.ts'
import type { Rational } from './rational.ts'

/**
 * The largest relative gain (q − p) / p of a value in a class over its share in the whole: basic β-likeness holds for every β from there on.
 * Source: Cao, Karras, "Publishing Microdata with a Robust Privacy Guarantee", VLDB 2012, definitions 1 and 2.
 */
export function likenessGain({ column, counts, touched, distinct, size }: Histogram): Rational {
  // (q − p) / p = count · total / (totals · size) − 1: the greatest count / totals decides, whose products are exact as plain numbers.
  let [count, base] = [0, 1]
  for (let i = 0; i < distinct; i++) {
    const rank = touched[i]!
    if (counts[rank]! * base > count * column.totals[rank]!) [count, base] = [counts[rank]!, column.totals[rank]!]
  }
  const den = base * size
  const num = count * column.total - den
  return num <= 0 ? { num: 0n, den: 1n } : { num: BigInt(num), den: BigInt(den) }
}

/** The largest |ln(q / p)| of a value present in a class, with 96 binary places: δ-disclosure privacy (Brickell, Shmatikov, KDD 2008). */
export function disclosure({ column, counts, touched, distinct, size }: Histogram): Rational {
  let most = 0n
  for (let i = 0; i < distinct; i++) {
    const rank = touched[i]!
    const difference = minusLnFixed(column.totals[rank]!, column.total) - minusLnFixed(counts[rank]!, size)
    most = difference > most ? difference : -difference > most ? -difference : most
  }
  return { num: most, den: 1n << LOG_PLACES }
}

/** Enhanced β-likeness: the gain of no value exceeds min(β, −ln p). The logarithm is irrational unless p is 1, so its 96 binary places decide. */
export function hasEnhancedLikeness({ column, counts, touched, distinct, size }: Histogram, beta: Rational): boolean {
  for (let i = 0; i < distinct; i++) {
    const rank = touched[i]!
    const growth = counts[rank]! * column.total - column.totals[rank]! * size
    if (growth <= 0) continue
    const gain = BigInt(growth)
    const base = BigInt(column.totals[rank]! * size)
    if (gain * beta.den > beta.num * base) return false
    if (gain << LOG_PLACES > minusLnFixed(column.totals[rank]!, column.total) * base) return false
  }
  return true
}

