import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { SteleError } from '../../primitives/error.ts'
import type { SpecOptions } from '../anonymize/options.ts'
import { integer } from '../command-options.ts'
import { bad, EXIT, good, print, printJson } from '../output.ts'

interface Options extends SpecOptions {
  readonly definition?: string
  readonly hierarchies?: string
  readonly out?: string
  readonly manifest?: string
  readonly report?: string
  readonly check?: string
  readonly utility: boolean
  readonly json?: boolean
}

const names = (value: string): string[] => value.split(',').map((name) => name.trim()).filter((name) => name !== '')

function fraction(value: string): string {
  if (!/^\d{1,9}(?:\.\d{1,9}|\/\d{1,9})?$/.test(value)) throw new InvalidArgumentError('a number such as 3, 0.05 or 1/20')
  return value
}

export function register(program: Command): void {
  program.command('anonymize')
    .description('make a k-anonymous release of a CSV table on this machine, check it, and report on it; needs no node')
    .argument('<table>', 'CSV file; - for standard input. It is read and never changed')
    .option('--k <n>', 'how many rows look alike at least', integer(1, 1_000_000))
    .option('--qi <columns>', 'quasi-identifiers: what others may know of a person, separated by commas', names)
    .option('--sensitive <columns>', 'columns published as they are, and protected by --l, --t, --beta', names)
    .option('--keep <columns>', 'further columns published as they are', names)
    .option('--identifier <columns>', 'columns that are left out; so is every column that is not named', names)
    .option('--person <column>', 'column that names the person: two rows of one person are refused; left out of the release')
    .option('--l <n>', 'distinct l-diversity of every sensitive column', fraction)
    .option('--t <share>', 't-closeness of every sensitive column, equal distance', fraction)
    .option('--beta <n>', 'β-likeness of every sensitive column', fraction)
    .option('--suppression <share>', 'share of rows that may be left out, such as 0.02 (default: none)', fraction)
    .addOption(new Option('--algorithm <name>', 'hierarchy: Mondrian along hierarchies; strict, relaxed: Mondrian; full-domain: one code book, optimal loss').choices(['hierarchy', 'strict', 'relaxed', 'datafly', 'full-domain']))
    .option('--definition <file>', 'all of this as YAML or JSON; options replace its parts')
    .option('--hierarchies <dir>', 'folder of <column>.csv or …_hierarchy_<column>.csv (value;level 1;…;*); other columns get automatic ones')
    .addOption(new Option('--missing <policy>', 'rows with missing cells').choices(['refuse', 'drop-row']))
    .option('--missing-markers <texts>', 'cells that mean missing, separated by commas (default: empty and ?)', (value: string) => value.split(','))
    .option('--statistics <columns>', 'numeric columns whose count, sum and sum of squares each class keeps exact', names)
    .option('--columns <names>', 'names of the columns of a file without a header', names)
    .option('--delimiter <char>', 'separator; guessed from the first line unless told')
    .option('--out <file>', 'the release: CSV, or Parquet when it ends in .parquet; its manifest lies beside it')
    .option('--report <file>', 'report with pictures, one HTML file')
    .option('--no-utility', 'do not measure query error and classifier accuracy for the report')
    .option('--check <file>', 'make nothing: read this release and its manifest again and check them against the table')
    .option('--manifest <file>', 'manifest of --out or --check (default: beside it, .manifest.json)')
    .option('--json', 'print the summary as one line of JSON')
    .addHelpText('after', `
Examples:
  stele anonymize visits.csv --k 10 --qi age,sex,zip --sensitive diagnosis --out release.csv --report report.html
  stele anonymize visits.csv --k 5 --l 3 --t 0.3 --qi age,zip --sensitive diagnosis --hierarchies hierarchies/ --suppression 0.02 --out release.csv
  stele anonymize table.csv --definition table.yaml --k 10 --out release.parquet --json
  stele anonymize visits.csv --check release.csv --k 10 --qi age,sex,zip --sensitive diagnosis

Columns that are not named are left out. Cells of a CSV release that a spreadsheet would run as a formula get an apostrophe in front. Nothing is
overwritten. Exit 0 when every rule is met, 4 when a check finds otherwise.`)
    .action(run)
}

async function run(input: string, options: Options): Promise<void> {
  if ((options.out === undefined) === (options.check === undefined)) throw new SteleError({ code: 'USAGE_CHOICE', message: 'name either --out, to make a release, or --check, to check one' })
  const [{ readSpec }, { specFrom }, { readYamlFile }, { prepareRelease }, { createProgress }] = await Promise.all([
    import('../anonymize/spec.ts'), import('../anonymize/options.ts'), import('../anonymize/definition-file.ts'), import('../anonymize/make-release.ts'), import('../anonymize/progress.ts'),
  ])
  const spec = specFrom(options.definition === undefined ? undefined : readSpec(await readYamlFile(options.definition)), options)
  const { refuseTaken } = await import('../anonymize/new-file.ts')
  const { manifestPath } = await import('../anonymize/check-file.ts')
  const manifest = options.manifest ?? manifestPath(options.out ?? options.check!)
  if (options.out !== undefined) await refuseTaken(options.out, options.report, manifest)
  const progress = createProgress(process.stderr, () => performance.now())
  try {
    const prepared = await prepareRelease({ input, spec, base: options.definition ?? '-', onProgress: progress.show, ...(options.hierarchies !== undefined && { hierarchies: options.hierarchies }) })
    if (options.out === undefined) return await check(options, manifest, prepared)
    const { publish } = await import('../anonymize/publish.ts')
    const summary = await publish({ input, out: options.out, manifest, report: options.report, prepared, spec, utility: options.utility && options.report !== undefined, at: new Date().toISOString().slice(0, 16).replace('T', ' '), onProgress: progress.show })
    progress.clear()
    if (options.json === true) return printJson(summary)
    const { formatSummary } = await import('../anonymize/summary-text.ts')
    print(formatSummary(summary, options.report))
  } finally {
    progress.clear()
  }
}

async function check({ check: path, json }: Options, manifest: string, { loaded, plan }: Awaited<ReturnType<typeof import('../anonymize/make-release.ts').prepareRelease>>): Promise<void> {
  const [{ checkFile, findingText }, { rulesOf }] = await Promise.all([import('../anonymize/check-file.ts'), import('../anonymize/rules.ts')])
  const found = await checkFile(path!, manifest, plan, loaded.table.rowCount)
  const rules = rulesOf(plan.definition.policy, found.release, found.check)
  if (json === true) printJson({ ok: found.ok, file: path, rows: found.release.rowCount, classes: found.release.classSizes.length, releaseHash: found.manifest.releaseHash, rules, findings: found.findings })
  else {
    for (const { rule, required, measured, ok } of rules) print(`${ok ? good('✓') : bad('✗')} ${rule}: ${measured}${required === '' ? '' : ` (asked ${required})`}`)
    for (const finding of found.findings) print(`${bad('✗')} ${findingText(finding)}`)
    print(found.ok ? `${good('sound')} · ${found.release.rowCount} rows in ${found.release.classSizes.length} classes · release hash ${found.manifest.releaseHash}` : `${bad('not sound')}: do not publish ${path!}`)
  }
  if (!found.ok) process.exitCode = EXIT.verificationFailed
}
