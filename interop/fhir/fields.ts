import { readCoding, type Coding } from './codings.ts'
import { asText, valuesAt, type JsonObject } from './json.ts'

/** Where a resource type keeps what we lift out of it: first path that holds a value wins. Paths step into lists. */
interface Fields {
  readonly code: readonly string[]
  readonly date: readonly string[]
  readonly author: readonly string[]
}

const COMMON: Fields = {
  code: ['code.coding', 'type.coding', 'category.coding'],
  date: ['effectiveDateTime', 'effectivePeriod.start', 'effectiveInstant', 'issued', 'authoredOn', 'date', 'recordedDate', 'created', 'period.start'],
  author: ['author.reference', 'performer.reference', 'performer.actor.reference', 'recorder.reference', 'asserter.reference', 'requester.reference', 'provider.reference'],
}

const FIELDS: Readonly<Record<string, Partial<Fields>>> = {
  AllergyIntolerance: { date: ['recordedDate', 'onsetDateTime', 'lastOccurrence'] },
  CarePlan: { code: ['category.coding'], date: ['period.start', 'created'] },
  Claim: { code: ['type.coding'], date: ['created', 'billablePeriod.start'] },
  Condition: { date: ['recordedDate', 'onsetDateTime', 'onsetPeriod.start'] },
  Encounter: { code: ['type.coding', 'class'], date: ['period.start'], author: ['participant.individual.reference'] },
  ExplanationOfBenefit: { code: ['type.coding'], date: ['created', 'billablePeriod.start'] },
  Goal: { code: ['description.coding', 'target.measure.coding'], date: ['startDate', 'statusDate'], author: ['expressedBy.reference'] },
  ImagingStudy: { code: ['procedureCode.coding', 'modality'], date: ['started'], author: ['interpreter.reference', 'referrer.reference'] },
  Immunization: { code: ['vaccineCode.coding'], date: ['occurrenceDateTime', 'recorded'] },
  MedicationRequest: { code: ['medicationCodeableConcept.coding'] },
  MedicationDispense: { code: ['medicationCodeableConcept.coding'], date: ['whenHandedOver', 'whenPrepared'] },
  MedicationStatement: { code: ['medicationCodeableConcept.coding'], date: ['effectiveDateTime', 'dateAsserted'], author: ['informationSource.reference'] },
  // A person's or organisation's entry has no date of its own: a birth date is content, not the time of the record.
  Patient: { code: [], date: [], author: ['managingOrganization.reference'] },
  Organization: { date: [], author: [] },
  Practitioner: { code: ['qualification.code.coding'], date: [], author: [] },
  Procedure: { date: ['performedDateTime', 'performedPeriod.start'] },
}

/** The primary coding: the first complete coding of the field that says what the resource is about. */
export function primaryCoding(resourceType: string, resource: JsonObject): Coding | undefined {
  for (const path of fieldsOf(resourceType).code) {
    for (const value of valuesAt(resource, path)) {
      const coding = readCoding(value)
      if (coding !== undefined) return coding
    }
  }
  return undefined
}

/** Every complete coding of the field that the primary coding comes from: translations of one concept, or several concepts. */
export function mainCodings(resourceType: string, resource: JsonObject): Coding[] {
  for (const path of fieldsOf(resourceType).code) {
    const codings = valuesAt(resource, path).flatMap((value) => readCoding(value) ?? [])
    if (codings.length > 0) return codings
  }
  return []
}

/** The clinically relevant date in its original text and precision (`YYYY`, `YYYY-MM`, `YYYY-MM-DD` or an instant with offset). */
export function recordDate(resourceType: string, resource: JsonObject): string | undefined {
  const found = firstText(resource, fieldsOf(resourceType).date)
  return found !== undefined && FHIR_DATE.test(found) ? found : undefined
}

/** FHIR R4 §2.24.0.1 `dateTime`, which covers `date` and `instant` too. */
const FHIR_DATE = /^\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2}))?)?)?$/

/** The reference (`Practitioner/1`, `urn:uuid:…`) of whom the resource names as its author or performer. */
export function authorReference(resourceType: string, resource: JsonObject): string | undefined {
  return firstText(resource, fieldsOf(resourceType).author)
}

function fieldsOf(resourceType: string): Fields {
  return Object.hasOwn(FIELDS, resourceType) ? { ...COMMON, ...FIELDS[resourceType] } : COMMON
}

function firstText(resource: JsonObject, paths: readonly string[]): string | undefined {
  for (const path of paths) {
    for (const value of valuesAt(resource, path)) {
      const text = asText(value)
      if (text !== undefined) return text
    }
  }
  return undefined
}
