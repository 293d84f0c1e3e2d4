import type { MetricName } from './definition.ts'
import { LOG_PLACES, log2Fixed } from './fixed-logarithm.ts'
import type { BaseTuples } from './lattice.ts'
import type { NodeVerdict } from './lattice-node.ts'
import { ONE, ZERO, add, compare, multiply, rational, subtract } from './rational.ts'
import type { Fraction, Rational } from './rational.ts'
import { toRational } from './rational.ts'

/**
 * How a node of the lattice is scored. `scoreOf` needs the grouping; `bound` does not and is never above it: undefined where the metric has no such bound.
 * Scores order nodes exactly; `toLoss` of reports turns them into what ARX prints.
 */
export interface NodeLoss {
  readonly name: MetricName
  bound(levels: readonly number[]): Rational | undefined
  /** At least the score of this node without suppression at every node above it. */
  floor(verdict: NodeVerdict): Rational
  scoreOf(levels: readonly number[], verdict: NodeVerdict): Rational
}

export interface LossOptions {
  /** Entropy: whether suppressed rows cost (ARX: the non-monotonic variant). Default true. */
  readonly countsSuppression?: boolean | undefined
  /** Loss: ARX's generalization-suppression factor, 0…1; one half weighs both fully. */
  readonly factor?: Fraction | undefined
}

export function createLoss(name: MetricName, base: BaseTuples, options: LossOptions = {}): NodeLoss {
  if (name === 'entropy') return entropyLoss(base, options.countsSuppression ?? true)
  if (name === 'loss') return domainLoss(base, toRational(options.factor ?? '1/2', 'factor'))
  return name === 'discernibility' ? discernibility(base) : averageClassSize(base)
}

const publishedRows = (base: BaseTuples): number => base.subsetRows.reduce((sum, rows) => sum + rows, 0)

/** Published rows per leaf of column `q`, or per node of a level. */
function countsAt(base: BaseTuples, q: number, level: number): Int32Array {
  const nodeOf = base.columns[q]!.hierarchy.nodeOf[level]!
  const counts = new Int32Array(base.columns[q]!.hierarchy.levels[level]!.labels.length)
  for (let tuple = 0; tuple < base.count; tuple++) counts[nodeOf[base.leaves[q]![tuple]!]!]! += base.subsetRows[tuple]!
  return counts
}

/**
 * Non-uniform entropy, summed over the columns: Σ over cells of −log2(share of the original value within its generalised value), in bits, with 96 binary places; suppressed rows
 * cost the entropy of what they would have told. Source: De Waal, Willenborg, Netherlands Official Statistics 14 (1999).
 */
function entropyLoss(base: BaseTuples, countsSuppression: boolean): NodeLoss {
  const unit = 1n << LOG_PLACES
  const perLevel = base.columns.map(({ hierarchy }, q) => {
    const leaves = countsAt(base, q, 0)
    return hierarchy.levels.map((_, level) => {
      const counts = countsAt(base, q, level)
      let bits = 0n
      for (let leaf = 0; leaf < leaves.length; leaf++) if (leaves[leaf]! > 0) bits += BigInt(leaves[leaf]!) * (log2Fixed(counts[hierarchy.nodeOf[level]![leaf]!]!) - log2Fixed(leaves[leaf]!))
      return bits
    })
  })
  const generalisation = (levels: readonly number[]): bigint => levels.reduce((sum, level, q) => sum + perLevel[q]![level]!, 0n)
  const bound = (levels: readonly number[]): Rational => ({ num: generalisation(levels), den: unit })
  return {
    name: 'entropy', bound, floor: () => ZERO,
    scoreOf: (levels, verdict) => ({ num: generalisation(levels) + (countsSuppression && verdict.suppressed > 0 ? suppressedBits(base, levels, verdict) : 0n), den: unit }),
  }
}

function suppressedBits(base: BaseTuples, levels: readonly number[], { grouping, broken, suppressed }: NodeVerdict): bigint {
  let bits = 0n
  for (const [q, { hierarchy }] of base.columns.entries()) {
    const nodeOf = hierarchy.nodeOf[levels[q]!]!
    const counts = new Int32Array(hierarchy.levels[levels[q]!]!.labels.length)
    for (let index = 0; index < broken.length; index++) if (broken[index] === 1) counts[nodeOf[base.leaves[q]![grouping.representative[index]!]!]!]! += grouping.subsetRows[index]!
    for (const count of counts) if (count > 0) bits += BigInt(count) * (log2Fixed(suppressed) - log2Fixed(count))
  }
  return bits
}

/** Terms of the loss metric: Σ rows · share per column and level, and the factors. */
interface DomainTerms { readonly generalisation: Rational; readonly suppression: Rational; readonly rows: number }

/**
 * ARX's "Loss": per column the mean share of the domain that a value covers (Iyengar, KDD 2002), from 0 for untouched to 1 for suppressed; scored by the product of 1 + loss,
 * whose root is the geometric mean (a root keeps the order).
 */
function domainLoss(base: BaseTuples, factor: Rational): NodeLoss {
  const half = rational(1, 2)
  const twice = multiply(rational(2), factor)
  const terms: DomainTerms = {
    suppression: compare(factor, half) < 0 ? twice : ONE, generalisation: compare(factor, half) <= 0 ? ONE : subtract(rational(2), twice), rows: publishedRows(base),
  }
  const columns = base.columns.map(({ hierarchy }, q) => ({
    leaves: hierarchy.leaves.length,
    // Σ rows · leaves below the node, per level.
    weight: hierarchy.levels.map(({ low, high }, level) => countsAt(base, q, level).reduce((sum, count, node) => sum + BigInt(count) * BigInt(high[node]! - low[node]! + 1), 0n)),
  }))
  const score = (levels: readonly number[], suppressed: readonly bigint[], suppressedRows: number): Rational => levels.reduce((product, level, q) => {
    const { leaves, weight } = columns[q]!
    const standing = weight[level]! - suppressed[q]!
    // Suppressed: share + suppression · (rows − share); standing: share · generalisation; both in units of 1 / leaves.
    const lost = add(multiply(rational(standing), terms.generalisation), add(rational(suppressed[q]!), multiply(terms.suppression, rational(BigInt(suppressedRows) * BigInt(leaves) - suppressed[q]!))))
    return multiply(product, add(ONE, normalised(lost, leaves, terms)))
  }, ONE)
  const none = base.columns.map(() => 0n)
  return {
    name: 'loss', bound: (levels) => score(levels, none, 0), floor: () => ZERO,
    scoreOf: (levels, verdict) => (verdict.suppressed === 0 ? score(levels, none, 0) : score(levels, suppressedWeights(base, levels, verdict), verdict.suppressed)),
  }
}

/** (Σ share − least) / (rows − least), where least is what untouched values come to; never below 0. */
function normalised(lost: Rational, leaves: number, { generalisation, rows }: DomainTerms): Rational {
  const least = multiply(generalisation, rational(rows))
  const most = rational(BigInt(rows) * BigInt(leaves))
  const span = subtract(most, least)
  if (span.num <= 0n) return ZERO
  const value = subtract(lost, least)
  return value.num <= 0n ? ZERO : rational(value.num * span.den, value.den * span.num)
}

function suppressedWeights(base: BaseTuples, levels: readonly number[], { grouping, broken }: NodeVerdict): bigint[] {
  return base.columns.map(({ hierarchy }, q) => {
    const { low, high } = hierarchy.levels[levels[q]!]!
    const nodeOf = hierarchy.nodeOf[levels[q]!]!
    let sum = 0
    for (let index = 0; index < broken.length; index++) {
      if (broken[index] === 0) continue
      const node = nodeOf[base.leaves[q]![grouping.representative[index]!]!]!
      sum += grouping.subsetRows[index]! * (high[node]! - low[node]! + 1)
    }
    return BigInt(sum)
  })
}

/** Σ |class|² over the classes that stand, plus rows × suppressed (Bayardo, Agrawal, ICDE 2005). */
function discernibility(base: BaseTuples): NodeLoss {
  const rows = publishedRows(base)
  const squares = ({ grouping, broken }: NodeVerdict, all: boolean): bigint => {
    let sum = 0n
    for (let index = 0; index < broken.length; index++) if (all || broken[index] === 0) sum += BigInt(grouping.subsetRows[index]! * grouping.subsetRows[index]!)
    return sum
  }
  return {
    name: 'discernibility', bound: () => undefined, floor: (verdict) => ({ num: squares(verdict, true), den: 1n }),
    scoreOf: (_, verdict) => ({ num: squares(verdict, false) + BigInt(verdict.suppressed) * BigInt(rows), den: 1n }),
  }
}

/** Rows over classes; all suppressed rows are one class more (ARX's AECS). */
function averageClassSize(base: BaseTuples): NodeLoss {
  const rows = BigInt(publishedRows(base))
  const classes = ({ grouping, broken }: NodeVerdict, all: boolean): bigint => {
    let count = 0n
    for (let index = 0; index < broken.length; index++) if (grouping.subsetRows[index]! > 0 && (all || broken[index] === 0)) count++
    return count
  }
  return {
    name: 'average-class-size', bound: () => undefined, floor: (verdict) => ({ num: rows, den: classes(verdict, true) }),
    scoreOf: (_, verdict) => ({ num: rows, den: classes(verdict, false) + (verdict.suppressed > 0 ? 1n : 0n) }),
  }
}
