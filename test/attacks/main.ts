// `npm run attacks`: each attack against the plain thing and against ours, with numbers. Exit code 1 when one that must fail succeeds, or one that must succeed fails.
import { ATTACKS, verdictOf } from './suite.ts'

const [only] = process.argv.slice(2)
let failed = 0
for (const [name, run] of Object.entries(ATTACKS)) {
  if (only !== undefined && !name.includes(only)) continue
  const report = run()
  const fault = verdictOf(report)
  if (fault !== undefined) failed++
  console.log(`${fault === undefined ? 'held  ' : 'BROKEN'} ${report.name}: plain ${report.plain}, ours ${report.ours}${report.bound === undefined ? '' : ` (at most ${report.bound})`} ${report.unit}${report.refusal === undefined ? '' : `; refused with ${report.refusal}`}`)
  console.log(`       ${report.notes}${fault === undefined ? '' : `\n       ${fault}`}`)
}
process.exitCode = failed === 0 ? 0 : 1
