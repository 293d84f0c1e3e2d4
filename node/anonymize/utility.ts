import { classifierAccuracy, queryError, rationalToText } from '../../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition, Release, Table } from '../../contracts/anonymization/kernel/index.ts'
import { fromHex } from '../../primitives/bytes.ts'
import type { OnProgress } from './make-release.ts'
import { SHARE_DIGITS } from './summary.ts'
import type { Utility } from './summary.ts'

/** Enough queries for a steady median, each of at least one row in twenty: what few rows match, no table of classes can count, and such queries would decide the median (docs/anonymization.md). Classifiers are for columns with few values: a target with hundreds is no class. */
export const UTILITY_DEFAULTS = { queries: 200, dimensions: 2, leastPart: 20, targetsMax: 3, targetValuesMax: 20 } as const

/** Query error and classifier accuracy of a release against the original. Queries and folds follow from the release hash, so that the same release is measured alike. */
export function measureUtility(table: Table, definition: DatasetDefinition, release: Release, releaseHash: string, onProgress: OnProgress): Utility {
  const seed = fromHex(releaseHash)
  const { queries, leastPart, targetsMax, targetValuesMax } = UTILITY_DEFAULTS
  const dimensions = Math.min(UTILITY_DEFAULTS.dimensions, release.quasi.length)
  const share = (value: Parameters<typeof rationalToText>[0]): string => rationalToText(value, SHARE_DIGITS)
  onProgress('measuring queries', 0, queries)
  const { median, mean } = queryError(table, definition, release, { seed, queries, dimensions, rowsMin: Math.ceil(table.rowCount / leastPart) })
  const targets = release.payload.filter(({ role, values }) => role === 'sensitive' && values.length > 1 && values.length <= targetValuesMax).slice(0, targetsMax)
  const classifiers = targets.map(({ name: target }, at) => {
    onProgress('measuring classifiers', at, targets.length)
    const { original, released, baseline } = classifierAccuracy(table, definition, release, { target, seed })
    return { target, original: share(original), released: share(released), baseline: share(baseline) }
  })
  return { queries: { count: queries, dimensions, medianError: share(median), meanError: share(mean) }, classifiers }
}
