import type { AttributeType } from './definition.ts'
import { ANY } from './hierarchy-builders.ts'
import type { ReleaseMetrics, ReleaseRisk } from './metrics.ts'
import type { ClassStatistics } from './statistics.ts'

/** A value as it is published. Ranges and sets are inclusive; `node` is a label of the hierarchy at `level`; `any` tells nothing. */
export type ReleasedValue =
  | { readonly kind: 'exact'; readonly text: string }
  | { readonly kind: 'range'; readonly low: string; readonly high: string }
  | { readonly kind: 'set'; readonly values: readonly string[] }
  | { readonly kind: 'node'; readonly text: string; readonly level: number }
  | { readonly kind: 'any' }

/** A quasi-identifier of a release: one code per class. `values` stand in rank order. `range`: the width of the whole original column in whole units of 10^−scale (numbers), or distinct values − 1, or leaves. */
export interface ReleasedQuasi { readonly name: string; readonly type: AttributeType; readonly scale: number; readonly range: number; readonly values: readonly ReleasedValue[]; readonly codes: Int32Array }

/** A column published as it is: one code per row. `originalCounts`: per value, over all original rows, where t-closeness or β-likeness is measured against them. */
export interface ReleasedPayload {
  readonly name: string
  readonly role: 'sensitive' | 'insensitive'
  readonly type: AttributeType
  readonly values: readonly string[]
  readonly codes: Int32Array
  readonly originalCounts: Int32Array | undefined
}

/**
 * A release in canonical order: classes by their generalised values, rows within a class by their payload, so that neither order tells anything and the
 * same rows give the same bytes on every machine. No identifier is in it.
 */
export interface Release {
  readonly version: 1
  /** `mondrian-strict`, `mondrian-relaxed`, `mondrian-hierarchy`, `datafly`, `full-domain` or `joint`. */
  readonly algorithm: string
  /** Rows published; left out to satisfy the policy; left out as incomplete. */
  readonly rowCount: number
  readonly suppressedCount: number
  readonly droppedCount: number
  readonly quasi: readonly ReleasedQuasi[]
  /** Rows lie class by class, in this many rows each. */
  readonly classSizes: Int32Array
  /** Rows of the whole table per class, where the release is of a research subset. */
  readonly populationSizes: Int32Array | undefined
  readonly payload: readonly ReleasedPayload[]
  /** Level per quasi-identifier, where one code book holds for the whole release. */
  readonly levels: readonly number[] | undefined
  readonly metrics: ReleaseMetrics
  readonly risk: ReleaseRisk
  readonly statistics: readonly ClassStatistics[]
}

/** Between the ends of a range, and between the members of a set, in cells. */
export const RANGE_MARK = '..'
export const SET_MARK = ' | '

/** The text of a cell: `Bachelors`, `17..24`, `A | B`, a label, or `*`. */
export function cellText(value: ReleasedValue): string {
  if (value.kind === 'range') return `${value.low}${RANGE_MARK}${value.high}`
  if (value.kind === 'set') return value.values.join(SET_MARK)
  return value.kind === 'any' ? ANY : value.text
}

/** Names of the columns of `releaseRows`: quasi-identifiers, then payload. */
export function releaseHeader(release: Release): readonly string[] {
  return [...release.quasi.map(({ name }) => name), ...release.payload.map(({ name }) => name)]
}

/** The rows of a release as text, in canonical order. */
export function* releaseRows(release: Release): Generator<readonly string[], void, undefined> {
  const texts = release.quasi.map(({ values }) => values.map(cellText))
  let row = 0
  for (let index = 0; index < release.classSizes.length; index++) {
    const front = release.quasi.map(({ codes }, q) => texts[q]![codes[index]!]!)
    for (const end = row + release.classSizes[index]!; row < end; row++) yield [...front, ...release.payload.map(({ values, codes }) => values[codes[row]!]!)]
  }
}
