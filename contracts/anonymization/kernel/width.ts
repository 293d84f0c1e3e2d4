import type { CodedColumn } from './coding.ts'

/** Products of two numbers up to here are exact. */
const FACTOR_MAX = 2 ** 26

/** How wide a run of ranks is, as `width / range` of its column: the certainty penalty of LeFevre's and Xu's NCP. */
export interface Ruler {
  /** Whole units; a single value is 0 wide. */
  width(low: number, high: number): number
  /** The width of the whole column; at least 1. */
  readonly range: number
}

/**
 * Numbers: difference of values over difference of the extremes. Categories in an order: difference of ranks over distinct values − 1. Values with a hierarchy: leaves below
 * the node over all leaves, a single leaf being 0 (Xu et al., KDD 2006).
 */
export function rulerOf(column: CodedColumn): Ruler {
  const last = column.texts.length - 1
  if (column.coding === 'tree') return { width: (low, high) => (low === high ? 0 : high - low + 1), range: last + 1 }
  if (column.coding === 'ordered') return { width: (low, high) => high - low, range: Math.max(1, last) }
  const { units } = column
  return { width: (low, high) => units[high]! - units[low]!, range: Math.max(1, units[last]! - units[0]!) }
}

/** Whether a/b > c/d, exactly; all are whole and not negative. */
export function isWider(a: number, b: number, c: number, d: number): boolean {
  if (a < FACTOR_MAX && b < FACTOR_MAX && c < FACTOR_MAX && d < FACTOR_MAX) return a * d > c * b
  return BigInt(a) * BigInt(d) > BigInt(c) * BigInt(b)
}

/** The allowed column of the widest normalised range; ties go to the lower index, so that every node cuts alike. −1 if none is allowed. */
export function widestColumn(rulers: readonly Ruler[], low: Int32Array, high: Int32Array, allowed: Uint8Array): number {
  let [best, width, range] = [-1, 0, 1]
  for (let q = 0; q < rulers.length; q++) {
    if (allowed[q] === 0) continue
    const ruler = rulers[q]!
    const own = ruler.width(low[q]!, high[q]!)
    if (best === -1 || isWider(own, ruler.range, width, range)) [best, width, range] = [q, own, ruler.range]
  }
  return best
}
