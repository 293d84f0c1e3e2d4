import { refuse } from './refuse.ts'

/** The nodes of one level, in tree order. Node `i` covers the leaves `low[i]` to `high[i]`, both inclusive: leaves stand in tree order, so every node covers a run. */
export interface HierarchyLevel { readonly labels: readonly string[]; readonly low: Int32Array; readonly high: Int32Array }

/**
 * A generalisation hierarchy: a tree whose leaves all have the same depth. Level 0 are the leaves, the last level is one root.
 * `nodeOf[level][leaf]` is the node that covers the leaf; `leafOf` finds a leaf by its text.
 */
export interface Hierarchy {
  readonly name: string
  readonly levels: readonly HierarchyLevel[]
  readonly leaves: readonly string[]
  readonly nodeOf: readonly Int32Array[]
  readonly leafOf: ReadonlyMap<string, number>
}

/** Lines of a hierarchy: `paths[i]` = leaf, its parent, …, root. `line` numbers in errors are 1-based. */
export function hierarchyFromPaths(name: string, paths: readonly (readonly string[])[]): Hierarchy {
  checkTree(name, paths)
  const height = paths[0]!.length
  const order = treeOrder(paths)
  const leaves = order.map((line) => paths[line]![0]!)
  const nodeOf = Array.from({ length: height }, () => new Int32Array(leaves.length))
  const levels = Array.from({ length: height }, (_, level) => {
    const labels: string[] = []
    const [low, high]: [number[], number[]] = [[], []]
    for (const [leaf, line] of order.entries()) {
      const label = paths[line]![level]!
      if (labels.at(-1) !== label) {
        labels.push(label)
        low.push(leaf)
        high.push(leaf)
      }
      high[labels.length - 1] = leaf
      nodeOf[level]![leaf] = labels.length - 1
    }
    return { labels, low: Int32Array.from(low), high: Int32Array.from(high) }
  })
  return { name, levels, leaves, nodeOf, leafOf: new Map(leaves.map((leaf, i) => [leaf, i])) }
}

function checkTree(name: string, paths: readonly (readonly string[])[]): void {
  const malformed = (line: number, rule: string): never => refuse('ANONYMIZATION_HIERARCHY_MALFORMED', { hierarchy: name, line: line + 1, rule })
  const height = paths[0]?.length ?? 0
  if (height < 2) malformed(0, 'at least a leaf and a root on every line')
  const leaves = new Set<string>()
  const parents = Array.from({ length: height }, () => new Map<string, string>())
  for (const [line, path] of paths.entries()) {
    if (path.length !== height) malformed(line, `${height} labels on every line, as on the first`)
    if (leaves.has(path[0]!)) malformed(line, 'every leaf stands on one line')
    leaves.add(path[0]!)
    for (let level = 0; level + 1 < height; level++) {
      const parent = parents[level]!.get(path[level]!)
      if (parent !== undefined && parent !== path[level + 1]) refuse('ANONYMIZATION_HIERARCHY_NOT_TREE', { hierarchy: name, line: line + 1, level, rule: 'a label has one parent' })
      parents[level]!.set(path[level]!, path[level + 1]!)
    }
    if (path[height - 1] !== paths[0]![height - 1]) refuse('ANONYMIZATION_HIERARCHY_NOT_TREE', { hierarchy: name, line: line + 1, level: height - 1, rule: 'one root' })
  }
}

/** Line numbers so that the leaves of every node stand together; siblings in order of first appearance. */
function treeOrder(paths: readonly (readonly string[])[]): number[] {
  const height = paths[0]!.length
  const rank = Array.from({ length: height }, () => new Map<string, number>())
  for (const path of paths) for (let level = 0; level < height; level++) if (!rank[level]!.has(path[level]!)) rank[level]!.set(path[level]!, rank[level]!.size)
  const ranks = paths.map((path) => path.map((label, level) => rank[level]!.get(label)!))
  return paths.map((_, line) => line).sort((a, b) => {
    for (let level = height - 1; level >= 0; level--) {
      const difference = ranks[a]![level]! - ranks[b]![level]!
      if (difference !== 0) return difference
    }
    return 0
  })
}

/** What to do with lines shorter than the longest: refuse them, or let a leaf stand for itself up to the root (some tools leave the repeats out). */
export type RaggedLines = 'refuse' | 'repeat-leaf'

/**
 * Reads ARX's form: one line a leaf, `leaf;level 1;…;*`, separated by semicolons, a field in double quotes if need be; LF or CRLF; empty lines are passed over.
 * Refuses lines of different length (unless told to repeat the leaf), a leaf on two lines, a label with two parents, and more than one root.
 */
export function parseHierarchy(name: string, csv: string, ragged: RaggedLines = 'refuse'): Hierarchy {
  const text = csv.startsWith('\uFEFF') ? csv.slice(1) : csv
  const paths = text.split('\n').map((line) => line.replace(/\r$/, '')).filter((line) => line !== '').map((line) => splitLine(name, line))
  if (paths.length === 0) refuse('ANONYMIZATION_HIERARCHY_MALFORMED', { hierarchy: name, line: 1, rule: 'at least one leaf' })
  if (ragged === 'refuse') return hierarchyFromPaths(name, paths)
  const height = paths.reduce((most, path) => Math.max(most, path.length), 0)
  return hierarchyFromPaths(name, paths.map((path) => [...Array.from({ length: height - path.length }, () => path[0]!), ...path]))
}

function splitLine(name: string, line: string): string[] {
  if (!line.includes('"')) return line.split(';')
  const fields: string[] = []
  for (const match of line.matchAll(/(?:^|;)(?:"((?:[^"]|"")*)"(?=;|$)|([^";]*))/g)) fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
  if (fields.reduce((sum, field) => sum + field.length, 0) === 0) refuse('ANONYMIZATION_HIERARCHY_MALFORMED', { hierarchy: name, rule: 'a quoted field ends with its quote' })
  return fields
}

/** Leaves below a node. */
export function leafCount(hierarchy: Hierarchy, level: number, node: number): number {
  const { low, high } = hierarchy.levels[level]!
  return high[node]! - low[node]! + 1
}
