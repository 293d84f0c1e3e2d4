import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Outcome } from './anonymization/expectation.ts'
import { runSuite } from './anonymization/suite.ts'

const USAGE = `npm run conformance:anonymization -- DIR [--only NAME] [--json]

Runs what the files of DIR expect on the anonymization kernel: tables of Mondrian runs (loss to the printed digit, classes, average class size,
discernibility), full-domain lattices, ARX's expectations (satisfied, optimal, loss within 1e-9), pyCANON's asserted values, and seeded
samples of discrete noise (also from DIR/../vectors/dp). Files are told apart by their form. DIR holds the data they speak of: adult.data, arx_adult*.csv.

  --only NAME    only files whose name holds NAME
  --json         one JSON document on standard output: totals, and an outcome per expectation
  --help         this text

Each line: pass, fail or not-ours (a model or search that this build does not have, with the reason).
Exit code: 0 nothing failed, 1 something did, 2 nothing could be run (wrong arguments, no file found).

Examples:
  npm run conformance:anonymization -- ../shared/corpus/adult
  npm run conformance:anonymization -- ../shared/corpus/adult --only oracle
  npm run conformance:anonymization -- ../shared/corpus/adult --json > outcomes.json`

process.exitCode = main(process.argv.slice(2))

function main(args: readonly string[]): number {
  try {
    const { positionals, values } = parseArgs({ args: [...args], allowPositionals: true, options: { only: { type: 'string' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } })
    if (values.help) {
      console.log(USAGE)
      return 0
    }
    const [folder, ...rest] = positionals
    if (folder === undefined || rest.length > 0) throw new TypeError('one folder is needed')
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw new TypeError(`${folder} is no folder`)
    return run(folder, values.only, values.json)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    console.error(`conformance:anonymization: ${error.message}\nTry --help.`)
    return 2
  }
}

function run(folder: string, only: string | undefined, json: boolean): number {
  const outcomes: Outcome[] = []
  for (const outcome of runSuite(folder, only)) {
    outcomes.push(outcome)
    if (!json) console.log(`${outcome.verdict.padEnd(8)} ${outcome.id}${outcome.detail === '' ? '' : `: ${outcome.detail}`}`)
  }
  if (outcomes.length === 0) throw new TypeError(`no file with expectations in ${folder}`)
  const count = (verdict: Outcome['verdict']): number => outcomes.filter((outcome) => outcome.verdict === verdict).length
  const totals = { passed: count('pass'), failed: count('fail'), notOurs: count('not-ours') }
  console.log(json ? JSON.stringify({ totals, outcomes }, null, 2) : `\n${outcomes.length} expectations: ${totals.passed} passed, ${totals.failed} failed, ${totals.notOurs} not ours`)
  return totals.failed === 0 ? 0 : 1
}
