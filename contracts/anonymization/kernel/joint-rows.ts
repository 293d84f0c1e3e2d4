import type { TreeColumn } from './coding.ts'
import type { JointQuestion, JointStep } from './joint-tree.ts'

/** Cells that an institution adds in place of its counts when it vetoes: random, the first not zero. */
export type VetoNoise = (cells: number) => Uint32Array

/**
 * One institution's rows while the tree grows. Whatever it adds to a count is zero or at least `floor`: a cut that would leave it with fewer rows below some child it vetoes, with noise in
 * place of all counts of that question.
 */
export class JointRows {
  /** Part of each row while open; −1 − class once its part is finished. */
  readonly #partOf: Int32Array
  readonly #columns: readonly TreeColumn[]
  readonly #floor: number

  constructor(columns: readonly TreeColumn[], rowCount: number, floor: number) {
    this.#columns = columns
    this.#floor = floor
    this.#partOf = new Int32Array(rowCount)
  }

  /** The own counts for a round: per question a veto cell and the children. */
  count(questions: readonly JointQuestion[], noise: VetoNoise): Uint32Array {
    const starts = new Map<number, { readonly at: number; readonly question: JointQuestion }[]>()
    let cells = 0
    for (const question of questions) {
      starts.set(question.part, [...(starts.get(question.part) ?? []), { at: cells + 1, question }])
      cells += 1 + question.children
    }
    const counts = new Uint32Array(cells)
    for (const [row, part] of this.#partOf.entries()) {
      for (const { at, question: { q, below, first } } of starts.get(part) ?? []) {
        const cell = at + this.#columns[q]!.hierarchy.nodeOf[below]![this.#columns[q]!.codes[row]!]! - first
        counts[cell] = counts[cell]! + 1
      }
    }
    for (const asked of starts.values()) for (const { at, question: { children } } of asked) {
      if (counts.subarray(at, at + children).some((count) => count > 0 && count < this.#floor)) counts.set(noise(1 + children), at - 1)
    }
    return counts
  }

  follow({ cuts, done }: JointStep): void {
    const cutOf = new Map(cuts.map((cut) => [cut.from, cut]))
    const doneOf = new Map(done.map(({ from, finished }) => [from, finished]))
    for (const [row, part] of this.#partOf.entries()) {
      if (part < 0) continue
      const cut = cutOf.get(part)
      const { q, below, first } = cut?.question ?? { q: 0, below: 0, first: 0 }
      this.#partOf[row] = cut === undefined ? -1 - doneOf.get(part)! : cut.parts[this.#columns[q]!.hierarchy.nodeOf[below]![this.#columns[q]!.codes[row]!]! - first]!
    }
  }

  /** Class of each row, when the tree is grown. */
  classes(): Int32Array {
    return this.#partOf.map((part) => -1 - part)
  }
}
