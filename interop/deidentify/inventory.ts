import { asList, asObject, asText, valuesAt } from '../fhir/json.ts'
import { IDENTIFIER_KINDS, identifierKind, kindOfMember } from './identifier-kinds.ts'
import type { IdentifierKind } from './identifier-kinds.ts'

/** How many values of each kind there were. */
export type KindCounts = Record<IdentifierKind, number>

export function emptyCounts(): KindCounts {
  return Object.fromEntries(Object.keys(IDENTIFIER_KINDS).map((kind) => [kind, 0])) as KindCounts
}

const DATE = /^\d{4}-\d{2}(?:-\d{2}(?:T.*)?)?$/
/** Members whose addresses name a vocabulary, a profile or an extension: part of the format, not of the person. */
const FORMAT_URLS = new Set(['system', 'code', 'url', 'profile', 'instantiatesCanonical', 'fullUrl', 'xmlns'])

/**
 * Counts what of the eighteen kinds stands in a resource: the input of the report on what was removed, since of all this only what a mapping names
 * under the Safe Harbor rules leaves. Every scalar is counted at most once.
 */
export function countIdentifiers(resource: unknown, counts: KindCounts): void {
  walk(resource, '', counts)
}

function walk(value: unknown, name: string, counts: KindCounts): void {
  const object = asObject(value)
  if (object !== undefined) {
    if (name === 'identifier') return void counts[identifierKind(asText(valuesAt(object, 'type.coding.code')[0]), asText(object['system']))]++
    if (name === 'telecom') return void counts[telecomKind(object['system'])]++
    const url = asText(object['url'])
    if (url !== undefined && url.endsWith('mothersMaidenName')) return void counts.name++
    for (const [member, inner] of Object.entries(object)) for (const item of asList(inner)) walk(item, member === 'valueDecimal' && /(?:latitude|longitude)$/.test(url ?? '') ? 'latitude' : member, counts)
    return
  }
  if (Array.isArray(value)) return void value.forEach((item) => walk(item, name, counts))
  const kind = kindOfScalar(name, value)
  if (kind !== undefined) counts[kind]++
}

function telecomKind(system: unknown): IdentifierKind {
  return system === 'fax' ? 'fax' : system === 'email' ? 'email' : system === 'url' ? 'url' : 'phone'
}

function kindOfScalar(name: string, value: unknown): IdentifierKind | undefined {
  if (typeof value === 'boolean' || value === null) return undefined
  const text = String(value)
  if (text === '') return undefined
  const byName = kindOfMember(name)
  if (byName !== undefined) return byName
  if (DATE.test(text)) return 'date'
  if (!FORMAT_URLS.has(name) && /^(?:https?|ftp):\/\//.test(text)) return 'url'
  return undefined
}
