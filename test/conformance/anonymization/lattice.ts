import type { DatasetDefinition } from '../../../contracts/anonymization/kernel/index.ts'
import { rationalToText } from '../../../contracts/anonymization/kernel/index.ts'
import { ClassJudge } from '../../../contracts/anonymization/kernel/class-test.ts'
import { Lattice, searchOptimum } from '../../../contracts/anonymization/kernel/full-domain-search.ts'
import { NodeJudge } from '../../../contracts/anonymization/kernel/lattice-node.ts'
import { Grouper, baseTuples } from '../../../contracts/anonymization/kernel/lattice.ts'
import { createLoss } from '../../../contracts/anonymization/kernel/node-loss.ts'
import { prepare } from '../../../contracts/anonymization/kernel/prepare.ts'
import { rational, toRational } from '../../../contracts/anonymization/kernel/rational.ts'
import { arxHierarchy, readArx } from './adult-data.ts'
import { compareAll, fail } from './expectation.ts'
import type { Outcome } from './expectation.ts'

interface LatticeResult { readonly k: number; readonly maxSuppression: number; readonly kAnonymousNodes: number; readonly locallyMinimalNodes: number; readonly minHeight: number; readonly bestByDiscernibility: { readonly node: readonly number[]; readonly suppressed: number; readonly DM: number; readonly classes: number; readonly AECS: number } }
export interface LatticeGolden { readonly rows: number; readonly qi: readonly string[]; readonly levels: readonly number[]; readonly nodes: number; readonly results: readonly LatticeResult[] }

export function isLatticeGolden(document: unknown): document is LatticeGolden {
  return typeof document === 'object' && document !== null && ['qi', 'levels', 'nodes', 'results'].every((key) => key in document)
}

/** What one node comes to for one k: rows in classes below k, classes of at least k and the sum of their squares. */
interface Tally { readonly suppressed: number; readonly classes: number; readonly squares: number }

/** Groups every node of the lattice once, then answers every row of the file; and asks the search with pruning for the same optimum. */
export function* checkLattice(name: string, golden: LatticeGolden, folder: string): Generator<Outcome, void, undefined> {
  const table = readArx(`${folder}/arx_adult.csv`)
  const definition = (k: number): DatasetDefinition => ({
    attributes: [...golden.qi.map((column) => ({ name: column, role: 'quasi-identifier', type: 'categorical', hierarchy: arxHierarchy(folder, column) }) as const), ...table.columns.map((column) => column.name).filter((column) => !golden.qi.includes(column)).map((column) => ({ name: column, role: 'sensitive', type: 'categorical' }) as const)],
    policy: { k }, algorithm: { name: 'full-domain' },
  })
  const prepared = prepare(table, definition(2))
  const base = baseTuples(prepared, undefined)
  const lattice = new Lattice(base.columns.map(({ hierarchy }) => hierarchy.levels.length - 1))
  yield compareAll(`${name} lattice`, [['rows', golden.rows, prepared.rowCount], ['levels', golden.levels, lattice.tops.map((top) => top + 1)], ['nodes', golden.nodes, lattice.size]])
  const grouper = new Grouper(base)
  const ks = [...new Set(golden.results.map(({ k }) => k))]
  const tallies = new Map(ks.map((k) => [k, [] as Tally[]]))
  for (let node = 0; node < lattice.size; node++) {
    const sizes = grouper.group(lattice.levelsOf(node)).rows
    for (const k of ks) {
      let [suppressed, classes, squares] = [0, 0, 0]
      for (const size of sizes) {
        if (size < k) suppressed += size
        else {
          classes++
          squares += size * size
        }
      }
      tallies.get(k)!.push({ suppressed, classes, squares })
    }
  }
  for (const each of golden.results) {
    yield checkResult(`${name} k=${each.k} suppression=${each.maxSuppression}`, each, lattice, tallies.get(each.k)!, golden.rows)
    const judge = new NodeJudge(base, grouper, new ClassJudge({ k: each.k }, prepared.payload), String(each.maxSuppression))
    const found = searchOptimum(judge, createLoss('discernibility', base))
    if (found === undefined) yield fail(`${name} search k=${each.k} suppression=${each.maxSuppression}`, 'nothing found')
    else yield compareAll(`${name} search k=${each.k} suppression=${each.maxSuppression}`, [['DM of the pruned search', each.bestByDiscernibility.DM, rationalToText(found.score, 0)]], `${found.checked} of ${lattice.size} nodes grouped`)
  }
}

function checkResult(id: string, { k, maxSuppression, kAnonymousNodes, locallyMinimalNodes, minHeight, bestByDiscernibility: best }: LatticeResult, lattice: Lattice, tallies: readonly Tally[], rows: number): Outcome {
  const { num, den } = toRational(String(maxSuppression), 'maxSuppression')
  const allowed = Number((num * BigInt(rows)) / den)
  const anonymous = tallies.map(({ suppressed }) => suppressed <= allowed)
  const nodes = [...anonymous.keys()].filter((node) => anonymous[node])
  const minimal = nodes.filter((node) => lattice.neighbours(node, -1).every((below) => !anonymous[below]))
  const cost = ({ suppressed, squares }: Tally): number => squares + suppressed * rows
  const least = Math.min(...nodes.map((node) => cost(tallies[node]!)))
  const at = tallies[lattice.nodeAt(best.node)]!
  const digits = String(best.AECS).split('.')[1]?.length ?? 0
  return compareAll(id, [
    ['kAnonymousNodes', kAnonymousNodes, nodes.length], ['locallyMinimalNodes', locallyMinimalNodes, minimal.length], ['minHeight', minHeight, Math.min(...nodes.map((node) => lattice.height(node)))],
    ['DM', best.DM, least], ['DM of the node', best.DM, cost(at)], ['suppressed', best.suppressed, at.suppressed], ['classes', best.classes, at.classes], ['AECS', best.AECS.toFixed(digits), rationalToText(rational(rows - at.suppressed, BigInt(at.classes * k)), digits)],
  ])
}
