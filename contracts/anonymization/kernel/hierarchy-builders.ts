import { maybeDayNumber } from './calendar.ts'
import { hierarchyFromPaths } from './hierarchy.ts'
import type { Hierarchy } from './hierarchy.ts'
import { refuse } from './refuse.ts'
import { quotient } from './whole.ts'

/** The label of every root. */
export const ANY = '*'

/** Code-unit order: the same everywhere, no locale. */
export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function wholeNumber(name: string, text: string): number {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : undefined
  return value ?? refuse('ANONYMIZATION_CELL_TYPE', { column: name, rule: 'a whole number of at most 15 digits' })
}

/**
 * Whole numbers → intervals of growing width → `*`. `widths` ascend and each is a multiple of the one before, so that the intervals nest;
 * intervals start at `origin` plus multiples of the width. Labels are `low..high`, both inclusive.
 */
export function intervalHierarchy(name: string, values: readonly string[], widths: readonly number[], origin = 0): Hierarchy {
  for (const [i, width] of widths.entries()) {
    const before = widths[i - 1] ?? 1
    if (!Number.isSafeInteger(width) || width <= before || width % before !== 0) refuse('ANONYMIZATION_HIERARCHY_MALFORMED', { hierarchy: name, level: i + 1, rule: 'each width is a larger multiple of the one before' })
  }
  const sorted = [...new Set(values)].map((text) => ({ text, value: wholeNumber(name, text) })).sort((a, b) => a.value - b.value || byCodeUnits(a.text, b.text))
  return hierarchyFromPaths(name, sorted.map(({ text, value }) => [text, ...widths.map((width) => interval(value, width, origin)), ANY]))
}

function interval(value: number, width: number, origin: number): string {
  const low = origin + quotient(value - origin, width) * width
  return `${low}..${low + width - 1}`
}

/** Days → month → year → decade → `*`: `1984-03-17`, `1984-03`, `1984`, `1980..1989`. */
export function dateHierarchy(name: string, values: readonly string[]): Hierarchy {
  const sorted = [...new Set(values)].sort(byCodeUnits)
  return hierarchyFromPaths(name, sorted.map((day) => {
    if (maybeDayNumber(day) === undefined) refuse('ANONYMIZATION_CELL_TYPE', { column: name, rule: 'a date as YYYY-MM-DD' })
    return [day, day.slice(0, 7), day.slice(0, 4), `${day.slice(0, 3)}0..${day.slice(0, 3)}9`, ANY]
  }))
}

/**
 * Postal codes → fewer and fewer leading characters → `*`: `4711`, `471*`, `47**`, `4***`. All codes have the same length; `kept` lists, descending,
 * how many characters each level keeps (default: one fewer each time).
 */
export function zipHierarchy(name: string, values: readonly string[], kept?: readonly number[]): Hierarchy {
  const sorted = [...new Set(values)].sort(byCodeUnits)
  const length = sorted[0]?.length ?? 0
  if (length === 0 || sorted.some((code) => code.length !== length)) refuse('ANONYMIZATION_CELL_TYPE', { column: name, rule: 'postal codes of one length' })
  const levels = kept ?? Array.from({ length: length - 1 }, (_, i) => length - 1 - i)
  for (const [i, keep] of levels.entries()) if (!Number.isSafeInteger(keep) || keep < 1 || keep >= (levels[i - 1] ?? length)) refuse('ANONYMIZATION_HIERARCHY_MALFORMED', { hierarchy: name, level: i + 1, rule: 'each level keeps fewer characters, at least one' })
  return hierarchyFromPaths(name, sorted.map((code) => [code, ...levels.map((keep) => code.slice(0, keep).padEnd(length, '*')), ANY]))
}

/** Values directly under `*`, for columns without a better hierarchy. */
export function flatHierarchy(name: string, values: readonly string[]): Hierarchy {
  return hierarchyFromPaths(name, [...new Set(values)].sort(byCodeUnits).map((value) => [value, ANY]))
}
