import { flatHierarchy, dateHierarchy, intervalHierarchy, parseHierarchy, zipHierarchy } from '../../contracts/anonymization/kernel/index.ts'
import type { AttributeType, Hierarchy } from '../../contracts/anonymization/kernel/index.ts'

/** A hierarchy, and in words where it came from. */
export interface NamedHierarchy { readonly hierarchy: Hierarchy; readonly origin: string }

const INTEGER = /^-?\d{1,15}$/
const DECIMAL = /^-?\d{1,15}(?:\.\d{1,15})?$/
const DATE = /^\d{4}-\d{2}-\d{2}$/
/** What `stele deidentify` writes for the oldest: `90+` and `<=1936`. */
const POOLED = /^(?:<=)?(\d{1,6})\+?$/
const ZIP_NAME = /zip|post_?al|postcode|plz/i

/** The type that all values have. Digits with a leading zero are codes, not numbers. */
export function typeOfValues(name: string, values: readonly string[]): AttributeType {
  if (values.length === 0 || ZIP_NAME.test(name)) return 'categorical'
  if (values.every((value) => INTEGER.test(value))) return values.some((value) => /^-?0\d/.test(value)) ? 'categorical' : 'integer'
  if (values.every((value) => DECIMAL.test(value))) return 'decimal'
  return values.every((value) => DATE.test(value)) ? 'date' : 'categorical'
}

/** A hierarchy made from the values of a column: ranges that double, day to decade, shrinking prefixes of codes of one length, else every value under `*`. */
export function automaticHierarchy(name: string, type: AttributeType, values: readonly string[]): NamedHierarchy {
  if (type === 'date') return { hierarchy: dateHierarchy(name, values), origin: 'automatic: day, month, year, decade' }
  if (type === 'integer') {
    const widths = doublingWidths(values.map(Number))
    return { hierarchy: widths.length === 0 ? flatHierarchy(name, values) : intervalHierarchy(name, values, widths), origin: widths.length === 0 ? 'automatic: values under *' : `automatic: ranges of ${widths.join(', ')}` }
  }
  if (type === 'decimal') return decimalHierarchy(name, values)
  const length = values[0]?.length ?? 0
  if (length >= 3 && length <= 10 && values.every((value) => value.length === length && /^[0-9A-Z]+$/.test(value)) && (ZIP_NAME.test(name) || values.every((value) => /^\d+$/.test(value)))) return { hierarchy: zipHierarchy(name, values), origin: 'automatic: shrinking prefixes' }
  if (values.some((value) => INTEGER.test(value)) && values.every((value) => POOLED.test(value))) return pooledHierarchy(name, values)
  return { hierarchy: flatHierarchy(name, values), origin: 'automatic: values under *' }
}

/** Widths that begin near a fiftieth of the span, at 2, 5, 10, 20, 50, …, and double until one covers it. */
export function doublingWidths(numbers: readonly number[]): number[] {
  let [low, high] = [Infinity, -Infinity]
  for (const number of numbers) {
    if (number < low) low = number
    if (number > high) high = number
  }
  const span = high - low + 1
  if (!(span > 2)) return []
  let [width, step] = [2, 0]
  while (width < span / 25) width = (step++ % 3 === 0 ? width / 2 * 5 : width * 2)
  const widths = [width]
  while (widths.at(-1)! * 2 < span) widths.push(widths.at(-1)! * 2)
  return widths
}

/** Ranges of numbers with digits after the point: reckoned in whole units of the last digit. */
function decimalHierarchy(name: string, values: readonly string[]): NamedHierarchy {
  const digits = Math.max(...values.map((value) => (value.split('.')[1] ?? '').length))
  const scale = 10 ** Math.min(digits, 6)
  const scaled = values.map((value) => Math.floor(Number(value) * scale + 1e-6))
  const widths = doublingWidths(scaled)
  const show = (units: number): string => (units / scale).toFixed(Math.min(digits, 6))
  const lines = values.map((value, at) => [value, ...widths.map((width) => { const low = Math.floor(scaled[at]! / width) * width; return `${show(low)}..${show(low + width - 1)}` }), '*'].join(';'))
  return { hierarchy: parseHierarchy(name, lines.join('\n')), origin: `automatic: ranges of ${widths.map(show).join(', ')}` }
}

/** Ranges of numbers where the extremes are pooled, as `90+`: a pooled value keeps to itself until `*`. */
function pooledHierarchy(name: string, values: readonly string[]): NamedHierarchy {
  const widths = doublingWidths(values.filter((value) => INTEGER.test(value)).map(Number))
  const rank = (value: string): number => Number(POOLED.exec(value)![1]) + (value.endsWith('+') ? 0.5 : value.startsWith('<') ? -0.5 : 0)
  const lines = values.toSorted((a, b) => rank(a) - rank(b)).map((value) => {
    if (!INTEGER.test(value)) return [value, ...widths.map(() => value), '*'].join(';')
    return [value, ...widths.map((width) => { const low = Math.floor(Number(value) / width) * width; return `${low}..${low + width - 1}` }), '*'].join(';')
  })
  return { hierarchy: parseHierarchy(name, lines.join('\n')), origin: widths.length === 0 ? 'automatic: values under *, pooled ones apart' : `automatic: ranges of ${widths.join(', ')}, pooled values apart` }
}
