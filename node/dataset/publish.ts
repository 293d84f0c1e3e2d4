import { randomBytes } from 'node:crypto'
import { sendAndWait } from '../../client/actions/index.ts'
import { rowCoder } from '../../contracts/anonymization/kernel/index.ts'
import { openingsSchema } from '../../contracts/anonymization/openings.ts'
import { rowsSchema } from '../../contracts/anonymization/originals.ts'
import { definitionSchema, releaseSchema } from '../../contracts/anonymization/release-format.ts'
import type { DefinitionForm } from '../../contracts/anonymization/release-format.ts'
import { releaseOfForm } from '../../contracts/anonymization/release-forms.ts'
import { toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { writeRelease } from '../anonymize/make-release.ts'
import { refuseTaken } from '../anonymize/new-file.ts'
import { openDesk } from '../command-options.ts'
import { print, printJson } from '../output.ts'
import { claimRelease, openToChallenger } from './claim.ts'
import type { DeskOptions } from './define.ts'
import { readForm, writeBytes, writeForm } from './files.ts'
import { readPeople } from './people.ts'
import { remoteState } from './remote-state.ts'
import { selectionFile, selectPersons } from './selection.ts'
import type { PersonRow } from './selection.ts'
import { openRequest, useNow } from './steps.ts'

export interface SelectOptions extends DeskOptions { readonly request: Uint8Array; readonly dataset: string; readonly table: string; readonly account: string; readonly out: string; readonly rowsOut: string }
export interface ReleaseOptions extends DeskOptions { readonly dataset: string; readonly selection: readonly string[]; readonly rows?: readonly string[]; readonly joint?: string; readonly out: string; readonly document: string }
export interface OpenOptions extends DeskOptions { readonly rows: readonly string[]; readonly member: number; readonly out: string }

/** `stele dataset select`. Rows are coded before anything is written, where the data set says so. */
export async function select(options: SelectOptions): Promise<void> {
  await refuseTaken(options.out, options.rowsOut)
  const form = await readForm(options.dataset, definitionSchema, 'the definition of a data set')
  const columns = form.attributes.map(({ name }) => name)
  const people = await readPeople(options.table, columns, options.account)
  const desk = await openDesk(options)
  try {
    const state = remoteState(desk.client)
    const { asked, terms, stored } = await openRequest(state, options.request, form)
    const code = terms.mode === 'coded' ? rowCoder(stored, columns) : (cells: readonly string[]) => cells
    const nameless = withoutNames(form, people)
    const coded = people.map(({ account, row }, i) => ({ account, row: nameless(code(row, i + 1)) }))
    const { persons, rows, selection, original } = await selectPersons(state, coded, await useNow(desk.client, asked, desk.member))
    if (persons.length === 0) throw new SteleError({ code: 'DATASET_CONSENT_ENDED', message: 'nobody in the table has a consent that carries this release', details: { persons: people.length } })
    const { request } = options
    await writeForm(options.rowsOut, rowsSchema, { request, member: desk.member, columns, rows })
    await writeForm(options.out, selectionFile, { request, member: desk.member, persons })
    await sendAndWait(desk.client, { contract: 'anonymization', call: 'select', args: { request, persons: persons.length, selection, original } })
    const audience = { committee: 'the author and the members', coded: 'the author and the members', owner: 'the author alone', joint: 'nobody: it stays here' }[terms.mode]
    if (options.json === true) printJson({ selected: persons.length, withoutConsent: people.length - persons.length })
    else print(`${persons.length} of ${people.length} persons have a consent that carries this release\n${options.out} is for the author; ${options.rowsOut} is for ${audience}`)
  } finally {
    await desk.close()
  }
}

/** Rows as they leave: each identifier is a random word, since rows name nobody; that nobody is there twice is looked at here. Throws `DATASET_PERSON_TWICE`. */
function withoutNames({ attributes }: Pick<DefinitionForm, 'attributes'>, people: readonly PersonRow[]): (row: readonly string[]) => string[] {
  for (const [column, { person }] of attributes.entries()) {
    const seen = new Set<string>()
    if (person === 1) for (const [at, { row }] of people.entries()) if (seen.size === seen.add(row[column]!).size) throw new SteleError({ code: 'DATASET_PERSON_TWICE', message: 'a person has two rows', details: { row: at + 1, column: attributes[column]!.name } })
  }
  return (row) => row.map((cell, column) => (attributes[column]!.role === 'identifier' ? toHex(randomBytes(16)) : cell))
}

/** `stele dataset release`. */
export async function release(options: ReleaseOptions): Promise<void> {
  await refuseTaken(options.out, options.document)
  const form = await readForm(options.dataset, definitionSchema, 'the definition of a data set')
  const selections = await Promise.all(options.selection.map((path) => readForm(path, selectionFile, 'a selection')))
  const origin = options.joint === undefined ? { rows: await readRows(options.rows ?? []) } : { joint: await readJoint(options.joint) }
  const desk = await openDesk(options)
  const { id, release: made } = await claimRelease(desk.client, form, selections, origin, async (computed, document) => {
    await writeBytes(options.document, document)
    await writeRelease(computed, options.out, () => undefined)
  }).finally(() => desk.close())
  if (options.json === true) printJson({ release: toHex(id), rows: made.rowCount, classes: made.metrics.classCount, smallestClass: made.metrics.smallestClass })
  else print(`release ${toHex(id)}: ${made.rowCount} rows in ${made.metrics.classCount} classes of at least ${made.metrics.smallestClass}\nnext    every member: stele dataset verify ${toHex(id)} --document ${options.document} --attest --config …`)
}

/** `stele dataset open`. */
export async function open(id: Uint8Array, options: OpenOptions): Promise<void> {
  await refuseTaken(options.out)
  const rows = await readRows(options.rows)
  const desk = await openDesk(options)
  const openings = await openToChallenger(desk.client, id, options.member, rows).finally(() => desk.close())
  await writeForm(options.out, openingsSchema, openings)
  if (options.json === true) printJson({ opened: openings.rows.length, member: options.member })
  else print(`${openings.rows.length} rows, drawn by the challenge of member ${options.member}; ${options.out} is for that member alone`)
}

export const readRows = (paths: readonly string[]) => Promise.all(paths.map((path) => readForm(path, rowsSchema, 'rows of a selection')))
export const readJoint = async (path: string) => releaseOfForm(await readForm(path, releaseSchema, 'a joint release'))
