import type { NodeJudge } from './lattice-node.ts'
import type { NodeLoss } from './node-loss.ts'
import { ZERO, compare, maximum } from './rational.ts'
import type { Rational } from './rational.ts'
import type { Report } from './recoding.ts'
import { quotient } from './whole.ts'

/** The lattice of all combinations of levels, as mixed-radix numbers: node = Σ level_q · weight_q. */
export class Lattice {
  readonly tops: readonly number[]
  readonly size: number
  private readonly weights: readonly number[]

  /** `tops`: the highest level per column. */
  constructor(tops: readonly number[]) {
    this.tops = tops
    let size = 1
    this.weights = tops.map((top) => {
      const weight = size
      size *= top + 1
      return weight
    })
    this.size = size
  }

  levelsOf(node: number): number[] {
    return this.tops.map((top, q) => quotient(node, this.weights[q]!) % (top + 1))
  }

  nodeAt(levels: readonly number[]): number {
    return levels.reduce((sum, level, q) => sum + level * this.weights[q]!, 0)
  }

  height(node: number): number {
    return this.levelsOf(node).reduce((sum, level) => sum + level, 0)
  }

  /** Nodes one step more general (+1) or more specific (−1), by column. */
  neighbours(node: number, step: 1 | -1): number[] {
    const levels = this.levelsOf(node)
    return this.tops.flatMap((top, q) => (step === 1 ? levels[q]! < top : levels[q]! > 0) ? [node + step * this.weights[q]!] : [])
  }

  /** All nodes by height, then by number: more general ones never before more specific ones. */
  byHeight(): number[] {
    const heights = Array.from({ length: this.size }, (_, node) => this.height(node))
    return heights.map((_, node) => node).sort((a, b) => heights[a]! - heights[b]! || a - b)
  }
}

const [UNKNOWN, FAILS, PASSES] = [0, 1, 2] as const

/**
 * Which nodes pass a monotone condition: binary search along chains of unknown nodes from the bottom up, each answer spread to all nodes above or below
 * (Kohlmayer et al., "Flash", PASSAT 2012). Asks for about one node in thirty.
 */
export function classify(lattice: Lattice, passes: (levels: readonly number[]) => boolean, report?: Report): Uint8Array {
  const state = new Uint8Array(lattice.size)
  const spread = (from: number, mark: typeof FAILS | typeof PASSES): void => {
    const open = [from]
    state[from] = mark
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      for (const next of lattice.neighbours(node, mark === PASSES ? 1 : -1)) {
        if (state[next] !== UNKNOWN) continue
        state[next] = mark
        open.push(next)
      }
    }
  }
  for (const [done, start] of lattice.byHeight().entries()) {
    report?.(done)
    while (state[start] === UNKNOWN) {
      const chain = [start]
      for (let next: number | undefined = start; next !== undefined;) {
        next = lattice.neighbours(next, 1).find((node) => state[node] === UNKNOWN)
        if (next !== undefined) chain.push(next)
      }
      let [low, high] = [0, chain.length - 1]
      while (low <= high) {
        const middle = (low + high) >> 1
        const node = chain[middle]!
        if (passes(lattice.levelsOf(node))) {
          spread(node, PASSES)
          high = middle - 1
        } else {
          spread(node, FAILS)
          low = middle + 1
        }
      }
    }
  }
  return state
}

/** The best node found, with its score. `checked`: nodes grouped on the way. */
export interface Optimum { readonly levels: readonly number[]; readonly score: Rational; readonly checked: number }

/**
 * The node of the least score among all that satisfy the policy: exact and complete, as only nodes are passed over that fail a necessary monotone condition or whose lower bound is no better
 * than what was found. Of equal scores the lower node, then the smaller number wins. Undefined if no node satisfies the policy.
 */
export function searchOptimum(judge: NodeJudge, loss: NodeLoss, report?: Report): Optimum | undefined {
  const lattice = new Lattice(judge.base.columns.map(({ hierarchy }) => hierarchy.levels.length - 1))
  const state = classify(lattice, (levels) => judge.passesMonotone(levels), report)
  const candidates = lattice.byHeight().filter((node) => state[node] === PASSES)
  const hasBound = loss.bound(lattice.tops) !== undefined
  const best = hasBound ? searchByBound(lattice, candidates, judge, loss) : searchByFloor(lattice, candidates, judge, loss)
  return best && { ...best, checked: judge.checked }
}

type Found = Omit<Optimum, 'checked'>

/** Metrics with a bound that needs no grouping: in ascending order of bound until it is no better than the best. */
function searchByBound(lattice: Lattice, candidates: readonly number[], judge: NodeJudge, loss: NodeLoss): Found | undefined {
  const ranked = candidates.map((node, place) => ({ levels: lattice.levelsOf(node), place, bound: ZERO })).map((each) => ({ ...each, bound: loss.bound(each.levels)! })).sort((a, b) => compare(a.bound, b.bound) || a.place - b.place)
  let best: (Found & { place: number }) | undefined
  for (const { levels, place, bound } of ranked) {
    if (best !== undefined && compare(bound, best.score) > 0) break
    const verdict = judge.judgeNode(levels)
    if (!verdict.valid) continue
    const score = loss.scoreOf(levels, verdict)
    const difference = best === undefined ? -1 : compare(score, best.score)
    if (difference < 0 || (difference === 0 && place < best!.place)) best = { levels, score, place }
  }
  return best && { levels: best.levels, score: best.score }
}

/** Metrics that never fall with generalisation before suppression: from the bottom up, each node inheriting the floors of those below. */
function searchByFloor(lattice: Lattice, candidates: readonly number[], judge: NodeJudge, loss: NodeLoss): Found | undefined {
  const floors = new Map<number, Rational>()
  let best: Found | undefined
  for (const node of candidates) {
    let floor = ZERO
    for (const below of lattice.neighbours(node, -1)) floor = maximum(floor, floors.get(below) ?? ZERO)
    if (best !== undefined && compare(floor, best.score) >= 0) {
      floors.set(node, floor)
      continue
    }
    const levels = lattice.levelsOf(node)
    const verdict = judge.judgeNode(levels)
    floors.set(node, maximum(floor, loss.floor(verdict)))
    if (!verdict.valid) continue
    const score = loss.scoreOf(levels, verdict)
    if (best === undefined || compare(score, best.score) < 0) best = { levels, score }
  }
  return best
}
