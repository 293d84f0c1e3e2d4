import { ClassJudge } from './class-test.ts'
import type { TreeColumn } from './coding.ts'
import { JointRows } from './joint-rows.ts'
import { JointTree } from './joint-tree.ts'
import type { JointPart } from './joint-tree.ts'
import { suppressionRows } from './lattice-node.ts'
import type { Prepared } from './prepare.ts'
import type { Recoding } from './recoding.ts'
import { refuse } from './refuse.ts'
import { allRows, sortRowsBy } from './row-order.ts'

/** Joint Mondrian over a table that one party has as a whole: what institutions get together, when they are one. */
export function jointMondrian(prepared: Prepared, siteFloor: number): Recoding {
  const columns = treeColumns(prepared)
  const rows = new JointRows(columns, prepared.rowCount, siteFloor)
  const tree = new JointTree(columns.map(({ hierarchy }) => hierarchy), prepared.definition.policy.k)
  while (!tree.isGrown) rows.follow(tree.decide(rows.count(tree.questions, (cells) => new Uint32Array(cells).fill(1))))
  return jointRecoding(prepared, tree.finished, rows.classes())
}

export function treeColumns({ quasi }: Prepared): readonly TreeColumn[] {
  return quasi.map((column) => (column.coding === 'tree' ? column : refuse('ANONYMIZATION_HIERARCHY_ABSENT', { column: column.name, rule: 'joint releases recode along hierarchies' })))
}

/** The classes of a grown tree, without those that break the policy, as far as rows may be suppressed. */
export function jointRecoding(prepared: Prepared, parts: readonly JointPart[], classOf: Int32Array): Recoding {
  const { definition: { policy }, payload, rowCount } = prepared
  const columns = treeColumns(prepared)
  const order = sortRowsBy(allRows(rowCount), classOf, parts.length)
  const judge = new ClassJudge(policy, payload)
  const kept: number[] = []
  const suppressed: number[] = []
  const starts = [0]
  const released: number[] = []
  for (let part = 0, first = 0; part < parts.length; part++) {
    let last = first
    while (last < rowCount && classOf[order[last]!] === part) last++
    const broken = judge.broken(order, first, last, 1)
    const rows = order.subarray(first, last)
    if (broken !== undefined) suppressed.push(...rows)
    else {
      kept.push(part)
      for (const row of rows) released.push(row)
      starts.push(released.length)
    }
    first = last
  }
  const limit = suppressionRows(policy.suppressionLimit, rowCount)
  if (suppressed.length > limit || released.length === 0) refuse('ANONYMIZATION_UNSATISFIABLE', { rule: 'policy', suppressible: limit, suppressed: suppressed.length })
  const per = (read: (column: TreeColumn, level: number, node: number) => number): Int32Array[] => columns.map((column, q) => Int32Array.from(kept, (part) => read(column, parts[part]!.level[q]!, parts[part]!.node[q]!)))
  return {
    order: Int32Array.from(released), starts: Int32Array.from(starts), suppressed: Int32Array.from(suppressed).sort(),
    low: per(({ hierarchy }, level, node) => hierarchy.levels[level]!.low[node]!), high: per(({ hierarchy }, level, node) => hierarchy.levels[level]!.high[node]!), level: per((_, level) => level),
  }
}
