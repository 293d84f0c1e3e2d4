import type { Histogram } from './histogram.ts'
import type { Rational } from './rational.ts'

/**
 * t-closeness: how much must be moved how far to turn the distribution of a class (counts c of n) into that of the whole (counts P of N), by exact
 * earth mover's distance. Everything is multiplied by n · N, so no share is ever rounded.
 * Source: Li, Li, Venkatasubramanian, "t-Closeness", ICDE 2007, §5.
 */

/** Equal ground distance: half the sum of |q − p|, which is the sum over the values that have grown. */
export function equalDistance({ column, counts, touched, distinct, size }: Histogram): Rational {
  // Together at most size · total, below 10^14.
  let moved = 0
  for (let i = 0; i < distinct; i++) {
    const rank = touched[i]!
    const surplus = counts[rank]! * column.total - column.totals[rank]! * size
    if (surplus > 0) moved += surplus
  }
  return { num: BigInt(moved), den: BigInt(size) * BigInt(column.total) }
}

/** Sums of terms below 10^14 are exact as plain numbers up to here. */
const EXACT_MAX = 2 ** 52

/** Ordered ground distance |i − j| / (m − 1) over the m values that occur in the whole, ascending (§5.1). */
export function orderedDistance({ column, counts, size }: Histogram): Rational {
  let [carried, moved, values] = [0, 0, 0]
  let large = 0n
  for (let rank = 0; rank < column.distinct; rank++) {
    if (column.totals[rank] === 0) continue
    values++
    carried += counts[rank]! * column.total - column.totals[rank]! * size
    moved += Math.abs(carried)
    if (moved > EXACT_MAX) {
      large += BigInt(moved)
      moved = 0
    }
  }
  return { num: large + BigInt(moved), den: BigInt(size) * BigInt(column.total) * BigInt(Math.max(1, values - 1)) }
}

/**
 * Hierarchical ground distance: two values are as far apart as the level of their lowest common ancestor over the height of the tree. At each inner
 * node the smaller of surplus and want of its children is exchanged there (§5.2, cost(N)).
 */
export function hierarchicalDistance({ column, counts, size }: Histogram): Rational {
  const { hierarchy, leafOf } = column
  if (hierarchy === undefined || leafOf === undefined) return { num: 1n, den: 1n }
  let extra = new Array<number>(hierarchy.leaves.length).fill(0)
  for (let rank = 0; rank < column.distinct; rank++) extra[leafOf[rank]!]! += counts[rank]! * column.total - column.totals[rank]! * size
  let moved = 0
  for (let level = 1; level < hierarchy.levels.length; level++) {
    const { low, high } = hierarchy.levels[level]!
    const childOf = hierarchy.nodeOf[level - 1]!
    const next = new Array<number>(low.length).fill(0)
    for (let node = 0; node < low.length; node++) {
      let [surplus, want] = [0, 0]
      for (let child = childOf[low[node]!]!; child <= childOf[high[node]!]!; child++) {
        if (extra[child]! > 0) surplus += extra[child]!
        else want -= extra[child]!
      }
      moved += level * Math.min(surplus, want)
      next[node] = surplus - want
    }
    extra = next
  }
  return { num: BigInt(moved), den: BigInt(size) * BigInt(column.total) * BigInt(hierarchy.levels.length - 1) }
}
