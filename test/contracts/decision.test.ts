import fc from 'fast-check'
import t from 'tap'
import { ACTIONS, COARSE_CLASSES, CONFIDENTIALITIES, LICENCES, purposeCovers, PURPOSES, ROLES } from '../../primitives/calls/index.ts'
import type { Action, ConsentTerms, Purpose } from '../../primitives/calls/index.ts'
import { decide } from '../../contracts/access/decision.ts'
import type { DecisionFacts } from '../../contracts/access/decision.ts'
import { policyAllows } from '../../contracts/access/policy.ts'
import { bestBasis } from '../../contracts/consent/basis.ts'
import { coversSection, coversUse, labelsOf, meetsTags } from '../../contracts/consent/coverage.ts'
import { bytes32, sectionOf, tagOf } from '../helpers/contract-world.ts'

const FROM = 1_000_000n
const UNTIL = 9_000_000n

const consent = (changes: Partial<ConsentTerms> = {}): ConsentTerms => ({
  grantee: { kind: 'member', value: 1 }, from: FROM, until: UNTIL, requires: [], classes: [], confidentialityMax: 'N', purposes: ['TREAT'], actions: ['read'], ...changes,
})
const basis = (changes: Partial<ConsentTerms> = {}, id = 'consent') => ({ id: bytes32(id), terms: consent(changes) })

const facts = (changes: Partial<DecisionFacts> = {}): DecisionFacts => ({
  timeMs: 2_000_000n, action: 'read', purpose: 'TREAT', numbers: [1], sections: [labelsOf(sectionOf('a'))], subject: { account: bytes32('subject'), suspended: false },
  requester: { role: ROLES.physician, licence: undefined, suspended: false, isSubject: false }, consents: [basis()], readerKeyInUse: false,
  policy: [{ purpose: 'TREAT', roles: ['physician'], licence: false }], permitMsMax: 300_000, ...changes,
})
const reasonOf = (changes: Partial<DecisionFacts>) => {
  const decision = decide(facts(changes))
  return decision.decision === 'deny' ? decision.reason : 'permit'
}

t.test('every ground for denial denies by itself, whatever else permits', async (t) => {
  t.equal(reasonOf({}), 'permit')
  t.equal(reasonOf({ consents: [] }), 'CONSENT')
  t.equal(reasonOf({ policy: [] }), 'POLICY')
  t.equal(reasonOf({ sections: undefined }), 'NOT_FOUND')
  t.equal(reasonOf({ subject: undefined }), 'NOT_FOUND')
  t.equal(reasonOf({ subject: { account: bytes32('subject'), suspended: true } }), 'SUBJECT_SUSPENDED')
  t.equal(reasonOf({ requester: { ...facts().requester, suspended: true } }), 'REQUESTER_SUSPENDED')
  t.equal(reasonOf({ readerKeyInUse: true }), 'READER_KEY_IN_USE')
  t.equal(reasonOf({ requester: { ...facts().requester, role: undefined } }), 'POLICY')
  t.equal(reasonOf({ requester: { ...facts().requester, role: ROLES.clerk } }), 'POLICY')
})

t.test('a consent holds from its first millisecond to the one before its end', async (t) => {
  for (const [timeMs, expected] of [[FROM - 1n, 'CONSENT'], [FROM, 'permit'], [FROM + 1n, 'permit'], [UNTIL - 1n, 'permit'], [UNTIL, 'CONSENT'], [UNTIL + 1n, 'CONSENT']] as const) {
    t.equal(reasonOf({ timeMs }), expected, String(timeMs))
  }
})

t.test('a permit ends with its consent or after five minutes, whichever is first', async (t) => {
  for (const [timeMs, until] of [[UNTIL - 300_001n, UNTIL - 1n], [UNTIL - 300_000n, UNTIL], [UNTIL - 299_999n, UNTIL], [UNTIL - 1n, UNTIL]] as const) {
    t.match(decide(facts({ timeMs })), { decision: 'permit', untilMs: until })
  }
})

t.test('each verb needs itself; write and append open nothing; query opens the descriptor alone', async (t) => {
  for (const asked of ACTIONS) {
    for (const granted of ACTIONS) {
      const numbers = asked === 'query' ? [0] : [1]
      const expected = asked === 'write' || asked === 'append' ? 'ACTION_OPENS_NOTHING' : asked === granted ? 'permit' : 'CONSENT'
      t.equal(reasonOf({ action: asked, numbers, consents: [basis({ actions: [granted] })] }), expected, `${asked} with a consent to ${granted}`)
    }
  }
  for (const numbers of [[1], [0, 1]]) t.equal(reasonOf({ action: 'query', numbers, consents: [basis({ actions: ['query'] })] }), 'ACTION_OPENS_NOTHING', `query of ${String(numbers)}`)
})

t.test('purposes: a consent to treatment does not serve research, a parent serves its children, never the reverse', async (t) => {
  for (const granted of PURPOSES) {
    for (const asked of PURPOSES) t.equal(coversUse(consent({ purposes: [granted] }), { timeMs: FROM, action: 'read', purpose: asked }), purposeCovers(granted, asked))
  }
  t.equal(reasonOf({ purpose: 'HRESCH', policy: [{ purpose: 'HRESCH', roles: ['physician'], licence: false }] }), 'CONSENT')
  t.equal(reasonOf({ purpose: 'BTG' }), 'permit', 'treatment covers break-glass')
  t.equal(reasonOf({ purpose: 'TREAT', consents: [basis({ purposes: ['BTG'] })] }), 'CONSENT', 'a consent for break-glass needs break-glass')
})

t.test('the rule nearest to the purpose decides, so a narrower rule narrows', async (t) => {
  const policy = [{ purpose: 'TREAT', roles: ['physician', 'pharmacist'], licence: false }, { purpose: 'ETREAT', roles: ['physician'], licence: true }, { purpose: 'HPAYMT', roles: [], licence: false }]
  const allows = (purpose: Purpose, role: number | undefined, licence?: number) => policyAllows(policy, purpose, { role, licence })
  t.ok(allows('TREAT', ROLES.pharmacist))
  t.notOk(allows('BTG', ROLES.pharmacist, LICENCES.active), 'the rule for ETREAT decides about BTG')
  t.notOk(allows('BTG', ROLES.physician), 'which asks for a licence')
  t.notOk(allows('BTG', ROLES.physician, LICENCES.restricted))
  t.ok(allows('BTG', ROLES.physician, LICENCES.active))
  t.ok(allows('COC', ROLES.pharmacist), 'the parent\'s rule serves a child without one')
  t.notOk(allows('HPAYMT', ROLES.payer), 'a rule that names no role admits none')
  t.notOk(allows('HRESCH', ROLES.physician), 'no rule, no access')
  t.notOk(allows('TREAT', undefined))
})

t.test('tags: groups are ANDed, tags within a group ORed', async (t) => {
  const [a, b, c] = [tagOf('a'), tagOf('b'), tagOf('c')]
  const present = labelsOf(sectionOf('s', [a, b])).tags
  t.ok(meetsTags([], present))
  t.ok(meetsTags([[a]], present))
  t.ok(meetsTags([[c, a]], present))
  t.ok(meetsTags([[a], [b, c]], present))
  t.notOk(meetsTags([[c]], present))
  t.notOk(meetsTags([[a], [c]], present))
  t.notOk(meetsTags([[]], present), 'an empty group is met by nothing; the schema refuses it anyway')
})

t.test('classes and the confidentiality ceiling bind each section', async (t) => {
  for (const coarse of COARSE_CLASSES) {
    t.equal(coversSection(consent({ classes: ['imaging', 'device'] }), labelsOf(sectionOf('s', [], { class: coarse }))), coarse === 'imaging' || coarse === 'device', coarse)
  }
  for (const [i, level] of CONFIDENTIALITIES.entries()) {
    for (const [j, confidentialityMax] of CONFIDENTIALITIES.entries()) t.equal(coversSection(consent({ confidentialityMax }), labelsOf(sectionOf('s', [], { confidentiality: level }))), i <= j)
  }
})

t.test('one consent must cover every section; the one that ends last is the basis, then the lowest id', async (t) => {
  const [a, b] = [tagOf('a'), tagOf('b')]
  const sections = [labelsOf(sectionOf('1', [a])), labelsOf(sectionOf('2', [b]))]
  const use = { timeMs: 2_000_000n, action: 'read', purpose: 'TREAT' } as const
  t.equal(bestBasis([basis({ requires: [[a]] }, 'x'), basis({ requires: [[b]] }, 'y')], use, sections), undefined, 'two halves are not a whole')
  const long = basis({ until: UNTIL + 1n }, 'long')
  t.equal(bestBasis([basis({}, 'x'), long, basis({}, 'y')], use, sections), long)
  const twins = [basis({}, 'x'), basis({}, 'y')].sort((p, q) => Buffer.compare(p.id, q.id))
  t.equal(bestBasis([...twins].reverse(), use, sections), twins[0])
})

t.test('the subject opens its own with no consent and no role, but not what does not exist, nor while suspended', async (t) => {
  const own = { role: undefined, licence: undefined, suspended: false, isSubject: true }
  t.match(decide(facts({ requester: own, consents: [], policy: [], purpose: 'PATRQT' })), { decision: 'permit', basis: bytes32('subject') })
  t.equal(reasonOf({ requester: own, sections: undefined }), 'NOT_FOUND')
  t.equal(reasonOf({ requester: { ...own, suspended: true } }), 'REQUESTER_SUSPENDED')
  t.equal(reasonOf({ requester: own, action: 'write' }), 'ACTION_OPENS_NOTHING')
})

t.test('no consent that does not cover the request ever becomes a basis (property)', async (t) => {
  const tags = ['a', 'b', 'c', 'd'].map(tagOf)
  const subset = <T>(values: readonly T[], min = 0) => fc.subarray([...values], { minLength: min })
  const termsArbitrary = fc.record({
    from: fc.bigInt(0n, 20n), length: fc.bigInt(1n, 20n), requires: fc.array(subset(tags, 1), { maxLength: 3 }), classes: subset(COARSE_CLASSES), confidentialityMax: fc.constantFrom(...CONFIDENTIALITIES),
    purposes: subset(PURPOSES, 1), actions: subset(ACTIONS, 1),
  })
  fc.assert(fc.property(
    fc.array(termsArbitrary, { maxLength: 6 }), fc.bigInt(0n, 40n), fc.constantFrom(...ACTIONS), fc.constantFrom(...PURPOSES),
    fc.array(fc.record({ tags: subset(tags), class: fc.constantFrom(...COARSE_CLASSES), confidentiality: fc.constantFrom(...CONFIDENTIALITIES) }), { minLength: 1, maxLength: 3 }),
    (list, timeMs, action: Action, purpose: Purpose, labels) => {
      const sections = labels.map((each, i) => ({ ...sectionOf(String(i), each.tags), class: each.class, confidentiality: each.confidentiality }))
      const consents = list.map(({ from, length, ...rest }, i) => basis({ from, until: from + length, ...rest }, `c${i}`))
      const decision = decide(facts({ timeMs, action, purpose, numbers: action === 'query' ? [0] : [1], sections: sections.map(labelsOf), consents, policy: PURPOSES.map((each) => ({ purpose: each, roles: ['physician'], licence: false })) }))
      // The rule written out a second time, as the documents say it.
      const fits = consents.filter(({ terms }) => terms.from <= timeMs && timeMs < terms.until && terms.actions.includes(action) && terms.purposes.some((rule) => purposeCovers(rule, purpose))
        && sections.every((section) => (terms.classes.length === 0 || terms.classes.includes(section.class))
          && CONFIDENTIALITIES.indexOf(section.confidentiality) <= CONFIDENTIALITIES.indexOf(terms.confidentialityMax)
          && terms.requires.every((group) => group.some((tag) => section.tags.some((present) => Buffer.compare(present, tag) === 0)))))
      const opens = action !== 'write' && action !== 'append' && (action !== 'query' || sections.length > 0)
      if (decision.decision === 'permit') return fits.some(({ id, terms }) => Buffer.compare(id, decision.basis) === 0 && decision.untilMs <= terms.until && decision.untilMs <= timeMs + 300_000n)
      return !opens || fits.length === 0
    },
  ), { seed: 20261121, numRuns: 2000 })
})
