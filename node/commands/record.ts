import { writeFileSync } from 'node:fs'
import { Option } from 'commander'
import type { Command } from 'commander'
import { listRecords, readRecord } from '../../client/actions/index.ts'
import { namedTags } from '../../client/actions/list-records.ts'
import { RESOURCE_TYPE_SYSTEM } from '../../client/consent-choices.ts'
import type { SectionInput } from '../../client/record-input.ts'
import { readBundle } from '../../interop/fhir/bundle.ts'
import { toHex } from '../../primitives/bytes.ts'
import { COARSE_CLASSES, CONFIDENTIALITIES } from '../../primitives/calls/labels.ts'
import type { CoarseClass, Confidentiality } from '../../primitives/calls/labels.ts'
import { SteleError } from '../../primitives/error.ts'
import { createTagDictionary } from '../../privacy/tags.ts'
import type { TagDictionary } from '../../privacy/tags.ts'
import { hexBytes, institutionOptions, integer, openDesk, openPerson, personOptions } from '../command-options.ts'
import type { PersonOptions } from '../command-options.ts'
import type { Institution } from '../institution.ts'
import { print, printJson, say, table } from '../output.ts'
import { mustBeWritable, readWhole } from '../files.ts'
import { importResources, storeRecord } from '../record-import.ts'
import { accessInput, askOptions } from './access.ts'
import type { AskOptions } from './access.ts'

/** Types whose tags a listing can name without being told: the frequent ones of FHIR R4. */
const COMMON_TYPES = [
  'AllergyIntolerance', 'CarePlan', 'CareTeam', 'Claim', 'Condition', 'Device', 'DiagnosticReport', 'DocumentReference', 'Encounter', 'ExplanationOfBenefit', 'FamilyMemberHistory', 'Goal',
  'ImagingStudy', 'Immunization', 'Location', 'MedicationAdministration', 'MedicationRequest', 'MedicationStatement', 'Observation', 'Organization', 'Patient', 'Practitioner', 'Procedure', 'Specimen',
] as const
const SOURCE = { system: 'urn:stele:importer', value: 'stele record put' } as const

interface PutOptions {
  readonly config: string
  readonly rpc: readonly string[]
  readonly subject: Uint8Array
  readonly file?: string
  readonly fhir?: string
  readonly type: string
  readonly code?: readonly string[]
  readonly class: CoarseClass
  readonly confidentiality: Confidentiality
  readonly json?: boolean
}

export function register(program: Command): void {
  const record = program.command('record').description('records: an institution puts them, people list and read them').addHelpText('after', `
Examples:
  stele record put --config city-hospital/custodian.yaml --subject HEX --fhir bundle.json
  stele record list --wallet ana.json
  stele record get --wallet rao.json --subject HEX --record HEX --details asking.json --out result.json`)
  institutionOptions(record.command('put')
    .description('store a file, or every resource of a FHIR bundle, as encrypted records; the keys go to the custodian first')
    .requiredOption('--subject <hex>', 'account of the patient', hexBytes(32))
    .option('--fhir <file>', 'FHIR R4 bundle (JSON); labels come from the tables of interop/')
    .option('--file <file>', 'or any file as one record')
    .option('--type <name>', 'FHIR resource type of --file', 'DocumentReference')
    .option('--code <system|code...>', 'codes of --file')
    .addOption(new Option('--class <name>', 'coarse class of --file, in clear on the ledger').choices(COARSE_CLASSES).default('clinical'))
    .addOption(new Option('--confidentiality <level>', 'level of --file, in clear on the ledger').choices(CONFIDENTIALITIES).default('N')))
    .addHelpText('after', `
Examples:
  stele record put --config city-hospital/custodian.yaml --subject HEX --fhir bundle.json
  stele record put --config city-hospital/custodian.yaml --subject HEX --file scan.dcm --class imaging`)
    .action(put)
  askOptions(record.command('get').description('ask for access, fetch and decrypt; every byte is checked against the ledger').option('--out <file>', 'where the bytes go; stdout unless told').option('--wait <s>', 'longest wait for the custodian to hand out the key', integer(1, 600), 30))
    .addHelpText('after', '\nExample:\n  stele record get --wallet rao.json --subject HEX --record HEX --details asking.json --out result.json')
    .action(get)
  personOptions(record.command('list').description('list the records of a patient').option('--subject <hex>', 'whose, for the institution and its auditors; one\'s own unless told', hexBytes(32)))
    .addHelpText('after', `
Examples:
  stele record list --wallet ana.json
  stele record list --wallet rao.json --subject HEX`)
    .action(list)
}

async function put(options: PutOptions): Promise<void> {
  if ((options.file === undefined) === (options.fhir === undefined)) throw new SteleError({ code: 'USAGE_INPUT', message: 'name either --fhir or --file' })
  const desk = await openDesk(options)
  try {
    const tagKey = await desk.door.tagKey(options.subject)
    if (tagKey === undefined) throw new SteleError({ code: 'USAGE_SUBJECT', message: 'the custodian has no tag key of this account; was the patient enrolled here?', details: { subject: toHex(options.subject) } })
    const tags = createTagDictionary(tagKey)
    if (options.fhir === undefined) await putFile(desk, options, tags)
    else await putBundle(desk, options, options.fhir, tags)
  } finally {
    await desk.close()
  }
}

async function putBundle(desk: Institution, { subject, json }: PutOptions, path: string, tags: TagDictionary): Promise<void> {
  const resources = readBundle(await readWhole(path))
  let done = 0
  await importResources({ client: desk.client, keyStore: desk.door }, { subject, tags, custodian: desk.member, resources, source: SOURCE }, ({ resourceType, confidentiality }, { record, version, height }) => {
    done++
    if (json === true) printJson({ record: toHex(record), version, height, type: resourceType, confidentiality })
    else if (done % 100 === 0) say(`${done} of ${resources.length}`)
  })
  if (json !== true) print(`${done} records stored`)
}

async function putFile(desk: Institution, { subject, file, type, code = [], class: coarse, confidentiality, json }: PutOptions, tags: TagDictionary): Promise<void> {
  if (type === '') throw new SteleError({ code: 'USAGE_INPUT', message: '--type is empty' })
  const codes = code.map((each) => {
    const at = each.lastIndexOf('|')
    if (at < 1 || at === each.length - 1) throw new SteleError({ code: 'USAGE_CODE', message: 'a code is written system|code', details: { code: each } })
    return { kind: 'code', system: each.slice(0, at), value: each.slice(at + 1) } as const
  })
  const section: SectionInput = { plaintext: await readWhole(file!), class: coarse, confidentiality, meanings: [{ kind: 'type', system: RESOURCE_TYPE_SYSTEM, value: type }, ...codes] }
  const descriptor = new TextEncoder().encode(JSON.stringify({ resourceType: type, codes: codes.map(({ system, value }) => ({ system, code: value })) }))
  const provenance = { activity: 'create', author: SOURCE, source: SOURCE, recordedAtMs: Date.now() } as const
  const { record, version, height } = await storeRecord({ client: desk.client, keyStore: desk.door }, { subject, tags, descriptor, sections: [section], custodians: [desk.member], provenance })
  if (json === true) printJson({ record: toHex(record), version, height })
  else print(toHex(record))
}

async function get(options: AskOptions & { readonly out?: string; readonly wait: number }): Promise<void> {
  // Asking stands in the patient's audit trail for ever: what cannot be written is not asked for.
  if (options.out !== undefined) mustBeWritable(options.out)
  const { client } = await openPerson(options)
  const { sections, access } = await readRecord(client, accessInput(options), { keyWaitMs: options.wait * 1000 })
  await client.transport.close()
  const bytes = Buffer.concat(sections.map(({ plaintext }) => plaintext))
  if (options.out === undefined) process.stdout.write(bytes)
  else writeFileSync(options.out, bytes, { mode: 0o600, flag: 'wx' })
  if (options.out !== undefined && options.json === true) printJson({ request: toHex(access.request), bytes: bytes.length, out: options.out })
}

async function list(options: PersonOptions & { readonly subject?: Uint8Array }): Promise<void> {
  const { client, wallet, relation } = await openPerson(options)
  const records = await listRecords(client, options.subject === undefined ? {} : { subject: options.subject })
  await client.transport.close()
  if (options.json === true) return printJson(records)
  const own = options.subject === undefined
  const tags = own ? wallet.tags(relation) : undefined
  for (const value of COMMON_TYPES) tags?.add({ kind: 'type', system: RESOURCE_TYPE_SYSTEM, value })
  const rows = records.map(({ record, version, sections, registeredAt }) => {
    const content = sections[1] ?? sections[0]!
    const type = tags === undefined ? '' : namedTags(content, tags).find(({ kind }) => kind === 'type')?.value ?? 'unknown'
    return [record, String(version), type, content.class, content.confidentiality, String(registeredAt)]
  })
  print(table([['RECORD', 'VERSION', 'TYPE', 'CLASS', 'LEVEL', 'BLOCK'], ...rows]))
}
