import { askAggregate, readAggregate } from '../../client/actions/ask-aggregate.ts'
import type { Client } from '../../client/create-client.ts'
import { definitionSchema } from '../../contracts/anonymization/release-format.ts'
import { rationalToText } from '../../contracts/anonymization/kernel/index.ts'
import { toHex } from '../../primitives/bytes.ts'
import type { AggregateAnswer, AggregateQuery } from '../../primitives/calls/aggregate-query.ts'
import type { Purpose } from '../../primitives/calls/purposes.ts'
import { SteleError } from '../../primitives/error.ts'
import { refuseTaken } from '../anonymize/new-file.ts'
import { openDesk, openPerson, passphraseOf } from '../command-options.ts'
import type { PersonOptions } from '../command-options.ts'
import { loadCustodianConfig } from '../custodian-config.ts'
import { openMasterKey } from '../custodian-keys.ts'
import { openInstitution } from '../institution.ts'
import type { Institution } from '../institution.ts'
import { print, printJson, say } from '../output.ts'
import { answerAggregate, contribute, contributionFile, openShareStore, totalAggregate } from './aggregates.ts'
import type { DeskOptions } from './define.ts'
import { readForm, writeForm } from './files.ts'
import { readPeople } from './people.ts'

interface About { readonly datasetId: Uint8Array; readonly datasetVersion: number }
export interface ContributeOptions extends DeskOptions, About { readonly dataset: string; readonly table: string; readonly account: string; readonly out: string }
export interface AskOptions extends PersonOptions, About {
  readonly purpose: Purpose; readonly by: readonly ValuesText[]; readonly days: readonly DaysText[]; readonly where: readonly ValuesText[]
  readonly sum?: NonNullable<AggregateQuery['measure']>; readonly sharedBy?: string; readonly linkedBy?: string; readonly mechanism: 'laplace' | 'gaussian'; readonly epsilon: number
}
type ValuesText = AggregateQuery['where'][number]
type DaysText = Extract<AggregateQuery['by'][number], { kind: 'days' }>['value']
export interface AnswerOptions extends DeskOptions { readonly dataset: string; readonly contribution: string; readonly waitS: number }
export interface TotalOptions extends DeskOptions { readonly dataset: string }
export interface ReadOptions extends PersonOptions { readonly wait: number }

const readDefinition = (path: string) => readForm(path, definitionSchema, 'the definition of a data set')

/** `stele dataset contribute`. */
export async function contributeCommand({ datasetId: dataset, datasetVersion: version, ...options }: ContributeOptions): Promise<void> {
  await refuseTaken(options.out)
  const form = await readDefinition(options.dataset)
  const columns = form.attributes.filter(({ role, person }) => role !== 'identifier' || person === 1).map(({ name }) => name)
  const people = await readPeople(options.table, columns, options.account)
  const desk = await openDesk(options)
  await contribute(desk.client, { dataset, version, member: desk.member, columns }, form, people, (file) => writeForm(options.out, contributionFile, file)).finally(() => desk.close())
  if (options.json === true) printJson({ persons: people.length })
  else print(`${people.length} persons stand behind the aggregates of this data set; keep ${options.out}, and give it to nobody`)
}

/** `stele dataset ask`. */
export async function askCommand({ datasetId: dataset, datasetVersion: version, purpose, mechanism, epsilon, ...options }: AskOptions): Promise<void> {
  const query: AggregateQuery = {
    by: [...options.by.map((value) => ({ kind: 'values' as const, value })), ...options.days.map((value) => ({ kind: 'days' as const, value }))],
    where: [...options.where], measure: options.sum ?? null, sharedBy: options.sharedBy ?? null, linkedBy: options.linkedBy ?? null,
  }
  const { client } = await openPerson(options)
  const { request, spent } = await payWithin(client, { dataset, version, purpose, mechanism, epsilon, query }).finally(() => client.transport.close())
  if (options.json === true) printJson({ question: toHex(request), charged: spent.charged, left: spent.left, sites: spent.sites })
  else print(`question ${toHex(request)}: spent ${spent.charged / 1_000_000}, left ${spent.left / 1_000_000} of the budget; members ${spent.sites.join(', ')} answer, member ${spent.owner} adds up`)
}

/** Says what to do where the budget does not pay; many a data set was defined without one. Throws `DATASET_BUDGET_LESS`, and as `askAggregate`. */
async function payWithin(client: Client, input: Parameters<typeof askAggregate>[1]): ReturnType<typeof askAggregate> {
  try {
    return await askAggregate(client, input)
  } catch (cause) {
    const result = cause instanceof SteleError && cause.code === 'CLIENT_TX_FAILED' ? cause.details['result'] : undefined
    if (result !== 'BUDGET_EXHAUSTED') throw cause
    throw new SteleError({ code: 'DATASET_BUDGET_LESS', message: 'what is left of the budget for this purpose is less than the question spends; nothing was paid', details: { dataset: toHex(input.dataset), version: input.version, purpose: input.purpose, epsilon: input.epsilon / 1_000_000, result }, cause })
  }
}

/** `stele dataset answer`. */
export async function answerCommand(id: Uint8Array, options: AnswerOptions): Promise<void> {
  const form = await readDefinition(options.dataset)
  const file = await readForm(options.contribution, contributionFile, 'what was committed to')
  const config = loadCustodianConfig(options.config)
  const passphrase = await passphraseOf(config.passphraseFile)
  const { store, close } = await openShareStore(config.dataDir, await openMasterKey(config.keystore, passphrase))
  const desk = await openInstitution(config, passphrase, options.rpc)
  try {
    const { isNew } = await answerAggregate(desk.client, id, form, file, { member: desk.member, sealSecret: sealKeysOf(desk).secretKey, store }, { waitMs: options.waitS * 1_000, onStage: say })
    if (options.json === true) printJson({ answered: isNew })
    else print(isNew ? 'answered: noisy counts, sealed to the owner' : 'this question had been answered already')
  } finally {
    await desk.close()
    await close()
  }
}

/** `stele dataset total`. */
export async function totalCommand(id: Uint8Array, options: TotalOptions): Promise<void> {
  const form = await readDefinition(options.dataset)
  const desk = await openDesk(options)
  try {
    const { secretKey, publicKey } = sealKeysOf(desk)
    const { counts } = await totalAggregate(desk.client, id, form, secretKey, publicKey)
    const small = counts.filter((count) => count === null).length
    if (options.json === true) printJson({ cells: counts.length, small })
    else print(`answered with ${counts.length - small} cells; ${small} below the small-cell limit are left out`)
  } finally {
    await desk.close()
  }
}

/** `stele dataset read`. */
export async function readCommand(id: Uint8Array, options: ReadOptions): Promise<void> {
  const { client } = await openPerson(options)
  const answer = await readAggregate(client, id, { waitMs: options.wait * 1_000 }).finally(() => client.transport.close())
  const shown = (cells: AggregateAnswer['counts'], unit: number): (string | null)[] => cells.map((cell) => (cell === null ? null : rationalToText({ num: cell, den: BigInt(unit) }, unit === 1 ? 0 : 2)))
  const [counts, sums] = [shown(answer.counts, answer.unit), answer.sums === null ? null : shown(answer.sums, 1)]
  if (options.json === true) printJson({ sites: answer.sites, counts, sums })
  else for (const [cell, count] of counts.entries()) print(count === null ? `${cell + 1}. too few to tell` : `${cell + 1}. ${count}${sums === null ? '' : `, sum ${sums[cell]}`}`)
}

function sealKeysOf({ client }: Institution) {
  const { sealKeys } = client.signer()
  if (sealKeys === undefined) throw new SteleError({ code: 'CLIENT_NO_ACCOUNT', message: 'the desk has no key to open what is sealed to it' })
  return sealKeys
}
