import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fetchQuestion, readSpent } from '../../client/actions/ask-aggregate.ts'
import type { SpentEvent } from '../../client/actions/ask-aggregate.ts'
import { getHead } from '../../client/actions/get-head.ts'
import { sendAndWait } from '../../client/actions/index.ts'
import type { Client } from '../../client/create-client.ts'
import { combineShares, maskedShare, maskedShareSchema, noisyCells, noisyShareSchema } from '../../contracts/anonymization/aggregate-share.ts'
import type { MaskedShare } from '../../contracts/anonymization/aggregate-share.ts'
import { combineLinked } from '../../contracts/anonymization/linked-query.ts'
import { definitionOfForm } from '../../contracts/anonymization/definition-forms.ts'
import { definitionHash } from '../../contracts/anonymization/document.ts'
import type { DatasetDefinition } from '../../contracts/anonymization/kernel/index.ts'
import type { DefinitionForm } from '../../contracts/anonymization/release-format.ts'
import { contributions, datasetVersions } from '../../contracts/anonymization/tables.ts'
import { accounts } from '../../contracts/identity/accounts.ts'
import { members } from '../../contracts/membership/tables.ts'
import { equalBytes, fromHex, toHex } from '../../primitives/bytes.ts'
import { aggregateAnswer } from '../../primitives/calls/aggregate-query.ts'
import type { AggregateAnswer, AggregateQuery } from '../../primitives/calls/aggregate-query.ts'
import { answerKey, contributionHash } from '../../primitives/calls/anonymization.ts'
import type { DatasetTerms } from '../../primitives/calls/anonymization.ts'
import { array, decode, encode, fixedBytes, struct, text, u32 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { errorCode, SteleError } from '../../primitives/error.ts'
import { uniformFromBytes } from '../../privacy/dp/uniform.ts'
import { open, seal } from '../../privacy/seal.ts'
import { takeLock } from '../../state/ledger-lock.ts'
import { EncryptedFiles } from '../../vault/encrypted-files.ts'
import { countPersons } from './linked.ts'
import type { PersonRow } from './selection.ts'
import { selectPersons } from './selection.ts'
import { remoteState } from './remote-state.ts'
import type { RemoteState } from './remote-state.ts'

const cells = array(text({ max: 8_192 }), { max: 1_000 })
const people = array(struct({ account: fixedBytes(32), row: cells }), { max: 10_000_000 })
/** What a site keeps behind its commitment: its people with their rows. For nobody else. */
export const contributionFile = struct({ dataset: fixedBytes(32), version: u32, member: u32, salt: fixedBytes(32), columns: cells, people })
export type ContributionFile = Infer<typeof contributionFile>

const differs = (rule: string): SteleError => new SteleError({ code: 'DATASET_DIFFERS', message: 'a file in hand is not what the ledger names', details: { rule } })

async function termsAt(state: RemoteState, dataset: Uint8Array, version: number, form: DefinitionForm): Promise<{ readonly terms: DatasetTerms; readonly definition: DatasetDefinition }> {
  const terms = await state.read((reader) => reader.get(datasetVersions, dataset, version))
  const definition = definitionOfForm(form)
  if (terms === undefined || !equalBytes(terms.definition, definitionHash(definition))) throw differs('the definition of the data set')
  return { terms, definition }
}

/** Commits to a table for the aggregates of a data set. One row a person: a person with two would change two cells. Throws `DATASET_PERSON_TWICE`, `DATASET_DIFFERS`, CLIENT_*. */
export async function contribute(client: Client, about: Pick<ContributionFile, 'dataset' | 'version' | 'member' | 'columns'>, form: DefinitionForm, rows: readonly PersonRow[], beforeSend: (file: ContributionFile) => Promise<void>): Promise<ContributionFile> {
  await termsAt(remoteState(client), about.dataset, about.version, form)
  const seen = new Set<string>()
  for (const [at, { account }] of rows.entries()) {
    if (seen.has(toHex(account))) throw new SteleError({ code: 'DATASET_PERSON_TWICE', message: 'a person has two rows', details: { row: at + 1 } })
    seen.add(toHex(account))
  }
  const file = { ...about, salt: new Uint8Array(randomBytes(32)), people: rows.map(({ account, row }) => ({ account, row: [...row] })) }
  await beforeSend(file)
  await sendAndWait(client, { contract: 'anonymization', call: 'contribute', args: { dataset: about.dataset, version: about.version, persons: rows.length, original: contributionHash(file.salt, encode(people, file.people)) } })
  return file
}

interface Asked { readonly spent: SpentEvent; readonly query: AggregateQuery; readonly terms: DatasetTerms; readonly definition: DatasetDefinition }

/** A paid question, proven by its final receipt; the answer it names is the one that everybody computes. */
async function readAsked(client: Client, state: RemoteState, request: Uint8Array, form: DefinitionForm): Promise<Asked> {
  const spent = await readSpent(client, request)
  const query = await fetchQuestion(client, request, spent)
  if (!equalBytes(answerKey(spent), spent.answer)) throw differs('the answer that was paid for')
  return { spent, query, ...(await termsAt(state, spent.dataset, spent.version, form)) }
}

export interface SiteKeys { readonly member: number; readonly sealSecret: Uint8Array; readonly store: EncryptedFiles }
/** For a question that links persons: how long another site may be silent, ms, and who is told how far it is. */
export interface Patience { readonly waitMs: number; readonly onStage?: (stage: string) => void }

/**
 * Answers for one institution: counts its persons whose consent carries the purpose, adds its own whole noise, keeps the noisy cells, masks them and leaves them sealed to the owner. What was kept is
 * sent again unchanged. With fewer than k such persons it sends noise alone: neither a count nor a refusal tells how few they are. A question that links persons is counted by all sites at the same
 * time (`countPersons`); each then says what came out.
 */
export async function answerAggregate(client: Client, request: Uint8Array, form: DefinitionForm, file: ContributionFile, keys: SiteKeys, patience: Patience): Promise<{ readonly isNew: boolean }> {
  const { member } = keys
  const state = remoteState(client)
  const asked = await readAsked(client, state, request, form)
  const { spent } = asked
  const committed = await state.read((reader) => reader.get(contributions, spent.dataset, spent.version, member))
  if (committed === undefined || !equalBytes(contributionHash(file.salt, encode(people, file.people)), committed.original)) throw differs('the table that was committed to')
  const cells = asked.query.linkedBy === null ? await maskedCells(client, state, asked, file, keys) : await linkedCells(client, state, request, asked, file, keys, patience)
  const ownerKey = await keyOf(state, spent.owner)
  const sealed = await seal(ownerKey, contextOf(client, request, spent, 'share', member, ownerKey), encode(maskedShareSchema, { answer: spent.answer, member, cells: [...cells] }))
  return { isNew: await leave(client, request, member, 'share', sealed) }
}

const keyOf = async (state: RemoteState, site: number): Promise<Uint8Array> => (await state.read((reader) => reader.get(members, site)))!.operatorSealKey

async function maskedCells(client: Client, state: RemoteState, asked: Asked, file: ContributionFile, { member, sealSecret, store }: SiteKeys): Promise<readonly bigint[]> {
  const { spent } = asked
  const kept = await store.get(spent.answer)
  const noisy = kept === undefined ? await drawNoisyCells(client, state, asked, file, member) : decode(noisyShareSchema, kept).cells
  if (kept === undefined) await store.put(spent.answer, encode(noisyShareSchema, { answer: spent.answer, cells: noisy }))
  const others = await Promise.all(spent.sites.filter((site) => site !== member).map(async (site) => ({ member: site, publicKey: await keyOf(state, site) })))
  return maskedShare(noisy, spent, { member, secretKey: sealSecret, others }, client.chain.id).cells
}

async function linkedCells(client: Client, state: RemoteState, request: Uint8Array, asked: Asked, file: ContributionFile, { member, store }: SiteKeys, patience: Patience): Promise<readonly bigint[]> {
  const rows = file.people.map(({ row }) => row)
  const counts = await countPersons(client, state, { request, ...asked }, { member, store, ...patience, columns: file.columns, rows, consenting: () => consenting(client, state, asked, file, member) })
  return counts.map(BigInt)
}

/** Places of the people whose consent to this institution carries the purpose now; of none when they are fewer than k. */
async function consenting(client: Client, state: RemoteState, { spent, terms }: Asked, file: ContributionFile, contributor: number): Promise<readonly number[]> {
  const { committed } = await getHead(client)
  // Only consents to the institution itself count, so that the answer is the same whoever asks.
  const use = { contributor, requester: new Uint8Array(32), requesterMember: contributor, purpose: spent.purpose, readAtHeight: BigInt(committed.height), timeMs: BigInt(committed.timeMs) }
  const accounts = new Set((await selectPersons(state, file.people, use)).persons.map(({ account }) => toHex(account)))
  return accounts.size < terms.k ? [] : file.people.flatMap(({ account }, at) => (accounts.has(toHex(account)) ? [at] : []))
}

async function drawNoisyCells(client: Client, state: RemoteState, asked: Asked, file: ContributionFile, contributor: number): Promise<readonly bigint[]> {
  const { spent, query, definition } = asked
  const rows = (await consenting(client, state, asked, file, contributor)).map((at) => file.people[at]!.row)
  return noisyCells(query, definition, { columns: file.columns, rows }, spent, uniformFromBytes((length) => new Uint8Array(randomBytes(length))))
}

/** Adds up the sites' shares as the owner, applies the small-cell rule and leaves the answer sealed to who asked. Throws `AGGREGATE_SHARE_MISSING` naming the members that have not answered. */
export async function totalAggregate(client: Client, request: Uint8Array, form: DefinitionForm, sealSecret: Uint8Array, sealKey: Uint8Array): Promise<AggregateAnswer> {
  const state = remoteState(client)
  const { spent, query, terms, definition } = await readAsked(client, state, request, form)
  const found = await Promise.all(spent.sites.map((site) => fetchShare(client, request, spent, site, sealSecret, sealKey)))
  const missing = spent.sites.filter((_, i) => found[i] === undefined)
  if (missing.length > 0) throw new SteleError({ code: 'AGGREGATE_SHARE_MISSING', message: 'institutions have not answered yet', details: { members: missing }, retryable: true })
  const [shares, { sites, answer: id, epsilon }] = [found.filter((share) => share !== undefined), spent]
  const answer = query.linkedBy === null ? combineShares(query, definition, shares, { sites, answer: id, smallest: terms.k }) : combineLinked(shares, { sites, answer: id, epsilon, smallest: terms.k })
  if (answer === undefined) throw differs('shares of this answer, one of each site')
  const requester = await state.read((reader) => reader.get(accounts, spent.requester))
  const key = requester?.sealKeys.at(-1)?.key
  if (key === undefined) throw differs('an account with a key to seal to')
  await leave(client, request, 0, 'answer', await seal(key, contextOf(client, request, spent, 'answer', 0, key), encode(aggregateAnswer, answer)))
  return answer
}

async function fetchShare(client: Client, request: Uint8Array, spent: SpentEvent, site: number, sealSecret: Uint8Array, sealKey: Uint8Array): Promise<MaskedShare | undefined> {
  try {
    const { sealed } = await client.callSigned('vault_mailbox_get', { request: toHex(request), section: site, kind: 'share' })
    return decode(maskedShareSchema, await open(sealSecret, contextOf(client, request, spent, 'share', site, sealKey), fromHex(sealed)))
  } catch (error) {
    if (errorCode(error) === 'RPC_NOT_FOUND' || errorCode(error) === 'MAILBOX_NOT_FOUND') return undefined
    throw error
  }
}

const contextOf = (client: Client, request: Uint8Array, { dataset, version }: SpentEvent, kind: 'share' | 'answer', section: number, readerKey: Uint8Array) => ({ kind, chain: client.chain.id, request, record: dataset, version, section, readerKey })

/** False when something waits there already: sealing is random, so the same share looks different every time. */
async function leave(client: Client, request: Uint8Array, section: number, kind: 'share' | 'answer', sealed: Uint8Array): Promise<boolean> {
  try {
    await client.callSigned('vault_mailbox_put', { request: toHex(request), section, kind, sealed: toHex(sealed) })
    return true
  } catch (error) {
    if (errorCode(error) === 'MAILBOX_CONFLICT') return false
    throw error
  }
}

/** Where noisy shares are kept, in the custodian's folder; one process at a time. The one copy: losing it would draw new noise for an old answer. */
export async function openShareStore(dataDir: string, masterKey: Uint8Array): Promise<{ readonly store: EncryptedFiles; close(): Promise<void> }> {
  const directory = join(dataDir, 'aggregates')
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const unlock = await takeLock(join(directory, 'lock'))
  const store = new EncryptedFiles({ directory: join(directory, 'shares') }, masterKey)
  await store.start()
  return { store, close: unlock }
}
