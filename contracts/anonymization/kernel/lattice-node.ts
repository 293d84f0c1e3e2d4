import type { ClassJudge } from './class-test.ts'
import { rowsByClass } from './lattice.ts'
import type { BaseTuples, Grouper, Grouping } from './lattice.ts'
import { toRational } from './rational.ts'
import type { Fraction } from './rational.ts'
import type { Recoding } from './recoding.ts'
import { divideBig } from './whole.ts'

/** What one node of the lattice comes to. `broken[i]`: class `i` may not stand and is suppressed. */
export interface NodeVerdict {
  readonly grouping: Grouping
  readonly broken: Uint8Array
  /** Published rows that would be suppressed. */
  readonly suppressed: number
  /** Whether the policy holds once they are: few enough, and no class without published rows breaks δ-presence, as nothing of it could be left out. */
  readonly valid: boolean
}

/** Rows that may be suppressed of `rows`: ⌊limit · rows⌋. */
export function suppressionRows(limit: Fraction | undefined, rows: number): number {
  const { num, den } = toRational(limit ?? '0', 'suppressionLimit')
  return Number(divideBig(num * BigInt(rows), den))
}

/** Judges nodes of the lattice one at a time. The verdict's arrays are good until the next one. */
export class NodeJudge {
  readonly base: BaseTuples
  readonly limitRows: number
  readonly published: number
  private readonly grouper: Grouper
  private readonly judge: ClassJudge
  /** Nodes grouped so far. */
  checked = 0

  constructor(base: BaseTuples, grouper: Grouper, judge: ClassJudge, limit: Fraction | undefined) {
    this.base = base
    this.grouper = grouper
    this.judge = judge
    this.published = base.subsetRows.reduce((sum, rows) => sum + rows, 0)
    this.limitRows = suppressionRows(limit, this.published)
  }

  get hasModels(): boolean {
    return this.judge.models.length > 0
  }

  /** Sizes first, as they cost little; the models of a class only while the node may still be valid: of an invalid one `broken` and `suppressed` tell a part. */
  judgeNode(levels: readonly number[]): NodeVerdict {
    this.checked++
    const grouping = this.grouper.group(levels)
    const broken = new Uint8Array(grouping.count)
    let [suppressed, valid] = [0, true]
    const strike = (index: number): void => {
      broken[index] = 1
      suppressed += grouping.subsetRows[index]!
      valid &&= grouping.subsetRows[index]! > 0 && suppressed <= this.limitRows
    }
    for (let index = 0; index < grouping.count && valid; index++) if (this.judge.brokenBySize(grouping.subsetRows[index]!, grouping.rows[index]!) !== undefined) strike(index)
    if (!this.hasModels || !valid) return { grouping, broken, suppressed, valid }
    const { order, starts } = rowsByClass(this.base, grouping)
    for (let index = 0; index < grouping.count && valid; index++) if (broken[index] === 0 && this.judge.broken(order, starts[index]!, starts[index + 1]!, 1) !== undefined) strike(index)
    return { grouping, broken, suppressed, valid }
  }

  /**
   * A condition that is necessary for the policy and monotone: if it fails at a node, it fails at every node below. Without suppression that is the whole policy (every model of ours
   * survives the merging of classes); with suppression it is k and k-map alone, as rows in small classes only grow fewer.
   */
  passesMonotone(levels: readonly number[]): boolean {
    if (this.limitRows === 0) return this.judgeNode(levels).valid
    const { subsetRows, rows, count } = this.grouperAt(levels)
    let small = 0
    for (let index = 0; index < count; index++) if (subsetRows[index]! > 0 && this.judge.isSmall(subsetRows[index]!, rows[index]!)) small += subsetRows[index]!
    return small <= this.limitRows
  }

  private grouperAt(levels: readonly number[]): Grouping {
    this.checked++
    return this.grouper.group(levels)
  }
}

/** The classes of a node that stand, as a recoding. */
export function nodeToRecoding(base: BaseTuples, levels: readonly number[], { grouping, broken }: NodeVerdict): Recoding {
  const { order, starts } = rowsByClass(base, grouping)
  const standing = Array.from(broken.keys()).filter((index) => broken[index] === 0)
  const leafAt = (q: number, index: number): number => base.leaves[q]![grouping.representative[index]!]!
  const ends = (side: 'low' | 'high') => base.columns.map(({ hierarchy }, q) => Int32Array.from(standing, (index) => hierarchy.levels[levels[q]!]![side][hierarchy.nodeOf[levels[q]!]![leafAt(q, index)]!]!))
  const keptOrder = new Int32Array(standing.reduce((sum, index) => sum + starts[index + 1]! - starts[index]!, 0))
  const keptStarts = new Int32Array(standing.length + 1)
  for (const [i, index] of standing.entries()) {
    keptOrder.set(order.subarray(starts[index]!, starts[index + 1]!), keptStarts[i]!)
    keptStarts[i + 1] = keptStarts[i]! + starts[index + 1]! - starts[index]!
  }
  const suppressed = Array.from(broken.keys()).filter((index) => broken[index] === 1).flatMap((index) => [...order.subarray(starts[index]!, starts[index + 1]!)])
  return { order: keptOrder, starts: keptStarts, low: ends('low'), high: ends('high'), level: levels.map((level) => new Int32Array(standing.length).fill(level)), suppressed: Int32Array.from(suppressed).sort(), levels }
}
