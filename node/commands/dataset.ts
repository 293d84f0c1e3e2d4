import { Option } from 'commander'
import type { Command } from 'commander'
import { MODES, OPENINGS_MAX } from '../../primitives/calls/anonymization.ts'
import { PURPOSES } from '../../primitives/calls/purposes.ts'
import { collect, hexBytes, institutionOptions, integer, personOptions } from '../command-options.ts'
import { registerAggregate } from './dataset-aggregate.ts'
import { comparing, registerOverlap } from './dataset-overlap.ts'
import type { DefineOptions, DeskOptions, RequestOptions } from '../dataset/define.ts'
import type { JointOptions } from '../dataset/joint.ts'
import type { OpenOptions, ReleaseOptions, SelectOptions } from '../dataset/publish.ts'
import type { VerifyOptions } from '../dataset/verify.ts'

const files = (flag: string, help: string): Option => new Option(`${flag} <file>`, `${help}, repeatable`).argParser(collect((path: string) => path))

export function register(program: Command): void {
  const dataset = program.command('dataset').description('data sets that the members release together: define, ask, select by consent, release, verify').addHelpText('after', `
Examples, in the order of their use:
  stele dataset define --config a/custodian.yaml --table own.csv --definition visits.yaml --purpose HRESCH --recipient 4 --contributors 3 --out dataset.json
  stele dataset request --wallet researcher.json --dataset-id HEX --purpose HRESCH
  stele dataset select --config a/custodian.yaml --request HEX --dataset dataset.json --table own.csv --out a.json --rows-out a.rows.json
  stele dataset release --config a/custodian.yaml --dataset dataset.json --selection a.json --selection b.json --rows a.rows.json --rows b.rows.json --out release.csv --document release.document
  stele dataset verify HEX --config b/custodian.yaml --document release.document --rows a.rows.json --rows b.rows.json --attest

A further release of the same persons, before anybody attests:
  stele dataset overlap HEX --config a/custodian.yaml --document second.document --document first.document --selection second.a.json --selection first.a.json --table own.csv --out overlap.a.json
  stele dataset compare HEX --config a/custodian.yaml --document second.document --earlier first.document --part overlap.a.json --part overlap.b.json
  stele dataset verify HEX … --earlier first.document --part overlap.a.json --part overlap.b.json --attest

Modes joint (all at the same time) and owner (random rows are opened to each member that asks):
  stele dataset joint --config a/custodian.yaml --dataset dataset.json --rows a.rows.json --out a.joint.json
  stele dataset challenge HEX --config b/custodian.yaml
  stele dataset open HEX --config a/custodian.yaml --member 2 --rows a.rows.json --rows b.rows.json --out opened-for-2.json

Noisy counts instead of rows, each institution with noise of its own:
  stele dataset contribute --config a/custodian.yaml --dataset dataset.json --dataset-id HEX --table own.csv --out a.contribution.json
  stele dataset ask --wallet researcher.json --dataset-id HEX --by disease=flu,asthma --days onset=2026-01-01+7x12 --epsilon 0.5
  stele dataset ask --wallet researcher.json --dataset-id HEX --linked-by nhs --epsilon 1      # everybody once, whoever holds them; all institutions answer at the same time
  stele dataset answer HEX --config a/custodian.yaml --dataset dataset.json --contribution a.contribution.json
  stele dataset total HEX --config owner/custodian.yaml --dataset dataset.json
  stele dataset read HEX --wallet researcher.json

Modes say who sees rows (docs/anonymization.md): committee (every member computes again), coded (likewise, over rows that were generalised at home), owner (the author
alone; it opens random rows to who asks), joint (nobody).
dataset.json goes to the contributors; selections go to the author alone, over a channel of yours; the document goes to the members; release.csv to the
researcher once the release is accepted.`)
  institutionOptions(dataset.command('define').description('put a data set on the ledger: the hash of its definition, its policy in numbers, whom it serves')
    .requiredOption('--table <file>', 'a table whose values the hierarchies must cover; only its values are read')
    .requiredOption('--definition <file>', 'as for stele anonymize, with policy and algorithm')
    .option('--hierarchies <dir>', 'as for stele anonymize')
    .addOption(new Option('--purpose <code...>', 'HL7 purposes of use that it serves').choices(PURPOSES).makeOptionMandatory())
    .addOption(new Option('--recipient <n>', 'member whose people may ask, repeatable').argParser(collect(integer(1, 0xffffffff))).makeOptionMandatory())
    .option('--contributors <n>', 'institutions that a release needs', integer(1, 64), 3)
    .option('--budget <n>', 'millionths of epsilon for aggregates, for each recipient and purpose: 1000000 is one epsilon, 0 means no aggregates; a further release that singles out beside an earlier one costs a whole epsilon', integer(0, 0xffffffff), 0)
    .addOption(new Option('--mode <mode>', 'who computes, and who sees rows').choices(MODES).default('committee'))
    .option('--openings <n>', 'rows that each member may have opened (mode owner)', integer(0, OPENINGS_MAX), 0)
    .addOption(new Option('--coded <column=level>', 'level of its hierarchy to which a column is generalised before rows leave their institution (mode coded), repeatable').argParser(collect((text: string) => text)).default([]))
    .option('--dataset-id <hex>', 'a new version of this data set', hexBytes(32))
    .option('--dataset-version <n>', 'its number', integer(1, 0xffffffff), 1)
    .requiredOption('--out <file>', 'the definition with hierarchies, for the contributors')).action(async (options: DefineOptions) => (await import('../dataset/define.ts')).define(options))
  personOptions(dataset.command('request').description('ask for a release; the decision stands on the ledger; exit code 1 when it is a denial')
    .requiredOption('--dataset-id <hex>', 'the data set', hexBytes(32)).option('--dataset-version <n>', 'its newest version', integer(1, 0xffffffff), 1)
    .addOption(new Option('--purpose <code>', 'HL7 purpose of use').choices(PURPOSES).default('HRESCH'))).action(async (options: RequestOptions) => (await import('../dataset/define.ts')).request(options))
  institutionOptions(dataset.command('select').description('select the persons whose consent carries the release, and commit to them and their rows')
    .requiredOption('--request <hex>', 'the permitted request', hexBytes(32)).requiredOption('--dataset <file>', 'what `dataset define` wrote')
    .requiredOption('--table <file>', 'CSV with the columns of the data set and the account of each person').option('--account <column>', 'column with the account, in hex', 'account')
    .requiredOption('--out <file>', 'the persons selected, for the author').requiredOption('--rows-out <file>', 'their rows, in another order; the mode says who gets them'))
    .action(async (options: SelectOptions) => (await import('../dataset/publish.ts')).select(options))
  institutionOptions(dataset.command('joint').description('compute the release together with the other contributors, from masked counts; all run it at the same time (mode joint)')
    .requiredOption('--dataset <file>', 'what `dataset define` wrote').requiredOption('--rows <file>', 'what this institution\'s `dataset select` wrote')
    .option('--wait-s <n>', 'how long another contributor may be silent, in seconds', integer(1, 86_400), 120).requiredOption('--out <file>', 'the release, for `dataset release` or `dataset verify`'))
    .action(async (options: JointOptions) => (await import('../dataset/joint.ts')).joint(options))
  institutionOptions(dataset.command('release').description('compute the release over all selections, and claim it on the ledger')
    .requiredOption('--dataset <file>', 'what `dataset define` wrote').addOption(files('--selection', 'of each contributor').makeOptionMandatory())
    .addOption(files('--rows', 'of each contributor').conflicts('joint')).option('--joint <file>', 'what `dataset joint` computed (mode joint)')
    .requiredOption('--out <file>', 'the rows, CSV or Parquet').requiredOption('--document <file>', 'what the members check')).action(async (options: ReleaseOptions) => (await import('../dataset/publish.ts')).release(options))
  institutionOptions(dataset.command('challenge').description('ask the author of a release to open rows that a fresh random seed decides (mode owner)').argument('<release>', 'id of the release', hexBytes(32)))
    .action(async (id: Uint8Array, options: DeskOptions) => (await import('../dataset/verify.ts')).challenge(id, options))
  institutionOptions(dataset.command('open').description('open to one member the rows that its challenge decides').argument('<release>', 'id of the release', hexBytes(32))
    .requiredOption('--member <n>', 'who challenged', integer(1, 0xffffffff)).addOption(files('--rows', 'of each contributor').makeOptionMandatory()).requiredOption('--out <file>', 'the opened rows, for that member alone'))
    .action(async (id: Uint8Array, options: OpenOptions) => (await import('../dataset/publish.ts')).open(id, options))
  comparing(institutionOptions(dataset.command('verify').description('check a claimed release against its document and the ledger; exit code 4 when a rule is broken')
    .argument('<release>', 'id of the release', hexBytes(32)).requiredOption('--document <file>', 'from the author')
    .addOption(files('--rows', 'of each contributor (modes committee, coded)')).option('--openings <file>', 'rows that the author opened to this member (mode owner)').option('--joint <file>', 'what this member computed with the others (mode joint)')
    .option('--attest', 'put the verdict on the ledger as this member'))).action(async (id: Uint8Array, options: VerifyOptions) => (await import('../dataset/verify.ts')).verify(id, options))
  registerOverlap(dataset)
  registerAggregate(dataset)
}
