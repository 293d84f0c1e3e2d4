import { maybeDayNumber } from './calendar.ts'
import type { AttributeType } from './definition.ts'

/** A number as whole units: value = units / 10^scale. */
const INTEGER = /^-?\d{1,15}$/
const DECIMAL = /^(-?)(\d{1,15})(?:\.(\d{1,15}))?$/
const DIGITS_MAX = 15

/** Decimal places of a cell, or undefined if it is no number of this type. Dates have none. */
export function maybePlaces(type: AttributeType, text: string): number | undefined {
  if (type === 'integer') return INTEGER.test(text) ? 0 : undefined
  if (type === 'date') return maybeDayNumber(text) === undefined ? undefined : 0
  const match = DECIMAL.exec(text)
  if (match === null) return undefined
  const places = match[3] ?? ''
  return match[2]!.length + places.length <= DIGITS_MAX ? places.length : undefined
}

/** A cell as whole units of 10^−scale, exactly; undefined when that needs more than 15 digits. Callers have checked the form by `maybePlaces`. */
export function maybeUnits(type: AttributeType, text: string, scale: number): number | undefined {
  if (type === 'date') return maybeDayNumber(text)
  const [whole, places = ''] = text.split('.')
  const units = Number(`${whole}${places.padEnd(scale, '0')}`)
  return Number.isSafeInteger(units) ? units + 0 : undefined
}

/** Text of `units` / 10^scale without trailing zeros. */
export function unitsToText(units: number, scale: number): string {
  if (scale === 0) return String(units)
  const digits = String(Math.abs(units)).padStart(scale + 1, '0')
  const places = digits.slice(-scale).replace(/0+$/, '')
  return `${units < 0 ? '-' : ''}${digits.slice(0, -scale)}${places === '' ? '' : `.${places}`}`
}
