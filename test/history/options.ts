import { parseArgs } from 'node:util'

export const USAGE = `npm run check:history -- [--json] [--expected] [--timeout S] [--max-memory MIB] FILE…

Says of each history of client operations whether it is linearizable: whether every operation can have happened at one moment between its call
and its return. The form is told from the content: the log of a Jepsen test of an etcd register, events in EDN (key-value or register), or our own (docs/testing.md).

  FILE              a history, or a folder: then every .log, .txt, .edn and .ndjson below it
  --timeout S       seconds per file after which the answer is \`undecided\` (none unless told)
  --max-memory MIB  memory of one search beyond which the answer is \`undecided\` (1024 unless told)
  --expected        compares with the known verdicts of a corpus: \`-ok\` or \`-bad\` in the name, or expected.json beside or above the file
  --json            one JSON document on standard output
  --quiet           no explanation of what is not linearizable

Prints \`FILE linearizable|not-linearizable|undecided\`. Exit code: 1 when a file is not linearizable, else 2 when a file cannot be read, else
3 when one is undecided, else 0. With --expected: 1 when a verdict is another than the known one, 0 when all agree.

Examples:
  npm run check:history -- ../shared/corpus/histories --expected
  npm run check:history -- --timeout 60 run/history.ndjson`

export interface Options { readonly paths: readonly string[]; readonly json: boolean; readonly expected: boolean; readonly quiet: boolean; readonly timeoutSeconds: number | undefined; readonly memoryBytesMax: number }

const MEMORY_MIB = 1024
/** Typed arrays of the search end there. */
const MEMORY_MIB_MAX = 8192

/** Reads the command line. Throws `TypeError` or `RangeError` that names the flag. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, expected: { type: 'boolean', default: false }, quiet: { type: 'boolean', default: false }, timeout: { type: 'string' }, 'max-memory': { type: 'string' } },
  })
  if (positionals.length === 0) throw new RangeError('name at least one history; --help tells more')
  const { json, expected, quiet } = values
  return {
    paths: positionals, json, expected, quiet,
    timeoutSeconds: values.timeout === undefined ? undefined : positive('timeout', values.timeout, Number.MAX_SAFE_INTEGER),
    memoryBytesMax: positive('max-memory', values['max-memory'] ?? String(MEMORY_MIB), MEMORY_MIB_MAX) * 1024 * 1024,
  }
}

function positive(flag: string, text: string, max: number): number {
  const value = Number(text)
  if (!(value > 0 && value <= max)) throw new RangeError(`--${flag} ${text}: must be a number above 0${max < Number.MAX_SAFE_INTEGER ? ` and at most ${max}` : ''}`)
  return value
}
