import t from 'tap'
import type { AuditEntry } from '../../client/actions/list-audit.ts'
import { countPlan, planFromDirectory, planFromGenerator } from '../../examples/demo/import-plan.ts'
import { CLINICIAN, INSTITUTIONS, institutionOf, introduce, PROFESSIONALS } from '../../examples/demo/people.ts'
import { Progress } from '../../examples/demo/progress.ts'
import { auditSentence } from '../../examples/demo/sentences.ts'
import { formatTable } from '../../examples/demo/table.ts'
import { sayDuration } from '../../examples/demo/words.ts'
import { meaningsOf, resourceToRecord } from '../../interop/fhir/record.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'
import { seed } from './fake-node.ts'

const entry = (more: Partial<AuditEntry['decision']> = {}, rest: Partial<AuditEntry> = {}): AuditEntry => ({
  height: 5, timeMs: Date.UTC(2026, 10, 21, 10, 5), detailsState: 'open', details: { who: introduce(CLINICIAN), device: 'd', reason: '' },
  decision: {
    request: seed(1), requester: seed(2), subject: seed(3), record: seed(4), version: 1, sections: [1], action: 'read', purpose: 'TREAT', decision: 'permit', basis: seed(5), until: 0n,
    readerKey: seed(6), detailsHash: seed(7), ...more,
  },
  ...rest,
})
const context = { typeOf: () => 'Observation' }

t.test('an audit entry reads as a plain sentence', async (t) => {
  t.equal(auditSentence(entry(), context), '21 Nov 2026, 10:05 UTC: Dr Rao, Lakeside Clinic, asked to read a test result for treatment: allowed.')
  t.equal(auditSentence(entry({ decision: 'deny', purpose: 'HRESCH' }), { typeOf: () => undefined }), '21 Nov 2026, 10:05 UTC: Dr Rao, Lakeside Clinic, asked to read a record that is not yours or does not exist for research: refused.')
  t.match(auditSentence(entry({}, { details: { who: 'x', device: '', reason: 'second opinion' } }), context), /\(reason given: "second opinion"\)/)
})

t.test('a missing or false name is said, not guessed, and typed text cannot repaint the terminal', async (t) => {
  const { details: _, ...nameless } = entry()
  t.match(auditSentence({ ...nameless, detailsState: 'absent' }, context), /left no name/)
  t.match(auditSentence({ ...nameless, detailsState: 'invalid' }, context), /left a false name/)
  const evil = auditSentence(entry({}, { details: { who: 'Dr\u001b[2K\u202eRao', device: '', reason: 'a\nb' } }), context)
  t.notMatch(evil, /[\u001b\u202e\n]/)
})

t.test('progress on a terminal repaints one line; elsewhere it prints few', async (t) => {
  const run = async (isTTY: boolean): Promise<string> => {
    let now = 0
    let text = ''
    const progress = new Progress({ isTTY, columns: 40, write: (piece) => { text += piece } }, () => now)
    await progress.step('importing', async (update) => { for (let i = 1; i <= 10; i++) { now += 500; update(i, 10) } }, () => '10 records')
    await progress.step('failing', () => Promise.reject(new Error('x'))).catch(() => undefined)
    progress.say('note')
    return `${text}\n${progress.summary()}`
  }
  const plain = await run(false)
  t.equal(plain.split('\n').filter((line) => line.startsWith('  importing')).length, 2)
  t.notMatch(plain, /\u001b/)
  t.match(plain, /✓ importing \(5\.0 s\): 10 records[^]*✗ failing[^]*note[^]*step +time/)
  t.match(await run(true), /\r\u001b\[2K… importing: 5 of 10, about 2\.5 s/)
})

t.test('tables align text left and numbers right', async (t) => {
  t.equal(formatTable(['step', 'n'], [['a', 1], ['longer', 100]]), 'step      n\n──────  ───\na         1\nlonger  100')
  t.same([sayDuration(340.4), sayDuration(1234), sayDuration(125_000)], ['340 ms', '1.2 s', '2 min 5 s'])
})

t.test('the cast is consistent', async (t) => {
  t.equal(INSTITUTIONS.length, 4)
  for (const { institution } of PROFESSIONALS) t.ok(institutionOf(institution).member >= 1)
  t.throws(() => institutionOf('nowhere'), RangeError)
  t.ok(INSTITUTIONS.every(({ slug }) => /^[a-z0-9][a-z0-9-]*$/.test(slug)))
})

t.test('a resource becomes a record whose labels hold no content', async (t) => {
  const [subject] = planFromGenerator()
  const observation = subject!.resources.find(({ resourceType }) => resourceType === 'Observation')!
  const record = resourceToRecord(observation, { source: { system: 'urn:stele:member', value: 'city-hospital' }, importedAtMs: 5 })
  t.same(record.sections[0]?.plaintext, observation.bytes)
  t.match(JSON.parse(new TextDecoder().decode(record.descriptor)), { resourceType: 'Observation', codes: [observation.code], date: observation.date })
  t.match(record.sections[0]?.meanings, [{ kind: 'type', value: 'Observation' }, { kind: 'code', value: observation.code?.code }])
  t.equal(record.provenance.recordedAtMs, 5)
  t.equal(meaningsOf('X', Array.from({ length: 99 }, (_, i) => ({ system: 's', code: String(i) }))).length, 16, 'one padding step')
})

t.test('the plan spreads patients over the institutions that treat', async (t) => {
  const plan = planFromGenerator({ seed: 1, patients: 6 })
  t.same(plan.map(({ member }) => member), [1, 2, 3, 1, 2, 3])
  t.match(countPlan(plan), { patients: 6 })
  const dir = t.testdir({ 'a.json': '{"resourceType":"Bundle"}', 'b.json': '{"resourceType":"Patient"}', 'notes.txt': 'x' })
  t.throws(() => planFromDirectory(dir), { code: 'FHIR_NOT_A_BUNDLE', details: { file: 'b.json' } }, 'a bad file is named')
})

const synthea = corpusPath('fhir/synthea')
t.test('Synthea: 19 patients and two directories, 2,684 resources', { skip: synthea === undefined ? CORPUS_ABSENT : false }, async (t) => {
  const plan = planFromDirectory(synthea!)
  t.match(countPlan(plan), { patients: 19, resources: 2684 })
  t.equal(plan.filter(({ kind }) => kind === 'directory').length, 2)
})
