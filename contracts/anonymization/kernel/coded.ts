import type { AttributeDefinition, DatasetDefinition } from './definition.ts'
import { hierarchyFromPaths } from './hierarchy.ts'
import type { Hierarchy } from './hierarchy.ts'
import { refuse } from './refuse.ts'

/** The part of a hierarchy from `level` up; its leaves are the nodes there. */
function cutHierarchy({ name, leaves, levels, nodeOf }: Hierarchy, level: number): Hierarchy {
  const paths = new Map(leaves.map((_, leaf) => {
    const path = levels.slice(level).map(({ labels }, i) => labels[nodeOf[level + i]![leaf]!]!)
    return [path[0]!, path]
  }))
  return hierarchyFromPaths(name, [...paths.values()])
}

function levelOf({ name, role, hierarchy, coded = 0 }: AttributeDefinition): { readonly hierarchy: Hierarchy; readonly coded: number } | undefined {
  if (coded === 0) return undefined
  if (role !== 'quasi-identifier' || hierarchy === undefined) return refuse('ANONYMIZATION_HIERARCHY_ABSENT', { column: name, rule: 'a quasi-identifier is coded along its hierarchy' })
  if (!Number.isSafeInteger(coded) || coded < 0 || coded > hierarchy.levels.length - 2) return refuse('ANONYMIZATION_POLICY_INVALID', { column: name, rule: `a coded level from 1 to ${hierarchy.levels.length - 2}` })
  return { hierarchy, coded }
}

/** The definition of a table whose rows were generalised to their coded levels: those columns are categories, and their hierarchies begin there. */
export function codedDefinition(definition: DatasetDefinition): DatasetDefinition {
  const attributes = definition.attributes.map((attribute): AttributeDefinition => {
    const level = levelOf(attribute)
    const { coded: _, ...rest } = attribute
    return level === undefined ? rest : { ...rest, type: 'categorical', order: undefined, hierarchy: cutHierarchy(level.hierarchy, level.coded) }
  })
  return { ...definition, attributes }
}

/** Generalises the cells of a row to the coded levels, before the row leaves its institution. `row` counts from 1, for errors. */
export function rowCoder({ attributes }: DatasetDefinition, columns: readonly string[]): (cells: readonly string[], row: number) => string[] {
  const places = columns.map((column) => {
    const level = levelOf(attributes.find(({ name }) => name === column) ?? refuse('ANONYMIZATION_COLUMN_UNDEFINED', { column, rule: 'every column has a role' }))
    return level && { labels: level.hierarchy.levels[level.coded]!.labels, nodeOf: level.hierarchy.nodeOf[level.coded]!, leafOf: level.hierarchy.leafOf }
  })
  return (cells, row) => cells.map((cell, i) => {
    const place = places[i]
    if (place === undefined) return cell
    const leaf = place.leafOf.get(cell) ?? refuse('ANONYMIZATION_HIERARCHY_UNCOVERED', { row, column: columns[i]!, rule: 'every value is a leaf of the hierarchy' })
    return place.labels[place.nodeOf[leaf]!]!
  })
}
