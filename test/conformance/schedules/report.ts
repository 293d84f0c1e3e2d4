import { relative } from 'node:path'
import type { ScheduleResult } from './run.ts'

export interface Summary { readonly files: number; readonly passed: number; readonly unmapped: number; readonly failed: number; readonly expectations: number; readonly held: number }

export function summarize(results: readonly ScheduleResult[]): Summary {
  const count = (outcome: ScheduleResult['outcome']): number => results.filter((result) => result.outcome === outcome).length
  const sum = (of: (result: ScheduleResult) => number): number => results.reduce((total, result) => total + of(result), 0)
  return { files: results.length, passed: count('passed'), unmapped: count('unmapped'), failed: count('failed'), expectations: sum(({ expectations }) => expectations), held: sum(({ held }) => held) }
}

/** A file's outcome, and below it what failed, could not be mapped or was set aside. */
export function describeSchedule({ file, outcome, steps, expectations, held, reason, setAside }: ScheduleResult, folder: string): string {
  const lines = [`${outcome === 'failed' ? 'FAILED  ' : outcome.padEnd(8)}  ${relative(folder, file)}  ${steps} lines safe and convergent: ${outcome === 'failed' ? 'no' : 'yes'}, ${held}/${expectations} expectations held`]
  if (reason !== undefined) lines.push(`  reason: ${reason}`)
  if (setAside !== undefined && setAside !== reason) lines.push(`  set aside from: ${setAside}`)
  return lines.join('\n')
}

export function describeSummary({ files, passed, unmapped, failed, expectations, held }: Summary): string {
  return `${files} schedules: ${passed} passed, ${unmapped} unmapped, ${failed} failed; ${held} of ${expectations} expectations held. Commit safety after every line and convergence at the end were checked in all, the unmapped included.`
}
