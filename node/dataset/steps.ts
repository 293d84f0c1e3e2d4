import { randomBytes } from 'node:crypto'
import { getHead } from '../../client/actions/get-head.ts'
import { sendAndWait } from '../../client/actions/index.ts'
import type { Client } from '../../client/create-client.ts'
import { definitionOfForm } from '../../contracts/anonymization/definition-forms.ts'
import { definitionHash, ppm } from '../../contracts/anonymization/document.ts'
import { codedDefinition, toRational } from '../../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition } from '../../contracts/anonymization/kernel/index.ts'
import type { ReleaseUse } from '../../contracts/anonymization/person-consent.ts'
import type { DefinitionForm } from '../../contracts/anonymization/release-format.ts'
import { datasetVersions, releaseRequests } from '../../contracts/anonymization/tables.ts'
import type { ReleaseRequest } from '../../contracts/anonymization/tables.ts'
import { equalBytes, toHex } from '../../primitives/bytes.ts'
import type { anonymizationEvents, DatasetTerms, Verdict } from '../../primitives/calls/anonymization.ts'
import type { Infer } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import type { RemoteState } from './remote-state.ts'

/** What a definition says about the terms on the ledger. */
export function termsOf(definition: DatasetDefinition, rest: Pick<DatasetTerms, 'contributorsMin' | 'budget' | 'purposes' | 'recipients' | 'mode' | 'openings'>): DatasetTerms {
  const { policy, algorithm } = definition
  const prosecutorPpm = policy.risk?.prosecutor === undefined ? ppm({ num: 1n, den: BigInt(policy.k) }, 'up') : ppm(toRational(policy.risk.prosecutor, 'prosecutor'), 'half-up')
  return { definition: definitionHash(definition), k: policy.k, suppressionPpm: ppm(toRational(policy.suppressionLimit ?? '0', 'suppressionLimit'), 'half-up'), prosecutorPpm, siteFloor: algorithm.name === 'joint' ? algorithm.siteFloor : 0, ...rest }
}

/** A permitted request, with the definition of its data set: `stored` as it is on the ledger, `definition` as it is computed with (coded columns begin at their level). */
export interface OpenRequest { readonly asked: ReleaseRequest; readonly terms: DatasetTerms; readonly stored: DatasetDefinition; readonly definition: DatasetDefinition }

/** The permitted request, and that the definition in hand is its data set's. Throws `DATASET_NOT_FOUND`, `DATASET_DIFFERS`. */
export async function openRequest(state: RemoteState, request: Uint8Array, form: DefinitionForm): Promise<OpenRequest> {
  const asked = await state.soon((reader) => reader.get(releaseRequests, request))
  if (asked === undefined) throw new SteleError({ code: 'DATASET_NOT_FOUND', message: 'the ledger knows no permitted request like that', details: { request: toHex(request) } })
  const stored = definitionOfForm(form)
  const terms = await state.read((reader) => reader.get(datasetVersions, asked.dataset, asked.version))
  if (terms === undefined || !equalBytes(terms.definition, definitionHash(stored))) throw new SteleError({ code: 'DATASET_DIFFERS', message: 'the definition in hand is not the one on the ledger', details: { dataset: toHex(asked.dataset), version: asked.version } })
  return { asked, terms, stored, definition: terms.mode === 'coded' ? codedDefinition(stored) : stored }
}

/** What a contributor's persons must have consented to, as of now. */
export async function useNow(client: Client, asked: ReleaseRequest, contributor: number): Promise<ReleaseUse> {
  const { committed } = await getHead(client)
  return { contributor, requester: asked.requester, requesterMember: asked.member, purpose: asked.purpose, readAtHeight: BigInt(committed.height), timeMs: BigInt(committed.timeMs) }
}

/** What became of a release, and whose it is. */
export interface Outcome { readonly outcome: 'accepted' | 'refused'; readonly author: number }

/** Puts this member's verdict on the ledger; gives what became of the release, once that is decided. */
export async function attestRelease(client: Client, release: Uint8Array, verdict: Verdict): Promise<Outcome | undefined> {
  const { events } = await sendAndWait(client, { contract: 'anonymization', call: 'attest', args: { release, verdict } })
  for (const { name, data } of events) if (name === 'accepted' || name === 'refused') return { outcome: name, author: (data as Infer<(typeof anonymizationEvents)['accepted' | 'refused']>).author }
  return undefined
}

/** Asks the author to open rows, by a seed that nobody could know before. */
export async function challengeRelease(client: Client, release: Uint8Array): Promise<void> {
  await sendAndWait(client, { contract: 'anonymization', call: 'challenge', args: { release, seed: new Uint8Array(randomBytes(32)) } })
}
