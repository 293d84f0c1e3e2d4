import { concatBytes, u64Bytes } from '../../../primitives/bytes.ts'
import { sha256 } from '../../../primitives/hash.ts'
import type { DatasetDefinition } from './definition.ts'
import { prepare } from './prepare.ts'
import type { Prepared } from './prepare.ts'
import { compare, rational } from './rational.ts'
import type { Rational } from './rational.ts'
import { refuse } from './refuse.ts'
import type { Release } from './release.ts'
import type { Table } from './table.ts'
import { divideBig, quotient } from './whole.ts'
import { yardstick } from './yardstick.ts'

/** Whole numbers below a bound from SHA-256(seed ‖ counter): the same for everybody who knows the seed. For choosing queries and folds, not for secrets. */
export class SeededChoice {
  private counter = 0n
  private readonly seed: Uint8Array

  constructor(seed: Uint8Array) {
    this.seed = seed
  }

  below(bound: number): number {
    const digest = sha256(concatBytes(this.seed, u64Bytes(this.counter++)))
    let value = 0n
    for (let i = 0; i < 8; i++) value = (value << 8n) | BigInt(digest[i]!)
    return Number(value % BigInt(bound))
  }
}

export interface QueryErrorOptions {
  readonly seed: Uint8Array
  readonly queries: number
  /** Quasi-identifiers a query restricts. */
  readonly dimensions: number
  /** Rows of the original that a query matches at least; others are drawn again. 0 or absent: any query counts. */
  readonly rowsMin?: number | undefined
}

/** Relative errors of counting queries. */
export interface QueryError { readonly queries: number; readonly mean: Rational; readonly median: Rational; readonly largest: Rational }

/** A run of ranks of one quasi-identifier. */
interface Range { readonly q: number; readonly low: number; readonly high: number }

/**
 * How well a release answers "how many rows have these values" (LeFevre et al., TODS 33(3), 2008, §5): random ranges over random quasi-identifiers, counted in the original and estimated from the release
 * with the rows of a class spread evenly over the values that its generalised value covers. Errors are relative to the true count, or to a thousandth of the rows where that is more.
 * Computed by whoever holds the original. O(queries · (rows + classes)).
 */
export function queryError(table: Table, definition: DatasetDefinition, release: Release, options: QueryErrorOptions): QueryError {
  if (!Number.isSafeInteger(options.queries) || options.queries < 1) refuse('ANONYMIZATION_POLICY_INVALID', { rule: 'at least one query' })
  const prepared = prepare(table, definition)
  const choice = new SeededChoice(options.seed)
  const spans = classSpans(prepared, definition, release)
  const floor = BigInt(Math.max(1, quotient(prepared.rowCount, 1_000)))
  const errors = Array.from({ length: options.queries }, (): Rational => {
    const { ranges, rows } = drawQuery(prepared, choice, options)
    const exact = BigInt(rows)
    const estimate = estimateRows(release, spans, ranges)
    const difference = estimate.num - exact * estimate.den
    return rational(difference < 0n ? -difference : difference, estimate.den * (exact > floor ? exact : floor))
  }).sort(compare)
  const sum = errors.reduce((total, error) => addRounded(total, error), rational(0))
  return { queries: errors.length, mean: rational(sum.num, sum.den * BigInt(errors.length)), median: errors[errors.length >> 1]!, largest: errors.at(-1)! }
}

/** Sums of many fractions with their own denominators grow without bound; twelve decimal places are kept. */
const PLACES = 10n ** 12n
const addRounded = (a: Rational, b: Rational): Rational => rational(divideBig(a.num * PLACES, a.den) + divideBig(b.num * PLACES, b.den), PLACES)

/** Draws before a query that matches few rows is taken after all: a table may have no others. */
const DRAWS_MAX = 50

function drawQuery(prepared: Prepared, choice: SeededChoice, { dimensions, rowsMin = 0 }: QueryErrorOptions): { readonly ranges: readonly Range[]; readonly rows: number } {
  for (let draw = 1; ; draw++) {
    const ranges = drawRanges(prepared, choice, dimensions)
    const rows = countRows(prepared, ranges)
    if (rows >= rowsMin || draw === DRAWS_MAX) return { ranges, rows }
  }
}

function drawRanges({ quasi }: Prepared, choice: SeededChoice, dimensions: number): Range[] {
  const free = quasi.map((_, q) => q)
  return Array.from({ length: Math.min(dimensions, free.length) }, () => {
    const q = free.splice(choice.below(free.length), 1)[0]!
    const size = quasi[q]!.texts.length
    const [a, b] = [choice.below(size), choice.below(size)]
    return { q, low: Math.min(a, b), high: Math.max(a, b) }
  })
}

function countRows({ quasi, rowCount }: Prepared, ranges: readonly Range[]): number {
  let count = 0
  for (let row = 0; row < rowCount; row++) {
    let matches = true
    for (const { q, low, high } of ranges) {
      const rank = quasi[q]!.codes[row]!
      if (rank < low || rank > high) {
        matches = false
        break
      }
    }
    if (matches) count++
  }
  return count
}

/** First and last rank of each class, per quasi-identifier. */
type Spans = readonly { readonly low: Int32Array; readonly high: Int32Array }[]

function classSpans(prepared: Prepared, definition: DatasetDefinition, release: Release): Spans {
  return release.quasi.map((column, q) => {
    const coded = prepared.quasi[q]!
    const measure = yardstick(definition.attributes.find(({ name }) => name === column.name)!, definition, column)
    const rankOf = coded.coding === 'numeric' ? new Map(coded.units.map((units, rank) => [units, rank])) : undefined
    const textRank = coded.coding === 'ordered' ? new Map(coded.texts.map((text, rank) => [text, rank])) : undefined
    const ends = column.values.map((value): readonly [number, number] => {
      const place = measure(value) ?? refuse('ANONYMIZATION_RELEASE_MALFORMED', { column: column.name, rule: 'a value the column can have' })
      if (rankOf !== undefined) return [rankOf.get(place.low) ?? 0, rankOf.get(place.high) ?? 0]
      if (textRank === undefined) return [place.low, place.high]
      if (value.kind === 'any') return [0, coded.texts.length - 1]
      const texts = value.kind === 'set' ? value.values : value.kind === 'exact' ? [value.text] : []
      return [textRank.get(texts[0] ?? '') ?? 0, textRank.get(texts.at(-1) ?? '') ?? 0]
    })
    return { low: column.codes.map((code) => ends[code]![0]), high: column.codes.map((code) => ends[code]![1]) }
  })
}

/** Σ over classes of rows × the share of their values that the ranges cover, to twelve places. */
function estimateRows(release: Release, spans: Spans, ranges: readonly Range[]): Rational {
  let sum = 0n
  for (let index = 0; index < release.classSizes.length; index++) {
    let [num, den] = [BigInt(release.classSizes[index]!), 1n]
    for (const { q, low, high } of ranges) {
      const [from, to] = [spans[q]!.low[index]!, spans[q]!.high[index]!]
      const common = Math.min(to, high) - Math.max(from, low) + 1
      if (common <= 0) {
        num = 0n
        break
      }
      num *= BigInt(common)
      den *= BigInt(to - from + 1)
    }
    if (num > 0n) sum += divideBig(num * PLACES, den)
  }
  return rational(sum, PLACES)
}
