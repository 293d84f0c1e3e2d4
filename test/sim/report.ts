import type { SimArguments } from './arguments.ts'
import { DEFAULT_TICKS } from './arguments.ts'
import type { Plan } from './faults.ts'
import type { ShrinkProgress, Shrunk } from './shrink.ts'
import type { SimResult } from './simulation.ts'

/** One run, for people. */
export function reportRun(plan: Plan, result: SimResult, seconds: number): string {
  return [
    `seed ${result.seed}: ${plan.nodes} nodes${plan.liar === 0 ? '' : ` (node ${plan.liar} lies)`}, ${plan.faults.length} faults drawn, ${plan.ticks} ticks`,
    `  ${result.events} events in ${seconds.toFixed(2)} s (${Math.round(result.events / seconds)} events/s), trace ${result.traceHash}`,
    `  ${result.committed} entries committed, ${result.acknowledged} transactions acknowledged, final to height ${result.certified}, ${result.leaders} leaders, ${result.starts} starts, ${result.repairs} repairs, ${result.halted} stopped for good, ${result.evidence} pieces of evidence`,
    '',
  ].join('\n')
}

/** The line that brings a failure back, as short as it was found. */
export function reproduction(given: Pick<SimArguments, 'ticks' | 'profile' | 'bug'>, seed: number, keep: readonly number[]): string {
  const options = [
    `--seed ${seed}`, ...(given.ticks === DEFAULT_TICKS ? [] : [`--ticks ${given.ticks}`]), ...(given.profile === 'swarm' ? [] : [`--profile ${given.profile}`]),
    `--keep ${keep.length === 0 ? ',' : keep.join(',')}`, ...(given.bug === undefined ? [] : [`--bug ${given.bug}`]),
  ]
  return `npm run sim -- ${options.join(' ')}`
}

/** What broke, the faults that are enough for it, and how to see it again. */
export function reportFailure(given: Pick<SimArguments, 'ticks' | 'profile' | 'bug'>, { keep, faults, result }: Shrunk): string {
  const { violation } = result
  if (violation === undefined) return ''
  return [
    `BROKEN: ${violation.claim} (${violation.phase}, at ${violation.atMs} ms)`, `  ${text(violation.details)}`,
    `  faults that are enough (${faults.length}):`, ...faults.map((fault) => `    ${text(fault)}`), `  again: ${reproduction(given, result.seed, keep)}`, '',
  ].join('\n')
}

function text(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? Number(inner) : inner)) ?? ''
}

/** Tells on stderr, every few seconds, how far the shrinking of a seed's faults has come. */
export function tellShrinking(seed: number, everyMs = 5000): (progress: ShrinkProgress) => void {
  let toldMs = performance.now()
  return ({ runs, kept, drawn }) => {
    if (performance.now() - toldMs < everyMs) return
    toldMs = performance.now()
    process.stderr.write(`seed ${seed}: ${runs} runs with fewer faults, ${kept} of ${drawn} left\n`)
  }
}
