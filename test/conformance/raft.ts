import { statSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createTraceRecorder } from '../../consensus/trace.ts'
import { describeFile, describeSummary, summarize } from './raft/report.ts'
import { findFiles, runFile } from './raft/suite.ts'

const USAGE = `npm run conformance:raft -- DIR|FILE [--strict] [--json] [--trace FILE]

Runs the datadriven files of etcd-io/raft below DIR (quorum/, confchange/, interaction/ or testdata/ *.txt) on our Raft core and compares what every
command prints with what stands in the file; log lines are left out.

  --strict       compare log lines too
  --json         one JSON document on standard output: summary, and a result per file
  --trace FILE   write what our cores do in one interaction file as NDJSON in the form of etcd's state traces (DIR must then be, or hold, a single one)
  --help         this text

Exit code: 0 all files passed, 1 at least one did not, 2 nothing could be run (wrong arguments, no file found).

Examples:
  npm run conformance:raft -- ../corpus/raft-etcd
  npm run conformance:raft -- ../etcd-io-raft --strict     # a checkout of the repository works as it is
  npm run conformance:raft -- ../corpus/raft-etcd/interaction --json
  npm run conformance:raft -- ../corpus/raft-etcd/interaction/lagging_commit.txt --trace lagging_commit.ndjson`

process.exitCode = main(process.argv.slice(2))

function main(args: readonly string[]): number {
  try {
    const { positionals, values } = parseArgs({ args: [...args], allowPositionals: true, options: { strict: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, trace: { type: 'string' }, help: { type: 'boolean', default: false } } })
    if (values.help) {
      console.log(USAGE)
      return 0
    }
    const [folder, ...rest] = positionals
    if (folder === undefined || rest.length > 0) throw new TypeError('one folder is needed')
    if (statSync(folder, { throwIfNoEntry: false }) === undefined) throw new TypeError(`${folder} does not exist`)
    return run(folder, values.strict, values.json, values.trace)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    console.error(`conformance:raft: ${error.message}\nTry --help.`)
    return 2
  }
}

function run(folder: string, strict: boolean, json: boolean, trace: string | undefined): number {
  const files = findFiles(folder)
  if (files.length === 0) throw new TypeError(`no .txt file below a folder quorum, confchange, interaction or testdata in ${folder}`)
  const interactions = files.filter(({ family }) => family === 'interaction').length
  if (trace !== undefined && interactions !== 1) throw new TypeError(`--trace records a single interaction file, not ${interactions}: name it instead of the folder`)
  const lines: string[] = []
  const observer = trace === undefined ? undefined : createTraceRecorder((line) => lines.push(line))
  const results = files.map(({ path, family }) => {
    const result = runFile(path, family, strict, observer)
    if (!json) console.log(describeFile(result, folder))
    return result
  })
  if (trace !== undefined) writeFileSync(trace, `${lines.join('\n')}\n`)
  const summary = summarize(results, strict)
  console.log(json ? JSON.stringify({ summary, files: results }, null, 2) : describeSummary(summary))
  return summary.failed === 0 ? 0 : 1
}
