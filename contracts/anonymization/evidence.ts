import { equalBytes, toHex } from '../../primitives/bytes.ts'
import type { DatasetTerms, Verdict } from '../../primitives/calls/anonymization.ts'
import { errorCode } from '../../primitives/error.ts'
import type { Reader } from '../runtime/table.ts'
import type { DatasetDefinition, Release } from './kernel/index.ts'
import { openingsFault, placesFit } from './openings.ts'
import type { Contribution, Openings } from './openings.ts'
import { computeRelease, sealRows, tableOfRows } from './originals.ts'
import type { RowsFile } from './originals.ts'
import type { ReleaseDocument } from './release-format.ts'
import { challenges, releaseRequests, selections } from './tables.ts'
import type { Release as LedgerRelease } from './tables.ts'

/** What a member has besides the document, by the mode of the data set: the contributors' rows, the rows opened to it, or the hash of the joint release that it computed itself. */
export interface Evidence { readonly member: number; readonly rows?: readonly RowsFile[] | undefined; readonly openings?: Openings | undefined; readonly joint?: string | undefined }

/** A broken rule. */
export interface Fault { readonly verdict: Verdict; readonly rule: string }
const fault = (rule: string, verdict: Verdict = 'original'): Fault => ({ verdict, rule })

export interface ClaimedRelease { readonly id: Uint8Array; readonly claimed: LedgerRelease; readonly terms: DatasetTerms; readonly document: ReleaseDocument; readonly definition: DatasetDefinition; readonly release: Release }

/** Whether the release was made from the rows that were committed to, as far as the mode of the data set lets this member see. */
export function originFault(reader: Reader, made: ClaimedRelease, evidence: Evidence): Fault | undefined {
  const { terms: { mode, openings }, claimed: { author } } = made
  switch (mode) {
    case 'committee':
    case 'coded': return recomputedFault(reader, made, evidence.rows ?? [])
    case 'owner': return openings === 0 || author === evidence.member ? undefined : openedFault(reader, made, evidence)
    // A member that contributed has computed the release itself; the others have no counts to compare with.
    case 'joint': return evidence.joint === undefined || evidence.joint === toHex(made.claimed.hash) ? undefined : fault('the release is the one that the contributors computed together', 'rows')
  }
}

function contributionsOf(reader: Reader, { claimed: { request } }: ClaimedRelease): Contribution[] {
  return reader.get(releaseRequests, request)!.contributors.map((member) => {
    const { persons, original } = reader.get(selections, request, member)!
    return { member, rows: persons, original }
  })
}

/** The rows open to what was committed, and the same algorithm over them gives the same bytes. */
function recomputedFault(reader: Reader, made: ClaimedRelease, files: readonly RowsFile[]): Fault | undefined {
  const contributions = contributionsOf(reader, made)
  const sorted = [...files].sort((a, b) => a.member - b.member)
  if (sorted.map(({ member }) => member).join() !== contributions.map(({ member }) => member).join() || sorted.some(({ request }) => !equalBytes(request, made.claimed.request))) return fault('rows of every contributor')
  for (const [i, { rows }] of sorted.entries()) if (rows.length !== contributions[i]!.rows || !equalBytes(sealRows(rows).root, contributions[i]!.original)) return fault('rows open to the root and count on the ledger')
  const table = tableOfRows(sorted)
  if (table === undefined) return fault('rows of equal columns')
  try {
    return computeRelease(table, made.definition).hash === toHex(made.claimed.hash) ? undefined : fault('the committed rows give this release', 'rows')
  } catch (error) {
    if (errorCode(error)?.startsWith('ANONYMIZATION_') === true) return fault(`the committed rows can be released: ${errorCode(error)}`)
    throw error
  }
}

/** The rows that this member's seed decides are opened, and stand in the release as they were. */
function openedFault(reader: Reader, made: ClaimedRelease, { member, openings }: Evidence): Fault | undefined {
  const { id, terms, document, definition, release } = made
  const [challenge, contributions] = [reader.get(challenges, id, member), contributionsOf(reader, made)]
  const { places } = document
  if (places === null || places.length !== contributions.reduce((sum, { rows }) => sum + rows, 0) || !placesFit(places, release)) return fault('a place for every committed row')
  if (challenge === undefined || openings === undefined || !equalBytes(openings.release, id) || openings.member !== member) return fault('the rows that this member asked for are opened')
  const rule = openingsFault(openings, { seed: challenge.seed, release: id, count: terms.openings, contributions, places }, release, definition)
  return rule === undefined ? undefined : fault(rule)
}
