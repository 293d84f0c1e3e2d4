import { METRICS, ROLES, TYPES } from './definition.ts'
import type { AttributeDefinition, DatasetDefinition, Policy } from './definition.ts'
import { ONE, ZERO, compare, toRational } from './rational.ts'
import type { Fraction, Rational } from './rational.ts'
import { refuse } from './refuse.ts'
import type { Table } from './table.ts'

/** Refuses a definition that contradicts itself or does not fit the table. Cells are looked at later. */
export function checkDefinition(table: Table, definition: DatasetDefinition): void {
  const byName = new Map<string, AttributeDefinition>()
  for (const attribute of definition.attributes) {
    const column = attribute.name
    if (byName.has(column)) refuse('ANONYMIZATION_COLUMN_DUPLICATE', { column, rule: 'one definition a column' })
    if (!(ROLES as readonly string[]).includes(attribute.role)) refuse('ANONYMIZATION_ROLE_UNKNOWN', { column, rule: ROLES.join(', ') })
    if (!(TYPES as readonly string[]).includes(attribute.type)) refuse('ANONYMIZATION_TYPE_UNKNOWN', { column, rule: TYPES.join(', ') })
    if (attribute.person === true && attribute.role !== 'identifier') refuse('ANONYMIZATION_ROLE_UNKNOWN', { column, rule: 'only an identifier names the person' })
    byName.set(column, attribute)
  }
  const columns = new Set(table.columns.map(({ name }) => name))
  for (const { name } of table.columns) if (!byName.has(name)) refuse('ANONYMIZATION_COLUMN_UNDEFINED', { column: name, rule: 'every column has a role' })
  for (const name of byName.keys()) if (!columns.has(name)) refuse('ANONYMIZATION_COLUMN_MISSING', { column: name, rule: 'the table has every column defined' })
  if (!definition.attributes.some(({ role }) => role === 'quasi-identifier')) refuse('ANONYMIZATION_COLUMN_MISSING', { rule: 'at least one quasi-identifier' })
  checkAlgorithm(definition)
  checkPolicy(definition.policy, byName)
  checkStatistics(definition, byName)
}

function checkAlgorithm({ algorithm }: DatasetDefinition): void {
  if (algorithm.name === 'mondrian') {
    if (!['strict', 'relaxed', 'hierarchy'].includes(algorithm.mode)) refuse('ANONYMIZATION_ALGORITHM_UNKNOWN', { rule: 'mode: strict, relaxed, hierarchy' })
  } else if (algorithm.name === 'full-domain') {
    if (algorithm.metric !== undefined && !METRICS.includes(algorithm.metric)) refuse('ANONYMIZATION_ALGORITHM_UNKNOWN', { rule: `metric: ${METRICS.join(', ')}` })
  } else if (algorithm.name === 'joint') {
    if (!Number.isSafeInteger(algorithm.siteFloor) || algorithm.siteFloor < 1) refuse('ANONYMIZATION_ALGORITHM_UNKNOWN', { rule: 'siteFloor is a whole number, at least 1' })
  } else if (algorithm.name !== 'datafly') refuse('ANONYMIZATION_ALGORITHM_UNKNOWN', { rule: 'mondrian, datafly, full-domain, joint' })
}

function bound(value: Fraction, rule: string, least: Rational, most?: Rational): void {
  const number = toRational(value, rule)
  if (compare(number, least) < 0 || (most !== undefined && compare(number, most) > 0)) refuse('ANONYMIZATION_POLICY_INVALID', { rule })
}

/** Bounds in range, attributes sensitive. `byName` may be left out where only the bounds matter. */
export function checkPolicy(policy: Policy, byName: ReadonlyMap<string, AttributeDefinition>): void {
  if (!Number.isSafeInteger(policy.k) || policy.k < 1) refuse('ANONYMIZATION_POLICY_INVALID', { rule: 'k is a whole number, at least 1' })
  const sensitive = (name: string): AttributeDefinition => {
    const attribute = byName.get(name)
    return attribute?.role === 'sensitive' ? attribute : refuse('ANONYMIZATION_COLUMN_MISSING', { column: name, rule: 'diversity, closeness and likeness speak of a sensitive column' })
  }
  for (const each of policy.diversity ?? []) {
    sensitive(each.attribute)
    if (!['distinct', 'entropy', 'recursive'].includes(each.kind)) refuse('ANONYMIZATION_POLICY_INVALID', { column: each.attribute, rule: 'diversity: distinct, entropy, recursive' })
    if (each.kind !== 'recursive') bound(each.l, 'l ≥ 1', ONE)
    else if (!Number.isSafeInteger(each.l) || each.l < 1) refuse('ANONYMIZATION_POLICY_INVALID', { rule: 'l is a whole number, at least 1' })
    else if (compare(toRational(each.c, 'c > 0'), ZERO) <= 0) refuse('ANONYMIZATION_POLICY_INVALID', { rule: 'c > 0' })
  }
  for (const { attribute, distance, t } of policy.closeness ?? []) {
    const { hierarchy, type } = sensitive(attribute)
    if (!['equal', 'ordered', 'hierarchical'].includes(distance)) refuse('ANONYMIZATION_POLICY_INVALID', { column: attribute, rule: 'distance: equal, ordered, hierarchical' })
    if (distance === 'hierarchical' && hierarchy === undefined) refuse('ANONYMIZATION_HIERARCHY_ABSENT', { column: attribute, rule: 'hierarchical t-closeness needs a hierarchy' })
    if (distance === 'ordered' && type === 'categorical') refuse('ANONYMIZATION_POLICY_INVALID', { column: attribute, rule: 'ordered distance is for numbers and dates' })
    bound(t, '0 ≤ t ≤ 1', ZERO, ONE)
  }
  for (const { attribute, beta, kind } of policy.likeness ?? []) {
    sensitive(attribute)
    if (kind !== 'basic' && kind !== 'enhanced') refuse('ANONYMIZATION_POLICY_INVALID', { column: attribute, rule: 'likeness: basic, enhanced' })
    if (compare(toRational(beta, 'beta > 0'), ZERO) <= 0) refuse('ANONYMIZATION_POLICY_INVALID', { rule: 'beta > 0' })
  }
  if (policy.presence !== undefined) {
    bound(policy.presence.min, '0 ≤ presence.min ≤ presence.max', ZERO, toRational(policy.presence.max, 'presence.max'))
    bound(policy.presence.max, 'presence.max ≤ 1', ZERO, ONE)
  }
  if (policy.kMap !== undefined && (!Number.isSafeInteger(policy.kMap) || policy.kMap < 1)) refuse('ANONYMIZATION_POLICY_INVALID', { rule: 'kMap is a whole number, at least 1' })
  if (policy.suppressionLimit !== undefined) bound(policy.suppressionLimit, '0 ≤ suppressionLimit ≤ 1', ZERO, ONE)
  if (policy.risk?.prosecutor !== undefined) bound(policy.risk.prosecutor, '0 ≤ risk.prosecutor ≤ 1', ZERO, ONE)
  if (policy.risk?.marketer !== undefined) bound(policy.risk.marketer, '0 ≤ risk.marketer ≤ 1', ZERO, ONE)
}

function checkStatistics({ statistics, algorithm }: DatasetDefinition, byName: ReadonlyMap<string, AttributeDefinition>): void {
  for (const column of statistics?.columns ?? []) {
    const attribute = byName.get(column)
    if (attribute === undefined || attribute.role === 'identifier') refuse('ANONYMIZATION_COLUMN_MISSING', { column, rule: 'statistics are of columns that are not identifiers' })
    if (algorithm.name === 'joint' && attribute.role === 'quasi-identifier') refuse('ANONYMIZATION_POLICY_INVALID', { column, rule: 'joint statistics are of published columns: nobody adds up the others' })
    if (attribute.type !== 'integer' && attribute.type !== 'decimal') refuse('ANONYMIZATION_POLICY_INVALID', { column, rule: 'statistics are of integer and decimal columns' })
  }
}
