import { quotient } from './whole.ts'

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/
const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
const daysIn = (year: number, month: number): number => (month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31)

/** The number of a day, 0001-01-01 being 0, in the proleptic Gregorian calendar. Undefined unless `YYYY-MM-DD` names a day that exists. No clock, no zone. */
export function maybeDayNumber(text: string): number | undefined {
  const match = DATE.exec(text)
  if (match === null) return undefined
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined
  const past = year - 1
  const leapDay = month > 2 && isLeap(year) ? 1 : 0
  return past * 365 + quotient(past, 4) - quotient(past, 100) + quotient(past, 400) + DAYS_BEFORE_MONTH[month - 1]! + leapDay + day - 1
}
