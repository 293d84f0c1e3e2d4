import type { ClassJudge } from './class-test.ts'
import type { MetricName } from './definition.ts'
import { searchOptimum } from './full-domain-search.ts'
import { Grouper, baseTuples } from './lattice.ts'
import { NodeJudge, nodeToRecoding } from './lattice-node.ts'
import { createLoss } from './node-loss.ts'
import type { Prepared } from './prepare.ts'
import type { Recoding, Report } from './recoding.ts'
import { refuse } from './refuse.ts'

/** Nodes of a lattice at most: it is searched in memory. */
export const LATTICE_NODES_MAX = 2_000_000

/**
 * Optimal full-domain recoding: one level per column for the whole table, the best by `metric` of all that satisfy the policy with no more than the allowed
 * suppression. One code book, so releases can be joined.
 */
export function fullDomain(prepared: Prepared, judge: ClassJudge, subset: Uint8Array | undefined, metric: MetricName, report?: Report): Recoding {
  const base = baseTuples(prepared, subset)
  const nodes = base.columns.reduce((product, { hierarchy }) => product * hierarchy.levels.length, 1)
  if (nodes > LATTICE_NODES_MAX) refuse('ANONYMIZATION_LIMIT', { rule: `at most ${LATTICE_NODES_MAX} combinations of levels`, nodes })
  const nodeJudge = new NodeJudge(base, new Grouper(base), judge, prepared.definition.policy.suppressionLimit)
  const optimum = searchOptimum(nodeJudge, createLoss(metric, base), report)
  if (optimum === undefined) refuse('ANONYMIZATION_UNSATISFIABLE', { rule: 'policy', nodes, suppressible: nodeJudge.limitRows })
  return nodeToRecoding(base, optimum.levels, nodeJudge.judgeNode(optimum.levels))
}
