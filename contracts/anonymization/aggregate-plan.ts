import { QUERY_LIMITS } from '../../primitives/calls/aggregate-query.ts'
import type { AggregateQuery, QueryAxis } from '../../primitives/calls/aggregate-query.ts'
import { maybeDayNumber } from './kernel/calendar.ts'
import type { AttributeDefinition, DatasetDefinition } from './kernel/index.ts'
import { refuse } from './kernel/refuse.ts'
import { divideBig, quotient } from './kernel/whole.ts'

/** Which position of an axis a row's cell has; undefined: none. */
interface Axis { readonly column: string; readonly labels: readonly string[]; readonly placeOf: (cell: string) => number | undefined }

/** A question as an institution answers it. Weights make everybody count once: a row that n institutions hold weighs `unit` ÷ n. */
export interface AggregatePlan {
  readonly axes: readonly { readonly column: string; readonly labels: readonly string[] }[]
  readonly cellCount: number
  /** What a whole person weighs in the counts. */
  readonly unit: bigint
  /** By how much one row can change its count, and its sum where one is asked for. */
  readonly sensitivity: { readonly count: bigint; readonly sum: bigint | undefined }
  /** Adds up rows; `columns` names their cells. Throws `ANONYMIZATION_CELL_TYPE` naming row and column. */
  evaluate(columns: readonly string[], rows: readonly (readonly string[])[]): { readonly counts: bigint[]; readonly sums: bigint[] | undefined }
}

/** 1 ÷ n is a whole number of these for every n up to 8. */
const SHARED_UNIT = 840n
const INTEGER = /^-?\d{1,15}$/

/** Checks a question against a definition. Refuses with `ANONYMIZATION_QUERY_INVALID` naming rule and column; identifiers are not asked about. */
export function planAggregate({ by, where, measure, sharedBy, linkedBy }: AggregateQuery, definition: DatasetDefinition): AggregatePlan {
  if (linkedBy !== null) refuse('ANONYMIZATION_QUERY_INVALID', { column: linkedBy, rule: 'persons are linked, or cells are counted' })
  const axes = by.map((axis) => axisOf(axis, definition))
  const cellCount = axes.reduce((product, { labels }) => product * labels.length, 1)
  if (cellCount > QUERY_LIMITS.cells) refuse('ANONYMIZATION_QUERY_INVALID', { rule: `at most ${QUERY_LIMITS.cells} cells`, cells: cellCount })
  if (measure !== null && measure.low > measure.high) refuse('ANONYMIZATION_QUERY_INVALID', { column: measure.column, rule: 'low ≤ high' })
  if (measure !== null && sharedBy !== null) refuse('ANONYMIZATION_QUERY_INVALID', { column: sharedBy, rule: 'persons are counted once, or something is added up' })
  for (const column of [measure?.column, sharedBy ?? undefined]) if (column !== undefined && attributeOf(column, definition).type !== 'integer') refuse('ANONYMIZATION_QUERY_INVALID', { column, rule: 'a column of type integer' })
  const isMeant = conditionsOf(where, definition)
  const unit = sharedBy === null ? 1n : SHARED_UNIT
  const wide = measure === null ? undefined : [measure.low, measure.high].map((end) => (end < 0n ? -end : end)).reduce((a, b) => (a > b ? a : b))
  return {
    axes, cellCount, unit, sensitivity: { count: unit, sum: wide === undefined ? undefined : wide > 0n ? wide : 1n },
    evaluate(columns, rows) {
      const [counts, sums] = [new Array<bigint>(cellCount).fill(0n), measure === null ? undefined : new Array<bigint>(cellCount).fill(0n)]
      for (const [at, row] of rows.entries()) {
        const cellOf = (column: string): string => row[columns.indexOf(column)] ?? ''
        const integer = (column: string): bigint => (INTEGER.test(cellOf(column)) ? BigInt(cellOf(column)) : refuse('ANONYMIZATION_CELL_TYPE', { row: at + 1, column, rule: 'a whole number' }))
        if (!isMeant(columns, row)) continue
        const places = axes.map(({ column, placeOf }) => placeOf(cellOf(column)))
        if (places.includes(undefined)) continue
        const cell = places.reduce<number>((index, place, axis) => index * axes[axis]!.labels.length + place!, 0)
        counts[cell]! += sharedBy === null ? 1n : divideBig(unit, sharers(integer(sharedBy), at, sharedBy))
        if (measure !== null) sums![cell]! += clamp(integer(measure.column), measure)
      }
      return { counts, sums }
    },
  }
}

/** Whether a row fulfils all conditions of a question. Refuses as `planAggregate`. */
export function conditionsOf(where: AggregateQuery['where'], definition: DatasetDefinition): (columns: readonly string[], row: readonly string[]) => boolean {
  const conditions = where.map((condition) => valuesAxis(condition, definition))
  return (columns, row) => conditions.every(({ column, placeOf }) => placeOf(row[columns.indexOf(column)] ?? '') !== undefined)
}

const clamp = (value: bigint, { low, high }: { readonly low: bigint; readonly high: bigint }): bigint => (value < low ? low : value > high ? high : value)

function sharers(count: bigint, at: number, column: string): bigint {
  return count >= 1n && count <= BigInt(QUERY_LIMITS.weightMax) ? count : refuse('ANONYMIZATION_CELL_TYPE', { row: at + 1, column, rule: `institutions that hold the person, 1 to ${QUERY_LIMITS.weightMax}` })
}

function attributeOf(column: string, { attributes }: DatasetDefinition): AttributeDefinition {
  const found = attributes.find(({ name }) => name === column)
  return found !== undefined && found.role !== 'identifier' ? found : refuse('ANONYMIZATION_QUERY_INVALID', { column, rule: 'a column of the data set that is no identifier' })
}

function axisOf(axis: QueryAxis, definition: DatasetDefinition): Axis {
  return axis.kind === 'values' ? valuesAxis(axis.value, definition) : daysAxis(axis.value, definition)
}

function valuesAxis({ column, level, values }: { readonly column: string; readonly level: number; readonly values: readonly string[] }, definition: DatasetDefinition): Axis {
  const { hierarchy } = attributeOf(column, definition)
  if (new Set(values).size !== values.length) refuse('ANONYMIZATION_QUERY_INVALID', { column, rule: 'each value once' })
  const place = new Map(values.map((value, index) => [value, index]))
  if (level === 0) return { column, labels: values, placeOf: (cell) => place.get(cell) }
  const known = hierarchy?.levels[level]
  if (hierarchy === undefined || known === undefined) return refuse('ANONYMIZATION_QUERY_INVALID', { column, rule: 'a level of the column\'s hierarchy', level })
  const stranger = values.find((value) => !known.labels.includes(value))
  if (stranger !== undefined) refuse('ANONYMIZATION_QUERY_INVALID', { column, rule: 'labels of that level', level })
  return {
    column, labels: values,
    placeOf: (cell) => {
      const leaf = hierarchy.leafOf.get(cell)
      return leaf === undefined ? undefined : place.get(known.labels[hierarchy.nodeOf[level]![leaf]!]!)
    },
  }
}

function daysAxis({ column, from, step, count }: Extract<QueryAxis, { kind: 'days' }>['value'], definition: DatasetDefinition): Axis {
  const start = maybeDayNumber(from)
  if (attributeOf(column, definition).type !== 'date' || start === undefined) return refuse('ANONYMIZATION_QUERY_INVALID', { column, rule: 'a column of dates, and a day that exists' })
  if (step < 1 || count < 1 || count > QUERY_LIMITS.valuesPerAxis || step > 36_525) refuse('ANONYMIZATION_QUERY_INVALID', { column, rule: `1 to ${QUERY_LIMITS.valuesPerAxis} spans of at least a day` })
  return {
    column, labels: Array.from({ length: count }, (_, i) => `${from} + ${i * step} d`),
    placeOf: (cell) => {
      const day = maybeDayNumber(cell)
      if (day === undefined || day < start) return undefined
      const place = quotient(day - start, step)
      return place < count ? place : undefined
    },
  }
}
