import { shiftDate, shiftDays } from './date-shift.ts'
import type { ColumnMapping, Mapping } from './mapping.ts'
import type { ReportDraft } from './report.ts'
import { ageOn, dayNumber, dayOf, OLDEST_AGE, pooledAge, pooledYear, zip3Of } from './safe-harbor.ts'
import type { Day } from './safe-harbor.ts'
import { screenValue } from './screen.ts'
import type { Needles } from './screen.ts'

/** Whose values are read, as far as the rules need to know. */
export interface Person {
  /** Stable within a project; input of the date shift, never written. */
  readonly key: string
  readonly birth?: Day
  readonly death?: Day
  readonly needles: Needles
}

export interface CellContext {
  readonly mapping: Mapping
  readonly asOf: Day
  readonly projectKey?: Uint8Array
  readonly report: ReportDraft
}

/**
 * One value under the rules of its column; undefined when it may not leave or cannot be read, which the report counts. `isBirth`: the value is the
 * person's own birth date, so an age is reckoned to `asOf` or death; of another date the person's age on that day is meant.
 */
export function cellOf(value: unknown, column: ColumnMapping, at: number, person: Person, isBirth: boolean, context: CellContext): string | undefined {
  const { generalised } = context.report
  const unreadable = (): undefined => void context.report.columns[at]!.unreadable++
  if (typeof value === 'object' || value === undefined) return unreadable()
  const text = String(value).trim()
  if (text === '') return undefined
  switch (column.take) {
    case 'zip3': {
      const zip = zip3Of(text, context.mapping.restrictedZip3)
      if (zip === undefined) return unreadable()
      generalised.zip3++
      if (zip === '000') generalised.zip3Restricted++
      return zip
    }
    case 'age': case 'year': case 'date': {
      const day = dayOf(text)
      return day === undefined ? unreadable() : datedCell(day, column, person, isBirth, context) ?? unreadable()
    }
    case 'number': return /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?$/.test(text) ? rounded(text, column.decimals) : unreadable()
    default: return screened(text, column, at, person, context.report)
  }
}

function datedCell(day: Day, { take }: ColumnMapping, person: Person, isBirth: boolean, { asOf, projectKey, report: { generalised } }: CellContext): string | undefined {
  const birth = isBirth ? day : person.birth
  const oldest = birth !== undefined && ageOn(birth, asOf) >= OLDEST_AGE
  if (take === 'age') {
    const on = isBirth ? earlier(person.death, asOf) : day
    const age = birth === undefined ? -1 : ageOn(birth, on)
    if (age < 0) return undefined
    generalised.ages++
    if (age >= OLDEST_AGE) generalised.agesPooled++
    return pooledAge(age)
  }
  const telling = isBirth || oldest
  const year = telling ? pooledYear(day.year, asOf) : String(day.year)
  const pooled = year.startsWith('<')
  if (pooled) generalised.yearsPooled++
  if (take === 'year' || pooled || projectKey === undefined) {
    generalised.years++
    return year
  }
  generalised.datesShifted++
  return shiftDate(day, shiftDays(projectKey, person.key))
}

/** A number with at most so many digits after its point, without trailing zeros. */
function rounded(text: string, decimals: number): string {
  return String(Number(Number(text).toFixed(decimals)))
}

function earlier(a: Day | undefined, b: Day): Day {
  return a !== undefined && dayNumber(a) < dayNumber(b) ? a : b
}

function screened(text: string, { path }: ColumnMapping, at: number, { needles }: Person, report: ReportDraft): string | undefined {
  // What stands beside a code is a word of a vocabulary, and a vocabulary's White is not Mr. White.
  const coded = /coding$|^class$/i.test(path.at(-2)?.name ?? '')
  const kind = screenValue(text, coded ? new Set() : needles)
  if (kind === undefined) return text
  report.screened[kind]++
  report.columns[at]!.screened++
  return undefined
}
