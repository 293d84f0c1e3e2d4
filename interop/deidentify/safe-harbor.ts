/**
 * Three-digit ZIP areas of at most 20,000 people by the census of 2000, which become 000 (guidance of the Office for Civil Rights on 45 CFR
 * §164.514(b)(2)(i)(B)). A mapping may name another list, for a newer census.
 */
export const RESTRICTED_ZIP3: readonly string[] = ['036', '059', '063', '102', '203', '556', '692', '790', '821', '823', '830', '831', '878', '879', '884', '890', '893']

/** The age from which all are one: "ages over 89 … aggregated into a single category of age 90 or older". */
export const OLDEST_AGE = 90

/** A calendar day, checked to exist. */
export interface Day { readonly year: number; readonly month: number; readonly day: number }

/** The day that a FHIR date, dateTime or instant begins with; of a year or a month alone, its first day. Undefined for anything else. */
export function dayOf(text: string): Day | undefined {
  const match = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?)?)?$/.exec(text)
  if (match === null) return undefined
  const [year, month, day] = [Number(match[1]), Number(match[2] ?? 1), Number(match[3] ?? 1)]
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined
  return { year, month, day }
}

function daysInMonth(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
}

/** Whole years from birth to a day; negative when the day lies before the birth. */
export function ageOn(birth: Day, day: Day): number {
  const before = day.month < birth.month || (day.month === birth.month && day.day < birth.day)
  return day.year - birth.year - (before ? 1 : 0)
}

/** An age as it may be published. */
export function pooledAge(age: number): string {
  return age >= OLDEST_AGE ? `${OLDEST_AGE}+` : String(age)
}

/**
 * A year as it may be published: one that lies so far back that somebody alive then has passed 89 joins the oldest, `<=1929`. Only a year that tells an
 * age does so: the year of birth always, another year of a person's record when the person is over 89.
 */
export function pooledYear(year: number, asOf: Day): string {
  const last = asOf.year - OLDEST_AGE
  return year <= last ? `<=${last}` : String(year)
}

/** A ZIP code's area: its first three digits, `000` where few people live. Undefined for what is no ZIP or ZIP+4 code. */
export function zip3Of(text: string, restricted: ReadonlySet<string>): string | undefined {
  const match = /^(\d{3})\d{2}(?:-?\d{4})?$/.exec(text.trim())
  if (match === null) return undefined
  return restricted.has(match[1]!) ? '000' : match[1]!
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
export function dayNumber({ year, month, day }: Day): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

/** `YYYY-MM-DD` of a day number. */
export function dateOfDayNumber(number: number): string {
  const z = number + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = z - era * 146_097
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
}
