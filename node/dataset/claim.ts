import { setTimeout as sleep } from 'node:timers/promises'
import { sendAndWait } from '../../client/actions/index.ts'
import type { Client } from '../../client/create-client.ts'
import { figuresOf, makeDocument } from '../../contracts/anonymization/document.ts'
import { releaseHash } from '../../contracts/anonymization/kernel/index.ts'
import type { Release } from '../../contracts/anonymization/kernel/index.ts'
import { drawRows, openRows } from '../../contracts/anonymization/openings.ts'
import type { Openings } from '../../contracts/anonymization/openings.ts'
import { computeRelease, sealRows, tableOfRows } from '../../contracts/anonymization/originals.ts'
import type { RowsFile } from '../../contracts/anonymization/originals.ts'
import { mayBeReleased } from '../../contracts/anonymization/person-consent.ts'
import type { DefinitionForm } from '../../contracts/anonymization/release-format.ts'
import { challenges, datasetVersions, releases } from '../../contracts/anonymization/tables.ts'
import { consents } from '../../contracts/consent/tables.ts'
import { accounts } from '../../contracts/identity/accounts.ts'
import { equalBytes, fromHex, toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { remoteState } from './remote-state.ts'
import type { RemoteState } from './remote-state.ts'
import type { SelectionFile } from './selection.ts'
import { openRequest, useNow } from './steps.ts'
import type { OpenRequest } from './steps.ts'

const byMember = <T extends { readonly member: number }>(files: readonly T[]): T[] => [...files].sort((a, b) => a.member - b.member)
const differs = (message: string, rule: string, details: Readonly<Record<string, unknown>> = {}): SteleError => new SteleError({ code: 'DATASET_DIFFERS', message, details: { ...details, rule } })

/** What a release is made from: the contributors' rows, or, where no row leaves its institution, what they computed together. */
export type Origin = { readonly rows: readonly RowsFile[] } | { readonly joint: Release }
export interface MadeRelease { readonly id: Uint8Array; readonly release: Release; readonly document: Uint8Array; readonly height: number }

const ATTEMPTS = 50
const ATTEMPT_MS = 100

/**
 * Computes the release over the contributors' selections, after looking at every consent again, and claims it on the ledger. `beforeSend` gets what has to be on disk
 * first: a claim without its document could never be checked. Throws `DATASET_CONSENT_ENDED`, `DATASET_DIFFERS`, `ANONYMIZATION_*`, CLIENT_*.
 */
export async function claimRelease(client: Client, form: DefinitionForm, files: readonly SelectionFile[], origin: Origin, beforeSend: (release: Release, document: Uint8Array) => Promise<void>): Promise<MadeRelease> {
  const selections = byMember(files)
  const [first] = selections
  if (first === undefined || selections.some(({ request }) => !equalBytes(request, first.request))) throw differs('the selections are of different requests', 'one request')
  const { state, open, readAtHeight } = await openSelected(client, form, selections)
  await checkConsents(client, state, open, selections, readAtHeight)
  const { release, places } = 'joint' in origin ? { release: origin.joint, places: undefined } : releaseOfRows(open, selections, byMember(origin.rows))
  if ('joint' in origin !== (open.terms.mode === 'joint')) throw differs('the data set is released in another mode', `mode ${open.terms.mode}`)
  const document = makeDocument({ request: first.request, definition: open.stored, release, selections, places })
  await beforeSend(release, document.bytes)
  const { id, height } = await sendAndWait(client, { contract: 'anonymization', call: 'release', args: { request: first.request, release: fromHex(releaseHash(release)), document: document.hash, readAtHeight, figures: figuresOf(release) } })
  return { id, release, document: document.bytes, height }
}

/**
 * The request as it is once all these selections stand in the state of the node that is asked. Other institutions' selections may be final elsewhere and not here yet: consents must be read no
 * earlier than the last of them. After `ATTEMPTS` the contract may say what is missing.
 */
async function openSelected(client: Client, form: DefinitionForm, selections: readonly SelectionFile[]): Promise<{ readonly state: RemoteState; readonly open: OpenRequest; readonly readAtHeight: bigint }> {
  for (let attempt = 1; ; attempt++) {
    const state = remoteState(client)
    const open = await openRequest(state, selections[0]!.request, form)
    const { readAtHeight } = await useNow(client, open.asked, 0)
    const isThere = readAtHeight >= open.asked.lastSelection && selections.every(({ member }) => open.asked.contributors.includes(member))
    if (isThere || attempt >= ATTEMPTS) return { state, open, readAtHeight }
    await sleep(ATTEMPT_MS)
  }
}

async function checkConsents(client: Client, state: RemoteState, { asked }: OpenRequest, selections: readonly SelectionFile[], readAtHeight: bigint): Promise<void> {
  await state.prefetch(selections.flatMap(({ persons }) => persons.flatMap(({ account, consent }) => [accounts.keyOf(account), consents.keyOf(consent)])))
  for (const { member, persons } of selections) {
    const use = { ...(await useNow(client, asked, member)), readAtHeight }
    for (const [at, person] of persons.entries()) if (!(await state.read((reader) => mayBeReleased(reader, person, use)))) throw new SteleError({ code: 'DATASET_CONSENT_ENDED', message: 'somebody withdrew after being selected; ask again and select anew', details: { member, person: at + 1 } })
  }
}

/** The release, and where rows are opened on demand, their places in it. */
function releaseOfRows({ definition, terms }: OpenRequest, selections: readonly SelectionFile[], files: readonly RowsFile[]): { readonly release: Release; readonly places: readonly number[] | undefined } {
  for (const [i, { member, request, persons }] of selections.entries()) {
    const own = files[i]
    if (own?.member !== member || !equalBytes(own.request, request) || own.rows.length !== persons.length) throw differs('selections and rows do not belong together', 'for each selection its rows', { member })
  }
  const table = tableOfRows(files.map((file) => ({ ...file, rows: sealRows(file.rows).rows })))
  if (files.length !== selections.length || table === undefined) throw differs('the rows are of different requests or columns', 'one request, equal columns')
  let places: readonly number[] | undefined
  const { release } = computeRelease(table, definition, terms.openings === 0 ? {} : { onPlaced: (found) => { places = [...found] } })
  return { release, places }
}

/** Opens to one member the rows that its challenge decides. Throws `DATASET_NOT_FOUND`, `DATASET_DIFFERS`. */
export async function openToChallenger(client: Client, id: Uint8Array, member: number, rows: readonly RowsFile[]): Promise<Openings> {
  const state = remoteState(client)
  const found = await state.soon((reader) => {
    const [claimed, challenge] = [reader.get(releases, id), reader.get(challenges, id, member)]
    return claimed && challenge && { claimed, challenge, terms: reader.get(datasetVersions, claimed.dataset, claimed.version)! }
  })
  if (found === undefined) throw new SteleError({ code: 'DATASET_NOT_FOUND', message: 'the ledger knows no challenge of this release by that member', details: { release: toHex(id), member }, retryable: true })
  const sealed = byMember(rows).map((file) => ({ ...file, rows: sealRows(file.rows).rows }))
  const [first] = sealed
  if (first === undefined || tableOfRows(sealed) === undefined || !equalBytes(first.request, found.claimed.request)) throw differs('the rows are not those of the release', 'the rows of every contributor')
  const places = drawRows(found.challenge.seed, id, sealed.map((file) => ({ member: file.member, rows: file.rows.length })), found.terms.openings)
  return { release: id, member, columns: first.columns, rows: openRows(sealed, places) }
}

