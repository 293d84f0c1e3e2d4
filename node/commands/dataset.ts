import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Option } from 'commander'
import type { Command } from 'commander'
import type { anonymizationEvents } from '../../primitives/calls/anonymization.ts'
import type { Infer } from '../../primitives/codec.ts'
import { PURPOSES } from '../../primitives/calls/purposes.ts'
import type { Purpose } from '../../primitives/calls/purposes.ts'
import { toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { collect, hexBytes, institutionOptions, integer, openDesk, openPerson, personOptions } from '../command-options.ts'
import type { PersonOptions } from '../command-options.ts'
import { bad, EXIT, good, print, printJson } from '../output.ts'

interface Desk { readonly config: string; readonly rpc: readonly string[]; readonly json?: boolean }
interface DefineOptions extends Desk { readonly table: string; readonly definition: string; readonly hierarchies?: string; readonly purpose: readonly Purpose[]; readonly recipient: readonly number[]; readonly contributors: number; readonly budget: number; readonly datasetId?: Uint8Array; readonly datasetVersion: number; readonly out: string }
interface RequestOptions extends PersonOptions { readonly datasetId: Uint8Array; readonly datasetVersion: number; readonly purpose: Purpose }
interface SelectOptions extends Desk { readonly request: Uint8Array; readonly dataset: string; readonly table: string; readonly account: string; readonly out: string }
interface ReleaseOptions extends Desk { readonly dataset: string; readonly selection: readonly string[]; readonly out: string; readonly document: string }
interface VerifyOptions extends Desk { readonly document: string; readonly attest?: boolean }

export function register(program: Command): void {
  const dataset = program.command('dataset').description('data sets that the members release together: define, ask, select by consent, release, verify').addHelpText('after', `
Examples, in the order of their use:
  stele dataset define --config a/custodian.yaml --table own.csv --definition visits.yaml --purpose HRESCH --recipient 4 --contributors 3 --out dataset.json
  stele dataset request --wallet researcher.json --dataset-id HEX --purpose HRESCH
  stele dataset select --config a/custodian.yaml --request HEX --dataset dataset.json --table own.csv --out a.selection.json
  stele dataset release --config a/custodian.yaml --dataset dataset.json --selection a.selection.json --selection b.selection.json --out release.csv --document release.document
  stele dataset verify HEX --config b/custodian.yaml --document release.document --attest

dataset.json goes to the contributors; a selection file goes to the author alone, over a channel of yours; the document goes to the members;
release.csv to the researcher once the release is accepted.`)
  institutionOptions(dataset.command('define').description('put a data set on the ledger: the hash of its definition, its policy in numbers, whom it serves')
    .requiredOption('--table <file>', 'a table whose values the hierarchies must cover; only its values are read')
    .requiredOption('--definition <file>', 'as for stele anonymize, with policy and algorithm')
    .option('--hierarchies <dir>', 'as for stele anonymize')
    .addOption(new Option('--purpose <code...>', 'HL7 purposes of use that it serves').choices(PURPOSES).makeOptionMandatory())
    .addOption(new Option('--recipient <n>', 'member whose people may ask, repeatable').argParser(collect(integer(1, 0xffffffff))).makeOptionMandatory())
    .option('--contributors <n>', 'institutions that a release needs', integer(1, 64), 3)
    .option('--budget <n>', 'millionths of epsilon for aggregates, for each recipient and purpose', integer(0, 0xffffffff), 0)
    .option('--dataset-id <hex>', 'a new version of this data set', hexBytes(32))
    .option('--dataset-version <n>', 'its number', integer(1, 0xffffffff), 1)
    .requiredOption('--out <file>', 'the definition with hierarchies, for the contributors')).action(define)
  personOptions(dataset.command('request').description('ask for a release; the decision stands on the ledger; exit code 1 when it is a denial')
    .requiredOption('--dataset-id <hex>', 'the data set', hexBytes(32)).option('--dataset-version <n>', 'its newest version', integer(1, 0xffffffff), 1)
    .addOption(new Option('--purpose <code>', 'HL7 purpose of use').choices(PURPOSES).default('HRESCH'))).action(request)
  institutionOptions(dataset.command('select').description('select the persons whose consent carries the release, and commit to them and their rows')
    .requiredOption('--request <hex>', 'the permitted request', hexBytes(32)).requiredOption('--dataset <file>', 'what `dataset define` wrote')
    .requiredOption('--table <file>', 'CSV with the columns of the data set and the account of each person').option('--account <column>', 'column with the account, in hex', 'account')
    .requiredOption('--out <file>', 'the selection with rows, for the author')).action(select)
  institutionOptions(dataset.command('release').description('compute the release over all selections, and claim it on the ledger')
    .requiredOption('--dataset <file>', 'what `dataset define` wrote').addOption(new Option('--selection <file>', 'of each contributor, repeatable').argParser(collect((path: string) => path)).makeOptionMandatory())
    .requiredOption('--out <file>', 'the rows, CSV or Parquet').requiredOption('--document <file>', 'what the members check')).action(release)
  institutionOptions(dataset.command('verify').description('check a claimed release against its document and the ledger; exit code 4 when a rule is broken')
    .argument('<release>', 'id of the release', hexBytes(32)).requiredOption('--document <file>', 'from the author').option('--attest', 'put the verdict on the ledger as this member')).action(verify)
}

async function define(options: DefineOptions): Promise<void> {
  const [{ readSpec }, { specFrom }, { readYamlFile }, { prepareRelease }, { termsOf }, { writeForm }, { definitionSchema }, { definitionForm }, { sendAndWait }, { refuseTaken }] = await Promise.all([
    import('../anonymize/spec.ts'), import('../anonymize/options.ts'), import('../anonymize/definition-file.ts'), import('../anonymize/make-release.ts'), import('../dataset/steps.ts'), import('../dataset/files.ts'),
    import('../../contracts/anonymization/release-format.ts'), import('../../contracts/anonymization/definition-forms.ts'), import('../../client/actions/index.ts'), import('../anonymize/new-file.ts'),
  ])
  await refuseTaken(options.out)
  const spec = specFrom(readSpec(await readYamlFile(options.definition)), {})
  const { plan: { definition } } = await prepareRelease({ input: options.table, spec, base: options.definition, onProgress: () => undefined, ...(options.hierarchies !== undefined && { hierarchies: options.hierarchies }) })
  const terms = termsOf(definition, { contributorsMin: options.contributors, budget: options.budget, purposes: [...options.purpose], recipients: [...new Set(options.recipient)].sort((a, b) => a - b) })
  const id = options.datasetId ?? new Uint8Array(randomBytes(32))
  await writeForm(options.out, definitionSchema, definitionForm(definition))
  const desk = await openDesk(options)
  const { height } = await sendAndWait(desk.client, { contract: 'anonymization', call: 'define', args: { dataset: id, version: options.datasetVersion, terms } }).finally(() => desk.close())
  if (options.json === true) printJson({ dataset: toHex(id), version: options.datasetVersion, definition: toHex(terms.definition), height })
  else print(`data set ${toHex(id)} version ${options.datasetVersion}, k = ${terms.k}; ${options.out} is for the contributors`)
}

async function request(options: RequestOptions): Promise<void> {
  const { sendAndWait } = await import('../../client/actions/index.ts')
  const { client } = await openPerson(options)
  const { id, events } = await sendAndWait(client, { contract: 'anonymization', call: 'request', args: { dataset: options.datasetId, version: options.datasetVersion, purpose: options.purpose, detailsHash: new Uint8Array(randomBytes(32)) } }).finally(() => client.transport.close())
  const event = events.find(({ name }) => name === 'requested')
  if (event === undefined) throw new SteleError({ code: 'DATASET_NOT_FOUND', message: 'the receipt holds no decision', details: { request: toHex(id) } })
  const { decision, until } = event.data as Infer<typeof anonymizationEvents.requested>
  if (options.json === true) printJson({ request: toHex(id), decision, until })
  else print(decision === 'permit' ? `permitted until ${new Date(Number(until)).toISOString()}: request ${toHex(id)}` : 'denied: the data set serves another purpose or institution, or your role is not certified')
  if (decision === 'deny') process.exitCode = EXIT.failure
}

async function select(options: SelectOptions): Promise<void> {
  const [{ definitionSchema }, { readForm, writeForm }, { openRequest, useNow }, { remoteState }, { readPeople }, { selectPersons, selectionRoots, selectionFile }, { sendAndWait }, { refuseTaken }] = await Promise.all([
    import('../../contracts/anonymization/release-format.ts'), import('../dataset/files.ts'), import('../dataset/steps.ts'), import('../dataset/remote-state.ts'), import('../dataset/people.ts'), import('../dataset/selection.ts'), import('../../client/actions/index.ts'), import('../anonymize/new-file.ts'),
  ])
  await refuseTaken(options.out)
  const form = await readForm(options.dataset, definitionSchema, 'the definition of a data set')
  const columns = form.attributes.map(({ name }) => name)
  const people = await readPeople(options.table, columns, options.account)
  const desk = await openDesk(options)
  try {
    const state = remoteState(desk.client)
    const { asked } = await openRequest(state, options.request, form)
    const persons = await selectPersons(state, people, await useNow(desk.client, asked, desk.member))
    if (persons.length === 0) throw new SteleError({ code: 'DATASET_CONSENT_ENDED', message: 'nobody in the table has a consent that carries this release', details: { persons: people.length } })
    await writeForm(options.out, selectionFile, { request: options.request, member: desk.member, columns, persons })
    await sendAndWait(desk.client, { contract: 'anonymization', call: 'select', args: { request: options.request, persons: persons.length, ...selectionRoots(persons) } })
    if (options.json === true) printJson({ selected: persons.length, withoutConsent: people.length - persons.length })
    else print(`${persons.length} of ${people.length} persons have a consent that carries this release; ${options.out} is for the author alone`)
  } finally {
    await desk.close()
  }
}

async function release(options: ReleaseOptions): Promise<void> {
  const [{ definitionSchema }, { readForm, writeBytes }, { claimRelease }, { selectionFile }, { writeRelease }, { refuseTaken }] = await Promise.all([
    import('../../contracts/anonymization/release-format.ts'), import('../dataset/files.ts'), import('../dataset/steps.ts'), import('../dataset/selection.ts'), import('../anonymize/make-release.ts'), import('../anonymize/new-file.ts'),
  ])
  await refuseTaken(options.out, options.document)
  const form = await readForm(options.dataset, definitionSchema, 'the definition of a data set')
  const selections = await Promise.all(options.selection.map((path) => readForm(path, selectionFile, 'a selection')))
  const desk = await openDesk(options)
  const { id, release: made } = await claimRelease(desk.client, form, selections, async (computed, document) => {
    await writeBytes(options.document, document)
    await writeRelease(computed, options.out, () => undefined)
  }).finally(() => desk.close())
  if (options.json === true) printJson({ release: toHex(id), rows: made.rowCount, classes: made.metrics.classCount, smallestClass: made.metrics.smallestClass })
  else print(`release ${toHex(id)}: ${made.rowCount} rows in ${made.metrics.classCount} classes of at least ${made.metrics.smallestClass}\nnext    every member: stele dataset verify ${toHex(id)} --document ${options.document} --attest --config …`)
}

async function verify(id: Uint8Array, options: VerifyOptions): Promise<void> {
  const { attestRelease, judgeRemotely } = await import('../dataset/steps.ts')
  const desk = await openDesk(options)
  try {
    const { verdict, rule, findings } = await judgeRemotely(desk.client, id, new Uint8Array(await readFile(options.document)))
    const events = options.attest === true ? await attestRelease(desk.client, id, verdict) : []
    const outcome = events.find((name) => name === 'accepted' || name === 'refused') ?? null
    if (options.json === true) printJson({ verdict, rule, findings: findings.slice(0, 20), attested: options.attest === true, outcome })
    else {
      print(verdict === 'sound' ? `${good('sound')}: document, definition, persons, consents, rows and figures` : `${bad(verdict)}: broken rule: ${rule}`)
      if (outcome !== null) print(outcome === 'accepted' ? 'accepted: more than two thirds of the members found it sound' : 'refused: its author is named on the ledger')
    }
    if (verdict !== 'sound') process.exitCode = EXIT.verificationFailed
  } finally {
    await desk.close()
  }
}
