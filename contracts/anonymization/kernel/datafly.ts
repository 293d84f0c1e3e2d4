import type { ClassJudge } from './class-test.ts'
import { Grouper, baseTuples } from './lattice.ts'
import { NodeJudge, nodeToRecoding } from './lattice-node.ts'
import type { BaseTuples } from './lattice.ts'
import type { Prepared } from './prepare.ts'
import type { Recoding } from './recoding.ts'
import { refuse } from './refuse.ts'

/**
 * Datafly: as long as more rows than may be suppressed lie in classes that break the policy, generalise the column with the most distinct values by one level; then
 * suppress those. Ties go to the lower column. Greedy and fast, not optimal.
 * Source: Sweeney, "Achieving k-Anonymity Privacy Protection Using Generalization and Suppression", IJUFKS 10(5), 2002, §3 (with the suppression limit in the place of k).
 */
export function datafly(prepared: Prepared, judge: ClassJudge, subset: Uint8Array | undefined): Recoding {
  const base = baseTuples(prepared, subset)
  const nodeJudge = new NodeJudge(base, new Grouper(base), judge, prepared.definition.policy.suppressionLimit)
  const levels = base.columns.map(() => 0)
  for (;;) {
    const verdict = nodeJudge.judgeNode(levels)
    if (verdict.valid) return nodeToRecoding(base, levels, verdict)
    const q = mostDistinct(base, levels)
    if (q === undefined) refuse('ANONYMIZATION_UNSATISFIABLE', { rule: 'policy', suppressible: nodeJudge.limitRows })
    levels[q]!++
  }
}

/** The column with the most distinct generalised values that can still be generalised. */
function mostDistinct(base: BaseTuples, levels: readonly number[]): number | undefined {
  let [best, most] = [undefined as number | undefined, 0]
  for (const [q, { hierarchy }] of base.columns.entries()) {
    if (levels[q] === hierarchy.levels.length - 1) continue
    const nodeOf = hierarchy.nodeOf[levels[q]!]!
    const seen = new Set<number>()
    for (let tuple = 0; tuple < base.count; tuple++) seen.add(nodeOf[base.leaves[q]![tuple]!]!)
    if (seen.size > most) [best, most] = [q, seen.size]
  }
  return best
}
