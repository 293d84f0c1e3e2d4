import {
  BLOOD_PANEL, CHECK_UP, CLINICIANS, FAMILY_NAMES, GIVEN_NAMES, ILLNESSES, LABS, SENSITIVE_ILLNESSES, STREETS, TOWNS, VACCINES, VITALS,
  type Illness, type Measure, type Term,
} from './generator-vocabulary.ts'
import { SeededRandom } from './seeded-random.ts'

type Resource = Readonly<Record<string, unknown>> & { readonly resourceType: string; readonly id: string }

/** What a visit's resources share. */
interface Visit {
  readonly patient: string
  readonly encounter: string
  readonly practitioner: string
  readonly practitionerName: string
  readonly at: string
}

const VISIT_COUNT_MIN = 3
const VISIT_COUNT_MAX = 4

/**
 * A synthetic patient as the UTF-8 bytes of a FHIR R4 transaction bundle of about 20 to 40 resources: Patient, Practitioner, Encounter, Condition,
 * Observation, MedicationRequest, Immunization, DiagnosticReport. One condition is always a sensitive one.
 * The same seed and index give the same bytes on every machine; different indexes give different people.
 */
export function generatePatientBundle(seed: number, index: number): Uint8Array {
  const random = new SeededRandom((Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0)
  const patient = makePatient(random)
  const practitioner = makePractitioner(random)
  const resources: Resource[] = [patient, practitioner]
  const visitCount = random.between(VISIT_COUNT_MIN, VISIT_COUNT_MAX)
  const firstYear = 2026 - visitCount
  for (let visit = 0; visit < visitCount; visit++) {
    const illness = visit === 1 ? random.pick(SENSITIVE_ILLNESSES) : random.pick(ILLNESSES)
    resources.push(...makeVisit(random, patient, practitioner, firstYear + visit, illness))
  }
  const entry = resources.map((resource) => ({
    fullUrl: `urn:uuid:${resource.id}`, resource, request: { method: 'POST', url: resource.resourceType },
  }))
  return new TextEncoder().encode(JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }))
}

/** `count` patients from one seed. */
export function generateBundles(seed: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => generatePatientBundle(seed, index))
}

function makePatient(random: SeededRandom): Resource {
  const gender = random.pick(['female', 'male'] as const)
  const birthDate = `${random.between(1940, 2012)}-${two(random.between(1, 12))}-${two(random.between(1, 28))}`
  return {
    resourceType: 'Patient', id: random.uuid(),
    identifier: [
      { type: { text: 'Medical Record Number' }, system: 'urn:example:mrn', value: `MRN-${random.between(10_000_000, 99_999_999)}` },
      { type: { text: 'Social Security Number' }, system: 'http://hl7.org/fhir/sid/us-ssn', value: `999-${random.between(10, 99)}-${random.between(1000, 9999)}` },
    ],
    name: [{ use: 'official', family: random.pick(FAMILY_NAMES), given: [random.pick(GIVEN_NAMES[gender])] }],
    telecom: [{ system: 'phone', value: `555-${random.between(200, 999)}-${random.between(1000, 9999)}`, use: 'home' }],
    gender, birthDate,
    address: [{ line: [`${random.between(1, 240)} ${random.pick(STREETS)}`], city: random.pick(TOWNS), postalCode: `0${random.between(1000, 9999)}`, country: 'US' }],
  }
}

function makePractitioner(random: SeededRandom): Resource {
  return {
    resourceType: 'Practitioner', id: random.uuid(), active: true,
    identifier: [{ system: 'http://hl7.org/fhir/sid/us-npi', value: `99${random.between(10_000_000, 99_999_999)}` }],
    name: [{ family: random.pick(CLINICIANS), given: [random.pick(GIVEN_NAMES.female)], prefix: ['Dr.'] }],
  }
}

function makeVisit(random: SeededRandom, patient: Resource, practitioner: Resource, year: number, illness: Illness): Resource[] {
  const month = two(random.between(1, 12))
  const day = two(random.between(1, 28))
  const visit: Visit = {
    patient: `urn:uuid:${patient.id}`, encounter: random.uuid(), practitioner: `urn:uuid:${practitioner.id}`,
    practitionerName: practitionerName(practitioner), at: `${year}-${month}-${day}T${two(random.between(8, 17))}:${two(random.below(60))}:00+00:00`,
  }
  const condition = makeCondition(random, visit, illness.condition)
  const vitals = pickSome(random, VITALS, 2).map((measure) => makeObservation(random, visit, measure))
  const labs = pickSome(random, LABS, 2).map((measure) => makeObservation(random, visit, measure))
  const medicines = illness.medicine === undefined ? [] : [makePrescription(random, visit, illness.medicine, condition.id)]
  const vaccines = random.below(2) === 0 ? [makeImmunization(random, visit)] : []
  return [makeEncounter(visit), condition, ...vitals, ...labs, makeReport(random, visit, labs), ...medicines, ...vaccines]
}

function makeEncounter(visit: Visit): Resource {
  return {
    resourceType: 'Encounter', id: visit.encounter, status: 'finished',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
    type: [concept(CHECK_UP)], subject: { reference: visit.patient },
    participant: [{ individual: { reference: visit.practitioner, display: visit.practitionerName } }],
    period: { start: visit.at, end: visit.at },
  }
}

function makeCondition(random: SeededRandom, visit: Visit, term: Term): Resource {
  return {
    resourceType: 'Condition', id: random.uuid(),
    clinicalStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-clinical', code: 'active' }] },
    code: concept(term), ...inVisit(visit), onsetDateTime: visit.at, recordedDate: visit.at,
  }
}

function makeObservation(random: SeededRandom, visit: Visit, measure: Measure): Resource {
  const tenths = random.between(measure.low, measure.high)
  return {
    resourceType: 'Observation', id: random.uuid(), status: 'final',
    category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: measure.category }] }],
    code: concept(measure), ...inVisit(visit), effectiveDateTime: visit.at, issued: visit.at,
    valueQuantity: { value: tenths / 10, unit: measure.unit, system: 'http://unitsofmeasure.org', code: measure.unit },
  }
}

function makeReport(random: SeededRandom, visit: Visit, results: readonly Resource[]): Resource {
  return {
    resourceType: 'DiagnosticReport', id: random.uuid(), status: 'final', code: concept(BLOOD_PANEL), ...inVisit(visit),
    effectiveDateTime: visit.at, issued: visit.at, result: results.map(({ id }) => ({ reference: `urn:uuid:${id}` })),
  }
}

function makePrescription(random: SeededRandom, visit: Visit, medicine: Term, condition: string): Resource {
  return {
    resourceType: 'MedicationRequest', id: random.uuid(), status: 'active', intent: 'order', medicationCodeableConcept: concept(medicine),
    ...inVisit(visit), authoredOn: visit.at, requester: { reference: visit.practitioner, display: visit.practitionerName },
    reasonReference: [{ reference: `urn:uuid:${condition}` }],
  }
}

function makeImmunization(random: SeededRandom, visit: Visit): Resource {
  return {
    resourceType: 'Immunization', id: random.uuid(), status: 'completed', vaccineCode: concept(random.pick(VACCINES)),
    patient: { reference: visit.patient }, encounter: { reference: `urn:uuid:${visit.encounter}` }, occurrenceDateTime: visit.at, primarySource: true,
  }
}

function inVisit(visit: Visit): { readonly subject: object; readonly encounter: object } {
  return { subject: { reference: visit.patient }, encounter: { reference: `urn:uuid:${visit.encounter}` } }
}

function concept({ system, code, display }: Term): object {
  return { coding: [{ system, code, display }], text: display }
}

function practitionerName(practitioner: Resource): string {
  const [name] = practitioner['name'] as readonly { readonly family: string }[]
  return `Dr. ${name?.family ?? ''}`
}

/** `count` different items, in their order in the list. */
function pickSome<T>(random: SeededRandom, items: readonly T[], count: number): T[] {
  const left = new Set<T>(items)
  while (left.size > count) left.delete(random.pick([...left]))
  return [...left]
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
