import { readArguments } from './arguments.ts'
import { PROFILES } from './faults.ts'
import type { SimArguments } from './arguments.ts'
import { BUGS, plantAll, switchOn } from './bugs.ts'

const HELP = `Simulates a whole cluster of production consensus and ledger code under the faults of one seed, and checks every invariant after every step.

  npm run sim -- --seed 42                        one run; prints its trace hash, what it committed, and what broke
  npm run sim -- --seed 42 --ticks 2000           longer (a tick is 100 ms of virtual time; default 200)
  npm run sim -- --seed 42 --profile storage      ${PROFILES.join(', ')} (default: swarm, all by turns)
  npm run sim -- --seed 42 --keep 3,7             only these faults of the seed, as a failing run prints them
  npm run sim -- --seed 42 --bug commit-old-term  with a planted bug (npm run sim:swarm -- --help lists them)
  npm run sim -- --seed 42 --json                 the result as one line of JSON

Exit code: 0 nothing broke, 1 an invariant broke, 2 the arguments cannot be read.
`

async function main(given: SimArguments): Promise<number> {
  if (given.bug !== undefined) plantAll()
  switchOn(given.bug)
  const { drawPlan } = await import('./faults.ts')
  const { simulate } = await import('./simulation.ts')
  const { keeping, shrink } = await import('./shrink.ts')
  const { reportFailure, reportRun, tellShrinking } = await import('./report.ts')
  const whole = drawPlan(given.seed, given.ticks, given.profile)
  const plan = given.keep === undefined ? whole : keeping(whole, given.keep)
  const startedMs = performance.now()
  const result = await simulate(plan)
  const seconds = (performance.now() - startedMs) / 1000
  process.stdout.write(given.json ? `${JSON.stringify(result)}\n` : reportRun(plan, result, seconds))
  if (result.violation === undefined) return 0
  if (given.keep !== undefined || given.json) {
    if (!given.json) process.stdout.write(reportFailure(given, { keep: given.keep ?? [], faults: plan.faults, result, runs: 0 }))
    return 1
  }
  process.stderr.write(`seed ${given.seed} breaks an invariant; removing faults that do not matter …\n`)
  process.stdout.write(reportFailure(given, await shrink(plan, result, { onProgress: tellShrinking(given.seed) })))
  return 1
}

let given: SimArguments
try {
  given = readArguments(process.argv.slice(2))
  if (given.bug !== undefined && !BUGS.some(({ name }) => name === given.bug)) throw new Error(`no planted bug is called ${given.bug}; npm run sim:swarm -- --help lists them`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nSee npm run sim -- --help.\n`)
  process.exit(2)
}
if (given.help) process.stdout.write(HELP)
else process.exitCode = await main(given)
