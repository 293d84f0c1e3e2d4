import { asObject, asText, type JsonObject } from './json.ts'

/** One coding of a concept, without its display text. */
export interface Coding {
  readonly system: string
  readonly code: string
}

/** Code systems that occur in clinical bundles, by their FHIR URI. */
export const SYSTEM = {
  snomed: 'http://snomed.info/sct',
  loinc: 'http://loinc.org',
  rxnorm: 'http://www.nlm.nih.gov/research/umls/rxnorm',
  cvx: 'http://hl7.org/fhir/sid/cvx',
  icd10cm: 'http://hl7.org/fhir/sid/icd-10-cm',
  confidentiality: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality',
  actCode: 'http://terminology.hl7.org/CodeSystem/v3-ActCode',
  resourceType: 'http://hl7.org/fhir/resource-types',
} as const

/** A coding when the value has both a system and a code. */
export function readCoding(value: unknown): Coding | undefined {
  const object = asObject(value)
  const system = asText(object?.['system'])
  const code = asText(object?.['code'])
  return system !== undefined && code !== undefined ? { system, code } : undefined
}

/**
 * Every coding anywhere in a resource, contained resources included, in document order, without repeats. The depth is that of the parsed bundle,
 * which was bounded before.
 */
export function allCodings(resource: JsonObject): Coding[] {
  const found = new Map<string, Coding>()
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(walk)
    const object = asObject(value)
    if (object === undefined) return
    const coding = readCoding(object)
    if (coding !== undefined) found.set(`${coding.system}|${coding.code}`, coding)
    Object.values(object).forEach(walk)
  }
  walk(resource)
  return [...found.values()]
}
