import fc from 'fast-check'
import t from 'tap'
import { compileConsent, RESOURCE_TYPE_SYSTEM, type ConsentChoices } from '../../client/consent-choices.ts'
import { consentTerms } from '../../primitives/calls/index.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { createTagDictionary } from '../../privacy/tags.ts'
import { seed } from './fake-node.ts'

const tags = createTagDictionary(seed(4))
const NOW = Date.parse('2026-11-21T15:30:00Z')
const base: ConsentChoices = { grantee: { member: 2 }, purposes: ['TREAT'], days: 30 }
const compile = (more: Partial<ConsentChoices> = {}) => compileConsent({ ...base, ...more }, tags, NOW)
const at = (iso: string): bigint => BigInt(Date.parse(iso))

t.test('choices that make no consent are refused by field', async (t) => {
  const { days: _, ...noPeriod } = base
  for (const [choices, field] of [
    [noPeriod, 'days'], [{ ...base, until: '2027-01-01' }, 'days'], [{ ...base, days: 0 }, 'days'], [{ ...base, days: 1.5 }, 'days'], [{ ...base, days: 1e9 }, 'days'],
    [{ ...noPeriod, from: '2026-02-30', until: '2026-03-01' }, 'from'], [{ ...noPeriod, until: '2026-3-1' }, 'until'], [{ ...noPeriod, until: '2026-11-20' }, 'until'],
    [{ ...base, purposes: [] }, 'purposes'], [{ ...base, purposes: ['CURIOSITY'] }, 'purposes'], [{ ...base, actions: [] }, 'actions'], [{ ...base, actions: ['peek'] }, 'actions'],
    [{ ...base, types: ['observation of mine'] }, 'types'], [{ ...base, classes: ['secret'] }, 'classes'],
    [{ ...base, codes: Array.from({ length: 33 }, () => ({ system: 's', code: 'c' })) }, 'codes'],
  ] as [ConsentChoices, string][]) t.throws(() => compileConsent(choices, tags, NOW), { code: 'CLIENT_CONSENT_INVALID', details: { field } }, JSON.stringify(choices))
})

t.test('days are whole UTC days with both ends in (CO9)', async (t) => {
  t.match(compile(), { from: at('2026-11-21T00:00:00Z'), until: at('2026-12-21T00:00:00Z') })
  t.match(compile({ days: 1 }), { until: at('2026-11-22T00:00:00Z') }, 'one day is today')
  const { days: _, ...noDays } = base
  t.match(compileConsent({ ...noDays, from: '2028-02-28', until: '2028-02-29' }, tags, NOW), { from: at('2028-02-28T00:00:00Z'), until: at('2028-03-01T00:00:00Z') }, 'a leap day is a whole day')
  t.match(compileConsent({ ...noDays, until: '2026-11-21' }, tags, Date.parse('2026-11-21T23:59:59.999Z')), { until: at('2026-11-22T00:00:00Z') })
})

t.test('every period is a whole number of days, whatever the clock says', async (t) => {
  t.doesNotThrow(() => fc.assert(fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), fc.integer({ min: 1, max: 36_525 }), (nowMs, days) => {
    const { from, until } = compileConsent({ ...base, days }, tags, nowMs)
    return from % 86_400_000n === 0n && until - from === BigInt(days) * 86_400_000n && from <= BigInt(nowMs) && BigInt(nowMs) < until
  })))
})

t.test('types and codes become groups of opaque tags: or within, and between', async (t) => {
  const terms = compile({ types: ['Observation', 'Condition'], codes: [{ system: 'http://loinc.org', code: '718-7' }] })
  t.same(terms.requires.map((group) => group.map((tag) => tags.meaningOf(tag)?.value)), [['Observation', 'Condition'], ['718-7']])
  t.same(tags.meaningOf(terms.requires[0]![0]!)?.system, RESOURCE_TYPE_SYSTEM)
  t.same(compile().requires, [], 'nothing chosen limits nothing')
  t.notMatch(Buffer.from(encode(consentTerms, terms)).toString('latin1'), /Observation|718-7|loinc/)
})

t.test('sensitive data takes a decision of its own, and the terms fit the ledger\'s schema', async (t) => {
  t.match(compile(), { confidentialityMax: 'N', actions: ['query', 'read'] })
  const terms = compile({ grantee: { account: seed(3) }, confidentialityMax: 'V', purposes: ['TREAT', 'TREAT'], classes: ['clinical'] })
  t.same(terms.purposes, ['TREAT'])
  t.same(decode(consentTerms, encode(consentTerms, terms)), terms)
})
