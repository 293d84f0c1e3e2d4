/**
 * Spreadsheets run a cell as a formula when it begins with `=`, `+`, `-`, `@`, a tab, CR or LF, or the full-width forms of the first four (OWASP,
 * "CSV Injection"). Such a cell gets one apostrophe in front, which spreadsheets show as text. A plain number keeps its sign. A cell that already
 * has apostrophes before such a character gets one more, so that taking one away gives every cell back as it was.
 */
const RUNS = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/
const NUMBER = /^[+-]\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const NEUTRALISED = /^'+[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/

/** The cell, made harmless for spreadsheets. `restoreCell` gives it back. */
export function neutraliseCell(cell: string): string {
  return RUNS.test(cell) && !NUMBER.test(cell) ? `'${cell}` : cell
}

/** What `neutraliseCell` was given. */
export function restoreCell(cell: string): string {
  return NEUTRALISED.test(cell) ? cell.slice(1) : cell
}
