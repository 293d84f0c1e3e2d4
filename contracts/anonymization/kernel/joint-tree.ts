import type { Hierarchy } from './hierarchy.ts'
import { refuse } from './refuse.ts'
import { isWider } from './width.ts'

/** A part of the union: per quasi-identifier a node of its hierarchy. What stands in no other part. */
export interface JointPart { readonly level: readonly number[]; readonly node: readonly number[] }

/** What everybody adds up for a part and a column: how many rows lie below each child of the node, from `first` on at level `below`; one cell before them is the veto. */
export interface JointQuestion { readonly part: number; readonly q: number; readonly below: number; readonly first: number; readonly children: number }

/** A cut that all decided on: rows of part `from` go to the part of their child. `part`: numbers of the new parts by child, −1 where nobody has rows. */
export interface JointCut { readonly from: number; readonly question: JointQuestion; readonly parts: readonly number[] }

/** Parts that may be open at once; it bounds a round to a few million cells. */
const PARTS_MAX = 100_000

/**
 * Mondrian along hierarchies from totals alone, a level of the tree at a time: for every open part the institutions add up how many rows lie below each child of its nodes, and everybody
 * decides alike. A part is cut in the column of the widest normalised node whose children hold no row or at least `k`, and which no institution vetoes; ties go to the lower column.
 * An institution vetoes a cut that would leave it with few rows below a child, and then adds noise in place of its counts (`JointRows`).
 * Source: LeFevre et al., ICDE 2006, §3.1; that sums are enough: Jiang, Clifton, VLDB Journal 15 (2006).
 */
export class JointTree {
  readonly finished: JointPart[] = []
  #open: JointPart[]
  #questions: readonly JointQuestion[]
  readonly #hierarchies: readonly Hierarchy[]
  readonly #k: number

  constructor(hierarchies: readonly Hierarchy[], k: number) {
    this.#hierarchies = hierarchies
    this.#k = k
    this.#open = [{ level: hierarchies.map(({ levels }) => levels.length - 1), node: hierarchies.map(() => 0) }]
    this.#questions = this.#ask()
  }

  /** No part is open: `finished` are the classes. A part may be open without a question left to ask: the next decision finishes it. */
  get isGrown(): boolean { return this.#open.length === 0 }
  /** Of the open parts, by part, then column. */
  get questions(): readonly JointQuestion[] { return this.#questions }
  /** Cells of a round: for each question a veto and its children. */
  get cells(): number { return this.#questions.reduce((sum, { children }) => sum + 1 + children, 0) }

  /** Decides a level from the totals: parts are cut or finished. Throws `ANONYMIZATION_JOINT_CONTRADICTORY`, `ANONYMIZATION_LIMIT`. */
  decide(totals: Int32Array | Uint32Array): JointStep {
    const byPart = new Map<number, { readonly question: JointQuestion; readonly isVetoed: boolean; readonly counts: readonly number[] }[]>()
    let at = 0
    for (const question of this.#questions) {
      const isVetoed = totals[at++] !== 0
      const counts = Array.from(totals.subarray(at, at += question.children))
      byPart.set(question.part, [...(byPart.get(question.part) ?? []), { question, isVetoed, counts }])
    }
    const next: JointPart[] = []
    const cuts: JointCut[] = []
    const done: { readonly from: number; readonly finished: number }[] = []
    for (const [from, part] of this.#open.entries()) {
      const answers = (byPart.get(from) ?? []).filter(({ isVetoed }) => !isVetoed)
      checkSums(answers.map(({ counts }) => counts))
      const fit = answers.filter(({ counts }) => counts.every((count) => count === 0 || count >= this.#k) && counts.some((count) => count > 0))
      const chosen = this.#widest(part, fit)
      if (chosen === undefined) done.push({ from, finished: this.finished.push(part) - 1 })
      else {
        const { question, counts } = chosen
        cuts.push({ from, question, parts: counts.map((count, child) => (count === 0 ? -1 : next.push(childOf(part, question, child)) - 1)) })
      }
    }
    if (next.length + this.finished.length > PARTS_MAX) refuse('ANONYMIZATION_LIMIT', { rule: `at most ${PARTS_MAX} classes` })
    this.#open = next
    this.#questions = this.#ask()
    return { cuts, done }
  }

  #ask(): JointQuestion[] {
    return this.#open.flatMap(({ level, node }, part) => this.#hierarchies.flatMap((hierarchy, q) => {
      const children = childrenOf(hierarchy, level[q]!, node[q]!)
      return children === undefined ? [] : [{ part, q, ...children }]
    }))
  }

  #widest<T extends { readonly question: JointQuestion }>({ level, node }: JointPart, answers: readonly T[]): T | undefined {
    let [best, width, range] = [undefined as T | undefined, 0, 1]
    for (const answer of answers) {
      const { q } = answer.question
      const { levels, leaves } = this.#hierarchies[q]!
      const own = levels[level[q]!]!.high[node[q]!]! - levels[level[q]!]!.low[node[q]!]! + 1
      if (best === undefined || isWider(own, leaves.length, width, range)) [best, width, range] = [answer, own, leaves.length]
    }
    return best
  }
}

/** What a round decided. */
export interface JointStep { readonly cuts: readonly JointCut[]; readonly done: readonly { readonly from: number; readonly finished: number }[] }

/** Every column counts the same rows. */
function checkSums(answers: readonly (readonly number[])[]): void {
  const sums = new Set(answers.map((counts) => counts.reduce((sum, count) => sum + count, 0)))
  if (sums.size > 1) refuse('ANONYMIZATION_JOINT_CONTRADICTORY', { rule: 'every column counts the same rows' })
}

function childOf({ level, node }: JointPart, { q, below, first }: JointQuestion, child: number): JointPart {
  return { level: level.map((old, i) => (i === q ? below : old)), node: node.map((old, i) => (i === q ? first + child : old)) }
}

/** The next level at which a node has several children, and which they are; undefined below a single leaf. */
function childrenOf({ levels, nodeOf }: Hierarchy, level: number, node: number): Pick<JointQuestion, 'below' | 'first' | 'children'> | undefined {
  const [low, high] = [levels[level]!.low[node]!, levels[level]!.high[node]!]
  for (let below = level - 1; below >= 0; below--) {
    const first = nodeOf[below]![low]!
    const children = nodeOf[below]![high]! - first + 1
    if (children > 1) return { below, first, children }
  }
  return undefined
}
