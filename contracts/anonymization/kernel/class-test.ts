import { equalDistance, hierarchicalDistance, orderedDistance } from './closeness.ts'
import type { PayloadColumn } from './coding.ts'
import type { Closeness, Diversity, Likeness, Policy } from './definition.ts'
import { distinctDiversity, hasEntropyDiversity, recursiveDiversity, wholeEntropyDiversity } from './diversity.ts'
import { Histogram } from './histogram.ts'
import type { SensitiveColumn } from './histogram.ts'
import { hasEnhancedLikeness, likenessGain } from './likeness.ts'
import { compare, toRational } from './rational.ts'
import type { Rational } from './rational.ts'

/** One bound of a policy on one sensitive column. */
export interface ClassModel {
  /** For people and findings, such as `recursive (4, 5)-diversity of occupation`. */
  readonly rule: string
  readonly attribute: string
  /** Whether the class may stand. Exact. */
  holds(histogram: Histogram): boolean
  /** How good the class is; what the worst class measures is reported. A zero denominator means "without bound". */
  measure(histogram: Histogram): Rational
  /** Whether a smaller measure is the worse one. */
  readonly smallerIsWorse: boolean
}

const DISTANCES = { equal: equalDistance, ordered: orderedDistance, hierarchical: hierarchicalDistance } as const

function diversityModel(each: Diversity): ClassModel {
  const { attribute } = each
  if (each.kind === 'recursive') {
    const [c, l] = [toRational(each.c, 'c'), each.l]
    const measure = (histogram: Histogram): Rational => recursiveDiversity(histogram, l)
    // r1 < c · tail is strict, and false when the tail is empty.
    return { rule: `recursive (c, ${l})-diversity of ${attribute}`, attribute, measure, holds: (histogram) => compare(measure(histogram), c) < 0 && histogram.distinct >= l, smallerIsWorse: false }
  }
  const l = toRational(each.l, 'l')
  if (each.kind === 'entropy') return { rule: `entropy l-diversity of ${attribute}`, attribute, measure: wholeEntropyDiversity, holds: (histogram) => hasEntropyDiversity(histogram, l), smallerIsWorse: true }
  return { rule: `distinct l-diversity of ${attribute}`, attribute, measure: distinctDiversity, holds: (histogram) => compare(distinctDiversity(histogram), l) >= 0, smallerIsWorse: true }
}

function closenessModel({ attribute, distance, t }: Closeness): ClassModel {
  const [measure, bound] = [DISTANCES[distance], toRational(t, 't')]
  return { rule: `${distance} t-closeness of ${attribute}`, attribute, measure, holds: (histogram) => compare(measure(histogram), bound) <= 0, smallerIsWorse: false }
}

function likenessModel({ attribute, kind, beta }: Likeness): ClassModel {
  const bound = toRational(beta, 'beta')
  const holds = kind === 'basic' ? (histogram: Histogram): boolean => compare(likenessGain(histogram), bound) <= 0 : (histogram: Histogram): boolean => hasEnhancedLikeness(histogram, bound)
  return { rule: `${kind} β-likeness of ${attribute}`, attribute, measure: likenessGain, holds, smallerIsWorse: false }
}

/** The models of a policy beyond k, in the order diversity, closeness, likeness. */
export function classModels(policy: Policy): readonly ClassModel[] {
  return [...(policy.diversity ?? []).map(diversityModel), ...(policy.closeness ?? []).map(closenessModel), ...(policy.likeness ?? []).map(likenessModel)]
}

/** A payload column as the models see it. `subset`: only its rows are the whole. */
export function sensitiveColumn({ name, codes, texts, hierarchy }: PayloadColumn, subset?: Uint8Array): SensitiveColumn {
  const totals = new Int32Array(texts.length)
  let total = 0
  for (let row = 0; row < codes.length; row++) {
    if (subset !== undefined && subset[row] === 0) continue
    totals[codes[row]!]!++
    total++
  }
  const leafOf = hierarchy === undefined ? undefined : Int32Array.from(texts, (text) => hierarchy.leafOf.get(text) ?? 0)
  return { name, codes, distinct: texts.length, totals, total, hierarchy, leafOf }
}

/**
 * Judges classes by everything a policy asks of one: k (over the subset, where there is one), k-map, δ-presence, diversity, closeness, likeness.
 * One judge holds the reusable histograms of one run.
 */
export class ClassJudge {
  readonly models: readonly ClassModel[]
  private readonly histograms: readonly Histogram[]
  private readonly histogramOf: readonly Histogram[]
  private readonly policy: Policy
  private readonly subset: Uint8Array | undefined
  private readonly presence: readonly [min: Rational, max: Rational] | undefined

  constructor(policy: Policy, payload: readonly PayloadColumn[], subset?: Uint8Array) {
    this.policy = policy
    this.subset = subset
    this.models = classModels(policy)
    const names = [...new Set(this.models.map(({ attribute }) => attribute))]
    this.histograms = names.map((name) => new Histogram(sensitiveColumn(payload.find((column) => column.name === name)!, subset)))
    this.histogramOf = this.models.map(({ attribute }) => this.histograms[names.indexOf(attribute)]!)
    this.presence = policy.presence === undefined ? undefined : [toRational(policy.presence.min, 'presence.min'), toRational(policy.presence.max, 'presence.max')]
  }

  /** Whether the policy asks for k alone, so that sizes decide. */
  get sizeDecides(): boolean {
    return this.models.length === 0 && this.subset === undefined
  }

  /**
   * The first rule that the rows `data[i * stride]`, `first ≤ i < last`, break as a class; undefined if they may stand. A class without rows of the subset has to satisfy
   * δ-presence only: none of it is published.
   */
  broken(data: Int32Array, first: number, last: number, stride: number): string | undefined {
    const inSubset = this.load(data, first, last, stride)
    return this.brokenBySize(inSubset, last - first) ?? (inSubset === 0 ? undefined : this.brokenByModel())
  }

  /** Counts the sensitive values of a class, for `holds` and `measure`. Returns the rows of the subset in it. */
  load(data: Int32Array, first: number, last: number, stride: number): number {
    for (const histogram of this.histograms) histogram.clear()
    let inSubset = 0
    for (let i = first; i < last; i++) {
      const row = data[i * stride]!
      if (this.subset !== undefined && this.subset[row] === 0) continue
      inSubset++
      for (const histogram of this.histograms) histogram.addRow(row)
    }
    return inSubset
  }

  /** Whether model `i` holds for the class that was loaded. */
  holds(i: number): boolean {
    return this.models[i]!.holds(this.histogramOf[i]!)
  }

  /** Takes counts of the original as the whole, where they are known: what a checker of a release does, who sees the released rows only. */
  replaceTotals(columns: readonly { readonly name: string; readonly originalCounts: Int32Array | undefined }[]): void {
    for (const { column } of this.histograms) {
      const counts = columns.find(({ name }) => name === column.name)?.originalCounts
      if (counts === undefined) continue
      column.totals.set(counts)
      column.total = counts.reduce((sum, count) => sum + count, 0)
    }
  }

  /** The same for counts alone: rows of the subset and rows of the whole table. */
  brokenBySize(inSubset: number, rows: number): string | undefined {
    if (this.presence !== undefined && (inSubset > 0 || this.policy.presence?.absentClasses !== 'pass')) {
      const share = { num: BigInt(inSubset), den: BigInt(rows) }
      if (compare(share, this.presence[0]) < 0 || compare(share, this.presence[1]) > 0) return 'δ-presence'
    }
    if (inSubset === 0 || !this.isSmall(inSubset, rows)) return undefined
    return inSubset < this.policy.k ? 'k' : 'k-map'
  }

  /** Whether a class with published rows has too few of them, or too few of the whole table to hide among. */
  isSmall(inSubset: number, rows: number): boolean {
    return inSubset < this.policy.k || (this.policy.kMap !== undefined && rows < this.policy.kMap)
  }

  /** The measure of model `i` for the class that was loaded. */
  measure(i: number): Rational {
    return this.models[i]!.measure(this.histogramOf[i]!)
  }

  private brokenByModel(): string | undefined {
    for (let i = 0; i < this.models.length; i++) if (!this.models[i]!.holds(this.histogramOf[i]!)) return this.models[i]!.rule
    return undefined
  }
}
