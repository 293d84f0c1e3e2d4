import type { Finding } from './check-release.ts'
import type { DatasetDefinition } from './definition.ts'
import type { Release } from './release.ts'
import type { Measured } from './yardstick.ts'

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const within = (codes: Int32Array, length: number, values: number): boolean => codes instanceof Int32Array && codes.length === length && codes.every((code) => code >= 0 && code < values)

/** Whether all columns, lengths and codes are those of a release of this definition, so that the other checks can read without fear. */
export function* shapeFindings(release: Release, definition: DatasetDefinition): Generator<Finding, void, undefined> {
  const shape = (rule: string, column?: string): Finding => ({ code: 'RELEASE_SHAPE', rule, ...(column === undefined ? {} : { column }) })
  if (release.version !== 1) yield shape('version 1')
  if (![release.rowCount, release.suppressedCount, release.droppedCount].every(isCount)) yield shape('counts are whole and not negative')
  const wanted = (roles: readonly string[]): string => definition.attributes.filter(({ role }) => roles.includes(role)).map(({ name, type }) => `${name}:${type}`).join('\n')
  if (release.quasi.map(({ name, type }) => `${name}:${type}`).join('\n') !== wanted(['quasi-identifier'])) return yield shape('the quasi-identifiers of the definition, in its order')
  if (release.payload.map(({ name, type }) => `${name}:${type}`).join('\n') !== wanted(['sensitive', 'insensitive'])) return yield shape('the sensitive and insensitive columns of the definition, in its order')
  const { algorithm } = definition
  if (release.algorithm !== (algorithm.name === 'mondrian' ? `mondrian-${algorithm.mode}` : algorithm.name)) yield shape('the algorithm of the definition')
  if (!(release.classSizes instanceof Int32Array) || release.classSizes.some((size) => size <= 0) || release.classSizes.reduce((sum, size) => sum + size, 0) !== release.rowCount) yield shape('class sizes are positive and add up to the rows')
  const population = release.populationSizes
  if (population !== undefined && (population.length !== release.classSizes.length || population.some((size, index) => size < release.classSizes[index]!))) yield shape('the whole table has at least the rows of each class')
  if (population === undefined && (definition.policy.presence !== undefined || definition.policy.kMap !== undefined)) yield shape('δ-presence and k-map need the class sizes of the whole table')
  for (const { name, codes, values, range, scale } of release.quasi) {
    if (!within(codes, release.classSizes.length, values.length)) yield shape('one known code per class', name)
    if (!Number.isSafeInteger(range) || range < 1 || !isCount(scale) || scale > 15) yield shape('a range of at least 1 and a scale of at most 15', name)
  }
  for (const { name, codes, values, originalCounts } of release.payload) {
    if (!within(codes, release.rowCount, values.length)) yield shape('one known code per row', name)
    if (originalCounts !== undefined && (originalCounts.length !== values.length || originalCounts.some((count) => count < 0))) yield shape('one count per value', name)
    const { closeness = [], likeness = [] } = definition.policy
    if (originalCounts === undefined && [...closeness, ...likeness].some(({ attribute }) => attribute === name)) yield shape('counts of the original beside a column that closeness or likeness speaks of', name)
  }
}

/** Canonical order: values ascend and are distinct, classes ascend strictly, rows ascend within their class. A row that was moved stands out of order, or in the wrong class. */
export function orderFindings(release: Release, widths: readonly (readonly Measured[])[]): Finding[] {
  const findings: Finding[] = []
  for (const [q, { name }] of release.quasi.entries()) {
    const at = widths[q]!.findIndex((value, i) => i > 0 && compareMeasured(widths[q]![i - 1]!, value) >= 0)
    if (at !== -1) findings.push({ code: 'RELEASE_ORDER', rule: 'distinct values in ascending order', column: name })
  }
  for (const { name, values } of release.payload) if (new Set(values).size !== values.length) findings.push({ code: 'RELEASE_ORDER', rule: 'distinct values', column: name })
  for (let index = 1; index < release.classSizes.length; index++) if (compareCodes(release.quasi, index - 1, index) >= 0) findings.push({ code: 'RELEASE_ORDER', rule: 'classes in ascending order, no two alike', classIndex: index })
  let row = 0
  for (const [classIndex, size] of release.classSizes.entries()) {
    const end = row + size
    for (row++; row < end; row++) if (compareCodes(release.payload, row - 1, row) > 0) findings.push({ code: 'RELEASE_ORDER', rule: 'rows of a class in ascending order', classIndex, row })
  }
  return findings
}

const compareMeasured = (a: Measured, b: Measured): number => a.low - b.low || a.high - b.high || a.level - b.level

function compareCodes(columns: readonly { readonly codes: Int32Array }[], a: number, b: number): number {
  for (let i = 0; i < columns.length; i++) {
    const { codes } = columns[i]!
    if (codes[a] !== codes[b]) return codes[a]! - codes[b]!
  }
  return 0
}
