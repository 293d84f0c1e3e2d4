import { toHex, u32Bytes } from '../../primitives/bytes.ts'
import { OPENINGS_MAX } from '../../primitives/calls/anonymization.ts'
import { array, fixedBytes, struct, text, u32 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { hash } from '../../primitives/hash.ts'
import { memberId } from '../../primitives/ids.ts'
import { inclusionPath, leafHash, verifyInclusion } from '../../primitives/merkle.ts'
import { coversCell } from './kernel/index.ts'
import type { DatasetDefinition, Release } from './kernel/index.ts'
import { leafOfRow } from './originals.ts'
import type { OriginalRow, RowsFile } from './originals.ts'
import { DOCUMENT_LIMITS } from './release-format.ts'

const opened = struct({
  contributor: memberId, index: u32, salt: fixedBytes(32), row: array(text({ max: DOCUMENT_LIMITS.cellCharsMax }), { max: DOCUMENT_LIMITS.columnsMax }), path: array(fixedBytes(32), { max: 32 }),
})

/** What the author hands to one challenger, off the ledger: the rows that the challenger's seed decides, each with its path to the contributor's `original` root. */
export const openingsSchema = struct({ release: fixedBytes(32), member: memberId, columns: array(text({ max: 256 }), { max: DOCUMENT_LIMITS.columnsMax }), rows: array(opened, { max: OPENINGS_MAX }) })
export type Openings = Infer<typeof openingsSchema>

/** Rows of one contributor, counted from 0 in the order of their leaves. */
export interface RowPlace { readonly contributor: number; readonly index: number }
export interface Contribution { readonly member: number; readonly rows: number; readonly original: Uint8Array }

/**
 * The rows that a seed decides, drawn with replacement from all contributors' (ascending by member): whoever made up a share q of the rows is caught by j rows with
 * probability 1 − (1 − q)^j.
 */
export function drawRows(seed: Uint8Array, release: Uint8Array, contributions: readonly Pick<Contribution, 'member' | 'rows'>[], count: number): RowPlace[] {
  const total = contributions.reduce((sum, { rows }) => sum + rows, 0)
  return Array.from({ length: count }, (_, draw) => {
    let index = Number(BigInt(`0x${toHex(hash('row-opening', seed, release, u32Bytes(draw)))}`) % BigInt(total))
    for (const { member, rows } of contributions) {
      if (index < rows) return { contributor: member, index }
      index -= rows
    }
    throw new RangeError('the draw lies within the rows')
  })
}

/** Opens the drawn rows. `files`: sealed, one per contributor. */
export function openRows(files: readonly RowsFile[], places: readonly RowPlace[]): Openings['rows'] {
  return places.map(({ contributor, index }) => {
    const { rows } = files.find(({ member }) => member === contributor)!
    return { contributor, index, ...rows[index]!, path: inclusionPath(index, rows.map(leafOfRow)) }
  })
}

/** What a challenger holds the opened rows against. `places`: per original row, its place in the release + 1, or 0 when it was left out. */
export interface OpeningTerms { readonly seed: Uint8Array; readonly release: Uint8Array; readonly count: number; readonly contributions: readonly Contribution[]; readonly places: readonly number[] }

/**
 * The first rule that opened rows break; undefined when all are rows that were committed to before the release, and stand in it as they should. Whether a committed row is
 * true of a patient no opening can show.
 */
export function openingsFault({ columns, rows }: Openings, { seed, release, count, contributions, places }: OpeningTerms, made: Release, definition: DatasetDefinition): string | undefined {
  const drawn = drawRows(seed, release, contributions, count)
  if (rows.length !== count) return 'as many rows are opened as the data set says'
  for (const [i, opening] of rows.entries()) {
    const { contributor, index } = drawn[i]!
    if (opening.contributor !== contributor || opening.index !== index) return 'the rows that the seed decides are opened'
    const { rows: size, original } = contributions.find(({ member }) => member === contributor)!
    if (!verifyInclusion(index, size, leafHash(leafOfRow(opening)), opening.path, original)) return 'an opened row is one that was committed to'
    const before = contributions.filter(({ member }) => member < contributor).reduce((sum, each) => sum + each.rows, 0)
    const place = places[before + index]! - 1
    if (place >= 0 && !standsAt(opening, columns, place, made, definition)) return 'an opened row stands in the release as it was'
  }
  return undefined
}

function standsAt({ row }: OriginalRow, columns: readonly string[], place: number, { classSizes, quasi, payload }: Release, definition: DatasetDefinition): boolean {
  let [classIndex, end] = [0, classSizes[0]!]
  while (place >= end) end += classSizes[++classIndex]!
  const cell = (name: string): string => row[columns.indexOf(name)] ?? ''
  const isCovered = quasi.every((column) => coversCell(definition.attributes.find(({ name }) => name === column.name)!, definition, column, column.values[column.codes[classIndex]!]!, cell(column.name)))
  return isCovered && payload.every(({ name, values, codes }) => values[codes[place]!] === cell(name))
}

/** Whether places name every released row once and leave out as many as were suppressed or dropped. */
export function placesFit(places: readonly number[], { rowCount, suppressedCount, droppedCount }: Pick<Release, 'rowCount' | 'suppressedCount' | 'droppedCount'>): boolean {
  const seen = new Uint8Array(rowCount + 1)
  let left = 0
  for (const place of places) {
    if (place > rowCount || (place > 0 && seen[place] === 1)) return false
    seen[place] = 1
    if (place === 0) left++
  }
  return left === suppressedCount + droppedCount && places.length - left === rowCount
}
