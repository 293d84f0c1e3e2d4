import t from 'tap'
import { readBundle } from '../../interop/fhir/bundle.ts'
import { compareConfidentiality, joinVerdicts, judgeSensitivity, sensitivityOf } from '../../interop/fhir/sensitivity.ts'

const snomed = (code: string): object => ({ coding: [{ system: 'http://snomed.info/sct', code }] })
const icd = (code: string): ReturnType<typeof sensitivityOf> => sensitivityOf({ system: 'http://hl7.org/fhir/sid/icd-10-cm', code })

t.test('a label never lowers what a code raises, and a code never lowers a label', async (t) => {
  const label = (code: string): object => ({ security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code }] })
  t.match(judgeSensitivity('Condition', { meta: label('N'), code: snomed('86406008') }), { confidentiality: 'V', sensitivities: ['HIV'] })
  t.match(judgeSensitivity('Condition', { meta: label('V'), code: snomed('38341003') }), { confidentiality: 'V', sensitivities: [] })
  t.match(judgeSensitivity('Condition', { meta: label('U'), code: snomed('38341003') }), { confidentiality: 'N' })
  t.match(judgeSensitivity('Condition', { meta: { security: [{ system: 'urn:typo', code: 'ETH' }] } }), { confidentiality: 'V', sensitivities: ['SUD'] }, 'a label counts with any system')
  t.match(judgeSensitivity('Condition', { meta: { security: [{ code: 'toString' }] } }), { confidentiality: 'N', sensitivities: [] })
})

t.test('a code counts wherever it stands: reasons, components, contained resources', async (t) => {
  for (const resource of [
    { reasonCode: [snomed('192127007')] }, { component: [{ code: snomed('192127007') }] }, { contained: [{ resourceType: 'Condition', code: snomed('192127007') }] },
    { item: [{ productOrService: snomed('192127007') }] },
  ]) t.match(judgeSensitivity('Basic', resource), { confidentiality: 'R', sensitivities: ['MH'] })
})

t.test('the same code in another system means nothing, and directories are open', async (t) => {
  t.equal(sensitivityOf({ system: 'http://loinc.org', code: '86406008' }), undefined)
  t.match(judgeSensitivity('Organization', {}), { confidentiality: 'U' })
  t.match(judgeSensitivity('Observation', {}), { confidentiality: 'N' })
})

t.test('ICD-10-CM goes by the longest prefix', async (t) => {
  t.equal(icd('B20'), 'HIV')
  t.equal(icd('F11.20'), 'OPIOIDUD')
  t.equal(icd('F31.9'), 'PSY')
  t.equal(icd('F32.1'), 'MH')
  t.equal(icd('O04.5'), 'SEX')
  t.equal(icd('O03.9'), 'PREGNANT')
  t.equal(icd('I10'), undefined)
})

t.test('levels are ordered U < L < M < N < R < V and joins take the highest', async (t) => {
  t.same([...'VUNRLM'].sort((a, b) => compareConfidentiality(a as 'U', b as 'U')).join(''), 'ULMNRV')
  t.same(joinVerdicts({ confidentiality: 'R', sensitivities: ['MH'] }, { confidentiality: 'N', sensitivities: ['HIV', 'MH'] }), { confidentiality: 'R', sensitivities: ['HIV', 'MH'] })
})

t.test('sensitivity spreads to what tells of it, through chains and circles, and not through the encounter', async (t) => {
  const entry = (id: string, resource: object): object => ({ fullUrl: `urn:uuid:${id}`, resource: { id, ...resource } })
  const reference = (id: string): object => ({ reference: `urn:uuid:${id}` })
  const resources = readBundle(new TextEncoder().encode(JSON.stringify({ resourceType: 'Bundle', entry: [
    entry('eob', { resourceType: 'ExplanationOfBenefit', claim: reference('claim') }),
    entry('claim', { resourceType: 'Claim', prescription: reference('rx') }),
    entry('rx', { resourceType: 'MedicationRequest', reasonReference: [reference('hiv')], basedOn: [reference('claim')] }),
    entry('hiv', { resourceType: 'Condition', code: snomed('86406008'), encounter: reference('visit') }),
    entry('visit', { resourceType: 'Encounter' }),
    entry('pressure', { resourceType: 'Observation', encounter: reference('visit') }),
  ] })))
  t.same(resources.map(({ confidentiality }) => confidentiality).join(''), 'VVVVNN')
})
