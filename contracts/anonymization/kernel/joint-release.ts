import { checkRisk } from './anonymize.ts'
import { buildRelease } from './build-release.ts'
import type { TreeColumn } from './coding.ts'
import type { AttributeDefinition, DatasetDefinition } from './definition.ts'
import type { Hierarchy } from './hierarchy.ts'
import { jointRecoding, treeColumns } from './joint.ts'
import { JointRows } from './joint-rows.ts'
import type { JointPart } from './joint-tree.ts'
import { prepare } from './prepare.ts'
import { refuse } from './refuse.ts'
import type { Release } from './release.ts'
import { tableFromColumns } from './table.ts'
import type { Table } from './table.ts'
import { quotient } from './whole.ts'

/** Cells of the last round: classes × combinations of published values. */
const CELLS_MAX = 16_000_000

/** The values a published column may have, agreed on before anybody counts. */
interface Domain { readonly attribute: AttributeDefinition; readonly values: readonly string[] }

function domainsOf({ attributes }: DatasetDefinition): readonly Domain[] {
  return attributes.filter(({ role }) => role === 'sensitive' || role === 'insensitive').map((attribute) => ({ attribute, values: attribute.order ?? attribute.hierarchy?.leaves ?? refuse('ANONYMIZATION_HIERARCHY_ABSENT', { column: attribute.name, rule: 'joint releases count published values, so their list (hierarchy or order) is part of the definition' }) }))
}

/** Hierarchies of the quasi-identifiers, in the order of the definition. Throws `ANONYMIZATION_HIERARCHY_ABSENT`. */
export function jointHierarchies({ attributes }: DatasetDefinition): readonly Hierarchy[] {
  return attributes.filter(({ role }) => role === 'quasi-identifier').map(({ name, hierarchy }) => hierarchy ?? refuse('ANONYMIZATION_HIERARCHY_ABSENT', { column: name, rule: 'joint releases recode along hierarchies' }))
}

/** Cells of the last round: per class a count of each combination of published values; then the rows dropped as incomplete. Throws `ANONYMIZATION_LIMIT`. */
export function payloadCells(definition: DatasetDefinition, classes: number): number {
  const cells = domainsOf(definition).reduce((product, { values }) => product * values.length, classes)
  return cells <= CELLS_MAX ? cells + 1 : refuse('ANONYMIZATION_LIMIT', { rule: `classes × combinations of published values ≤ ${CELLS_MAX}`, cells })
}

/** One institution's part in a joint release: its rows, checked as any table, and their published values. */
export class JointContribution {
  readonly rowCount: number
  readonly #columns: readonly TreeColumn[]
  readonly #floor: number
  readonly #dropped: number
  readonly #definition: DatasetDefinition
  /** Combination of published values of each row. */
  readonly #combination: Int32Array

  constructor(table: Table, definition: DatasetDefinition, floor: number) {
    // An institution may have fewer than k rows; the union may not.
    const prepared = prepare(table, { ...definition, policy: { ...definition.policy, k: 1 } })
    this.#definition = definition
    this.#dropped = prepared.droppedCount
    this.rowCount = prepared.rowCount
    this.#columns = treeColumns(prepared)
    this.#floor = floor
    if (prepared.rowCount < floor) refuse('ANONYMIZATION_K_ABOVE_ROWS', { rule: 'siteFloor ≤ rows of the institution', rows: prepared.rowCount, siteFloor: floor })
    this.#combination = new Int32Array(prepared.rowCount)
    for (const [i, { attribute: { name }, values }] of domainsOf(definition).entries()) {
      const place = new Map(values.map((value, at) => [value, at]))
      const { codes, texts } = prepared.payload[i]!
      const places = texts.map((text) => place.get(text) ?? refuse('ANONYMIZATION_HIERARCHY_UNCOVERED', { column: name, rule: 'every published value is in the list of the definition' }))
      for (const [row, code] of codes.entries()) this.#combination[row] = this.#combination[row]! * values.length + places[code]!
    }
  }

  /** The rows at the beginning: all in one part. */
  start(): JointRows {
    return new JointRows(this.#columns, this.rowCount, this.#floor)
  }

  /** The own counts for the last round, when the tree is grown. */
  countPayload(rows: JointRows, classes: number): Uint32Array {
    const cells = new Uint32Array(payloadCells(this.#definition, classes))
    const combinations = quotient(cells.length - 1, classes)
    const classOf = rows.classes()
    for (const [row, combination] of this.#combination.entries()) cells[classOf[row]! * combinations + combination]!++
    cells[cells.length - 1] = this.#dropped
    return cells
  }
}

/**
 * The release that the totals say: rows of a class differ in nothing but published values, so counts of these are all there is to know. Equal, byte for byte, to what `anonymize` makes of
 * the union with the algorithm `joint`, as long as nobody vetoed. Throws `ANONYMIZATION_*`.
 */
export function jointRelease(definition: DatasetDefinition, parts: readonly JointPart[], totals: Uint32Array): Release {
  const domains = domainsOf(definition)
  const hierarchies = jointHierarchies(definition)
  const quasi = definition.attributes.filter(({ role }) => role === 'quasi-identifier')
  const combinations = quotient(totals.length - 1, parts.length)
  const classOf: number[] = []
  const combinationOf: number[] = []
  for (let cell = 0; cell < totals.length - 1; cell++) for (let i = totals[cell]!; i > 0; i--) {
    classOf.push(quotient(cell, combinations))
    combinationOf.push(cell % combinations)
  }
  // Any leaf below the node stands for the rows of a class: what is published is the node.
  const quasiCells = quasi.map(({ name }, q) => ({ name, cells: classOf.map((part) => hierarchies[q]!.leaves[hierarchies[q]!.levels[parts[part]!.level[q]!]!.low[parts[part]!.node[q]!]!]!) }))
  let stride = combinations
  const payloadCellsOf = domains.map(({ attribute: { name }, values }) => {
    const [outer, inner] = [stride, quotient(stride, values.length)]
    stride = inner
    return { name, cells: combinationOf.map((combination) => values[quotient(combination % outer, inner)]!) }
  })
  const plain: DatasetDefinition = { ...definition, attributes: definition.attributes.filter(({ role }) => role !== 'identifier'), missing: { markers: [], treatment: 'refuse' } }
  const prepared = { ...prepare(tableFromColumns([...quasiCells, ...payloadCellsOf]), plain), droppedCount: totals.at(-1)! }
  const { release } = buildRelease(prepared, jointRecoding(prepared, parts, Int32Array.from(classOf)), 'joint', undefined)
  checkRisk(release, definition)
  return release
}
