import { readFile } from 'node:fs/promises'
import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { dayOf } from '../../interop/deidentify/safe-harbor.ts'
import type { Day } from '../../interop/deidentify/safe-harbor.ts'
import { maybeFromHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { print, printJson, say } from '../output.ts'

interface Options {
  readonly mapping: string
  readonly out: string
  readonly report?: string
  readonly definition?: string
  readonly asOf?: Day
  readonly shiftKeyFile?: string
  readonly duplicates: 'refuse' | 'first'
  readonly delimiter?: string
  readonly json?: boolean
}

function day(value: string): Day {
  const found = /^\d{4}-\d{2}-\d{2}$/.test(value) ? dayOf(value) : undefined
  if (found === undefined) throw new InvalidArgumentError('a day such as 2026-01-31')
  return found
}

export function register(program: Command): void {
  program.command('deidentify')
    .description('make a table without identifiers from FHIR bundles or a flat table (Safe Harbor); needs no node')
    .argument('<source...>', 'FHIR R4 bundles, folders of them, or a CSV file when the mapping says rows: Row')
    .requiredOption('--mapping <file>', 'which columns, from where, by which rule (YAML or JSON)')
    .requiredOption('--out <file>', 'the table as CSV; - for standard output')
    .option('--report <file>', 'what was removed, as JSON; it is also printed')
    .option('--definition <file>', 'write the roles of the columns as the beginning of a definition for `stele anonymize`')
    .option('--as-of <day>', 'the day that ages are reckoned to (default: the mapping\'s asOf, else today)', day)
    .option('--shift-key-file <file>', '32 bytes in hex that move dates, for a mapping with dates: shift; keep it secret, and one for each project')
    .addOption(new Option('--duplicates <policy>', 'what to do with a person who appears twice').choices(['refuse', 'first']).default('refuse'))
    .option('--delimiter <char>', 'separator of a flat table; guessed unless told')
    .option('--json', 'print the report as one line of JSON')
    .addHelpText('after', `
Examples:
  stele deidentify bundles/ --mapping docs/examples/patients.yaml --out patients.csv --report removed.json
  stele deidentify one.json two.json --mapping docs/examples/conditions.yaml --out conditions.csv
  stele deidentify flat.csv --mapping docs/examples/flat-table.yaml --out table.csv --definition table.yaml
  stele anonymize table.csv --definition table.yaml --k 5 --out release.csv

A column that would carry one of the eighteen identifiers out is refused before anything is read. Nothing is overwritten.`)
    .action(run)
}

async function run(sources: readonly string[], options: Options): Promise<void> {
  const [{ readMapping }, { readYamlFile }, { openNewFile, refuseTaken }, { deidentifyFiles }, { formatDeidentifyReport }, { createProgress }] = await Promise.all([
    import('../../interop/deidentify/mapping.ts'), import('../anonymize/definition-file.ts'), import('../anonymize/new-file.ts'), import('../anonymize/deidentify-files.ts'), import('../anonymize/deidentify-text.ts'), import('../anonymize/progress.ts'),
  ])
  const mapping = readMapping(await readYamlFile(options.mapping))
  await refuseTaken(options.out, options.report, options.definition)
  const asOf = mapping.asOf ?? options.asOf ?? dayOf(new Date().toISOString().slice(0, 10))!
  const projectKey = options.shiftKeyFile === undefined ? undefined : await readKey(options.shiftKeyFile)
  const progress = createProgress(process.stderr, () => performance.now())
  const out = await openNewFile(options.out)
  try {
    const report = await deidentifyFiles({
      sources, mapping: options.asOf === undefined ? mapping : { ...mapping, asOf: options.asOf }, asOf, duplicates: options.duplicates, onProgress: progress.show,
      ...(projectKey && { projectKey }), ...(options.delimiter !== undefined && { dialect: { delimiter: options.delimiter } }),
    }, out)
    progress.clear()
    await out.finish()
    await writeWhole(options.report, `${JSON.stringify(report, null, 2)}\n`)
    await writeWhole(options.definition, definitionOf(mapping))
    const text = formatDeidentifyReport(report, mapping)
    if (options.json === true && options.out === '-') say(JSON.stringify(report))
    else if (options.json === true) printJson(report)
    else if (options.out === '-') say(text)
    else print(text)
  } finally {
    progress.clear()
    await out.discard()
  }

  async function writeWhole(path: string | undefined, text: string): Promise<void> {
    if (path === undefined) return
    const file = await openNewFile(path)
    await file.write(text)
    await file.finish()
  }
}

async function readKey(path: string): Promise<Uint8Array> {
  const bytes = maybeFromHex((await readFile(path, 'utf8')).trim())
  if (bytes?.length !== 32) throw new SteleError({ code: 'DEFINITION_INVALID', message: 'the file holds no project key', details: { file: path, rule: '32 bytes in lower-case hex, for instance from: openssl rand -hex 32' } })
  return bytes
}

/** The roles that the mapping declares, in the form `stele anonymize --definition` reads. */
function definitionOf({ columns }: { readonly columns: readonly { readonly name: string; readonly role: string }[] }): string {
  const lines = columns.map(({ name, role }) => `  - { name: ${name}, role: ${role} }`)
  return ['# Made by stele deidentify. Add k, diversity and hierarchies, or give them as options.', 'version: 1', 'attributes:', ...lines, ''].join('\n')
}
