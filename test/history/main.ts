/** `npm run check:history`: linearizability of recorded histories. See `--help`. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { explain, print, say } from '../../node/output.ts'
import { errorCode } from '../../primitives/error.ts'
import { checkHistory, limitsOf } from './check.ts'
import type { HistoryResult } from './check.ts'
import { expectedVerdict } from './expected.ts'
import { readOptions, USAGE } from './options.ts'
import type { Options } from './options.ts'
import type { Operation } from './operation.ts'
import { decodeText, parseHistory } from './parse.ts'
import type { Verdict } from './search.ts'

const EXIT = { linearizable: 0, notLinearizable: 1, unreadable: 2, undecided: 3 } as const
const ENDINGS = ['.log', '.txt', '.edn', '.ndjson']

type FileReport = { readonly file: string; readonly expected: Verdict | undefined } & ({ readonly form: string; readonly milliseconds: number; readonly result: HistoryResult } | { readonly error: unknown })

/** Files in the order of their names; a folder stands for the histories below it. */
function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && ENDINGS.includes(extname(entry.name))).map((entry) => join(entry.parentPath, entry.name)).sort()
}

function checkFile(file: string, { expected, timeoutSeconds, memoryBytesMax }: Options): FileReport {
  const known = expected ? expectedVerdict(file) : undefined
  try {
    const history = parseHistory(decodeText(readFileSync(file)))
    const startedMs = performance.now()
    const result = checkHistory(history, limitsOf({ seconds: timeoutSeconds, memoryBytesMax }))
    return { file, expected: known, form: history.form, milliseconds: Math.round(performance.now() - startedMs), result }
  } catch (error) {
    // Unreadable and malformed files are answers of their own; anything else is a bug of this tool.
    if (errorCode(error) === undefined) throw error
    return { file, expected: known, error }
  }
}

function show(report: FileReport, { quiet }: Options): void {
  if ('error' in report) return say(`${report.file}: ${explain(report.error)}`)
  const { file, expected, result: { verdict, troubles, undecidedKeys } } = report
  print(`${file} ${verdict}`)
  if (expected !== undefined && expected !== verdict) say(`  known to be ${expected}`)
  if (quiet || expected === verdict) return
  for (const { key, operations, explained, stuckAt } of troubles) {
    say(`  key ${JSON.stringify(key)}: no order explains more than ${explained} of ${operations} operations; what could not come next:`)
    for (const operation of stuckAt) say(`    ${operationText(operation)}`)
  }
  for (const key of undecidedKeys) say(`  key ${JSON.stringify(key)}: given up at the limit of time or memory; raise --timeout or --max-memory`)
}

function operationText({ process, request: { f, ...values }, outcome }: Operation): string {
  const asked = Object.values(values).map((value) => JSON.stringify(value)).join(' → ')
  return `process ${process}: ${f}${asked === '' ? '' : ` ${asked}`} ${f === 'read' && outcome.type === 'ok' ? `saw ${JSON.stringify(outcome.value)}` : outcome.type}`
}

function exitCodeOf(reports: readonly FileReport[], expected: boolean): number {
  const verdicts = reports.flatMap((report) => ('result' in report ? [report.result.verdict] : []))
  const unreadable = verdicts.length < reports.length
  if (expected) return unreadable ? EXIT.unreadable : reports.every((report) => 'result' in report && (report.expected ?? 'linearizable') === report.result.verdict) ? EXIT.linearizable : EXIT.notLinearizable
  if (verdicts.includes('not-linearizable')) return EXIT.notLinearizable
  return unreadable ? EXIT.unreadable : verdicts.includes('undecided') ? EXIT.undecided : EXIT.linearizable
}

function summary(reports: readonly FileReport[]): string {
  const known = reports.filter(({ expected }) => expected !== undefined)
  const agreed = known.filter((report) => 'result' in report && report.result.verdict === report.expected)
  return `${agreed.length} of ${known.length} known verdicts agree; ${reports.length - known.length} files without one`
}

function toJson(report: FileReport): object {
  const { file, expected } = report
  const known = expected === undefined ? {} : { expected }
  if ('error' in report) return { file, ...known, error: { code: errorCode(report.error), message: explain(report.error) } }
  const { form, milliseconds, result } = report
  return { file, ...known, form, milliseconds, ...result }
}

function main(args: readonly string[]): number {
  if (args.includes('--help') || args.includes('-h')) {
    print(USAGE)
    return EXIT.linearizable
  }
  const options = readOptions(args)
  const files = options.paths.flatMap(filesOf)
  if (files.length === 0) throw new RangeError(`no history below ${options.paths.join(', ')}: looked for ${ENDINGS.join(', ')}`)
  const reports = files.map((file) => {
    const report = checkFile(file, options)
    if (!options.json) show(report, options)
    return report
  })
  const exitCode = exitCodeOf(reports, options.expected)
  if (options.json) print(JSON.stringify({ files: reports.map(toJson), exitCode }, null, 2))
  else if (options.expected) say(summary(reports))
  return exitCode
}

try {
  process.exitCode = main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof TypeError || error instanceof RangeError) && errorCode(error) === undefined) throw error
  say(`check:history: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = EXIT.unreadable
}
