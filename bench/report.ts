import type { Machine } from './machine.ts'
import { machineLine } from './machine.ts'
import { median } from './measure.ts'

export type Unit = '/s' | 'ms' | 'MiB' | 'bytes' | 's' | '%'

/** What a figure must reach: the ratio to its reference, or the value itself. */
export type Goal = { readonly ratioAtLeast: number } | { readonly ratioAtMost: number } | { readonly atMost: number }

/** One figure: the values of its runs, the median of which is reported, and what it is held against in the same run. */
export interface Row {
  readonly figure: string
  readonly unit: Unit
  readonly values: readonly number[]
  readonly reference?: { readonly name: string; readonly values: readonly number[] }
  /** Said in place of a reference that could not be measured. */
  readonly missing?: string
  readonly goal?: Goal
}

export interface Report { readonly machine: Machine; readonly quick: boolean; readonly rows: readonly Row[]; readonly notes: readonly string[] }

export function ratioOf({ values, reference }: Row): number | undefined {
  return reference === undefined ? undefined : median(values) / median(reference.values)
}

/** Whether the goal is met; undefined when there is none or nothing to hold the figure against. */
export function isMet(row: Row): boolean | undefined {
  const ratio = ratioOf(row)
  if (row.goal === undefined) return undefined
  if ('atMost' in row.goal) return median(row.values) <= row.goal.atMost
  if (ratio === undefined) return undefined
  return 'ratioAtLeast' in row.goal ? ratio >= row.goal.ratioAtLeast : ratio <= row.goal.ratioAtMost
}

/** Three significant digits, thousands apart: 12,345 · 12.3 · 0.123. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return 'none'
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toFixed(Math.min(digits, 3)).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',')
}

function withSpread(values: readonly number[], unit: Unit): string {
  const value = `${formatNumber(median(values))}${unit === '/s' || unit === '%' ? unit : ` ${unit}`}`
  return values.length < 2 ? value : `${value} (${formatNumber(Math.min(...values))} to ${formatNumber(Math.max(...values))})`
}

function goalText(row: Row): string {
  if (row.goal === undefined) return ''
  const [kind, bound] = Object.entries(row.goal)[0]!
  const met = isMet(row)
  return `${kind === 'ratioAtLeast' ? '≥' : '≤'} ${bound}${kind === 'atMost' ? ` ${row.unit}` : ' ×'}${met === undefined ? '' : met ? ' met' : ' missed'}`
}

const HEAD = ['figure', 'measured', 'reference in the same run', 'ratio', 'goal'] as const

function cells(row: Row): string[] {
  const ratio = ratioOf(row)
  return [
    row.figure, withSpread(row.values, row.unit), row.reference === undefined ? row.missing ?? '' : `${row.reference.name}: ${withSpread(row.reference.values, row.unit)}`,
    ratio === undefined ? '' : `${ratio.toFixed(2)} ×`, goalText(row),
  ]
}

const quickNote = (quick: boolean): string[] => (quick ? ['Quick run: it shows that everything runs; the figures mean little.'] : [])

/** The table for a terminal. */
export function formatTable({ machine, quick, rows, notes }: Report): string {
  const lines = [[...HEAD], ...rows.map(cells)]
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const table = lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd())
  return [machineLine(machine), ...quickNote(quick), '', ...table, '', ...notes].join('\n')
}

/** The same for docs/performance.md. */
export function formatMarkdown({ machine, quick, rows, notes }: Report): string {
  const line = (parts: readonly string[]): string => `| ${parts.join(' | ')} |`
  return [machineLine(machine), ...quickNote(quick), '', line(HEAD), line(HEAD.map(() => '---')), ...rows.map((row) => line(cells(row))), '', ...notes.map((note) => `- ${note}`)].join('\n')
}

export const FIGURES_BEGIN = '<!-- figures: written by npm run bench -- --write -->'
export const FIGURES_END = '<!-- end of figures -->'

/** The page with what stands between the marks replaced. Throws `RangeError` when the marks are not both there, in order. */
export function replaceFigures(page: string, figures: string): string {
  const begin = page.indexOf(FIGURES_BEGIN)
  const end = page.indexOf(FIGURES_END)
  if (begin < 0 || end < begin) throw new RangeError('the page lacks the marks between which figures go')
  return `${page.slice(0, begin + FIGURES_BEGIN.length)}\n${figures}\n${page.slice(end)}`
}
