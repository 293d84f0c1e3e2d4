import { SteleError } from '../../primitives/error.ts'
import { coarseClass, type CoarseClass } from './classes.ts'
import { spreadSensitivity, tellingReferences } from './citations.ts'
import type { Coding } from './codings.ts'
import { authorReference, mainCodings, primaryCoding, recordDate } from './fields.ts'
import { asObject, asText, valuesAt, type JsonObject } from './json.ts'
import { arraySpans, checkDepth, objectSpans, wholeSpan, type Span } from './json-spans.ts'
import { DIRECTORY_TYPES, judgeSensitivity, type Confidentiality, type Sensitivity, type SensitivityVerdict } from './sensitivity.ts'

/** One resource of a bundle, ready to become one record. */
export interface FhirResource {
  /** Position in the bundle's entry list, from 0. */
  readonly entry: number
  readonly resourceType: string
  /** How other entries refer to it: `fullUrl`, else `Type/id`. */
  readonly reference: string
  /** What it is about: first coding of its main field. */
  readonly code?: Coding
  /** All codings of that field, the primary one included. */
  readonly codes: readonly Coding[]
  /** The clinically relevant date, in its original text and precision. */
  readonly date?: string
  /** Who wrote it: a reference as it stands in the resource, or the encounter's participant, or its service provider. */
  readonly author?: string
  /** Whom it is about: a reference to the patient. A clinical resource that names nobody belongs to the bundle's patient when there is exactly one. Absent for directory entries. */
  readonly subject?: string
  readonly class: CoarseClass
  readonly confidentiality: Confidentiality
  /** Why it is sensitive, ascending. */
  readonly sensitivities: readonly Sensitivity[]
  /** The resource's own bytes as they stand in the source (UTF-8), so that decimals keep their precision. */
  readonly bytes: Uint8Array
}

/** Bounds on untrusted bundles; the defaults take the largest published Synthea bundles. */
export interface BundleLimits {
  /** Bytes of the whole file. */
  readonly bundleBytesMax: number
  /** Bytes of one resource; one record's section must hold it. */
  readonly resourceBytesMax: number
  /** Entries of one bundle. */
  readonly entryCountMax: number
  /** Levels of objects and arrays. */
  readonly depthMax: number
}

export const BUNDLE_LIMITS: BundleLimits = { bundleBytesMax: 256 * 1024 * 1024, resourceBytesMax: 16 * 1024 * 1024, entryCountMax: 100_000, depthMax: 64 }

interface Parsed {
  readonly entry: number
  readonly resourceType: string
  readonly reference: string
  readonly resource: JsonObject
  readonly span: Span
}

/** What describing one entry needs from the rest of its bundle. */
interface Context {
  readonly text: string
  readonly limits: BundleLimits
  readonly resolve: (reference: string) => JsonObject | undefined
  readonly onlyPatient?: string
}

/**
 * Maps a FHIR R4 Bundle to one description per entry, in entry order. Pure: the same bytes give the same answer.
 * Every entry must hold a resource with a type: a bundle is taken whole or refused whole, so that no part is lost without a word.
 * Throws `FHIR_TOO_LARGE`, `FHIR_NOT_JSON`, `FHIR_NOT_A_BUNDLE`, `FHIR_BAD_ENTRY` (details name the entry and the rule).
 * Source: HL7 FHIR R4 (4.0.1) §2.36 Bundle.
 */
export function readBundle(source: Uint8Array, limits: BundleLimits = BUNDLE_LIMITS): FhirResource[] {
  const text = readText(source, limits)
  const spans = entrySpans(text)
  if (spans.length > limits.entryCountMax) {
    throw new SteleError({ code: 'FHIR_TOO_LARGE', message: 'the bundle has more entries than the limit', details: { entryCount: spans.length, entryCountMax: limits.entryCountMax } })
  }
  const parsed = spans.map((span, entry) => readEntry(text, span, entry))
  const byReference = indexReferences(parsed)
  const verdicts = spreadSensitivity(
    parsed.map(({ resourceType, resource }) => judgeSensitivity(resourceType, resource)),
    parsed.map(({ resource }) => tellingReferences(resource).flatMap((reference) => byReference.get(reference) ?? [])),
  )
  const patients = parsed.filter(({ resourceType }) => resourceType === 'Patient')
  const context: Context = {
    text, limits, resolve: (reference) => parsed[byReference.get(reference) ?? -1]?.resource, ...(patients.length === 1 && { onlyPatient: patients[0]!.reference }),
  }
  return parsed.map((item, index) => describe(item, verdicts[index]!, context))
}

function readText(source: Uint8Array, limits: BundleLimits): string {
  if (source.length > limits.bundleBytesMax) {
    throw new SteleError({ code: 'FHIR_TOO_LARGE', message: 'the bundle is larger than the limit', details: { bytes: source.length, bundleBytesMax: limits.bundleBytesMax } })
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(source)
  } catch (cause) {
    throw new SteleError({ code: 'FHIR_NOT_JSON', message: 'the file is not UTF-8 text', cause })
  }
  checkDepth(text, limits.depthMax)
  return text
}

/** Spans of the entries' objects. Parsing the whole first makes sure that the scan walks well-formed text. */
function entrySpans(text: string): Span[] {
  let whole: unknown
  try {
    whole = JSON.parse(text)
  } catch (cause) {
    // The engine's message quotes the input, which is a patient's record: it is dropped on purpose.
    const position = cause instanceof SyntaxError ? /position (\d+)/.exec(cause.message)?.[1] : undefined
    throw new SteleError({ code: 'FHIR_NOT_JSON', message: 'the file is not well-formed JSON', details: position === undefined ? {} : { position: Number(position) } })
  }
  const bundle = asObject(whole)
  if (bundle?.['resourceType'] !== 'Bundle') {
    throw new SteleError({ code: 'FHIR_NOT_A_BUNDLE', message: 'the file is not a FHIR Bundle', details: { rule: 'resourceType must be "Bundle"' } })
  }
  if (bundle['entry'] !== undefined && !Array.isArray(bundle['entry'])) {
    throw new SteleError({ code: 'FHIR_NOT_A_BUNDLE', message: 'the entries of the bundle are not a list', details: { rule: 'entry must be an array' } })
  }
  const entry = objectSpans(text, wholeSpan(text)).get('entry')
  return entry === undefined ? [] : arraySpans(text, entry)
}

function readEntry(text: string, span: Span, entry: number): Parsed {
  const refuse = (rule: string): SteleError => new SteleError({ code: 'FHIR_BAD_ENTRY', message: 'an entry of the bundle cannot be stored', details: { entry, rule } })
  if (text[span.start] !== '{') throw refuse('an entry must be an object')
  const members = objectSpans(text, span)
  const resourceSpan = members.get('resource')
  if (resourceSpan === undefined) throw refuse('an entry must have a resource')
  const resource = asObject(JSON.parse(text.slice(resourceSpan.start, resourceSpan.end)))
  if (resource === undefined) throw refuse('resource must be an object')
  const resourceType = asText(resource['resourceType'])
  if (resourceType === undefined || !/^[A-Z][A-Za-z]{1,63}$/.test(resourceType)) throw refuse('resourceType must be the name of a FHIR type')
  if (resourceType === 'Bundle') throw refuse('a bundle inside a bundle must be unpacked first')
  const urlSpan = members.get('fullUrl')
  const fullUrl = urlSpan === undefined ? undefined : asText(JSON.parse(text.slice(urlSpan.start, urlSpan.end)))
  const id = asText(resource['id'])
  const reference = fullUrl ?? (id === undefined ? undefined : `${resourceType}/${id}`) ?? `#entry-${entry}`
  return { entry, resourceType, reference, resource, span: resourceSpan }
}

/** Index by every form a reference may take: the full URL, and `Type/id`. The first entry wins where two claim one name. */
function indexReferences(parsed: readonly Parsed[]): Map<string, number> {
  const index = new Map<string, number>()
  parsed.forEach(({ reference, resourceType, resource }, at) => {
    const id = asText(resource['id'])
    const names = id === undefined ? [reference] : [reference, `${resourceType}/${id}`, `urn:uuid:${id}`]
    for (const name of names) if (!index.has(name)) index.set(name, at)
  })
  return index
}

function describe({ entry, resourceType, reference, resource, span }: Parsed, verdict: SensitivityVerdict, { text, limits, resolve, onlyPatient }: Context): FhirResource {
  const bytes = new TextEncoder().encode(text.slice(span.start, span.end))
  if (bytes.length > limits.resourceBytesMax) {
    throw new SteleError({ code: 'FHIR_TOO_LARGE', message: 'one resource is larger than the limit', details: { entry, bytes: bytes.length, resourceBytesMax: limits.resourceBytesMax } })
  }
  const code = primaryCoding(resourceType, resource)
  const date = recordDate(resourceType, resource)
  const author = findAuthor(resourceType, resource, resolve)
  const subject = findSubject(resourceType, reference, resource) ?? (DIRECTORY_TYPES.has(resourceType) ? undefined : onlyPatient)
  return {
    entry, resourceType, reference, codes: mainCodings(resourceType, resource), class: coarseClass(resourceType, resource), ...verdict, bytes,
    ...(code && { code }), ...(date && { date }), ...(author && { author }), ...(subject && { subject }),
  }
}

function findAuthor(resourceType: string, resource: JsonObject, resolve: (reference: string) => JsonObject | undefined): string | undefined {
  const own = authorReference(resourceType, resource)
  if (own !== undefined) return own
  for (const path of ['encounter.reference', 'context.reference', 'item.encounter.reference']) {
    const visit = resolve(asText(valuesAt(resource, path)[0]) ?? '')
    if (visit === undefined) continue
    return authorReference('Encounter', visit) ?? asText(valuesAt(visit, 'serviceProvider.reference')[0])
  }
  return asText(valuesAt(resource, 'serviceProvider.reference')[0])
}

/** A patient is their own subject. */
function findSubject(resourceType: string, reference: string, resource: JsonObject): string | undefined {
  if (resourceType === 'Patient') return reference
  return asText(valuesAt(resource, 'subject.reference')[0]) ?? asText(valuesAt(resource, 'patient.reference')[0])
}
