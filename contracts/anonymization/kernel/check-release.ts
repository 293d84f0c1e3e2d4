import type { ReleaseFindingCode } from '../errors.ts'
import { checkPolicy } from './check-definition.ts'
import { ClassJudge } from './class-test.ts'
import type { PayloadColumn } from './coding.ts'
import type { DatasetDefinition } from './definition.ts'
import { suppressionRows } from './lattice-node.ts'
import { releaseMetrics, releaseRisk } from './metrics.ts'
import type { ReleaseMetrics, ReleaseRisk } from './metrics.ts'
import { maybePlaces, maybeUnits } from './numbers.ts'
import { compare, equals, toRational } from './rational.ts'
import type { Rational } from './rational.ts'
import { releaseHash } from './release-hash.ts'
import type { Release, ReleasedPayload } from './release.ts'
import { orderFindings, shapeFindings } from './release-shape.ts'
import { allRows } from './row-order.ts'
import { statisticsFindings } from './check-statistics.ts'
import { yardstick } from './yardstick.ts'
import type { Measured } from './yardstick.ts'

/** One thing that is wrong: which rule, and where. `classIndex` and `row` are 0-based places in canonical order. */
export interface Finding { readonly code: ReleaseFindingCode; readonly rule: string; readonly column?: string; readonly classIndex?: number; readonly row?: number; readonly expected?: string; readonly actual?: string }

/** What the worst class of each model measures. `value.den` 0 means "without bound". */
export interface MeasuredModel { readonly rule: string; readonly attribute: string; readonly value: Rational; readonly classIndex: number }

export interface ReleaseCheck {
  readonly ok: boolean
  /** At most `FINDINGS_MAX`. */
  readonly findings: readonly Finding[]
  readonly measured: { readonly k: number; readonly models: readonly MeasuredModel[] }
}

export const FINDINGS_MAX = 100

/** What a checker knows besides: the hash that was attested, the rows that were approved. */
export interface Expected { readonly hash?: string | undefined; readonly rowCount?: number | undefined }

/**
 * Checks a release by itself, without the data it was made from, as every member does: canonical order, k, every model of the policy, every value inside its hierarchy or range, suppression, counts,
 * and all metrics, risks and statistics as far as they follow from the release. Never throws on a bad release.
 * What no release can prove alone (that it was made from the true rows) is for recomputation or opened samples. O(rows).
 */
export function checkRelease(release: Release, definition: DatasetDefinition, expected: Expected = {}): ReleaseCheck {
  const findings: Finding[] = []
  const add = (finding: Finding): void => {
    if (findings.length < FINDINGS_MAX) findings.push(finding)
  }
  checkPolicy(definition.policy, new Map(definition.attributes.map((attribute) => [attribute.name, attribute])))
  for (const finding of shapeFindings(release, definition)) add(finding)
  if (findings.length > 0) return { ok: false, findings, measured: { k: 0, models: [] } }
  const measured = release.quasi.map((column) => {
    const measure = yardstick(definition.attributes.find(({ name }) => name === column.name)!, definition, column)
    return column.values.map((value, i) => measure(value) ?? void add({ code: 'RELEASE_VALUE', rule: `value ${i + 1} of the column`, column: column.name }))
  })
  if (findings.length > 0) return { ok: false, findings, measured: { k: 0, models: [] } }
  const widths = measured as Measured[][]
  orderFindings(release, widths).forEach(add)
  const models = checkClasses(release, definition, add)
  checkCounts(release, definition, expected, add)
  checkMetrics(release, definition, widths, add)
  statisticsFindings(release, definition, widths).forEach(add)
  if (expected.hash !== undefined && releaseHash(release) !== expected.hash) add({ code: 'RELEASE_HASH', rule: 'hash', expected: expected.hash, actual: releaseHash(release) })
  return { ok: findings.length === 0, findings, measured: { k: release.metrics.smallestClass, models } }
}

/** A released column as the models see it, with the counts of the original as the whole where they are published. */
function modelColumn({ name, role, type, values, codes }: ReleasedPayload, definition: DatasetDefinition): PayloadColumn {
  const scale = type === 'categorical' ? 0 : values.reduce((most, text) => Math.max(most, maybePlaces(type, text) ?? 0), 0)
  return { name, role, type, codes, texts: values, scale, units: type === 'categorical' ? undefined : values.map((text) => maybeUnits(type, text, scale) ?? 0), hierarchy: definition.attributes.find((attribute) => attribute.name === name)?.hierarchy }
}

function checkClasses(release: Release, definition: DatasetDefinition, add: (finding: Finding) => void): MeasuredModel[] {
  const { policy } = definition
  const { presence, kMap, ...rest } = policy
  const judge = new ClassJudge(rest, release.payload.map((column) => modelColumn(column, definition)))
  judge.replaceTotals(release.payload)
  const worst: (MeasuredModel | undefined)[] = judge.models.map(() => undefined)
  const rows = judge.sizeDecides ? new Int32Array(0) : allRows(release.rowCount)
  let start = 0
  for (const [classIndex, size] of release.classSizes.entries()) {
    if (size < policy.k) add({ code: 'RELEASE_K', rule: 'k', classIndex, expected: `≥ ${policy.k}`, actual: String(size) })
    const population = release.populationSizes?.[classIndex]
    if (population !== undefined && kMap !== undefined && population < kMap) add({ code: 'RELEASE_K_MAP', rule: 'k-map', classIndex, expected: `≥ ${kMap}`, actual: String(population) })
    if (population !== undefined && presence !== undefined) {
      const share = { num: BigInt(size), den: BigInt(population) }
      if (compare(share, toRational(presence.min, 'presence.min')) < 0 || compare(share, toRational(presence.max, 'presence.max')) > 0) add({ code: 'RELEASE_PRESENCE', rule: 'δ-presence', classIndex, actual: `${size}/${population}` })
    }
    if (judge.models.length > 0) {
      judge.load(rows, start, start + size, 1)
      for (const [i, model] of judge.models.entries()) {
        if (!judge.holds(i)) add({ code: 'RELEASE_MODEL', rule: model.rule, column: model.attribute, classIndex })
        const value = judge.measure(i)
        const before = worst[i]
        if (before === undefined || (model.smallerIsWorse ? compare(value, before.value) < 0 : compare(value, before.value) > 0)) worst[i] = { rule: model.rule, attribute: model.attribute, value, classIndex }
      }
    }
    start += size
  }
  return worst.filter((each) => each !== undefined)
}

function checkCounts(release: Release, { policy }: DatasetDefinition, expected: Expected, add: (finding: Finding) => void): void {
  const all = release.rowCount + release.suppressedCount
  const limit = suppressionRows(policy.suppressionLimit, all)
  if (release.suppressedCount > limit) add({ code: 'RELEASE_SUPPRESSION', rule: 'suppressionLimit', expected: `≤ ${limit}`, actual: String(release.suppressedCount) })
  if (expected.rowCount !== undefined && all !== expected.rowCount) add({ code: 'RELEASE_COUNT', rule: 'released and suppressed rows', expected: String(expected.rowCount), actual: String(all) })
  for (const { name, originalCounts, codes, values } of release.payload) {
    if (originalCounts === undefined) continue
    const counts = new Int32Array(values.length)
    for (const code of codes) counts[code]!++
    const total = originalCounts.reduce((sum, count) => sum + count, 0)
    if (total !== all) add({ code: 'RELEASE_COUNT', rule: 'counts of the original add up to its rows', column: name, expected: String(all), actual: String(total) })
    if (counts.some((count, value) => count > originalCounts[value]!)) add({ code: 'RELEASE_COUNT', rule: 'no value is more frequent than in the original', column: name })
  }
}

function checkMetrics(release: Release, { policy }: DatasetDefinition, widths: readonly (readonly Measured[])[], add: (finding: Finding) => void): void {
  const penalties = release.quasi.map(({ codes }, q) => {
    const rows = new Array<number>(widths[q]!.length).fill(0)
    for (let index = 0; index < codes.length; index++) rows[codes[index]!]! += release.classSizes[index]!
    return rows.reduce((sum, count, code) => sum + BigInt(count) * BigInt(widths[q]![code]!.width), 0n)
  })
  const metrics = releaseMetrics({ penalties, ranges: release.quasi.map(({ range }) => range), classSizes: release.classSizes, suppressedCount: release.suppressedCount, k: policy.k })
  const risk = releaseRisk(release.classSizes, release.populationSizes)
  for (const rule of differences(metrics, release.metrics, risk, release.risk)) add({ code: 'RELEASE_METRICS', rule })
  for (const [rule, value, bound] of [['prosecutor risk', risk.prosecutorMax, policy.risk?.prosecutor], ['marketer risk', risk.marketer, policy.risk?.marketer]] as const) {
    if (bound !== undefined && compare(value, toRational(bound, rule)) > 0) add({ code: 'RELEASE_RISK', rule, actual: `${value.num}/${value.den}` })
  }
}

/** Names of what was claimed otherwise. */
function differences(metrics: ReleaseMetrics, claimed: ReleaseMetrics, risk: ReleaseRisk, claimedRisk: ReleaseRisk): string[] {
  const same = (a: Rational | undefined, b: Rational | undefined): boolean => (a === undefined || b === undefined ? a === b : equals(a, b))
  const pairs: readonly (readonly [string, boolean])[] = [
    ['ncp', same(metrics.ncp, claimed.ncp)], ['ncpByColumn', metrics.ncpByColumn.length === claimed.ncpByColumn.length && metrics.ncpByColumn.every((value, q) => same(value, claimed.ncpByColumn[q]))],
    ['discernibility', metrics.discernibility === claimed.discernibility], ['averageClassSize', same(metrics.averageClassSize, claimed.averageClassSize)],
    ['classCount', metrics.classCount === claimed.classCount], ['smallestClass', metrics.smallestClass === claimed.smallestClass], ['largestClass', metrics.largestClass === claimed.largestClass],
    ['prosecutorMax', same(risk.prosecutorMax, claimedRisk.prosecutorMax)], ['prosecutorAverage', same(risk.prosecutorAverage, claimedRisk.prosecutorAverage)],
    ['marketer', same(risk.marketer, claimedRisk.marketer)], ['journalistMax', same(risk.journalistMax, claimedRisk.journalistMax)],
  ]
  return pairs.flatMap(([name, equal]) => (equal ? [] : [name]))
}
