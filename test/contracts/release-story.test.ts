// Goal: a release over three institutions is accepted when it is sound, a forged one is refused with its author named, and who withdrew is gone from the next one.
// Method: real contracts, consents and kernel; every member judges by itself on the agreed state and attests what it found.
import t from 'tap'
import { anonymizationEvents, OVERLAP_PRICE, ROLES } from '../../primitives/calls/index.ts'
import type { OverlapFigures, SelectedPerson, Verdict } from '../../primitives/calls/index.ts'
import { decode } from '../../primitives/codec.ts'
import { fromHex } from '../../primitives/bytes.ts'
import { readerOf } from '../../contracts/index.ts'
import { definitionHash, figuresOf, makeDocument, sealSelection } from '../../contracts/anonymization/document.ts'
import { judgeRelease } from '../../contracts/anonymization/judge.ts'
import { judgeOverlaps } from '../../contracts/anonymization/judge-overlaps.ts'
import { makeOverlapPart, NOT_SELECTED, overlapFiguresOf, overlapPartHash } from '../../contracts/anonymization/overlap-part.ts'
import type { OverlapPart } from '../../contracts/anonymization/overlap-part.ts'
import { definitionForm, definitionOfForm } from '../../contracts/anonymization/definition-forms.ts'
import { releaseForm, releaseOfForm } from '../../contracts/anonymization/release-forms.ts'
import { anonymize, classesOfRows, flatHierarchy, intervalHierarchy, releaseHash, tableFromColumns } from '../../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition, Release } from '../../contracts/anonymization/kernel/index.ts'
import { bytes32, ContractWorld } from '../helpers/contract-world.ts'
import type { Actor } from '../helpers/contract-world.ts'

const DATASET = bytes32('dataset')
const DISEASES = ['flu', 'asthma', 'diabetes']
const COLUMNS = ['age', 'sex', 'disease', 'cost']
const AGES = Array.from({ length: 100 }, (_, age) => String(age))
const DEFINITION: DatasetDefinition = {
  attributes: [
    { name: 'age', role: 'quasi-identifier', type: 'integer', hierarchy: intervalHierarchy('age', AGES, [5, 10, 20, 40]) }, { name: 'sex', role: 'quasi-identifier', type: 'categorical', hierarchy: flatHierarchy('sex', ['f', 'm']) },
    { name: 'disease', role: 'sensitive', type: 'categorical' }, { name: 'cost', role: 'insensitive', type: 'integer' },
  ],
  policy: { k: 4, diversity: [{ attribute: 'disease', kind: 'distinct', l: '2' }], suppressionLimit: '0.1' }, algorithm: { name: 'mondrian', mode: 'strict' }, statistics: { columns: ['cost'] },
}

interface Patient { readonly actor: Actor; readonly member: number; readonly consent: Uint8Array; readonly row: readonly string[] }
interface Draft { readonly patients: readonly Patient[]; readonly release: Release; readonly document: { readonly bytes: Uint8Array; readonly hash: Uint8Array }; readonly id: Uint8Array }

class Story {
  readonly world = new ContractWorld(4)
  readonly patients: Patient[] = []
  readonly researcher: Actor

  constructor() {
    this.researcher = this.world.enroll(4, 'researcher', 'researcher')
    this.world.certify(4, this.researcher.account, 'role', ROLES.researcher)
    const terms = { definition: definitionHash(DEFINITION), k: 4, suppressionPpm: 100_000, prosecutorPpm: 250_000, contributorsMin: 3, budget: OVERLAP_PRICE, mode: 'owner' as const, openings: 0, siteFloor: 0, purposes: ['HRESCH'] as 'HRESCH'[], recipients: [4] }
    this.demand(this.world.call(this.world.institution(1), 'anonymization', 'define', { dataset: DATASET, version: 1, terms }).code)
    for (let i = 0; i < 36; i++) this.enrol(i)
  }

  demand(code: string): void {
    if (code !== 'OK') throw new Error(code)
  }

  enrol(i: number, terms: { readonly actions?: 'read'[]; readonly purposes?: 'TREAT'[] } = {}): Patient {
    const member = 1 + (i % 3)
    const actor = this.world.enroll(member, 'patient', `patient ${i}`)
    const grant = this.world.transaction(actor, 'consent', 'grant', { seq: 1n, grantee: { kind: 'member', value: member }, from: this.world.timeMs, until: this.world.timeMs + 86_400_000n, requires: [], classes: [], confidentialityMax: 'N', purposes: ['HRESCH'], actions: ['export'], ...terms })
    this.demand(this.world.run(grant).code)
    const patient = { actor, member, consent: grant.id, row: [String(20 + ((i * 7) % 40)), i % 2 === 0 ? 'f' : 'm', DISEASES[i % 3]!, String(100 + i)] }
    this.patients.push(patient)
    return patient
  }

  withdraw({ actor, consent }: Patient): void {
    this.demand(this.world.call(actor, 'consent', 'revoke', { seq: 2n, consent }).code)
  }

  /** Request, selections, computation and claim. `forge` changes what author 1 hands out after it was computed; `lie` what it claims. */
  release(patients: readonly Patient[], { forge = (release) => release, lie = {}, replace = (person) => person, member = 1 }: { forge?: (release: Release) => Release; lie?: Partial<ReturnType<typeof figuresOf>>; replace?: (person: SelectedPerson) => SelectedPerson; member?: number } = {}): Draft {
    const { world } = this
    const asking = world.transaction(this.researcher, 'anonymization', 'request', { dataset: DATASET, version: 1, purpose: 'HRESCH', detailsHash: bytes32('details') })
    this.demand(world.run(asking).code)
    const selections = [1, 2, 3].map((each) => {
      const { persons, root } = sealSelection(patients.filter((patient) => patient.member === each).map(({ actor, consent }, i) => ({ salt: bytes32(`salt ${each} ${i}`), account: actor.account, consent, consentVersion: 1 })))
      this.demand(world.call(world.institution(each), 'anonymization', 'select', { request: asking.id, persons: persons.length, selection: root, original: bytes32(`rows ${each}`) }).code)
      return { member: each, persons: persons.map(replace) }
    })
    const table = tableFromColumns(COLUMNS.map((name, column) => ({ name, cells: patients.map(({ row }) => row[column]!) })))
    const release = forge(anonymize(table, DEFINITION))
    const document = makeDocument({ request: asking.id, definition: DEFINITION, release, selections })
    const claim = world.transaction(world.institution(member), 'anonymization', 'release', { request: asking.id, release: fromHex(releaseHash(release)), document: document.hash, readAtHeight: world.height, figures: { ...figuresOf(release), ...lie } })
    this.demand(world.run(claim).code)
    return { patients, release, document, id: claim.id }
  }

  /** Every contributor gives its part of the overlap with an accepted release, and the author compares; `lie` changes what it claims. */
  compare(earlier: Draft, later: Draft, lie: Partial<OverlapFigures> = {}, forge: (part: OverlapPart) => OverlapPart = (part) => part): { readonly parts: readonly OverlapPart[]; readonly code: string } {
    const { world } = this
    const placed = ({ patients, release }: Draft, member: number): { account: Uint8Array; classIndex: number }[] => {
      const own = patients.filter((patient) => patient.member === member)
      const classes = classesOfRows(release, DEFINITION, COLUMNS, own.map(({ row }) => row))
      return own.map(({ actor }, i) => ({ account: actor.account, classIndex: classes[i]! }))
    }
    const parts = [1, 2, 3].map((member) => {
      const part = forge(makeOverlapPart({ salt: bytes32(`part ${member}`), release: later.id, earlier: earlier.id, member }, placed(earlier, member), placed(later, member)))
      this.demand(world.call(world.institution(member), 'anonymization', 'overlap', { release: later.id, position: 0, part: overlapPartHash(part) }).code)
      return part
    })
    const sizes = ({ release: { classSizes } }: Draft): { classSizes: number[] } => ({ classSizes: [...classSizes] })
    const figures = { ...overlapFiguresOf(parts, sizes(earlier), sizes(later)), ...lie }
    return { parts, code: world.call(world.institution(1), 'anonymization', 'compare', { release: later.id, comparisons: [{ position: 0, figures }] }).code }
  }

  judgeOverlaps(later: Draft, documents: readonly Draft[], parts: readonly OverlapPart[]): ReturnType<typeof judgeOverlaps> {
    return judgeOverlaps(readerOf(this.world.state), later.id, later.document.bytes, { documents: documents.map(({ document }) => document.bytes), parts })
  }

  /** Every member judges by itself and attests; gives the verdicts, and the event that decided with its data. */
  decide({ id, document }: Draft): { readonly verdicts: readonly Verdict[]; readonly outcome: string; readonly author: number | undefined } {
    const verdicts: Verdict[] = []
    for (const member of [2, 3, 4, 1]) {
      const { verdict } = judgeRelease(readerOf(this.world.state), id, document.bytes, { member })!
      verdicts.push(verdict)
      const { events } = this.world.call(this.world.institution(member), 'anonymization', 'attest', { release: id, verdict })
      const decided = events[1]
      if (decided !== undefined) return { verdicts, outcome: decided.name, author: (decided.name === 'accepted' ? decode(anonymizationEvents.accepted, decided.data) : decode(anonymizationEvents.refused, decided.data)).author }
    }
    return { verdicts, outcome: 'open', author: undefined }
  }
}

/** The release with its form changed, as an author would who forges after the computation. */
function forged(change: (form: ReturnType<typeof releaseForm>) => void): (release: Release) => Release {
  return (release) => {
    const form = structuredClone(releaseForm(release))
    change(form)
    return releaseOfForm(form)
  }
}

t.test('forms give back what they were made from', async (t) => {
  t.same(definitionForm(definitionOfForm(definitionForm(DEFINITION))), definitionForm(DEFINITION))
  const table = tableFromColumns(COLUMNS.map((name, column) => ({ name, cells: Array.from({ length: 12 }, (_, i) => [String(20 + i), 'f', DISEASES[i % 3]!, '5'][column]!) })))
  const release = anonymize(table, DEFINITION)
  t.equal(releaseHash(releaseOfForm(releaseForm(release))), releaseHash(release))
})

t.test('a sound release over three institutions is accepted by the third of four members', async (t) => {
  const story = new Story()
  const draft = story.release(story.patients)
  t.equal(draft.release.rowCount, 36)
  t.ok(draft.release.metrics.smallestClass >= 4)
  t.same(story.decide(draft), { verdicts: ['sound', 'sound', 'sound'], outcome: 'accepted', author: 1 })
  t.match(judgeOverlaps(readerOf(story.world.state), draft.id, draft.document.bytes, { documents: [], parts: [] }), { verdict: 'sound' }, 'who checks it after that compares it with no release but earlier ones')
})

t.test('a release forged after it was computed is refused by the members, and its author is named', async (t) => {
  const story = new Story()
  const refused = (title: string, draft: Draft, verdict: Verdict, author = 1): boolean => t.same(story.decide(draft), { verdicts: [verdict, verdict], outcome: 'refused', author }, title)
  const { patients } = story
  refused('rows moved to another class until k − 1 are left', story.release(patients, { forge: forged((form) => {
    const smallest = form.classSizes.indexOf(Math.min(...form.classSizes))
    const other = smallest === 0 ? 1 : smallest - 1
    const moved = form.classSizes[smallest]! - 3
    form.classSizes[smallest]! -= moved
    form.classSizes[other]! += moved
  }), lie: { smallestClass: 4, prosecutorPpm: 250_000 } }), 'policy')
  refused('two diagnoses exchanged between classes', story.release(patients, { forge: forged((form) => {
    const { codes } = form.payload[0]!
    const [first, last] = [0, codes.findIndex((code) => code !== codes[0])]
    ;[codes[first], codes[last]] = [codes[last]!, codes[first]!]
  }) }), 'rows')
  refused('one count changed', story.release(patients, { lie: { classes: 1 } }), 'figures')
  refused('one sum of the statistics changed', story.release(patients, { forge: forged((form) => { form.statistics[0]!.sum[0] = String(BigInt(form.statistics[0]!.sum[0]!) + 1n) }) }), 'figures', 1)
  refused('less loss claimed than there is', story.release(patients, { lie: { lossPpm: 1 } }), 'figures')
  refused('a range that is narrower than the hierarchy', story.release(patients, { forge: forged((form) => { form.quasi[0]!.values[0] = { kind: 'range', value: { low: '99', high: '20' } } }) }), 'hierarchy')
  refused('by another contributor', story.release(patients, { lie: { lossPpm: 2 }, member: 3 }), 'figures', 3)
})

t.test('a document that is not the one on the ledger, or not canonical, is refused; an unknown release is not judged', async (t) => {
  const story = new Story()
  const draft = story.release(story.patients)
  const reader = readerOf(story.world.state)
  const changed = draft.document.bytes.slice()
  changed[changed.length - 1]! ^= 1
  t.match(judgeRelease(reader, draft.id, changed, { member: 2 }), { verdict: 'document' })
  t.equal(judgeRelease(reader, bytes32('none'), draft.document.bytes, { member: 2 }), undefined)
})

t.test('persons must be those selected, each once, each with a consent that carries the release', async (t) => {
  const story = new Story()
  const stranger = bytes32('stranger')
  t.same(story.decide(story.release(story.patients, { replace: (person) => ({ ...person, account: stranger }) })).verdicts, ['selection', 'selection'])
  t.same(story.decide(story.release([...story.patients, story.patients[0]!])).verdicts, ['selection', 'selection'], 'one person twice')
  const reader = story.enrol(36, { actions: ['read'] })
  t.same(story.decide(story.release([...story.patients])).verdicts, ['consent', 'consent'], 'a consent to read is none to be released')
  const treated = story.enrol(37, { purposes: ['TREAT'] })
  const fit = story.patients.filter((patient) => patient !== reader)
  t.same(story.decide(story.release(fit)).verdicts, ['consent', 'consent'], 'nor is one for treatment')
  t.equal(story.decide(story.release(fit.filter((patient) => patient !== treated))).outcome, 'accepted')
})

t.test('who withdraws is gone from the next release; a withdrawal after the author had read does not spoil one that is under way', async (t) => {
  const story = new Story()
  const [leaving] = story.patients
  const first = story.release(story.patients)
  story.withdraw(leaving!)
  t.equal(story.decide(first).outcome, 'accepted', 'it was under way')
  const stubborn = story.release(story.patients)
  t.same(story.decide(stubborn), { verdicts: ['consent', 'consent'], outcome: 'refused', author: 1 }, 'the next one may not hold the person')
  const second = story.release(story.patients.filter((patient) => patient !== leaving))
  t.equal(second.release.rowCount, 35)
  t.equal(story.compare(first, second).code, 'OK', 'one person left: the recipient\'s budget pays')
  t.same(story.decide(second), { verdicts: ['sound', 'sound', 'sound'], outcome: 'accepted', author: 1 })
})

t.test('a claim about an overlap is judged from the parts of the contributors: a smaller one, a forged part, a missing part and a missing document are found', async (t) => {
  const twice = (): { story: Story; first: Draft; second: Draft } => {
    const story = new Story()
    const first = story.release(story.patients)
    story.decide(first)
    story.withdraw(story.patients[0]!)
    return { story, first, second: story.release(story.patients.slice(1)) }
  }
  const honest = twice()
  t.match(honest.story.judgeOverlaps(honest.second, [], []), { needs: [{ position: 0, lacks: 'document', members: [1, 2, 3] }] })
  t.match(honest.story.judgeOverlaps(honest.second, [honest.first], []), { needs: [{ lacks: 'parts' }] })
  const { parts } = honest.story.compare(honest.first, honest.second)
  t.match(honest.story.judgeOverlaps(honest.second, [honest.first], parts.slice(1)), { needs: [{ lacks: 'parts' }] })
  t.match(honest.story.judgeOverlaps(honest.second, [honest.first], parts), { verdict: 'sound' })
  const lying = twice()
  const lie = lying.story.compare(lying.first, lying.second, { smallestLeft: 0, smallestIntersection: 4, refines: true })
  t.equal(lie.code, 'OK', 'the contract cannot know')
  t.match(lying.story.judgeOverlaps(lying.second, [lying.first], lie.parts), { verdict: 'overlap', rule: /is what the parts give/ })
  t.match(lying.story.judgeOverlaps(lying.second, [lying.first], lie.parts.map((part) => ({ ...part, salt: bytes32('other') }))), { verdict: 'overlap', rule: /hash on the ledger/ })
  const strangers = (part: OverlapPart): OverlapPart => ({ ...part, cells: [...part.cells.map((each) => ({ ...each, later: NOT_SELECTED })), ...part.cells.map((each) => ({ ...each, earlier: NOT_SELECTED }))] })
  for (const [title, forge, rule] of [
    ['the same persons as others', strangers, /cells of an overlap ascend|as many persons are in both/], ['one person fewer', (part: OverlapPart): OverlapPart => ({ ...part, cells: part.cells.slice(1) }), /places every selected person/],
    ['a class that there is not', (part: OverlapPart): OverlapPart => ({ ...part, cells: part.cells.map((each, i) => (i === 0 ? { ...each, earlier: 999 } : each)).sort((a, b) => a.earlier - b.earlier || a.later - b.later) }), /classes of an overlap/],
    ['everybody in one class', (part: OverlapPart): OverlapPart => ({ ...part, cells: [{ earlier: 0, later: 0, persons: part.cells.reduce((sum, { later, persons }) => sum + (later === NOT_SELECTED ? 0 : persons), 0) }, ...part.cells.filter(({ later }) => later === NOT_SELECTED)] }), /fill the classes/],
  ] as const) {
    const { story, first, second } = twice()
    const forged = story.compare(first, second, {}, forge)
    t.match(story.judgeOverlaps(second, [first], forged.parts), { verdict: 'overlap', rule }, title)
  }
})
