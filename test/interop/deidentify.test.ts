import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { readBundle } from '../../interop/fhir/bundle.ts'
import { valuesAt } from '../../interop/fhir/json.ts'
import { shiftDays } from '../../interop/deidentify/date-shift.ts'
import { createDeidentifier } from '../../interop/deidentify/deidentifier.ts'
import { readMapping } from '../../interop/deidentify/mapping.ts'
import { ageOn, dateOfDayNumber, dayNumber, dayOf, RESTRICTED_ZIP3, zip3Of } from '../../interop/deidentify/safe-harbor.ts'
import { screenValue } from '../../interop/deidentify/screen.ts'
import { SteleError } from '../../primitives/error.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'

const AS_OF = { year: 2026, month: 6, day: 1 }
const mappingOf = (columns: unknown[], more: object = {}): ReturnType<typeof readMapping> => readMapping({ version: 1, columns, ...more })
const bundle = (...resources: object[]): Uint8Array => new TextEncoder().encode(JSON.stringify({ resourceType: 'Bundle', type: 'collection', entry: resources.map((resource) => ({ resource })) }))
const patient = (more: object = {}): object => ({ resourceType: 'Patient', id: 'p1', gender: 'female', birthDate: '1980-03-04', name: [{ family: 'Voss', given: ['Mara'] }], address: [{ line: ['1 Elm St'], city: 'Ames', state: 'IA', postalCode: '50010' }], ...more })

function refusal(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    if (error instanceof SteleError) return { code: error.code, ...error.details }
    throw error
  }
  return { code: 'none' }
}

t.test('a mapping that would carry one of the eighteen out is refused before any record is read', async (t) => {
  const unsafe: [string, object, string][] = [
    ['name.family', {}, 'name'], ['telecom.value', {}, 'phone'], ['identifier.value', {}, 'other'], ['address.city', {}, 'geography'], ['address.line', {}, 'geography'], ['address.postalCode', {}, 'geography'],
    ['birthDate', {}, 'date'], ['birthDate', { take: 'date' }, 'date'], ['text.div', {}, 'text'], ['id', {}, 'other'], ['photo.url', {}, 'photo'], ['meta.lastUpdated', {}, 'none'],
    ['subject.reference', { from: 'Condition' }, 'other'], ['subject.display', { from: 'Condition' }, 'name'], ['note.text', { from: 'Condition' }, 'text'], ['code.text', { from: 'Condition' }, 'text'], ['onsetDateTime', { from: 'Condition' }, 'date'], ['valueString', { from: 'Observation' }, 'text'],
    ['gender', { take: 'zip3' }, 'geography'], ['extension[url=http://x/patient-mothersMaidenName].valueString', {}, 'text'],
  ]
  for (const [path, more, kind] of unsafe) {
    const found = refusal(() => mappingOf([{ name: 'c', path, role: 'insensitive', ...more }])) as { code: string; kind?: string }
    if (kind !== 'none') t.match(found, { code: 'DEIDENTIFY_UNSAFE', column: 'c', kind }, path)
  }
  t.match(refusal(() => readMapping({ version: 1, columns: [] })), { code: 'DEIDENTIFY_MAPPING' })
  t.match(refusal(() => mappingOf([{ name: 'c', path: 'gender', role: 'boss' }])), { code: 'DEIDENTIFY_MAPPING', column: 'c', rule: /quasi-identifier/ })
  t.match(refusal(() => mappingOf([{ name: 'c', path: 'a..b', role: 'sensitive' }])), { code: 'DEIDENTIFY_MAPPING', column: 'c' })
  t.match(refusal(() => mappingOf([{ name: 'c', path: 'gender', role: 'sensitive', colour: 1 }])), { code: 'DEIDENTIFY_MAPPING', member: /colour/ })
  t.match(refusal(() => createDeidentifier(mappingOf([{ name: 'c', path: 'birthDate', take: 'date', role: 'sensitive' }], { dates: 'shift' }), { asOf: AS_OF })), { code: 'DEIDENTIFY_MAPPING', member: 'dates' })
})

t.test('a person who appears twice is refused by id or by number, or the first is kept', async (t) => {
  const mapping = mappingOf([{ name: 'gender', path: 'gender', role: 'quasi-identifier' }])
  const mrn = { identifier: [{ type: { coding: [{ code: 'MR' }] }, system: 's', value: '7' }] }
  t.match(refusal(() => createDeidentifier(mapping, { asOf: AS_OF }).addBundle(bundle(patient(), patient()))), { code: 'DEIDENTIFY_DUPLICATE', entry: 1 })
  const second = createDeidentifier(mapping, { asOf: AS_OF })
  second.addBundle(bundle(patient(mrn)))
  t.match(refusal(() => second.addBundle(bundle(patient({ id: 'p2', ...mrn })))), { code: 'DEIDENTIFY_DUPLICATE', source: 2 })
  const first = createDeidentifier(mapping, { asOf: AS_OF, duplicates: 'first' })
  t.equal(first.addBundle(bundle(patient(mrn))).length + first.addBundle(bundle(patient({ id: 'p2', ...mrn }))).length, 1)
})

t.test('ages over 89 and the years that tell them are pooled; ZIP areas of few people become 000', async (t) => {
  const mapping = mappingOf([
    { name: 'age', path: 'birthDate', take: 'age', role: 'quasi-identifier' }, { name: 'born', path: 'birthDate', take: 'year', role: 'quasi-identifier' }, { name: 'zip', path: 'address.postalCode', take: 'zip3', role: 'quasi-identifier' },
    { name: 'seen', from: 'Encounter', path: 'period.start', take: 'year', role: 'insensitive' },
  ])
  const rows = (birthDate: string, postalCode: string, seen: string): string[][] => createDeidentifier(mapping, { asOf: AS_OF }).addBundle(bundle(patient({ birthDate, address: [{ postalCode }] }), { resourceType: 'Encounter', subject: { reference: 'Patient/p1' }, period: { start: seen } }))
  t.strictSame(rows('1936-06-01', '50010', '2020-01-01T00:00:00Z'), [['90+', '<=1936', '500', '2020']])
  t.strictSame(rows('1936-06-02', '50010', '1936-07-01'), [['89', '<=1936', '500', '1936']], 'the day before the ninetieth birthday')
  t.strictSame(rows('1901-01-01', '03601', '1930-01-01'), [['90+', '<=1936', '000', '<=1936']])
  t.strictSame(rows('1980-02-30', 'K1A 0B1', '2020'), [['', '', '', '2020']], 'a day that is none and a foreign code are left out')
  for (const zip of RESTRICTED_ZIP3) t.equal(zip3Of(`${zip}99`, new Set(RESTRICTED_ZIP3)), '000')
  t.equal(RESTRICTED_ZIP3.length, 17)
})

t.test('values that look like an identifier or name the person are stopped, whatever member they stand in', async (t) => {
  for (const [value, kind] of [['call 555-175-3568', 'phone'], ['999-34-1238', 'ssn'], ['a@b.org', 'email'], ['http://x.org/y', 'url'], ['10.0.0.7', 'ip'], ['on 2019-04-01', 'date'], ['seen 4/1/2019', 'date'], ['Voss', 'name'], ['Mrs. Voss came', 'name']] as const) t.equal(screenValue(value, new Set(['voss'])), kind, value)
  for (const value of ['8302-2', '38341003', '120/80', '1.5', 'Never smoker', 'Vossian']) t.equal(screenValue(value, new Set(['voss'])), undefined, value)
  const flat = createDeidentifier(mappingOf([{ name: 'job', path: 'job', role: 'quasi-identifier' }], { rows: 'Row' }), { asOf: AS_OF })
  t.strictSame([flat.addRow({ id: '1', lastname: 'Voss', job: 'nurse' }, 2), flat.addRow({ id: '2', lastname: 'Baker', job: 'Baker' }, 3)], [['nurse'], ['']])
  t.match(flat.report(), { screened: { name: 1 }, found: { name: 2, other: 2 } })
})

t.test('dates move by one secret number of days per person and project, and intervals stay', async (t) => {
  const mapping = mappingOf([{ name: 'born', path: 'birthDate', take: 'date', role: 'quasi-identifier' }, { name: 'seen', from: 'Encounter', path: 'period.start', take: 'date', role: 'insensitive' }], { dates: 'shift' })
  const projectKey = new Uint8Array(32).fill(7)
  const run = (key: Uint8Array, birthDate = '1980-03-04'): string[] => createDeidentifier(mapping, { asOf: AS_OF, projectKey: key }).addBundle(bundle(patient({ birthDate }), { resourceType: 'Encounter', subject: { reference: 'Patient/p1' }, period: { start: '1980-03-14' } }))[0]!
  const days = (text: string): number => dayNumber(dayOf(text)!)
  const [born, seen] = run(projectKey) as [string, string]
  t.equal(days(seen) - days(born), 10)
  t.not(born, '1980-03-04')
  t.strictSame(run(projectKey), [born, seen])
  t.not(run(new Uint8Array(32).fill(8))[0], born)
  t.equal(run(projectKey, '1920-01-01')[0], '<=1936', 'the oldest stay pooled')
  const shifts = Array.from({ length: 2_000 }, (_, i) => shiftDays(projectKey, `person ${i}`))
  t.ok(shifts.every((shift) => shift !== 0 && Math.abs(shift) <= 365))
  t.ok(Math.min(...shifts) < -340 && Math.max(...shifts) > 340)
})

t.test('days are counted as the calendar does', async (t) => {
  t.equal(dayNumber({ year: 1970, month: 1, day: 1 }), 0)
  for (let number = -700_000; number < 800_000; number += 997) t.equal(dayNumber(dayOf(dateOfDayNumber(number))!), number)
  for (const [text, ms] of [['2000-02-29', Date.UTC(2000, 1, 29)], ['1899-12-31', Date.UTC(1899, 11, 31)]] as const) t.equal(dayNumber(dayOf(text)!), ms / 86_400_000)
  t.equal(ageOn({ year: 2000, month: 2, day: 29 }, { year: 2018, month: 2, day: 28 }), 17)
})

t.test('the example mappings of the documents are read', async (t) => {
  for (const name of ['patients', 'conditions', 'flat-table']) t.ok(readMapping(parse(readFileSync(new URL(`../../docs/examples/${name}.yaml`, import.meta.url), 'utf8'))).columns.length > 5)
})

const synthea = corpusPath('fhir/synthea')

t.test('of every published bundle no name, number, address, id or full date is left', { skip: synthea === undefined ? CORPUS_ABSENT : false }, async (t) => {
  for (const name of ['patients', 'conditions']) {
    const deidentifier = createDeidentifier(readMapping(parse(readFileSync(new URL(`../../docs/examples/${name}.yaml`, import.meta.url), 'utf8'))), { asOf: { year: 2020, month: 1, day: 1 } })
    const secrets = new Set<string>()
    const cells = new Set<string>()
    for (const file of readdirSync(synthea!)) {
      const bytes = readFileSync(join(synthea!, file))
      for (const row of deidentifier.addBundle(bytes)) for (const cell of row) cells.add(cell)
      for (const resource of readBundle(bytes).map((entry) => JSON.parse(new TextDecoder().decode(entry.bytes)) as object)) {
        for (const path of ['id', 'identifier.value', 'telecom.value', 'name.family', 'name.given', 'address.line', 'address.city', 'address.postalCode', 'birthDate', 'onsetDateTime', 'period.start']) for (const value of valuesAt(resource, path)) secrets.add(String(value))
      }
    }
    t.ok(secrets.size > 500, `${secrets.size} secrets`)
    t.strictSame([...cells].filter((cell) => secrets.has(cell) && !/^\d{1,4}$/.test(cell)), [])
    t.strictSame([...cells].filter((cell) => /\d{4}-\d{2}|\d{5}-?\d{4}$|[0-9a-f]{8}-/.test(cell) && !cell.includes('|') && !/^\d+$/.test(cell)), [])
    t.match(deidentifier.report(), { persons: 19, sources: 21, orphans: 0, found: { ssn: 19, record: 19, licence: 18 }, rows: name === 'patients' ? 19 : 88 })
  }
})
