import { randomBytes } from 'node:crypto'
import { sendAndWait } from '../../client/actions/index.ts'
import type { Client } from '../../client/create-client.ts'
import { definitionOfForm } from '../../contracts/anonymization/definition-forms.ts'
import { documentHash, readDocument } from '../../contracts/anonymization/document.ts'
import type { Reader } from '../../contracts/index.ts'
import { findOverlaps, overlapping } from '../../contracts/anonymization/judge-overlaps.ts'
import type { OverlapFiles, OverlapNeed } from '../../contracts/anonymization/judge-overlaps.ts'
import { classesOfRows, codedDefinition, rowCoder } from '../../contracts/anonymization/kernel/index.ts'
import { makeOverlapPart, overlapPartHash, overlapPartSchema } from '../../contracts/anonymization/overlap-part.ts'
import type { OverlapPart, PlacedPerson } from '../../contracts/anonymization/overlap-part.ts'
import { releaseOfForm } from '../../contracts/anonymization/release-forms.ts'
import { comparisons, datasetVersions, releaseRequests, releases } from '../../contracts/anonymization/tables.ts'
import { equalBytes, toHex } from '../../primitives/bytes.ts'
import { COMPARISONS_MAX } from '../../primitives/calls/anonymization.ts'
import type { OverlapFigures } from '../../primitives/calls/anonymization.ts'
import { array } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import { readForm } from './files.ts'
import { remoteState } from './remote-state.ts'
import type { RemoteState } from './remote-state.ts'
import type { PersonRow, SelectionFile } from './selection.ts'
import { readWhole } from '../files.ts'

/** What `dataset overlap` writes: one part for each earlier release. */
export const overlapPartsFile = array(overlapPartSchema, { max: 10_000 })

export const readDocuments = (paths: readonly string[]) => Promise.all(paths.map(readWhole))

/** Documents of earlier releases and parts of overlaps, from the files a member names. Throws `DEFINITION_INVALID`, `TABLE_UNREADABLE`. */
export async function readOverlapFiles({ earlier, part }: { readonly earlier: readonly string[]; readonly part: readonly string[] }): Promise<OverlapFiles> {
  const parts = await Promise.all(part.map((path) => readForm(path, overlapPartsFile, 'parts of an overlap')))
  return { documents: await readDocuments(earlier), parts: parts.flat() }
}

/** Throws `DATASET_FILE_MISSING` naming the first file that somebody has to hand over. */
export function demandFiles(needs: readonly OverlapNeed[]): void {
  const [need] = needs
  if (need === undefined) return
  const details = { release: toHex(need.earlier), file: need.lacks === 'document' ? 'its document' : 'an overlap part of each of the members', members: [...need.members] }
  throw new SteleError({ code: 'DATASET_FILE_MISSING', message: 'a file that tells how an earlier release overlaps is not in hand', details })
}

async function contributorsOf(state: RemoteState, id: Uint8Array): Promise<readonly number[]> {
  const claimed = await state.soon((reader) => reader.get(releases, id))
  if (claimed === undefined) throw new SteleError({ code: 'DATASET_NOT_FOUND', message: 'the ledger knows no release like that, or it is not final yet', details: { release: toHex(id) }, retryable: true })
  return (await state.read((reader) => reader.get(releaseRequests, claimed.request)))!.contributors
}

/** What a contributor has at hand to say how its persons lie in releases: documents, its selections, its table with the account of each person. */
export interface OwnFiles { readonly documents: readonly Uint8Array[]; readonly selections: readonly SelectionFile[]; readonly columns: readonly string[]; readonly people: readonly PersonRow[] }

/** Where this contributor's persons stand in a release. */
async function placed(state: RemoteState, release: Uint8Array, member: number, { documents, selections, columns, people }: OwnFiles): Promise<PlacedPerson[]> {
  const lacks = (file: string): SteleError => new SteleError({ code: 'DATASET_FILE_MISSING', message: 'a file that tells how an earlier release overlaps is not in hand', details: { release: toHex(release), file, members: [member] } })
  const claimed = (await state.read((reader) => reader.get(releases, release)))!
  const document = documents.find((bytes) => equalBytes(documentHash(bytes), claimed.document))
  if (document === undefined) throw lacks('its document')
  const selection = selections.find((each) => each.member === member && equalBytes(each.request, claimed.request))
  if (selection === undefined) throw lacks('the selection that this member made for it')
  const { mode } = (await state.read((reader) => reader.get(datasetVersions, claimed.dataset, claimed.version)))!
  const { definition: form, release: made } = readDocument(document)
  const stored = definitionOfForm(form)
  const names = stored.attributes.map(({ name }) => name)
  const code = mode === 'coded' ? rowCoder(stored, names) : (cells: readonly string[]) => cells
  const rowOf = new Map(people.map(({ account, row }) => [toHex(account), row]))
  const rows = selection.persons.map(({ account }, i) => {
    const row = rowOf.get(toHex(account))
    if (row === undefined) throw lacks('the table with the row of every person that was selected for it')
    return code(names.map((name) => row[columns.indexOf(name)] ?? ''), i + 1)
  })
  const classes = classesOfRows(releaseOfForm(made), mode === 'coded' ? codedDefinition(stored) : stored, names, rows)
  return selection.persons.map(({ account }, i) => ({ account, classIndex: classes[i]! }))
}

/**
 * This member's parts of the overlaps of a claimed release with the accepted ones that it contributed to as well; `beforeSend` gets them before their hashes go on the ledger: a hash without its part could never be checked.
 * Throws `DATASET_FILE_MISSING`, `DATASET_NOT_FOUND`, CLIENT_*.
 */
export async function giveOverlapParts(client: Client, member: number, id: Uint8Array, files: OwnFiles, beforeSend: (parts: readonly OverlapPart[]) => Promise<void>): Promise<readonly OverlapPart[]> {
  const state = remoteState(client)
  const contributors = await contributorsOf(state, id)
  const shared = (await state.read((reader) => overlapping(reader, id, contributors))).filter(({ members }) => members.includes(member))
  const parts: { readonly position: number; readonly part: OverlapPart }[] = []
  for (const { position, release: earlier } of shared) {
    const [before, after] = [await placed(state, earlier, member, files), await placed(state, id, member, files)]
    parts.push({ position, part: makeOverlapPart({ salt: new Uint8Array(randomBytes(32)), release: id, earlier, member }, before, after) })
  }
  await beforeSend(parts.map(({ part }) => part))
  for (const { position, part } of parts) await sendAndWait(client, { contract: 'anonymization', call: 'overlap', args: { release: id, position, part: overlapPartHash(part) } })
  return parts.map(({ part }) => part)
}

const nothingBroken = (found: ReturnType<typeof findOverlaps>): ReturnType<typeof findOverlaps> | undefined => (found.some((each) => 'rule' in each && each.rule !== undefined) ? undefined : found)

export interface Compared { readonly position: number; readonly earlier: Uint8Array; readonly figures: OverlapFigures }

/** Adds up the parts and claims what they give, as the author of a release. Throws `DATASET_FILE_MISSING`, `DATASET_DIFFERS`, CLIENT_* (`RECODING_INDEPENDENT` and its kin, when no budget pays). */
export async function claimOverlaps(client: Client, id: Uint8Array, document: Uint8Array, files: OverlapFiles): Promise<{ readonly compared: readonly Compared[]; readonly charged: number }> {
  const state = remoteState(client)
  await contributorsOf(state, id)
  const opened = readDocument(document)
  const find = (reader: Reader): ReturnType<typeof findOverlaps> => findOverlaps(reader, id, opened, files)
  // A part whose hash another member wrote a moment ago may not stand at this node yet.
  const found = await state.soon((reader) => nothingBroken(find(reader))) ?? await state.read(find)
  demandFiles(found.filter((each): each is OverlapNeed => 'lacks' in each))
  const from = (await state.read((reader) => reader.get(comparisons, id)))?.compared ?? 0
  const compared = found.flatMap((each) => ('lacks' in each || each.position < from ? [] : [each]))
  const broken = compared.find(({ rule }) => rule !== undefined)
  if (broken !== undefined) throw new SteleError({ code: 'DATASET_DIFFERS', message: 'the parts of an overlap do not fit the releases', details: { release: toHex(broken.earlier), rule: broken.rule } })
  let charged = 0
  for (let at = 0; at === 0 || at < compared.length; at += COMPARISONS_MAX) {
    const { events } = await sendAndWait(client, { contract: 'anonymization', call: 'compare', args: { release: id, comparisons: compared.slice(at, at + COMPARISONS_MAX).map(({ position, figures }) => ({ position, figures })) } })
    const event = events.find(({ name }) => name === 'compared')?.data
    charged += typeof event === 'object' && event !== null && 'charged' in event ? Number(event.charged) : 0
  }
  return { compared, charged }
}
