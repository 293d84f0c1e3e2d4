import { getHead } from '../../client/actions/get-head.ts'
import { sendAndWait } from '../../client/actions/index.ts'
import type { Client } from '../../client/create-client.ts'
import { definitionOfForm } from '../../contracts/anonymization/definition-forms.ts'
import { definitionHash, figuresOf, makeDocument, ppm } from '../../contracts/anonymization/document.ts'
import { judgeRelease } from '../../contracts/anonymization/judge.ts'
import type { Judgement } from '../../contracts/anonymization/judge.ts'
import { anonymize, releaseHash, tableFromColumns, toRational } from '../../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition, Release } from '../../contracts/anonymization/kernel/index.ts'
import { mayBeReleased } from '../../contracts/anonymization/person-consent.ts'
import type { ReleaseUse } from '../../contracts/anonymization/person-consent.ts'
import { readDocument } from '../../contracts/anonymization/document.ts'
import type { DefinitionForm } from '../../contracts/anonymization/release-format.ts'
import { datasetVersions, releaseRequests, releases } from '../../contracts/anonymization/tables.ts'
import type { ReleaseRequest } from '../../contracts/anonymization/tables.ts'
import { consents } from '../../contracts/consent/tables.ts'
import { accounts } from '../../contracts/identity/accounts.ts'
import { equalBytes, fromHex, toHex } from '../../primitives/bytes.ts'
import type { DatasetTerms, Verdict } from '../../primitives/calls/anonymization.ts'
import { SteleError } from '../../primitives/error.ts'
import { remoteState } from './remote-state.ts'
import type { RemoteState } from './remote-state.ts'
import type { SelectionFile } from './selection.ts'

/** What a definition says about the terms on the ledger. */
export function termsOf(definition: DatasetDefinition, rest: Pick<DatasetTerms, 'contributorsMin' | 'budget' | 'purposes' | 'recipients'>): DatasetTerms {
  const { policy } = definition
  const prosecutorPpm = policy.risk?.prosecutor === undefined ? ppm({ num: 1n, den: BigInt(policy.k) }, 'up') : ppm(toRational(policy.risk.prosecutor, 'prosecutor'), 'half-up')
  return { definition: definitionHash(definition), k: policy.k, suppressionPpm: ppm(toRational(policy.suppressionLimit ?? '0', 'suppressionLimit'), 'half-up'), prosecutorPpm, ...rest }
}

/** The permitted request, and that the definition in hand is its data set's. Throws `DATASET_NOT_FOUND`, `DATASET_DIFFERS`. */
export async function openRequest(state: RemoteState, request: Uint8Array, form: DefinitionForm): Promise<{ readonly asked: ReleaseRequest; readonly definition: DatasetDefinition }> {
  const asked = await state.read((reader) => reader.get(releaseRequests, request))
  if (asked === undefined) throw new SteleError({ code: 'DATASET_NOT_FOUND', message: 'the ledger knows no permitted request like that', details: { request: toHex(request) } })
  const definition = definitionOfForm(form)
  const terms = await state.read((reader) => reader.get(datasetVersions, asked.dataset, asked.version))
  if (terms === undefined || !equalBytes(terms.definition, definitionHash(definition))) throw new SteleError({ code: 'DATASET_DIFFERS', message: 'the definition in hand is not the one on the ledger', details: { dataset: toHex(asked.dataset), version: asked.version } })
  return { asked, definition }
}

/** What a contributor's persons must have consented to, as of now. */
export async function useNow(client: Client, asked: ReleaseRequest, contributor: number): Promise<ReleaseUse> {
  const { committed } = await getHead(client)
  return { contributor, requester: asked.requester, requesterMember: asked.member, purpose: asked.purpose, readAtHeight: BigInt(committed.height), timeMs: BigInt(committed.timeMs) }
}

export interface MadeRelease { readonly id: Uint8Array; readonly release: Release; readonly document: Uint8Array; readonly height: number }

/**
 * Computes the release over the contributors' selections, after looking at every consent again, and claims it on the ledger. `beforeSend` gets what has to be on disk
 * first: a claim without its document could never be checked. Throws `DATASET_CONSENT_ENDED`, `ANONYMIZATION_*`, CLIENT_*.
 */
export async function claimRelease(client: Client, form: DefinitionForm, selections: readonly SelectionFile[], beforeSend: (release: Release, document: Uint8Array) => Promise<void>): Promise<MadeRelease> {
  const state = remoteState(client)
  const sorted = [...selections].sort((a, b) => a.member - b.member)
  const [first] = sorted
  if (first === undefined || sorted.some(({ request, columns }) => !equalBytes(request, first.request) || columns.join('\0') !== first.columns.join('\0'))) throw new SteleError({ code: 'DATASET_DIFFERS', message: 'the selections are of different requests or columns', details: { rule: 'one request, equal columns' } })
  const { asked, definition } = await openRequest(state, first.request, form)
  const { readAtHeight } = await useNow(client, asked, 0)
  await state.prefetch(sorted.flatMap(({ persons }) => persons.flatMap(({ account, consent }) => [accounts.keyOf(account), consents.keyOf(consent)])))
  for (const { member, persons } of sorted) {
    const use = { ...(await useNow(client, asked, member)), readAtHeight }
    for (const [at, person] of persons.entries()) if (!(await state.read((reader) => mayBeReleased(reader, person, use)))) throw new SteleError({ code: 'DATASET_CONSENT_ENDED', message: 'somebody withdrew after being selected; ask again and select anew', details: { member, person: at + 1 } })
  }
  const rows = sorted.flatMap(({ persons }) => persons.map(({ row }) => row))
  const release = anonymize(tableFromColumns(first.columns.map((name, column) => ({ name, cells: rows.map((row) => row[column] ?? '') }))), definition)
  const document = makeDocument({ request: first.request, definition, release, selections: sorted.map(({ member, persons }) => ({ member, persons: persons.map(({ salt, account, consent, consentVersion }) => ({ salt, account, consent, consentVersion })) })) })
  await beforeSend(release, document.bytes)
  const { id, height } = await sendAndWait(client, { contract: 'anonymization', call: 'release', args: { request: first.request, release: fromHex(releaseHash(release)), document: document.hash, readAtHeight, figures: figuresOf(release) } })
  return { id, release, document: document.bytes, height }
}

/** Checks a claimed release as a member: reads the state by proofs and judges. Throws `DATASET_NOT_FOUND`, CLIENT_*, PROOF_*. */
export async function judgeRemotely(client: Client, release: Uint8Array, document: Uint8Array): Promise<Judgement> {
  const state = remoteState(client)
  const known = await state.read((reader) => reader.get(releases, release))
  if (known === undefined) throw new SteleError({ code: 'DATASET_NOT_FOUND', message: 'the ledger knows no release like that, or it is not final yet', details: { release: toHex(release) }, retryable: true })
  await state.prefetch(personKeys(document))
  return (await state.read((reader) => judgeRelease(reader, release, document)))!
}

/** Keys of the persons that a document names; none when it cannot be read, which the judgement then says. */
function personKeys(document: Uint8Array): Uint8Array[] {
  try {
    return readDocument(document).selections.flatMap(({ persons }) => persons.flatMap(({ account, consent }) => [accounts.keyOf(account), consents.keyOf(consent)]))
  } catch (error) {
    if (error instanceof SteleError) return []
    throw error
  }
}

/** Puts this member's verdict on the ledger; gives what became of the release. */
export async function attestRelease(client: Client, release: Uint8Array, verdict: Verdict): Promise<readonly string[]> {
  const { events } = await sendAndWait(client, { contract: 'anonymization', call: 'attest', args: { release, verdict } })
  return events.map(({ name }) => name)
}

