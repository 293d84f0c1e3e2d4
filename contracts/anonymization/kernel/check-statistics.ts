import type { Finding } from './check-release.ts'
import type { DatasetDefinition } from './definition.ts'
import { maybePlaces, maybeUnits } from './numbers.ts'
import type { Release, ReleasedPayload, ReleasedQuasi } from './release.ts'
import { classStatistics } from './statistics.ts'
import type { ClassStatistics, NumericColumnView } from './statistics.ts'
import { allRows } from './row-order.ts'
import type { Measured } from './yardstick.ts'

/**
 * Sums of columns that are published as they are have to be exactly those of the rows; sums of generalised columns have to lie within the ranges of their
 * class, and their squares within what such a sum allows.
 */
export function statisticsFindings(release: Release, definition: DatasetDefinition, widths: readonly (readonly Measured[])[]): Finding[] {
  const wanted = definition.statistics?.columns ?? []
  const pairs = definition.statistics?.crossProducts === true ? wanted.flatMap((a, i) => wanted.slice(i + 1).map((b) => `${a}\n${b}`)) : []
  if (release.statistics.map(({ columns }) => columns.join('\n')).join('\n\n') !== [...wanted, ...pairs].join('\n\n')) return [{ code: 'RELEASE_STATISTICS', rule: 'the statistics of the definition, in its order' }]
  const classes = release.classSizes.length
  return release.statistics.flatMap((statistics): Finding[] => {
    const column = statistics.columns.join(' × ')
    const wrong = (rule: string, classIndex?: number): Finding[] => [{ code: 'RELEASE_STATISTICS', rule, column, ...(classIndex === undefined ? {} : { classIndex }) }]
    if (statistics.products.length !== classes || statistics.sum.length !== (statistics.columns.length === 1 ? classes : 0)) return wrong('one sum per class')
    const views = statistics.columns.map((name) => release.payload.find((each) => each.name === name)).map((each) => each && payloadView(each))
    if (views.every((view) => view !== undefined)) {
      const exact = classStatistics(views, allRows(release.rowCount), release.classSizes, views.length === 2).at(-1)!
      const at = exact.products.findIndex((value, index) => value !== statistics.products[index] || (views.length === 1 && exact.sum[index] !== statistics.sum[index]))
      return at === -1 && exact.scales.join() === statistics.scales.join() ? [] : wrong('the sums of the rows', at)
    }
    const q = release.quasi.findIndex(({ name }) => name === statistics.columns[0])
    if (statistics.columns.length === 2 || q === -1) return []
    const isNumeric = definition.algorithm.name === 'mondrian'
    const at = boundsBroken(statistics, release, release.quasi[q]!, isNumeric ? widths[q]! : undefined)
    return at === undefined ? [] : wrong('a sum that the range of its class allows', at)
  })
}

function payloadView({ name, type, values, codes }: ReleasedPayload): NumericColumnView {
  const scale = values.reduce((most, text) => Math.max(most, maybePlaces(type, text) ?? 0), 0)
  return { name, scale, codes, units: values.map((text) => maybeUnits(type, text, scale) ?? 0) }
}

/** n · low ≤ Σx ≤ n · high for numeric ranges, and (Σx)² ≤ n · Σx² for all. */
function boundsBroken(statistics: ClassStatistics, release: Release, column: ReleasedQuasi, widths: readonly Measured[] | undefined): number | undefined {
  for (let index = 0; index < release.classSizes.length; index++) {
    const [rows, sum, squares] = [BigInt(release.classSizes[index]!), statistics.sum[index]!, statistics.products[index]!]
    if (sum * sum > rows * squares) return index
    // Along a hierarchy the places are those of leaves, not numbers.
    if (widths === undefined || statistics.scales[0] !== column.scale) continue
    const { low, high } = widths[column.codes[index]!]!
    if (sum < rows * BigInt(low) || sum > rows * BigInt(high)) return index
  }
  return undefined
}
