import { createHash } from 'node:crypto'
import t from 'tap'
import { readBundle } from '../../interop/fhir/bundle.ts'
import { generateBundles, generatePatientBundle } from '../../interop/fhir/generator.ts'

t.test('the same seed gives the same bytes, another seed or index another patient', async (t) => {
  const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
  t.equal(digest(generatePatientBundle(7, 0)), digest(generatePatientBundle(7, 0)))
  t.equal(new Set(generateBundles(7, 50).map(digest)).size, 50)
  t.not(digest(generatePatientBundle(7, 0)), digest(generatePatientBundle(8, 0)))
})

t.test('every patient has 20 to 40 resources of the seven kinds, all readable, one condition sensitive and one open', async (t) => {
  for (const [index, bundle] of generateBundles(2026, 200).entries()) {
    const resources = readBundle(bundle)
    const types = new Set(resources.map(({ resourceType }) => resourceType))
    if (resources.length < 20 || resources.length > 40) t.fail(`patient ${index} has ${resources.length} resources`)
    for (const type of ['Patient', 'Practitioner', 'Encounter', 'Condition', 'Observation', 'DiagnosticReport']) if (!types.has(type)) t.fail(`patient ${index} lacks ${type}`)
    const conditions = resources.filter(({ resourceType }) => resourceType === 'Condition')
    if (!conditions.some(({ confidentiality }) => 'RV'.includes(confidentiality))) t.fail(`patient ${index} has no sensitive condition`)
    if (!conditions.some(({ confidentiality }) => confidentiality === 'N')) t.fail(`patient ${index} has no open condition`)
    if (resources.some(({ resourceType, subject }) => resourceType !== 'Practitioner' && subject === undefined)) t.fail(`patient ${index}: a resource without subject`)
    if (resources.some(({ resourceType, author }) => resourceType === 'Observation' && author === undefined)) t.fail(`patient ${index}: an observation without author`)
  }
  const all = new Set(generateBundles(2026, 20).flatMap((bundle) => readBundle(bundle).map(({ resourceType }) => resourceType)))
  t.ok(all.has('Immunization') && all.has('MedicationRequest'))
})

t.test('ids are version 4 UUIDs and every reference resolves inside the bundle', async (t) => {
  const text = new TextDecoder().decode(generatePatientBundle(1, 1))
  const ids = new Set(readBundle(generatePatientBundle(1, 1)).map(({ reference }) => reference))
  for (const [, reference] of text.matchAll(/"reference":"([^"]+)"/g)) if (!ids.has(reference!)) t.fail(`dangling ${reference}`)
  for (const id of ids) t.match(id, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
