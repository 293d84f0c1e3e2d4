import { compareBytes, equalBytes } from '../../primitives/bytes.ts'
import { originalLeaf } from '../../primitives/calls/anonymization.ts'
import { array, encode, fixedBytes, struct, text } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { sha256 } from '../../primitives/hash.ts'
import { memberId } from '../../primitives/ids.ts'
import { merkleRoot } from '../../primitives/merkle.ts'
import { anonymize, releaseHash, tableFromColumns } from './kernel/index.ts'
import type { AnonymizeOptions, DatasetDefinition, Release, Table } from './kernel/index.ts'
import { DOCUMENT_LIMITS } from './release-format.ts'

const cells = array(text({ max: DOCUMENT_LIMITS.cellCharsMax }), { max: DOCUMENT_LIMITS.columnsMax })

/** A contributor's rows, each behind a leaf of its `original` root, ascending by leaf: nothing in them tells whose they are. */
export const rowsSchema = struct({
  request: fixedBytes(32), member: memberId, columns: cells, rows: array(struct({ salt: fixedBytes(32), row: cells }), { max: DOCUMENT_LIMITS.rowsMax }),
})
export type RowsFile = Infer<typeof rowsSchema>
export type OriginalRow = RowsFile['rows'][number]

export function leafOfRow({ salt, row }: OriginalRow): Uint8Array {
  return originalLeaf(salt, sha256(encode(cells, row)))
}

/** Rows in the order of their leaves, those leaves, and the root that `select` puts on the ledger. */
export function sealRows(rows: readonly OriginalRow[]): { readonly rows: OriginalRow[]; readonly leaves: readonly Uint8Array[]; readonly root: Uint8Array } {
  const sorted = rows.map((row) => ({ row, leaf: leafOfRow(row) })).sort((a, b) => compareBytes(a.leaf, b.leaf))
  const leaves = sorted.map(({ leaf }) => leaf)
  return { rows: sorted.map(({ row }) => row), leaves, root: merkleRoot(leaves) }
}

/** The union of all contributors' rows, by member, then leaf: everybody builds the same table. Undefined when the files do not fit together. */
export function tableOfRows(files: readonly RowsFile[]): Table | undefined {
  const [first] = files
  if (first === undefined || files.some(({ request, columns }, i) => !equalBytes(request, first.request) || columns.join('\0') !== first.columns.join('\0') || (i > 0 && columns.length > 0 && files[i - 1]!.member >= files[i]!.member))) return undefined
  const rows = files.flatMap((file) => file.rows)
  if (rows.some(({ row }) => row.length !== first.columns.length)) return undefined
  return tableFromColumns(first.columns.map((name, column) => ({ name, cells: rows.map(({ row }) => row[column]!) })))
}

/** The release that these rows give, and its hash; the same on every machine. Throws `ANONYMIZATION_*`. */
export function computeRelease(table: Table, definition: DatasetDefinition, options?: AnonymizeOptions): { readonly release: Release; readonly hash: string } {
  const release = anonymize(table, definition, options)
  return { release, hash: releaseHash(release) }
}
