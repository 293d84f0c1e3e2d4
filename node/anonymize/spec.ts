import { asObject } from '../../interop/fhir/json.ts'
import type { JsonObject } from '../../interop/fhir/json.ts'
import { ROLES, TYPES } from '../../contracts/anonymization/kernel/index.ts'
import type { Algorithm, AttributeType, Closeness, Diversity, Likeness, MissingCells, Policy, Role, StatisticsRequest } from '../../contracts/anonymization/kernel/index.ts'
import { SteleError } from '../../primitives/error.ts'

/** Where a column's hierarchy comes from. `auto` is made from the values: ranges, dates, prefixes of postal codes, or values under `*`. */
export type HierarchySpec =
  | { readonly kind: 'auto' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'intervals'; readonly widths: readonly number[]; readonly origin: number }
  | { readonly kind: 'dates' }
  | { readonly kind: 'zip'; readonly kept?: readonly number[] }
  | { readonly kind: 'flat' }

export interface AttributeSpec {
  readonly name: string
  readonly role: Role
  /** Found from the values when absent. */
  readonly type?: AttributeType
  readonly hierarchy: HierarchySpec
  readonly order?: readonly string[]
  readonly person?: boolean
}

/** What shall be done with a table: a definition file, options, or both. Columns without an attribute are left out of the release. */
export interface ReleaseSpec {
  readonly attributes: readonly AttributeSpec[]
  readonly policy: Policy
  readonly algorithm: Algorithm
  readonly missing?: MissingCells
  readonly statistics?: StatisticsRequest
  /** Names of the columns of a file without a header. */
  readonly columns?: readonly string[]
  readonly delimiter?: string
}

/** A definition file may leave k and algorithm to the options. */
export type PartialSpec = Omit<ReleaseSpec, 'policy' | 'algorithm'> & { readonly policy: Partial<Policy>; readonly algorithm?: Algorithm }

const refuse = (member: string, rule: string): SteleError => new SteleError({ code: 'DEFINITION_INVALID', message: 'the definition cannot be read', details: { member, rule } })

/** Reads what a definition file holds. Unknown members are refused. Bounds and contradictions of the policy are the kernel's to judge. Throws `DEFINITION_INVALID`. */
export function readSpec(source: unknown): PartialSpec {
  const root = objectOf(source, 'definition')
  onlyMembers(root, ['version', 'attributes', 'policy', 'algorithm', 'missing', 'statistics', 'columns', 'delimiter'], 'definition')
  if (root['version'] !== 1) throw refuse('version', 'version must be 1')
  const { missing, statistics, columns, delimiter, algorithm } = root
  return {
    attributes: listOf(root['attributes'], 'attributes').map((item, at) => readAttribute(item, `attributes[${at}]`)),
    policy: root['policy'] === undefined ? {} : readPolicy(objectOf(root['policy'], 'policy')),
    ...(algorithm !== undefined && { algorithm: readAlgorithm(objectOf(algorithm, 'algorithm')) }),
    ...(missing !== undefined && { missing: readMissing(objectOf(missing, 'missing')) }),
    ...(statistics !== undefined && { statistics: readStatistics(objectOf(statistics, 'statistics')) }),
    ...(columns !== undefined && { columns: textsOf(columns, 'columns') }),
    ...(delimiter !== undefined && { delimiter: textOf(delimiter, 'delimiter') }),
  }
}

function readAttribute(source: unknown, at: string): AttributeSpec {
  const object = objectOf(source, at)
  onlyMembers(object, ['name', 'role', 'type', 'hierarchy', 'order', 'person'], at)
  const { type, order, person } = object
  return {
    name: textOf(object['name'], `${at}.name`), role: choiceOf(object['role'], ROLES, `${at}.role`), hierarchy: readHierarchy(object['hierarchy'], `${at}.hierarchy`),
    ...(type !== undefined && { type: choiceOf(type, TYPES, `${at}.type`) }), ...(order !== undefined && { order: textsOf(order, `${at}.order`) }), ...(person !== undefined && { person: person === true }),
  }
}

function readHierarchy(source: unknown, at: string): HierarchySpec {
  if (source === undefined || source === 'auto') return { kind: 'auto' }
  if (source === 'dates' || source === 'flat' || source === 'zip') return { kind: source }
  const object = objectOf(source, at)
  onlyMembers(object, ['file', 'intervals', 'origin', 'zip'], at)
  if (object['file'] !== undefined) return { kind: 'file', path: textOf(object['file'], `${at}.file`) }
  if (object['intervals'] !== undefined) return { kind: 'intervals', widths: numbersOf(object['intervals'], `${at}.intervals`), origin: object['origin'] === undefined ? 0 : numberOf(object['origin'], `${at}.origin`) }
  if (object['zip'] !== undefined) return { kind: 'zip', kept: numbersOf(object['zip'], `${at}.zip`) }
  throw refuse(at, 'auto, dates, zip, flat, or one of {file: …}, {intervals: [5, 10, 20]}, {zip: [3, 2]}')
}

function readPolicy(object: JsonObject): Partial<Policy> {
  onlyMembers(object, ['k', 'diversity', 'closeness', 'likeness', 'suppressionLimit', 'risk'], 'policy')
  const { k, diversity, closeness, likeness, suppressionLimit, risk } = object
  return {
    ...(k !== undefined && { k: numberOf(k, 'policy.k') }),
    ...(diversity !== undefined && { diversity: listOf(diversity, 'policy.diversity').map((item, at) => readDiversity(objectOf(item, `policy.diversity[${at}]`), `policy.diversity[${at}]`)) }),
    ...(closeness !== undefined && { closeness: listOf(closeness, 'policy.closeness').map((item, at) => readCloseness(objectOf(item, `policy.closeness[${at}]`), `policy.closeness[${at}]`)) }),
    ...(likeness !== undefined && { likeness: listOf(likeness, 'policy.likeness').map((item, at) => readLikeness(objectOf(item, `policy.likeness[${at}]`), `policy.likeness[${at}]`)) }),
    ...(suppressionLimit !== undefined && { suppressionLimit: fractionOf(suppressionLimit, 'policy.suppressionLimit') }),
    ...(risk !== undefined && { risk: readRisk(objectOf(risk, 'policy.risk')) }),
  }
}

function readDiversity(object: JsonObject, at: string): Diversity {
  onlyMembers(object, ['attribute', 'kind', 'l', 'c'], at)
  const attribute = textOf(object['attribute'], `${at}.attribute`)
  const kind = choiceOf(object['kind'] ?? 'distinct', ['distinct', 'entropy', 'recursive'], `${at}.kind`)
  return kind === 'recursive' ? { attribute, kind, c: fractionOf(object['c'], `${at}.c`), l: numberOf(object['l'], `${at}.l`) } : { attribute, kind, l: fractionOf(object['l'], `${at}.l`) }
}

function readCloseness(object: JsonObject, at: string): Closeness {
  onlyMembers(object, ['attribute', 'distance', 't'], at)
  return { attribute: textOf(object['attribute'], `${at}.attribute`), distance: choiceOf(object['distance'] ?? 'equal', ['equal', 'ordered', 'hierarchical'], `${at}.distance`), t: fractionOf(object['t'], `${at}.t`) }
}

function readLikeness(object: JsonObject, at: string): Likeness {
  onlyMembers(object, ['attribute', 'kind', 'beta'], at)
  return { attribute: textOf(object['attribute'], `${at}.attribute`), kind: choiceOf(object['kind'] ?? 'basic', ['basic', 'enhanced'], `${at}.kind`), beta: fractionOf(object['beta'], `${at}.beta`) }
}

function readRisk(object: JsonObject): NonNullable<Policy['risk']> {
  onlyMembers(object, ['prosecutor', 'marketer'], 'policy.risk')
  const { prosecutor, marketer } = object
  return { ...(prosecutor !== undefined && { prosecutor: fractionOf(prosecutor, 'policy.risk.prosecutor') }), ...(marketer !== undefined && { marketer: fractionOf(marketer, 'policy.risk.marketer') }) }
}

function readAlgorithm(object: JsonObject): Algorithm {
  onlyMembers(object, ['name', 'mode', 'metric', 'rowOrder', 'siteFloor'], 'algorithm')
  const name = choiceOf(object['name'], ['mondrian', 'datafly', 'full-domain', 'joint'], 'algorithm.name')
  if (name === 'mondrian') return { name, mode: choiceOf(object['mode'] ?? 'hierarchy', ['strict', 'relaxed', 'hierarchy'], 'algorithm.mode'), ...(object['rowOrder'] !== undefined && { rowOrder: choiceOf(object['rowOrder'], ['canonical', 'given'], 'algorithm.rowOrder') }) }
  if (name === 'datafly') return { name }
  if (name === 'joint') return { name, siteFloor: numberOf(object['siteFloor'] ?? 3, 'algorithm.siteFloor') }
  return { name, metric: choiceOf(object['metric'] ?? 'loss', ['loss', 'entropy', 'discernibility', 'average-class-size'], 'algorithm.metric') }
}

function readMissing(object: JsonObject): MissingCells {
  onlyMembers(object, ['markers', 'treatment'], 'missing')
  return { markers: object['markers'] === undefined ? ['', '?'] : textsOf(object['markers'], 'missing.markers'), treatment: choiceOf(object['treatment'] ?? 'refuse', ['refuse', 'drop-row'], 'missing.treatment') }
}

function readStatistics(object: JsonObject): StatisticsRequest {
  onlyMembers(object, ['columns', 'crossProducts'], 'statistics')
  return { columns: textsOf(object['columns'], 'statistics.columns'), ...(object['crossProducts'] !== undefined && { crossProducts: object['crossProducts'] === true }) }
}

function objectOf(value: unknown, at: string): JsonObject {
  const object = asObject(value)
  if (object === undefined) throw refuse(at, 'members with values')
  return object
}

function onlyMembers(object: JsonObject, known: readonly string[], at: string): void {
  const unknown = Object.keys(object).find((name) => !known.includes(name))
  if (unknown !== undefined) throw refuse(`${at}.${unknown.slice(0, 64)}`, `one of ${known.join(', ')}`)
}

function listOf(value: unknown, at: string): readonly unknown[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw refuse(at, 'a list')
  return value
}

function textOf(value: unknown, at: string): string {
  if (typeof value !== 'string') throw refuse(at, 'a text; put numbers that are names in quotes')
  return value
}

const textsOf = (value: unknown, at: string): string[] => listOf(value, at).map((item, i) => textOf(typeof item === 'number' ? String(item) : item, `${at}[${i}]`))
const numbersOf = (value: unknown, at: string): number[] => listOf(value, at).map((item, i) => numberOf(item, `${at}[${i}]`))

function numberOf(value: unknown, at: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw refuse(at, 'a whole number')
  return value
}

/** An exact fraction as the kernel takes it: `0.05`, `1/20`, `3`. */
function fractionOf(value: unknown, at: string): string {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string' || !/^\d{1,15}(?:\.\d{1,15}|\/\d{1,15})?$/.test(text)) throw refuse(at, 'a fraction such as 0.05, 1/20 or 3')
  return text
}

function choiceOf<const T extends string>(value: unknown, choices: readonly T[], at: string): T {
  const found = choices.find((choice) => choice === value)
  if (found === undefined) throw refuse(at, `one of ${choices.join(', ')}`)
  return found
}
