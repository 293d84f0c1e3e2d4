import { Option } from 'commander'
import type { Command } from 'commander'
import { PURPOSES } from '../../primitives/calls/purposes.ts'
import { collect, hexBytes, institutionOptions, integer, personOptions } from '../command-options.ts'
import type { AnswerOptions, AskOptions, ContributeOptions, ReadOptions, TotalOptions } from '../dataset/aggregate-commands.ts'
import { parseDays, parseEpsilon, parseMeasure, parseValues } from '../dataset/query-text.ts'

/** Noisy counts and sums over institutions. */
export function registerAggregate(dataset: Command): void {
  institutionOptions(dataset.command('contribute').description('as an institution: answer aggregates of a data set with this table, until the first question closes the list')
    .requiredOption('--dataset <file>', 'what `dataset define` wrote').requiredOption('--dataset-id <hex>', 'the data set', hexBytes(32)).option('--dataset-version <n>', 'its newest version', integer(1, 0xffffffff), 1)
    .requiredOption('--table <file>', 'CSV with the columns of the data set and the account of each person, one row a person').option('--account <column>', 'column with the account, in hex', 'account')
    .requiredOption('--out <file>', 'what was committed to; keep it, it stays here')).action(async (options: ContributeOptions) => (await import('../dataset/aggregate-commands.ts')).contributeCommand(options))
  personOptions(dataset.command('ask').description('pay for a noisy aggregate and leave the question for the institutions; the same question again is free and has the same answer')
    .requiredOption('--dataset-id <hex>', 'the data set', hexBytes(32)).option('--dataset-version <n>', 'its newest version', integer(1, 0xffffffff), 1)
    .addOption(new Option('--purpose <code>', 'HL7 purpose of use').choices(PURPOSES).default('HRESCH'))
    .addOption(new Option('--by <column=values>', 'cells by these values, or labels at a level: lineage@2=B.1,B.2; repeatable').argParser(collect(parseValues)).default([]))
    .addOption(new Option('--days <column=from+days x spans>', 'cells by spans of days: onset=2026-01-01+7x12; repeatable').argParser(collect(parseDays)).default([]))
    .addOption(new Option('--where <column=values>', 'only persons with one of these values; repeatable').argParser(collect(parseValues)).default([]))
    .addOption(new Option('--sum <column=low..high>', 'what a whole number adds up to, each clamped').argParser(parseMeasure))
    .option('--shared-by <column>', 'column with the number of contributing institutions that hold the person, so that everybody counts once')
    .addOption(new Option('--linked-by <column>', 'identifier that the institutions have in common: how many persons in all, and held by one, two, … of them, without anybody learning whose').conflicts(['by', 'days', 'sum', 'sharedBy', 'mechanism']))
    .addOption(new Option('--mechanism <name>', 'noise of each institution').choices(['laplace', 'gaussian']).default('laplace'))
    .addOption(new Option('--epsilon <number>', 'what it spends of the budget').argParser(parseEpsilon).makeOptionMandatory())).action(async (options: AskOptions) => (await import('../dataset/aggregate-commands.ts')).askCommand(options))
  institutionOptions(dataset.command('answer').description('as an institution: add noise of your own to your counts and leave them masked, sealed to the owner of the data set')
    .argument('<question>', 'id that `dataset ask` gave', hexBytes(32)).requiredOption('--dataset <file>', 'what `dataset define` wrote').requiredOption('--contribution <file>', 'what `dataset contribute` wrote')
    .option('--wait-s <n>', 'a question with --linked-by is answered by all at the same time: how long another may be silent, in seconds', integer(1, 86_400), 120))
    .action(async (id: Uint8Array, options: AnswerOptions) => (await import('../dataset/aggregate-commands.ts')).answerCommand(id, options))
  institutionOptions(dataset.command('total').description('as the owner: add up the institutions\' shares, leave out small cells, seal the answer to who asked')
    .argument('<question>', 'id that `dataset ask` gave', hexBytes(32)).requiredOption('--dataset <file>', 'what `dataset define` wrote'))
    .action(async (id: Uint8Array, options: TotalOptions) => (await import('../dataset/aggregate-commands.ts')).totalCommand(id, options))
  personOptions(dataset.command('read').description('open the answer to a question of yours').argument('<question>', 'id that `dataset ask` gave', hexBytes(32))
    .option('--wait <seconds>', 'how long to wait for it', integer(0, 3_600), 5)).action(async (id: Uint8Array, options: ReadOptions) => (await import('../dataset/aggregate-commands.ts')).readCommand(id, options))
}
