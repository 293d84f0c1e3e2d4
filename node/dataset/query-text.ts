import { InvalidArgumentError } from 'commander'
import type { AggregateQuery, QueryAxis } from '../../primitives/calls/aggregate-query.ts'

/** `column=a,b,c` or, at a level of the column's hierarchy, `column@2=x,y`. */
export function parseValues(text: string): Extract<QueryAxis, { kind: 'values' }>['value'] {
  const match = /^([^=@]+)(?:@(\d{1,2}))?=(.+)$/s.exec(text)
  if (match === null) throw new InvalidArgumentError('COLUMN=VALUE,VALUE… or COLUMN@LEVEL=LABEL,LABEL…')
  return { column: match[1]!, level: Number(match[2] ?? 0), values: match[3]!.split(',') }
}

/** `column=2026-01-01+7x12`: twelve spans of seven days. */
export function parseDays(text: string): Extract<QueryAxis, { kind: 'days' }>['value'] {
  const match = /^([^=]+)=(\d{4}-\d{2}-\d{2})\+(\d{1,5})x(\d{1,3})$/.exec(text)
  if (match === null) throw new InvalidArgumentError('COLUMN=YYYY-MM-DD+DAYSxSPANS, for example onset=2026-01-01+7x12')
  return { column: match[1]!, from: match[2]!, step: Number(match[3]), count: Number(match[4]) }
}

/** `column=0..100`. */
export function parseMeasure(text: string): NonNullable<AggregateQuery['measure']> {
  const match = /^([^=]+)=(-?\d{1,15})\.\.(-?\d{1,15})$/.exec(text)
  if (match === null) throw new InvalidArgumentError('COLUMN=LOW..HIGH, whole numbers to which each value is clamped')
  return { column: match[1]!, low: BigInt(match[2]!), high: BigInt(match[3]!) }
}

/** ε as people write it, in millionths. */
export function parseEpsilon(text: string): number {
  const match = /^(\d{1,3})(?:\.(\d{1,6}))?$/.exec(text)
  const millionths = match === null ? 0 : Number(match[1]) * 1_000_000 + Number((match[2] ?? '').padEnd(6, '0'))
  if (millionths < 1) throw new InvalidArgumentError('a number from 0.000001 to 999, at most six decimals')
  return millionths
}
