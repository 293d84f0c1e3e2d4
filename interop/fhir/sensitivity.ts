import { allCodings, SYSTEM, type Coding } from './codings.ts'
import { asText, valuesAt, type JsonObject } from './json.ts'
import { ICD10_PREFIXES, LEVEL_BY_SENSITIVITY, SENSITIVITY_BY_CODE, SENSITIVITY_BY_LABEL, type Sensitivity } from './sensitivity-table.ts'

export type { Sensitivity } from './sensitivity-table.ts'

/** HL7 v3 confidentiality, lowest first: unrestricted, low, moderate, normal, restricted, very restricted. */
export const CONFIDENTIALITY_LEVELS = ['U', 'L', 'M', 'N', 'R', 'V'] as const
export type Confidentiality = (typeof CONFIDENTIALITY_LEVELS)[number]

/** Negative, zero or positive as `a` is below, at or above `b`. */
export function compareConfidentiality(a: Confidentiality, b: Confidentiality): number {
  return CONFIDENTIALITY_LEVELS.indexOf(a) - CONFIDENTIALITY_LEVELS.indexOf(b)
}

export interface SensitivityVerdict {
  readonly confidentiality: Confidentiality
  /** Categories found, ascending by name, without repeats. */
  readonly sensitivities: readonly Sensitivity[]
}

/** Resource types that carry nothing about a patient: public directories. Their own labels can still raise them. */
export const DIRECTORY_TYPES: ReadonlySet<string> = new Set(['Organization', 'Practitioner', 'PractitionerRole', 'Location'])

/**
 * The confidentiality of one resource on its own: the highest of the default (`N`; `U` for directories), of its labels, and of every code anywhere
 * inside it. High-water mark, never lowered: a label `N` on a resource with an HIV code does not open it.
 */
export function judgeSensitivity(resourceType: string, resource: JsonObject): SensitivityVerdict {
  const found = new Set<Sensitivity>()
  let level: Confidentiality = DIRECTORY_TYPES.has(resourceType) ? 'U' : 'N'
  for (const coding of allCodings(resource)) {
    const category = sensitivityOf(coding)
    if (category !== undefined) found.add(category)
  }
  for (const label of valuesAt(resource, 'meta.security.code')) {
    const code = asText(label) ?? ''
    // Labels count with any system: a mistyped system URI must not open what a sender meant to close.
    if (Object.hasOwn(SENSITIVITY_BY_LABEL, code)) found.add(SENSITIVITY_BY_LABEL[code]!)
    if (isConfidentiality(code)) level = highest(level, code)
  }
  for (const category of found) level = highest(level, LEVEL_BY_SENSITIVITY[category])
  return { confidentiality: level, sensitivities: [...found].sort() }
}

/** The category of one code, if it has one. */
export function sensitivityOf({ system, code }: Coding): Sensitivity | undefined {
  if (system === SYSTEM.icd10cm) return longestPrefix(code)
  if (system === SYSTEM.actCode) return undefined // Labels are read where they stand, in meta.security.
  return SENSITIVITY_BY_CODE.get(`${system}|${code}`)
}

/** The union of several verdicts: highest level, all categories. */
export function joinVerdicts(a: SensitivityVerdict, b: SensitivityVerdict): SensitivityVerdict {
  return {
    confidentiality: highest(a.confidentiality, b.confidentiality),
    sensitivities: [...new Set([...a.sensitivities, ...b.sensitivities])].sort(),
  }
}

function longestPrefix(code: string): Sensitivity | undefined {
  let best: readonly [string, Sensitivity] | undefined
  for (const entry of ICD10_PREFIXES) {
    if (code.startsWith(entry[0]) && entry[0].length > (best?.[0].length ?? 0)) best = entry
  }
  return best?.[1]
}

function highest(a: Confidentiality, b: Confidentiality): Confidentiality {
  return compareConfidentiality(a, b) >= 0 ? a : b
}

function isConfidentiality(code: string): code is Confidentiality {
  return (CONFIDENTIALITY_LEVELS as readonly string[]).includes(code)
}
