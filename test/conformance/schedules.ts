import { parseArgs } from 'node:util'
import { filesBelow } from './files-below.ts'
import { describeSchedule, describeSummary, summarize } from './schedules/report.ts'
import { runSchedule } from './schedules/run.ts'

const USAGE = `npm run conformance:schedules -- DIR|FILE… [--json]

Runs schedules of CCF's raft_scenarios (comma-separated verbs, one a line) on our Raft core. Every schedule runs twice, with our settings and with CCF's; after every line
the committed logs of all nodes are compared, at the end the healed network must agree. What a schedule expects of roles, terms and commit indexes is
compared too; an expectation that rests on something CCF does in another way is set aside, and where such a difference keeps a step from being done the
file is listed as unmapped, with the reason.

  --json         one JSON document on standard output
  --help         this text

Exit code: 0 nothing failed (unmapped files are listed), 1 a schedule failed or could not be read, 2 nothing could be run.

Examples:
  npm run conformance:schedules -- ../corpus/raft-ccf
  npm run conformance:schedules -- ../corpus/raft-ccf/bad_network --json`

process.exitCode = main(process.argv.slice(2))

function main(args: readonly string[]): number {
  try {
    const { positionals, values } = parseArgs({ args: [...args], allowPositionals: true, options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } })
    if (values.help) {
      console.log(USAGE)
      return 0
    }
    if (positionals.length === 0) throw new TypeError('a folder or file is needed')
    return run(positionals, values.json)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    console.error(`conformance:schedules: ${error.message}\nTry --help.`)
    return 2
  }
}

function run(places: readonly string[], json: boolean): number {
  const files = places.flatMap((place) => filesBelow(place, (name) => !/^(LICENSE|README|\.)/.test(name)))
  if (files.length === 0) throw new TypeError(`no schedule in ${places.join(', ')}`)
  const folder = places.length === 1 && places[0] !== files[0] ? places[0] ?? '' : ''
  const results = files.map((file) => {
    const result = runSchedule(file)
    if (!json) console.log(describeSchedule(result, folder))
    return result
  })
  const summary = summarize(results)
  console.log(json ? JSON.stringify({ summary, files: results }, null, 2) : describeSummary(summary))
  return summary.failed === 0 ? 0 : 1
}
