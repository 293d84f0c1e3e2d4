import { SteleError } from '../../primitives/error.ts'
import { readBundle } from '../fhir/bundle.ts'
import type { FhirResource } from '../fhir/bundle.ts'
import { recordDate } from '../fhir/fields.ts'
import { asText, valuesAt } from '../fhir/json.ts'
import type { JsonObject } from '../fhir/json.ts'
import { cellOf } from './cell.ts'
import type { CellContext, Person } from './cell.ts'
import { identifierKind, kindOfMember } from './identifier-kinds.ts'
import { countIdentifiers } from './inventory.ts'
import type { ColumnMapping, Mapping } from './mapping.ts'
import { valuesAlong } from './path.ts'
import { emptyReport } from './report.ts'
import type { DeidentifyReport } from './report.ts'
import { dayOf } from './safe-harbor.ts'
import type { Day } from './safe-harbor.ts'
import { needlesOf } from './screen.ts'

/** Turns bundles, or rows of a flat table, into rows of the mapping's columns. */
export interface Deidentifier {
  /** Rows of one bundle, each with one cell per column; an absent value is an empty cell. Throws what `readBundle` throws, and `DEIDENTIFY_DUPLICATE`. */
  addBundle(bytes: Uint8Array): string[][]
  /** The row of one record of a flat table; `line` only names it in errors. */
  addRow(record: Readonly<Record<string, string>>, line: number): string[]
  report(): DeidentifyReport
}

export interface DeidentifierOptions {
  /** The day that ages are reckoned to, unless the mapping names one. */
  readonly asOf: Day
  /** 32 secret bytes of the project; needed for `dates: shift` alone. */
  readonly projectKey?: Uint8Array
  /** A person who appears again is refused, or passed over. */
  readonly duplicates?: 'refuse' | 'first'
}

interface Item { readonly resourceType: string; readonly resource: JsonObject; readonly date: string | undefined; readonly subject: string | undefined; readonly reference: string }

/** Throws `DEIDENTIFY_MAPPING` when dates shall be shifted and there is no key. */
export function createDeidentifier(mapping: Mapping, { asOf, projectKey, duplicates = 'refuse' }: DeidentifierOptions): Deidentifier {
  if (mapping.dates === 'shift' && projectKey?.length !== 32) throw new SteleError({ code: 'DEIDENTIFY_MAPPING', message: 'shifted dates need a project key', details: { member: 'dates', rule: '32 bytes that stay secret' } })
  const report = emptyReport(mapping.columns.map(({ name }) => name))
  const context: CellContext = { mapping, asOf: mapping.asOf ?? asOf, report, ...(mapping.dates === 'shift' && projectKey !== undefined && { projectKey }) }
  const seen = new Set<string>()

  /** True when the person is new. */
  const admit = (keys: readonly string[], details: Record<string, unknown>): boolean => {
    const again = keys.some((key) => seen.has(key))
    if (again && duplicates === 'refuse') throw new SteleError({ code: 'DEIDENTIFY_DUPLICATE', message: 'a person appears twice', details: { ...details, rule: 'one person, one appearance; --duplicates first keeps the first' } })
    if (!again) {
      for (const key of keys) seen.add(key)
      report.persons++
    }
    return !again
  }
  const rowOf = (own: Item, patient: Item | undefined, others: readonly Item[], person: Person): string[] => {
    report.rows++
    return mapping.columns.map((column, at) => {
      const sources = column.from === own.resourceType ? [own] : column.from === 'Patient' ? (patient === undefined ? [] : [patient]) : others.filter(({ resourceType }) => resourceType === column.from)
      const cell = columnCell(column, at, sources, person, context)
      if (cell === undefined) report.columns[at]!.missing++
      return cell ?? ''
    })
  }
  const addBundle = (bytes: Uint8Array): string[][] => {
    const items = readBundle(bytes).map(toItem)
    report.sources++
    report.resources += items.length
    for (const { resource } of items) countIdentifiers(resource, report.found)
    const people = new Map<string, { readonly patient: Item; readonly person: Person; readonly others: Item[] }>()
    for (const [entry, patient] of items.entries()) {
      if (patient.resourceType !== 'Patient' || !admit(personKeys(patient), { source: report.sources, entry })) continue
      const group = { patient, person: personOf(patient), others: [] }
      for (const name of namesOf(patient)) people.set(name, group)
    }
    for (const item of items) people.get(item.subject ?? '')?.others.push(item)
    for (const { others } of new Set(people.values())) others.sort(byDate)
    return items.filter(({ resourceType }) => resourceType === mapping.rows).flatMap((own) => {
      const group = people.get(own.resourceType === 'Patient' ? own.reference : own.subject ?? '')
      if (group === undefined) {
        if (own.resourceType === 'Patient') return []
        report.orphans++
      }
      return [rowOf(own, group?.patient, group?.others ?? [], group?.person ?? { key: own.reference, needles: new Set() })]
    })
  }
  const addRow = (record: Readonly<Record<string, string>>, line: number): string[] => {
    report.sources = 1
    report.resources++
    countIdentifiers(record, report.found)
    const key = Object.entries(record).find(([name, value]) => value !== '' && ['other', 'record', 'ssn'].includes(kindOfMember(name) ?? ''))?.[1]
    if (!admit([key === undefined ? `line ${line}` : `id ${key}`], { line })) return []
    const needles = needlesOf(Object.entries(record).flatMap(([name, value]) => (kindOfMember(name) === 'name' ? [value] : [])))
    return rowOf({ resourceType: 'Row', resource: record, date: undefined, subject: undefined, reference: '' }, undefined, [], { key: key ?? `line ${line}`, needles })
  }
  return { addBundle, addRow, report: () => report }
}

function toItem({ resourceType, reference, subject, bytes }: FhirResource): Item {
  const resource = JSON.parse(new TextDecoder().decode(bytes)) as JsonObject
  return { resourceType, resource, reference, subject, date: recordDate(resourceType, resource) }
}

/** Oldest first; what has no date comes first of all, so that `last` prefers what has one. The order is stable. */
function byDate(a: Item, b: Item): number {
  return (a.date === undefined ? -Infinity : Date.parse(a.date)) - (b.date === undefined ? -Infinity : Date.parse(b.date)) || 0
}

function namesOf({ reference, resource }: Item): string[] {
  const id = asText(resource['id'])
  return id === undefined ? [reference] : [reference, `Patient/${id}`, `urn:uuid:${id}`]
}

/** What marks a person across bundles: the id, and numbers that are one's own. */
function personKeys({ resource, reference }: Item): string[] {
  const numbers = valuesAt(resource, 'identifier').flatMap((identifier) => {
    const system = asText(valuesAt(identifier, 'system')[0])
    const value = asText(valuesAt(identifier, 'value')[0])
    const kind = identifierKind(asText(valuesAt(identifier, 'type.coding.code')[0]), system)
    return value !== undefined && (kind === 'ssn' || kind === 'record') ? [`${kind} ${system ?? ''} ${value}`] : []
  })
  return [`id ${asText(resource['id']) ?? reference}`, ...numbers]
}

function personOf(patient: Item): Person {
  const { resource } = patient
  const texts = ['name.family', 'name.given', 'name.text', 'address.line', 'contact.name.family', 'contact.name.given'].flatMap((path) => valuesAt(resource, path).flatMap((value) => asText(value) ?? []))
  const birth = dayOf(asText(resource['birthDate']) ?? '')
  const death = dayOf(asText(resource['deceasedDateTime']) ?? '')
  return { key: personKeys(patient)[0]!, needles: needlesOf(texts), ...(birth && { birth }), ...(death && { death }) }
}

/** The cell of one column, from the resources it is read from. */
function columnCell(column: ColumnMapping, at: number, items: readonly Item[], person: Person, context: CellContext): string | undefined {
  const { where, path, take, pick } = column
  const matching = where === undefined ? items : items.filter(({ resource }) => valuesAlong(resource, where.path).some((value) => String(value) === where.value))
  if (take === 'count' || take === 'present') {
    const count = path.length === 0 ? matching.length : matching.reduce((sum, { resource }) => sum + valuesAlong(resource, path).length, 0)
    return take === 'count' ? String(count) : count > 0 ? 'yes' : 'no'
  }
  const isBirth = column.from === 'Row' || (column.from === 'Patient' && path.at(-1)?.name === 'birthDate')
  const cells = (item: Item): string[] => valuesAlong(item.resource, path).flatMap((value) => cellOf(value, column, at, person, isBirth, context) ?? [])
  if (pick === 'all') {
    const all = [...new Set(matching.flatMap(cells))].sort()
    return all.length === 0 ? undefined : all.join('|')
  }
  for (const item of pick === 'first' ? matching : matching.toReversed()) {
    const [cell] = cells(item)
    if (cell !== undefined) return cell
  }
  return undefined
}
