import { isWider } from './width.ts'

/** What all sites agreed on before: how wide a run of ranks is (as in width.ts), the width of each whole column, and k. */
export interface JointTerms { readonly ranges: readonly number[]; readonly k: number; width(q: number, low: number, high: number): number }

/** A partition of the union that no site sees as a whole: per column how many rows hold each rank, summed over the sites, beginning at rank 0, and the bounds so far. */
export interface JointPartition { readonly histograms: readonly Int32Array[]; readonly low: readonly number[]; readonly high: readonly number[] }

/** Where to cut: rows with a rank ≤ `at` in column `q` go left; `left` and `right` are the bounds of the parts. Undefined `cut`: the partition is a class, with these bounds. */
export interface JointDecision {
  readonly bounds: { readonly low: readonly number[]; readonly high: readonly number[] }
  readonly cut: { readonly q: number; readonly at: number; readonly left: { readonly low: readonly number[]; readonly high: readonly number[] }; readonly right: { readonly low: readonly number[]; readonly high: readonly number[] } } | undefined
}

/**
 * The cut of strict Mondrian from totals alone: sites add up their histograms (masked, so that only the sum is seen), everybody decides alike, each site parts its own rows, and one round
 * serves all open partitions of a level. The tree is the one that strict Mondrian would grow over the union (LeFevre et al., ICDE 2006; masks: Bonawitz et al., CCS 2017).
 * Totals of small partitions tell their counts: whoever decides must not be a single contributor of two.
 */
export function decideJointCut({ histograms, low, high }: JointPartition, terms: JointTerms): JointDecision {
  const bounds = { low: [...low], high: [...high] }
  const rows = histograms[0]?.reduce((sum, count) => sum + count, 0) ?? 0
  const allowed = new Set(histograms.keys())
  while (allowed.size > 0) {
    const q = widest(allowed, bounds, terms)
    allowed.delete(q)
    const counts = histograms[q]!
    bounds.low[q] = counts.findIndex((count) => count > 0)
    bounds.high[q] = counts.findLastIndex((count) => count > 0)
    if (rows < 2 * terms.k || bounds.low[q] === bounds.high[q]) continue
    let [sum, at] = [0, bounds.low[q]! - 1]
    while (sum < rows >> 1) sum += counts[++at]!
    const next = counts.findIndex((count, rank) => rank > at && count > 0)
    if (next === -1 || sum < terms.k || rows - sum < terms.k) continue
    const replace = (list: readonly number[], value: number): number[] => list.map((old, i) => (i === q ? value : old))
    return { bounds, cut: { q, at, left: { low: bounds.low, high: replace(bounds.high, at) }, right: { low: replace(bounds.low, next), high: bounds.high } } }
  }
  return { bounds, cut: undefined }
}

function widest(allowed: ReadonlySet<number>, { low, high }: { readonly low: readonly number[]; readonly high: readonly number[] }, terms: JointTerms): number {
  let [best, width, range] = [-1, 0, 1]
  for (const q of [...allowed].sort((a, b) => a - b)) {
    const own = terms.width(q, low[q]!, high[q]!)
    if (best === -1 || isWider(own, terms.ranges[q]!, width, range)) [best, width, range] = [q, own, terms.ranges[q]!]
  }
  return best
}
