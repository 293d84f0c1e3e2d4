import type { Rational } from './rational.ts'
import { rational } from './rational.ts'

/**
 * Exact sums of one numeric column, or of the product of two, per class, so that mean, variance and covariance over whole classes are those of the
 * original. Values are whole units: value = units / 10^scale; products have the sum of both scales. `count` is the class size.
 */
export interface ClassStatistics {
  readonly columns: readonly [string] | readonly [string, string]
  /** Decimal places of each column. */
  readonly scales: readonly number[]
  /** Σ x; empty for products. */
  readonly sum: readonly bigint[]
  /** Σ x², or Σ x·y. */
  readonly products: readonly bigint[]
}

/** What statistics are made of: whole units per row. */
export interface NumericColumnView { readonly name: string; readonly scale: number; readonly codes: Int32Array; readonly units: readonly number[] }

/** `order` holds the released rows class by class, `classSizes` how many each has. */
export function classStatistics(columns: readonly NumericColumnView[], order: Int32Array, classSizes: Int32Array, crossProducts: boolean): ClassStatistics[] {
  const single = columns.map((column): ClassStatistics => ({ columns: [column.name], scales: [column.scale], sum: sums(column, undefined, order, classSizes), products: sums(column, column, order, classSizes) }))
  if (!crossProducts) return single
  const pairs = columns.flatMap((a, i) => columns.slice(i + 1).map((b): ClassStatistics => ({ columns: [a.name, b.name], scales: [a.scale, b.scale], sum: [], products: sums(a, b, order, classSizes) })))
  return [...single, ...pairs]
}

/** Σ a, or Σ a·b, per class. Adds in plain numbers while they are exact. */
function sums(a: NumericColumnView, b: NumericColumnView | undefined, order: Int32Array, classSizes: Int32Array): bigint[] {
  const largest = (column: NumericColumnView): bigint => column.units.reduce((most, units) => (BigInt(Math.abs(units)) > most ? BigInt(Math.abs(units)) : most), 0n)
  const term = largest(a) * (b === undefined ? 1n : largest(b))
  const longest = classSizes.reduce((most, size) => Math.max(most, size), 1)
  const plain = term * BigInt(longest) <= BigInt(Number.MAX_SAFE_INTEGER)
  let row = 0
  return Array.from(classSizes, (size) => {
    const end = row + size
    let [small, large] = [0, 0n]
    for (; row < end; row++) {
      const id = order[row]!
      const x = a.units[a.codes[id]!]!
      const y = b === undefined ? 1 : b.units[b.codes[id]!]!
      if (plain) small += x * y
      else large += BigInt(x) * BigInt(y)
    }
    return large + BigInt(small)
  })
}

/** Mean of a column over classes, exact. `classes`: indexes of whole classes. */
export function meanOver(statistics: ClassStatistics, classSizes: Int32Array, classes: readonly number[]): Rational {
  const [count, sum] = [totalCount(classSizes, classes), total(statistics.sum, classes)]
  return rational(sum, count * 10n ** BigInt(statistics.scales[0]!))
}

/** Population variance (÷ n) of a column over classes, exact. */
export function varianceOver(statistics: ClassStatistics, classSizes: Int32Array, classes: readonly number[]): Rational {
  const [count, sum, squares] = [totalCount(classSizes, classes), total(statistics.sum, classes), total(statistics.products, classes)]
  return rational(count * squares - sum * sum, count * count * 100n ** BigInt(statistics.scales[0]!))
}

/** Population covariance (÷ n) of two columns over classes, exact. */
export function covarianceOver(pair: ClassStatistics, a: ClassStatistics, b: ClassStatistics, classSizes: Int32Array, classes: readonly number[]): Rational {
  const count = totalCount(classSizes, classes)
  return rational(count * total(pair.products, classes) - total(a.sum, classes) * total(b.sum, classes), count * count * 10n ** BigInt(pair.scales[0]! + (pair.scales[1] ?? 0)))
}

const total = (sums: readonly bigint[], classes: readonly number[]): bigint => classes.reduce((sum, index) => sum + sums[index]!, 0n)
const totalCount = (sizes: Int32Array, classes: readonly number[]): bigint => classes.reduce((sum, index) => sum + BigInt(sizes[index]!), 0n)
