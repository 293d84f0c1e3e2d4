import { readArguments } from './arguments.ts'
import type { SimArguments } from './arguments.ts'
import { BUGS } from './bugs.ts'
import { reportFailure, tellShrinking } from './report.ts'
import { runRanges, runSwarm } from './swarm-run.ts'
import type { SwarmTotals } from './swarm-run.ts'

const HELP = `Simulates many seeds, as many as fit into the time.

  npm run sim:swarm -- --minutes 10               ten minutes; exit code 1 when an invariant breaks
  npm run sim:swarm -- --minutes 10 --jobs 2      on two cores
  npm run sim:swarm -- --from-seed 5000 --seeds 100 --profile storage
  npm run sim:swarm -- --bug commit-old-term      how many seeds it takes to find a planted bug
  npm run sim:swarm -- --bug all                  the same for every planted bug (--seeds: give up after so many, default 2000)
  npm run sim:swarm -- --bug all --rate --seeds 40  in how many of 40 seeds each is found, in its own profile

Planted bugs:
${BUGS.map(({ name, item, story }) => `  ${name.padEnd(30)} ${item.padEnd(5)} ${story}`).join('\n')}
`

const FOREVER = Number.MAX_SAFE_INTEGER
const PROGRESS_MS = 10_000
const FAILURES_SHOWN_MAX = 5

async function swarm(given: SimArguments): Promise<number> {
  const startedMs = Date.now()
  let toldMs = startedMs
  const seeds = given.seeds ?? FOREVER
  const untilMs = given.seeds === undefined ? startedMs + given.minutes * 60_000 : FOREVER
  const totals = await runSwarm(given.jobs, { from: given.fromSeed, seeds, untilMs, ticks: given.ticks, profiles: [given.profile], bug: undefined, stopAtFirst: false }, (sums, { seed, violation }) => {
    if (violation !== undefined) process.stderr.write(`seed ${seed} breaks: ${violation.claim}; its faults are cut down at the end\n`)
    if (Date.now() - toldMs < PROGRESS_MS) return
    toldMs = Date.now()
    process.stderr.write(`${((toldMs - startedMs) / 1000).toFixed(0)} s: ${sums.seeds} seeds, ${sums.events} events, ${sums.violations.length} violations\n`)
  })
  const seconds = (Date.now() - startedMs) / 1000
  const summary = { profile: given.profile, fromSeed: given.fromSeed, jobs: given.jobs, seconds, seeds: totals.seeds, events: totals.events, eventsPerSecond: Math.round(totals.events / seconds), committed: totals.committed, repairs: totals.repairs, violations: totals.violations.map(({ seed, violation }) => ({ seed, ...violation })) }
  if (given.json) process.stdout.write(`${JSON.stringify(summary)}\n`)
  else process.stdout.write(`${totals.seeds} seeds from ${given.fromSeed}, ${totals.events} events in ${seconds.toFixed(0)} s: ${summary.eventsPerSecond} events/s on ${given.jobs} core${given.jobs === 1 ? '' : 's'}, ${totals.committed} entries committed, ${totals.violations.length} violations\n`)
  if (!given.json) await explain(given, totals.violations)
  return totals.violations.length === 0 ? 0 : 1
}

async function explain(given: SimArguments, violations: Awaited<ReturnType<typeof runSwarm>>['violations']): Promise<void> {
  const { drawPlan } = await import('./faults.ts')
  const { shrink } = await import('./shrink.ts')
  for (const result of violations.slice(0, FAILURES_SHOWN_MAX)) {
    const shrunk = await shrink(drawPlan(result.seed, given.ticks, given.profile), result, { onProgress: tellShrinking(result.seed) })
    process.stdout.write(`seed ${result.seed}\n${reportFailure(given, shrunk)}`)
  }
  if (violations.length > FAILURES_SHOWN_MAX) process.stdout.write(`and ${violations.length - FAILURES_SHOWN_MAX} more: seeds ${violations.slice(FAILURES_SHOWN_MAX).map(({ seed }) => seed).join(' ')}\n`)
}

/** Finds each planted bug in its own profile, unless one is given, and says in how many seeds. Exit code 1 when one stays unfound. */
async function hunt(given: SimArguments): Promise<number> {
  const bugs = given.bug === 'all' ? BUGS : BUGS.filter(({ name }) => name === given.bug)
  const range = { from: given.fromSeed, seeds: given.seeds ?? 2000, untilMs: FOREVER, ticks: given.ticks, stopAtFirst: !given.rate }
  const found = new Set<string>()
  let told = 0
  const tell = (upTo: number, sums: readonly SwarmTotals[]): void => {
    for (; told < upTo; told++) process.stdout.write(verdict(given, bugs[told]!, sums[told]!))
  }
  const latest: SwarmTotals[] = []
  const sums = await runRanges(bugs.map(({ name, profile }) => ({ ...range, profiles: [given.profile === 'swarm' ? profile : given.profile], bug: name })), (at, totals) => {
    latest[at] = totals
    if (totals.violations.length > 0) found.add(bugs[at]!.name)
    tell(at, latest)
  })
  tell(bugs.length, sums)
  return found.size === bugs.length ? 0 : 1
}

function verdict(given: SimArguments, { name, item, profile }: (typeof BUGS)[number], { seeds, violations }: SwarmTotals): string {
  const [first] = violations
  const claim = first?.violation?.claim
  if (given.json) return `${JSON.stringify({ bug: name, item, profile, seeds, found: violations.length, seed: first?.seed, claim })}\n`
  const times = given.rate ? `found in ${violations.length} of ${seeds} seeds` : `found in ${seeds} seed${seeds === 1 ? '' : 's'}`
  return `${name.padEnd(30)} ${item.padEnd(5)} ${profile.padEnd(8)} ${first === undefined ? `NOT FOUND in ${seeds} seeds` : `${times} (first: ${first.seed}): ${claim}`}\n`
}

let given: SimArguments
try {
  given = readArguments(process.argv.slice(2))
  if (given.bug !== undefined && given.bug !== 'all' && !BUGS.some(({ name }) => name === given.bug)) throw new Error(`no planted bug is called ${given.bug}; --help lists them`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nSee npm run sim:swarm -- --help.\n`)
  process.exit(2)
}
if (given.help) process.stdout.write(HELP)
else process.exitCode = given.bug === undefined ? await swarm(given) : await hunt(given)
