import { rational } from './rational.ts'
import type { Rational } from './rational.ts'

/** Loss and class sizes, exact. */
export interface ReleaseMetrics {
  /** Normalised certainty penalty over all cells of the original (GCP): 0 nothing lost, 1 everything; suppressed rows count as lost (Xu et al., KDD 2006). */
  readonly ncp: Rational
  readonly ncpByColumn: readonly Rational[]
  /** Σ |class|², plus rows × suppressed (Bayardo, Agrawal, ICDE 2005). */
  readonly discernibility: bigint
  /** C_avg = rows / (classes · k) (LeFevre et al., ICDE 2006, §5). Zero when nothing is published. */
  readonly averageClassSize: Rational
  readonly classCount: number
  readonly smallestClass: number
  readonly largestClass: number
}

/** Chance to pick the right person out of a release. */
export interface ReleaseRisk {
  /** The attacker knows the person is in it: 1 / smallest class. */
  readonly prosecutorMax: Rational
  /** Mean over the rows: classes / rows. Equal to the marketer risk. */
  readonly prosecutorAverage: Rational
  /** Share of rows that are matched rightly when every row is attacked. */
  readonly marketer: Rational
  /** The attacker knows only that the person is in the whole table: 1 / smallest class of it. Undefined without a population. */
  readonly journalistMax: Rational | undefined
}

/** What the metrics are made of. `penalties[q]`: Σ over classes of rows × width, in units of `ranges[q]`. */
export interface MetricInputs {
  readonly penalties: readonly bigint[]
  readonly ranges: readonly number[]
  readonly classSizes: Int32Array
  readonly suppressedCount: number
  readonly k: number
}

export function releaseMetrics({ penalties, ranges, classSizes, suppressedCount, k }: MetricInputs): ReleaseMetrics {
  let [rows, squares, smallest, largest] = [0, 0n, classSizes[0] ?? 0, 0]
  for (const size of classSizes) {
    rows += size
    squares += BigInt(size * size)
    if (size < smallest) smallest = size
    if (size > largest) largest = size
  }
  const all = rows + suppressedCount
  const ncpByColumn = penalties.map((penalty, q) => rational(penalty + BigInt(suppressedCount) * BigInt(ranges[q]!), BigInt(all) * BigInt(ranges[q]!)))
  const sum = ncpByColumn.reduce((total, { num, den }) => rational(total.num * den + num * total.den, total.den * den), rational(0))
  return {
    ncp: rational(sum.num, sum.den * BigInt(Math.max(1, penalties.length))), ncpByColumn,
    discernibility: squares + BigInt(suppressedCount) * BigInt(all),
    averageClassSize: classSizes.length === 0 ? rational(0) : rational(rows, BigInt(classSizes.length) * BigInt(k)),
    classCount: classSizes.length, smallestClass: smallest, largestClass: largest,
  }
}

/** Risks of a release. An empty one points at nobody. */
export function releaseRisk(classSizes: Int32Array, populationSizes: Int32Array | undefined): ReleaseRisk {
  const rows = classSizes.reduce((sum, size) => sum + size, 0)
  const least = (sizes: Int32Array): Rational => (sizes.length === 0 ? rational(0) : rational(1, sizes.reduce((a, b) => Math.min(a, b))))
  const average = rows === 0 ? rational(0) : rational(classSizes.length, rows)
  return { prosecutorMax: least(classSizes), prosecutorAverage: average, marketer: average, journalistMax: populationSizes === undefined ? undefined : least(populationSizes) }
}
