import type { Coding } from './codings.ts'
import { typeCoding, type CoarseClass } from './classes.ts'
import type { FhirResource } from './bundle.ts'
import type { Confidentiality } from './sensitivity.ts'

/** What a tag of the record will say; the custodian's client turns it into an opaque tag. */
export interface Meaning {
  readonly kind: 'type' | 'code'
  readonly system: string
  readonly value: string
}

/** One resource as one record: a descriptor and one content section, with labels and provenance. The shape the client's `RecordInput` takes. */
export interface ResourceRecord {
  /** UTF-8 JSON {resourceType, codes, date}: what the verb `query` opens. */
  readonly descriptor: Uint8Array
  readonly sections: readonly { readonly plaintext: Uint8Array; readonly class: CoarseClass; readonly confidentiality: Confidentiality; readonly meanings: readonly Meaning[] }[]
  readonly provenance: { readonly activity: 'import'; readonly author: { readonly system: string; readonly value: string }; readonly source: { readonly system: string; readonly value: string }; readonly recordedAtMs: number }
}

/** System of author tags when the reference is all that is known of the author. */
export const REFERENCE_SYSTEM = 'urn:stele:fhir-reference'

/** Codes tagged per resource; a concept with more translations than this keeps the first ones. */
const CODES_MAX = 15

/**
 * Maps a resource to the record that stores it. `source` names the importing system (for example an institution); `importedAtMs` dates the import, not the
 * event: the event's date is personal data and stays in the descriptor.
 */
export function resourceToRecord(resource: FhirResource, { source, importedAtMs }: { readonly source: { readonly system: string; readonly value: string }; readonly importedAtMs: number }): ResourceRecord {
  const { resourceType, codes, date, bytes, confidentiality, author } = resource
  const descriptor = new TextEncoder().encode(JSON.stringify({ resourceType, codes, ...(date !== undefined && { date }) }))
  const section = { plaintext: bytes, class: resource.class, confidentiality, meanings: meaningsOf(resourceType, codes) }
  return {
    descriptor, sections: [section],
    provenance: { activity: 'import', author: author === undefined ? source : { system: REFERENCE_SYSTEM, value: author }, source, recordedAtMs: importedAtMs },
  }
}

/** Type first, then the distinct codes of the main field. */
export function meaningsOf(resourceType: string, codes: readonly Coding[]): Meaning[] {
  const type = typeCoding(resourceType)
  const distinct = new Map(codes.map(({ system, code }) => [`${system}|${code}`, { kind: 'code', system, value: code } as const]))
  return [{ kind: 'type', system: type.system, value: type.code }, ...[...distinct.values()].slice(0, CODES_MAX)]
}
