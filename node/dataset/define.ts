import { randomBytes } from 'node:crypto'
import { sendAndWait } from '../../client/actions/index.ts'
import { definitionForm } from '../../contracts/anonymization/definition-forms.ts'
import { codedDefinition, distinctValues } from '../../contracts/anonymization/kernel/index.ts'
import type { AttributeDefinition, DatasetDefinition, Table } from '../../contracts/anonymization/kernel/index.ts'
import { definitionSchema } from '../../contracts/anonymization/release-format.ts'
import { toHex } from '../../primitives/bytes.ts'
import type { anonymizationEvents, Mode } from '../../primitives/calls/anonymization.ts'
import type { Purpose } from '../../primitives/calls/purposes.ts'
import type { Infer } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import { readYamlFile } from '../anonymize/definition-file.ts'
import { prepareRelease } from '../anonymize/make-release.ts'
import { refuseTaken } from '../anonymize/new-file.ts'
import { specFrom } from '../anonymize/options.ts'
import { readSpec } from '../anonymize/spec.ts'
import { openDesk, openPerson } from '../command-options.ts'
import type { PersonOptions } from '../command-options.ts'
import { EXIT, print, printJson } from '../output.ts'
import { writeForm } from './files.ts'
import { termsOf } from './steps.ts'

export interface DeskOptions { readonly config: string; readonly rpc: readonly string[]; readonly json?: boolean }
export interface DefineOptions extends DeskOptions {
  readonly table: string; readonly definition: string; readonly hierarchies?: string; readonly purpose: readonly Purpose[]; readonly recipient: readonly number[]; readonly contributors: number; readonly budget: number
  readonly mode: Mode; readonly openings: number; readonly coded: readonly string[]; readonly datasetId?: Uint8Array; readonly datasetVersion: number; readonly out: string
}
export interface RequestOptions extends PersonOptions { readonly datasetId: Uint8Array; readonly datasetVersion: number; readonly purpose: Purpose }

const invalid = (member: string, rule: string): SteleError => new SteleError({ code: 'DEFINITION_INVALID', message: 'the definition does not fit the mode', details: { member, rule } })

/** `stele dataset define`. */
export async function define(options: DefineOptions): Promise<void> {
  await refuseTaken(options.out)
  const spec = specFrom(readSpec(await readYamlFile(options.definition)), {})
  const { loaded, plan } = await prepareRelease({ input: options.table, spec, base: options.definition, onProgress: () => undefined, ...(options.hierarchies !== undefined && { hierarchies: options.hierarchies }) })
  const definition = fitMode(plan.definition, loaded.table, options)
  const { contributors: contributorsMin, budget, mode, openings } = options
  const terms = termsOf(definition, { contributorsMin, budget, mode, openings, purposes: [...options.purpose], recipients: [...new Set(options.recipient)].sort((a, b) => a - b) })
  const id = options.datasetId ?? new Uint8Array(randomBytes(32))
  await writeForm(options.out, definitionSchema, definitionForm(definition))
  const desk = await openDesk(options)
  const { height } = await sendAndWait(desk.client, { contract: 'anonymization', call: 'define', args: { dataset: id, version: options.datasetVersion, terms } }).finally(() => desk.close())
  if (options.json === true) printJson({ dataset: toHex(id), version: options.datasetVersion, definition: toHex(terms.definition), height })
  else print(`data set ${toHex(id)} version ${options.datasetVersion}, mode ${mode}, k = ${terms.k}; ${options.out} is for the contributors${budget > 0 ? '' : '\nno budget: nobody gets aggregates of it, and a further release that singles out beside an earlier one is refused; --budget 1000000 allows one epsilon'}`)
}

/** What a mode adds to a definition: levels of coded columns; for joint releases the list of values of published columns, so that they can be counted. */
function fitMode(definition: DatasetDefinition, table: Table, { mode, coded }: DefineOptions): DatasetDefinition {
  if ((mode === 'joint') !== (definition.algorithm.name === 'joint')) throw invalid('algorithm', 'the algorithm joint, and no other, is for the mode joint')
  if ((mode === 'coded') !== coded.length > 0) throw invalid('--coded', 'levels of columns are for the mode coded, which needs at least one')
  const levels = new Map(coded.map((text) => {
    const match = /^(.+)=(\d{1,2})$/.exec(text)
    if (match === null || !definition.attributes.some(({ name }) => name === match[1])) throw invalid('--coded', 'column=level, of a column of the definition')
    return [match[1]!, Number(match[2])]
  }))
  const fitted = { ...definition, attributes: definition.attributes.map((attribute) => fitAttribute(attribute, table, mode, levels.get(attribute.name))) }
  codedDefinition(fitted)
  return fitted
}

function fitAttribute(attribute: AttributeDefinition, table: Table, mode: Mode, coded: number | undefined): AttributeDefinition {
  const { role, order, hierarchy, name } = attribute
  const isPublished = role === 'sensitive' || role === 'insensitive'
  if (coded !== undefined) return { ...attribute, coded }
  return mode === 'joint' && isPublished && order === undefined && hierarchy === undefined ? { ...attribute, order: [...distinctValues(table, name)].sort() } : attribute
}

/** `stele dataset request`. */
export async function request(options: RequestOptions): Promise<void> {
  const { client } = await openPerson(options)
  const { id, events } = await sendAndWait(client, { contract: 'anonymization', call: 'request', args: { dataset: options.datasetId, version: options.datasetVersion, purpose: options.purpose, detailsHash: new Uint8Array(randomBytes(32)) } }).finally(() => client.transport.close())
  const event = events.find(({ name }) => name === 'requested')
  if (event === undefined) throw new SteleError({ code: 'DATASET_NOT_FOUND', message: 'the receipt holds no decision', details: { request: toHex(id) } })
  const { decision, until } = event.data as Infer<typeof anonymizationEvents.requested>
  if (options.json === true) printJson({ request: toHex(id), decision, until })
  else print(decision === 'permit' ? `permitted until ${new Date(Number(until)).toISOString()}: request ${toHex(id)}` : 'denied: the data set serves another purpose or institution, or your role is not certified')
  if (decision === 'deny') process.exitCode = EXIT.failure
}
