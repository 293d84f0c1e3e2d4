import { rationalToText } from '../../contracts/anonymization/kernel/index.ts'
import type { Policy, Release } from '../../contracts/anonymization/kernel/index.ts'
import type { Plan } from './plan.ts'

/** One bound of the policy and what the release reaches. */
export interface RuleCheck { readonly rule: string; readonly required: string; readonly measured: string; readonly ok: boolean }

export interface Bin { readonly label: string; readonly classes: number; readonly rows: number }

/** How far the release serves what people do with data. Shares as decimal texts. */
export interface Utility {
  readonly queries: { readonly count: number; readonly dimensions: number; readonly medianError: string; readonly meanError: string }
  readonly classifiers: readonly { readonly target: string; readonly original: string; readonly released: string; readonly baseline: string }[]
}

/** Everything that is reported of a release: counts and shares, no row of it. */
export interface ReleaseSummary {
  readonly input: { readonly file: string; readonly sha256: string; readonly rows: number; readonly leftOut: readonly string[]; readonly separator: string }
  readonly output: { readonly file: string; readonly sha256: string; readonly releaseHash: string }
  readonly algorithm: string
  readonly policy: Policy
  readonly columns: readonly { readonly name: string; readonly role: string; readonly type: string; readonly hierarchy: string; readonly loss: string; readonly values: number }[]
  readonly counts: { readonly released: number; readonly suppressed: number; readonly dropped: number; readonly classes: number; readonly smallest: number; readonly largest: number }
  readonly metrics: { readonly loss: string; readonly averageClassSize: string; readonly discernibility: string }
  readonly risk: { readonly prosecutorMax: string; readonly prosecutorAverage: string; readonly marketer: string }
  readonly rules: readonly RuleCheck[]
  readonly classSizes: readonly Bin[]
  readonly statistics: readonly string[]
  readonly utility?: Utility
}

/** Digits after the point of shares in reports: 0.01 %. */
export const SHARE_DIGITS = 4

export interface SummaryParts {
  readonly input: ReleaseSummary['input']
  readonly output: ReleaseSummary['output']
  readonly plan: Plan
  readonly release: Release
  readonly rules: readonly RuleCheck[]
  readonly utility?: Utility
}

export function summarise({ input, output, plan, release, rules, utility }: SummaryParts): ReleaseSummary {
  const { metrics, risk } = release
  const share = (value: Parameters<typeof rationalToText>[0]): string => rationalToText(value, SHARE_DIGITS)
  const quasi = release.quasi.map(({ name, type, values }, at) => ({ name, role: 'quasi-identifier', type, hierarchy: plan.origins.get(name) ?? '', loss: share(metrics.ncpByColumn[at]!), values: values.length }))
  const payload = release.payload.map(({ name, role, type, values }) => ({ name, role, type, hierarchy: plan.origins.get(name) ?? '', loss: '0', values: values.length }))
  return {
    input, output, algorithm: release.algorithm, policy: plan.definition.policy, columns: [...quasi, ...payload],
    counts: { released: release.rowCount, suppressed: release.suppressedCount, dropped: release.droppedCount, classes: metrics.classCount, smallest: metrics.smallestClass, largest: metrics.largestClass },
    metrics: { loss: share(metrics.ncp), averageClassSize: rationalToText(metrics.averageClassSize, 2), discernibility: String(metrics.discernibility) },
    risk: { prosecutorMax: share(risk.prosecutorMax), prosecutorAverage: share(risk.prosecutorAverage), marketer: share(risk.marketer) },
    rules, classSizes: binClassSizes(release.classSizes, plan.definition.policy.k), statistics: release.statistics.map(({ columns }) => columns.join(' × ')), ...(utility && { utility }),
  }
}

/** Bins of class sizes that double from k: k to 2k−1, 2k to 4k−1, … Classes below k, which a sound release does not have, come first. */
export function binClassSizes(sizes: Iterable<number>, k: number): Bin[] {
  const bins = new Map<number, { classes: number; rows: number }>()
  for (const size of sizes) {
    const bin = size < k ? -1 : Math.floor(Math.log2(size / k) + 1e-9)
    const found = bins.get(bin) ?? { classes: 0, rows: 0 }
    bins.set(bin, { classes: found.classes + 1, rows: found.rows + size })
  }
  const last = Math.max(0, ...bins.keys())
  const shown = [...(bins.has(-1) ? [-1] : []), ...Array.from({ length: last + 1 }, (_, bin) => bin)]
  return shown.map((bin) => {
    const [low, high] = bin < 0 ? [1, k - 1] : [k * 2 ** bin, k * 2 ** (bin + 1) - 1]
    return { label: low === high ? String(low) : `${low}–${high}`, ...(bins.get(bin) ?? { classes: 0, rows: 0 }) }
  })
}
