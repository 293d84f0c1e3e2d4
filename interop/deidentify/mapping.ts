import { SteleError } from '../../primitives/error.ts'
import { asObject } from '../fhir/json.ts'
import type { JsonObject } from '../fhir/json.ts'
import { parsePath } from './path.ts'
import type { PathStep } from './path.ts'
import { dayOf, RESTRICTED_ZIP3 } from './safe-harbor.ts'
import type { Day } from './safe-harbor.ts'
import { checkColumnSafety } from './column-safety.ts'

/** How dates leave: the year alone (Safe Harbor), or whole days moved by a secret number of days per person and project (an expert's method). */
export const DATE_MODES = ['year', 'shift'] as const
export type DateMode = (typeof DATE_MODES)[number]

/** What becomes of the values at a path. `text`: as they stand (codes, numbers); `age`, `year`, `date`, `zip3`: by the Safe Harbor rules; `count`: how many; `present`: yes or no. */
export const TAKES = ['text', 'number', 'age', 'year', 'date', 'zip3', 'count', 'present'] as const
export type Take = (typeof TAKES)[number]

/** Which value when there are several: the first or last by the resource's date, or all, ascending, joined by `|`. */
export const PICKS = ['first', 'last', 'all'] as const
export type Pick = (typeof PICKS)[number]

export const ROLES = ['quasi-identifier', 'sensitive', 'insensitive'] as const
export type ColumnRole = (typeof ROLES)[number]

/** One column of the table. */
export interface ColumnMapping {
  readonly name: string
  /** Resource type that it is read from; resources of other types than `rows` belong to a row through their patient. */
  readonly from: string
  readonly path: readonly PathStep[]
  /** Only resources that have this text at this path. */
  readonly where?: { readonly path: readonly PathStep[]; readonly value: string }
  readonly take: Take
  readonly pick: Pick
  readonly role: ColumnRole
  /** Digits after the point that a `number` keeps: a measurement of 14 digits marks its person like a number plate. */
  readonly decimals: number
}

/** How resources become a table. */
export interface Mapping {
  /** One row for each resource of this type: `Patient`, or for instance `Condition`; `Row` for a flat table. */
  readonly rows: string
  readonly dates: DateMode
  /** The day ages are reckoned to; undefined until the caller sets it. */
  readonly asOf?: Day
  readonly restrictedZip3: ReadonlySet<string>
  readonly columns: readonly ColumnMapping[]
}

const COLUMNS_MAX = 256
const DECIMALS_MAX = 6
const DECIMALS_DEFAULT = 2
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/
const TYPE = /^[A-Z][A-Za-z]{1,63}$/

const refuse = (message: string, details: Record<string, unknown>): SteleError => new SteleError({ code: 'DEIDENTIFY_MAPPING', message, details })

/**
 * Reads a mapping from what its YAML or JSON holds. Unknown members are refused, and so is a column that would carry one of the eighteen identifiers
 * out: the mapping is judged before any record is read. Throws `DEIDENTIFY_MAPPING` and `DEIDENTIFY_UNSAFE`, naming column and rule.
 */
export function readMapping(source: unknown): Mapping {
  const root = objectOf(source, 'the mapping')
  onlyMembers(root, ['version', 'rows', 'dates', 'asOf', 'restrictedZip3', 'columns'], 'the mapping')
  if (root['version'] !== 1) throw refuse('the mapping has a version that is not known', { member: 'version', rule: 'version must be 1' })
  const rows = typeOf(root['rows'] ?? 'Patient', 'rows')
  const columns = root['columns']
  if (!Array.isArray(columns) || columns.length === 0 || columns.length > COLUMNS_MAX) throw refuse('the mapping has no list of columns', { member: 'columns', rule: `a list of 1 to ${COLUMNS_MAX} columns` })
  const read = columns.map((column, at) => readColumn(column, at, rows))
  const twice = read.find(({ name }, at) => read.findIndex((other) => other.name === name) !== at)
  if (twice !== undefined) throw refuse('two columns have one name', { column: twice.name, rule: 'names of columns are unique' })
  const dates = choiceOf(root['dates'] ?? 'year', DATE_MODES, 'dates')
  for (const column of read) checkColumnSafety(column, dates)
  const asOf = root['asOf'] === undefined ? undefined : dayOf(String(root['asOf']))
  if (root['asOf'] !== undefined && asOf === undefined) throw refuse('asOf is no day', { member: 'asOf', rule: 'a day such as 2026-01-31' })
  return { rows, dates, restrictedZip3: new Set(zipsOf(root['restrictedZip3'])), columns: read, ...(asOf !== undefined && { asOf }) }
}

function readColumn(source: unknown, at: number, rows: string): ColumnMapping {
  const object = objectOf(source, `columns[${at}]`)
  const name = object['name']
  if (typeof name !== 'string' || !NAME.test(name)) throw refuse('a column has no usable name', { member: `columns[${at}].name`, rule: 'a letter, then letters, digits, _ or -; at most 64' })
  onlyMembers(object, ['name', 'from', 'path', 'where', 'take', 'pick', 'role', 'decimals'], `columns[${at}]`, name)
  const take = choiceOf(object['take'] ?? 'text', TAKES, `columns[${at}].take`, name)
  const path = object['path'] ?? ''
  if (typeof path !== 'string' || (path === '' && take !== 'count' && take !== 'present')) throw refuse('a column has no path', { column: name, rule: 'a path to the value, or take: count or present' })
  const decimals = object['decimals'] ?? DECIMALS_DEFAULT
  if (typeof decimals !== 'number' || !Number.isInteger(decimals) || decimals < 0 || decimals > DECIMALS_MAX) throw refuse('the decimals of a column cannot be read', { column: name, rule: `an integer from 0 to ${DECIMALS_MAX}` })
  return {
    name, decimals, from: typeOf(object['from'] ?? rows, `columns[${at}].from`, name), path: parsePath(path, name), take,
    pick: choiceOf(object['pick'] ?? 'first', PICKS, `columns[${at}].pick`, name), role: choiceOf(object['role'], ROLES, `columns[${at}].role`, name),
    ...(object['where'] !== undefined && { where: readWhere(object['where'], name) }),
  }
}

function readWhere(source: unknown, column: string): NonNullable<ColumnMapping['where']> {
  const object = objectOf(source, 'where', column)
  onlyMembers(object, ['path', 'is'], 'where', column)
  const { path, is } = object
  if (typeof path !== 'string' || path === '' || (typeof is !== 'string' && typeof is !== 'number' && typeof is !== 'boolean')) throw refuse('a condition cannot be read', { column, rule: 'where: {path: code.coding.code, is: "8302-2"}' })
  return { path: parsePath(path, column), value: String(is) }
}

function objectOf(value: unknown, what: string, column?: string): JsonObject {
  const object = asObject(value)
  if (object === undefined) throw refuse('a part of the mapping is no object', { member: what, column, rule: 'members with values' })
  return object
}

function onlyMembers(object: JsonObject, known: readonly string[], what: string, column?: string): void {
  const unknown = Object.keys(object).find((name) => !known.includes(name))
  if (unknown !== undefined) throw refuse('the mapping has a member that is not known', { member: `${what}.${unknown}`, column, rule: `one of ${known.join(', ')}` })
}

function choiceOf<T extends string>(value: unknown, choices: readonly T[], member: string, column?: string): T {
  const found = choices.find((choice) => choice === value)
  if (found === undefined) throw refuse('a value of the mapping is not known', { member, column, rule: `one of ${choices.join(', ')}` })
  return found
}

function typeOf(value: unknown, member: string, column?: string): string {
  if (typeof value !== 'string' || !TYPE.test(value)) throw refuse('a resource type cannot be read', { member, column, rule: 'the name of a FHIR type, or Row for a flat table' })
  return value
}

function zipsOf(value: unknown): readonly string[] {
  if (value === undefined) return RESTRICTED_ZIP3
  if (!Array.isArray(value) || !value.every((zip) => typeof zip === 'string' && /^\d{3}$/.test(zip))) throw refuse('the list of restricted ZIP areas cannot be read', { member: 'restrictedZip3', rule: 'a list of three digits each, in quotes' })
  return value as string[]
}
