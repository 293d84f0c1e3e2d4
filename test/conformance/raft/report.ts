import { relative } from 'node:path'
import { hasPassed } from './suite.ts'
import type { Difference, FileResult } from './suite.ts'

/** Lines of each side that are shown, from the first one that differs. */
const LINES_SHOWN = 12

export interface Summary { readonly files: number; readonly passed: number; readonly failed: number; readonly commands: number; readonly commandsPassed: number; readonly strict: boolean }

export function summarize(results: readonly FileResult[], strict: boolean): Summary {
  const passed = results.filter(hasPassed).length
  const sum = (of: (result: FileResult) => number): number => results.reduce((total, result) => total + of(result), 0)
  return { files: results.length, passed, failed: results.length - passed, commands: sum(({ commands }) => commands), commandsPassed: sum((result) => result.passed), strict }
}

/** One line per file, and for one that failed where and how. */
export function describeFile(result: FileResult, folder: string): string {
  const title = `${hasPassed(result) ? 'passed' : 'FAILED'}  ${relative(folder, result.file)}  ${result.passed}/${result.commands} commands`
  const lines = [title]
  if (result.difference !== undefined) lines.push(describeDifference(result.difference))
  if (result.error !== undefined) lines.push(`  error: ${result.error}`)
  return lines.join('\n')
}

export function describeSummary({ files, passed, failed, commands, commandsPassed, strict }: Summary): string {
  return `${files} files: ${passed} passed, ${failed} failed; ${commandsPassed} of ${commands} commands${strict ? ' (strict: log lines compared)' : ''}`
}

function describeDifference({ place, command, expected, actual }: Difference): string {
  const [wanted, got] = [expected.split('\n'), actual.split('\n')]
  let at = 0
  while (at < wanted.length && wanted[at] === got[at]) at++
  const show = (lines: readonly string[], sign: string): string[] => {
    const shown = lines.slice(at, at + LINES_SHOWN).map((line) => `    ${sign} ${line}`)
    return lines.length > at + LINES_SHOWN ? [...shown, `    ${sign} … ${lines.length - at - LINES_SHOWN} lines more`] : shown
  }
  return [`  first difference: ${place} ${command}, line ${at + 1} of its output (- expected, + ours)`, ...show(wanted, '-'), ...show(got, '+')].join('\n')
}
