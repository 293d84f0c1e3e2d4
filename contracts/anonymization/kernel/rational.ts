import { refuse } from './refuse.ts'
import { divideBig } from './whole.ts'

/** An exact number. `den` is positive; kept in lowest terms by `rational`. */
export interface Rational { readonly num: bigint; readonly den: bigint }

/** An exact number as people write it: `'3'`, `'0.05'`, `'1/20'`; or one that was computed. Never a floating-point number. */
export type Fraction = string | Rational

export const ZERO: Rational = { num: 0n, den: 1n }
export const ONE: Rational = { num: 1n, den: 1n }

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b]
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

/** num / den in lowest terms. A zero denominator is a bug of the caller. */
export function rational(num: bigint | number, den: bigint | number = 1n): Rational {
  let [n, d] = [BigInt(num), BigInt(den)]
  if (d === 0n) throw new RangeError('division by zero')
  if (d < 0n) [n, d] = [-n, -d]
  const common = gcd(n, d)
  return common > 1n ? { num: divideBig(n, common), den: divideBig(d, common) } : { num: n, den: d }
}

const WHOLE_OR_DECIMAL = /^(-?)(\d{1,30})(?:\.(\d{1,30}))?$/
const RATIO = /^(-?\d{1,30})\/(\d{1,30})$/

/** Reads a fraction exactly; `rule` names what was being read. Refuses anything else with `ANONYMIZATION_POLICY_INVALID`. */
export function toRational(value: Fraction, rule: string): Rational {
  if (typeof value !== 'string') return typeof value?.num === 'bigint' && typeof value.den === 'bigint' && value.den > 0n ? value : refuse('ANONYMIZATION_POLICY_INVALID', { rule, expected: 'a fraction' })
  const ratio = RATIO.exec(value)
  if (ratio !== null && BigInt(ratio[2]!) !== 0n) return rational(BigInt(ratio[1]!), BigInt(ratio[2]!))
  const decimal = WHOLE_OR_DECIMAL.exec(value)
  if (decimal === null) refuse('ANONYMIZATION_POLICY_INVALID', { rule, expected: 'a number such as 3, 1/20, or a decimal' })
  const places = decimal[3] ?? ''
  const size = BigInt(decimal[2]! + places)
  return rational(decimal[1] === '-' ? -size : size, 10n ** BigInt(places.length))
}

export const add = (a: Rational, b: Rational): Rational => rational(a.num * b.den + b.num * a.den, a.den * b.den)
export const subtract = (a: Rational, b: Rational): Rational => rational(a.num * b.den - b.num * a.den, a.den * b.den)
export const multiply = (a: Rational, b: Rational): Rational => rational(a.num * b.num, a.den * b.den)
export const divide = (a: Rational, b: Rational): Rational => rational(a.num * b.den, a.den * b.num)

/** Negative, zero or positive, exactly. */
export function compare(a: Rational, b: Rational): number {
  const [left, right] = [a.num * b.den, b.num * a.den]
  return left < right ? -1 : left > right ? 1 : 0
}

export const maximum = (a: Rational, b: Rational): Rational => (compare(a, b) >= 0 ? a : b)
export const equals = (a: Rational, b: Rational): boolean => a.num * b.den === b.num * a.den

/** Decimal text with `digits` places, rounded half away from zero. */
export function rationalToText(value: Rational, digits: number): string {
  const scale = 10n ** BigInt(digits)
  const size = value.num < 0n ? -value.num : value.num
  const rounded = divideBig(2n * size * scale + value.den, 2n * value.den)
  const sign = value.num < 0n && rounded > 0n ? '-' : ''
  const whole = divideBig(rounded, scale)
  return digits === 0 ? `${sign}${whole}` : `${sign}${whole}.${(rounded % scale).toString().padStart(digits, '0')}`
}
