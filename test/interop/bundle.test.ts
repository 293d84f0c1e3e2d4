import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { BUNDLE_LIMITS, readBundle, type FhirResource } from '../../interop/fhir/bundle.ts'
import { errorCode } from '../../primitives/error.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const bundleOf = (...entry: unknown[]): Uint8Array => utf8(JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }))

function caught(run: () => unknown): { code: string | undefined; details: Record<string, unknown> } {
  try {
    run()
  } catch (error) {
    return { code: errorCode(error), details: (error as { details: Record<string, unknown> }).details }
  }
  return { code: undefined, details: {} }
}

t.test('what is not a bundle is refused with a code, and the message never quotes the input', async (t) => {
  t.match(caught(() => readBundle(utf8('{"secret": "Priya Haddad" oops'))), { code: 'FHIR_NOT_JSON', details: { position: Number } })
  t.match(caught(() => readBundle(new Uint8Array([0xff, 0xfe, 0x00]))), { code: 'FHIR_NOT_JSON' })
  t.match(caught(() => readBundle(utf8('[]'))), { code: 'FHIR_NOT_A_BUNDLE' })
  t.match(caught(() => readBundle(utf8('"Bundle"'))), { code: 'FHIR_NOT_A_BUNDLE' })
  t.match(caught(() => readBundle(utf8('{"resourceType":"Patient"}'))), { code: 'FHIR_NOT_A_BUNDLE' })
  t.match(caught(() => readBundle(utf8('{"resourceType":"Bundle","entry":{}}'))), { code: 'FHIR_NOT_A_BUNDLE' })
  let text = ''
  try { readBundle(utf8('{"secret": "Priya Haddad" oops')) } catch (error) { text = JSON.stringify({ ...(error as object), message: String(error), cause: String((error as Error).cause) }) }
  t.notMatch(text, /Priya|Haddad|secret/)
})

t.test('a bad entry is named by its index and the rule, and the bundle is refused whole', async (t) => {
  const good = { resource: { resourceType: 'Patient', id: 'a' } }
  for (const [bad, rule] of [
    [{}, /must have a resource/], [3, /must be an object/], [{ resource: 'x' }, /resource must be an object/], [{ resource: { id: 'b' } }, /resourceType/],
    [{ resource: { resourceType: 'patient<script>' } }, /resourceType/], [{ resource: { resourceType: 'Bundle' } }, /unpacked/],
  ] as const) {
    t.match(caught(() => readBundle(bundleOf(good, bad))), { code: 'FHIR_BAD_ENTRY', details: { entry: 1, rule } })
  }
  t.match(caught(() => readBundle(utf8('{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"},"resource":{"resourceType":"Basic"}}]}'))), { code: 'FHIR_NOT_JSON' })
})

t.test('size, depth, entry count and resource size are bounded at their edges', async (t) => {
  const one = bundleOf({ resource: { resourceType: 'Basic', id: 'abc' } })
  t.equal(readBundle(one, { ...BUNDLE_LIMITS, bundleBytesMax: one.length }).length, 1)
  t.match(caught(() => readBundle(one, { ...BUNDLE_LIMITS, bundleBytesMax: one.length - 1 })), { code: 'FHIR_TOO_LARGE' })
  t.equal(readBundle(one, { ...BUNDLE_LIMITS, depthMax: 4 }).length, 1)
  t.match(caught(() => readBundle(one, { ...BUNDLE_LIMITS, depthMax: 3 })), { code: 'FHIR_TOO_LARGE', details: { depthMax: 3 } })
  t.match(caught(() => readBundle(one, { ...BUNDLE_LIMITS, entryCountMax: 0 })), { code: 'FHIR_TOO_LARGE', details: { entryCount: 1 } })
  const size = utf8('{"resourceType":"Basic","id":"abc"}').length
  t.equal(readBundle(one, { ...BUNDLE_LIMITS, resourceBytesMax: size })[0]?.bytes.length, size)
  t.match(caught(() => readBundle(one, { ...BUNDLE_LIMITS, resourceBytesMax: size - 1 })), { code: 'FHIR_TOO_LARGE', details: { entry: 0 } })
  t.match(caught(() => readBundle(utf8('['.repeat(200_000)))), { code: 'FHIR_TOO_LARGE' }, 'deep nesting is found before anything is parsed')
})

t.test('a record keeps the sender\'s bytes: decimals, escapes and spacing survive', async (t) => {
  const inner = '{ "resourceType":"Observation", "valueQuantity": {"value": 1.20}, "note":[{"text":"a \\"}]\\\\ \\u00e9 {"}] }'
  const [resource] = readBundle(utf8(`\n{"resourceType":"Bundle", "entry" : [ {"resource" :${inner} , "fullUrl":"urn:uuid:1"} ] }\n`))
  t.equal(new TextDecoder().decode(resource?.bytes), inner)
  t.equal(resource?.reference, 'urn:uuid:1')
})

t.test('a bundle without entries is empty, not an error', async (t) => {
  t.same(readBundle(utf8('{"resourceType":"Bundle","type":"collection"}')), [])
  t.same(readBundle(utf8('{"resourceType":"Bundle","entry":[]}')), [])
})

t.test('code, date, author and subject come from the field of each type; the author falls back to the encounter', async (t) => {
  const [, , observation, condition, odd] = readBundle(bundleOf(
    { fullUrl: 'urn:uuid:p', resource: { resourceType: 'Patient', id: 'p', birthDate: '1980-01-01' } },
    { fullUrl: 'urn:uuid:e', resource: { resourceType: 'Encounter', id: 'e', subject: { reference: 'urn:uuid:p' }, participant: [{ individual: { reference: 'Practitioner/7' } }] } },
    { resource: { resourceType: 'Observation', id: 'o', subject: { reference: 'urn:uuid:p' }, encounter: { reference: 'urn:uuid:e' }, effectiveDateTime: '2020-05-01T03:12:11-04:00',
      code: { coding: [{ display: 'no system' }, { system: 'http://loinc.org', code: '718-7' }, { system: 'urn:local', code: 'HB' }] } } },
    { resource: { resourceType: 'Condition', id: 'c', recordedDate: '2020-05', recorder: { reference: 'Practitioner/9' }, code: { coding: [{ system: 'http://snomed.info/sct', code: '38341003' }] } } },
    { resource: { resourceType: 'constructor'.replace('c', 'C'), date: 'soon' } },
  ))
  t.match(observation, { code: { system: 'http://loinc.org', code: '718-7' }, date: '2020-05-01T03:12:11-04:00', author: 'Practitioner/7', subject: 'urn:uuid:p', class: 'clinical' })
  t.equal(observation?.codes.length, 2)
  t.match(condition, { author: 'Practitioner/9', date: '2020-05' })
  t.equal(odd?.date, undefined, 'a date that is not a FHIR date is left out')
})

const synthea = corpusPath('fhir/synthea')
t.test('all 21 Synthea files (19 patients, hospitals, practitioners) map to 2,684 resources', { skip: synthea === undefined ? CORPUS_ABSENT : false }, async (t) => {
  const byType = new Map<string, FhirResource[]>()
  let inPatientFiles = 0
  let total = 0
  for (const file of readdirSync(synthea!).filter((name) => name.endsWith('.json')).sort()) {
    const resources = readBundle(readFileSync(join(synthea!, file)))
    total += resources.length
    if (resources.some(({ resourceType }) => resourceType === 'Patient')) inPatientFiles += resources.length
    for (const resource of resources) byType.set(resource.resourceType, [...(byType.get(resource.resourceType) ?? []), resource])
  }
  t.equal(total, 2684, 'counted as entries over all files')
  t.equal(inPatientFiles, 2480, 'of them in the files of the 19 patients')
  t.equal(byType.get('Patient')?.length, 19)
  const all = [...byType.values()].flat()
  const directory = new Set(['Organization', 'Practitioner', 'Patient'])
  for (const resource of all) {
    if (JSON.parse(new TextDecoder().decode(resource.bytes)).resourceType !== resource.resourceType) t.fail(`bytes of another resource: ${resource.reference}`)
    if (directory.has(resource.resourceType)) continue
    if (resource.subject === undefined) t.fail(`no subject: ${resource.resourceType} ${resource.reference}`)
    if (resource.author === undefined && !['Goal', 'AllergyIntolerance'].includes(resource.resourceType)) t.fail(`no author: ${resource.resourceType} ${resource.reference}`)
    if (resource.date === undefined && resource.resourceType !== 'Goal') t.fail(`no date: ${resource.resourceType} ${resource.reference}`)
    if (resource.code === undefined && resource.resourceType !== 'Goal') t.fail(`no code: ${resource.resourceType} ${resource.reference}`)
  }
  t.ok(byType.get('Organization')?.every(({ confidentiality }) => confidentiality === 'U'))
  t.ok(byType.get('Claim')?.every((resource) => resource.class === 'claim'))
  const restricted = all.filter(({ sensitivities }) => sensitivities.length > 0)
  t.ok(restricted.length > 40 && restricted.length < 400, `${restricted.length} sensitive`)
  const claimsOfSensitive = byType.get('Claim')?.filter(({ sensitivities }) => sensitivities.length > 0).length ?? 0
  t.ok(claimsOfSensitive > 0, 'a claim is as sensitive as the diagnosis it names')
})
