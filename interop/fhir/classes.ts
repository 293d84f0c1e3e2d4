import { SYSTEM } from './codings.ts'
import { asText, valuesAt, type JsonObject } from './json.ts'

/** The coarse class that stands on the ledger in clear (DESIGN §5.12). */
export type CoarseClass = 'clinical' | 'summary' | 'imaging' | 'device' | 'claim' | 'research' | 'genomic'

/** Classes by resource type; a type that is not listed is `clinical`. */
const CLASS_BY_TYPE: Readonly<Record<string, CoarseClass>> = {
  Patient: 'summary', RelatedPerson: 'summary', Practitioner: 'summary', PractitionerRole: 'summary', Organization: 'summary',
  Location: 'summary', Composition: 'summary', DocumentReference: 'summary', DocumentManifest: 'summary',
  ImagingStudy: 'imaging', Media: 'imaging',
  Device: 'device', DeviceMetric: 'device', DeviceRequest: 'device', DeviceUseStatement: 'device',
  Claim: 'claim', ClaimResponse: 'claim', ExplanationOfBenefit: 'claim', Coverage: 'claim', CoverageEligibilityRequest: 'claim',
  CoverageEligibilityResponse: 'claim', Invoice: 'claim', Account: 'claim', ChargeItem: 'claim', PaymentNotice: 'claim',
  ResearchStudy: 'research', ResearchSubject: 'research',
  MolecularSequence: 'genomic',
}

/** Sections of a diagnostic service that are imaging or genetics (HL7 v2 table 0074, and the Observation category of that name). */
const CLASS_BY_CATEGORY: Readonly<Record<string, CoarseClass>> = {
  imaging: 'imaging', RAD: 'imaging', RX: 'imaging', CT: 'imaging', NMR: 'imaging', NMS: 'imaging', RUS: 'imaging', VUS: 'imaging', OUS: 'imaging',
  GE: 'genomic',
}

/** The class of a resource: by its category for reports and observations, else by its type. */
export function coarseClass(resourceType: string, resource: JsonObject): CoarseClass {
  if (resourceType === 'Observation' || resourceType === 'DiagnosticReport') {
    for (const code of valuesAt(resource, 'category.coding.code')) {
      const found = CLASS_BY_CATEGORY[asText(code) ?? '']
      if (found !== undefined) return found
    }
  }
  return Object.hasOwn(CLASS_BY_TYPE, resourceType) ? CLASS_BY_TYPE[resourceType]! : 'clinical'
}

/** The coding that stands for a resource type among tags. */
export function typeCoding(resourceType: string): { readonly system: string; readonly code: string } {
  return { system: SYSTEM.resourceType, code: resourceType }
}
