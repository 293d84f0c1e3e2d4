import { neutraliseCell } from './formula.ts'

/**
 * One record as a line of CSV (RFC 4180): commas, CR LF, quotes where a cell holds a comma, a quote, a line break, or blanks at its ends. Formulas are
 * neutralised (see formula.ts). A record of one empty cell is written as `""`, since an empty line is none.
 */
export function formatCsvRecord(cells: readonly string[]): string {
  if (cells.length === 1 && cells[0] === '') return '""\r\n'
  return `${cells.map(formatCell).join(',')}\r\n`
}

function formatCell(cell: string): string {
  const safe = neutraliseCell(cell)
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
