import { coversCell } from './covers.ts'
import { MISSING_DEFAULT } from './definition.ts'
import type { DatasetDefinition } from './definition.ts'
import { refuse } from './refuse.ts'
import type { Release } from './release.ts'

/**
 * The class of a release that each original row is in, by its generalised values; −1 where the row fits none, so that it was left out. Classes that lie over one another (relaxed Mondrian) do
 * not say which row is whose: then it refuses, naming the row. O(distinct rows × classes).
 */
export function classesOfRows({ quasi, classSizes }: Release, definition: DatasetDefinition, columns: readonly string[], rows: readonly (readonly string[])[]): Int32Array {
  const { markers, treatment } = definition.missing ?? MISSING_DEFAULT
  const used = definition.attributes.map(({ name }) => columns.indexOf(name))
  const fits = quasi.map((column) => {
    const attribute = definition.attributes.find(({ name }) => name === column.name)!
    const place = columns.indexOf(column.name)
    const known = new Map<string, readonly boolean[]>()
    return (row: readonly string[]): readonly boolean[] => {
      const cell = row[place] ?? ''
      const found = known.get(cell) ?? column.values.map((value) => coversCell(attribute, definition, column, value, cell))
      known.set(cell, found)
      return found
    }
  })
  const ofRow = (row: readonly string[], at: number): number => {
    if (treatment === 'drop-row' && used.some((place) => markers.includes(row[place] ?? ''))) return -1
    const covered = fits.map((fit) => fit(row))
    let found = -1
    for (let index = 0; index < classSizes.length; index++) {
      if (!covered.every((values, q) => values[quasi[q]!.codes[index]!])) continue
      if (found >= 0) refuse('ANONYMIZATION_RELEASE_MALFORMED', { row: at + 1, rule: 'classes that do not lie over one another' })
      found = index
    }
    return found
  }
  const memory = new Map<string, number>()
  return Int32Array.from(rows, (row, at) => {
    const key = used.map((place) => row[place] ?? '').join('\0')
    const index = memory.get(key) ?? ofRow(row, at)
    memory.set(key, index)
    return index
  })
}
