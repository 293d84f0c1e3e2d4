import { readFileSync } from 'node:fs'
import t from 'tap'
import {
  ATTRIBUTES, attributeValues, CALLS, callSchema, CONFIDENTIALITIES, EVENTS, eventSchema, isPurpose, isRole, isWithinConfidentiality, purposeAncestry, purposeCovers, PURPOSES, storageReceiptBytes,
} from '../../primitives/calls/index.ts'
import { decode, encode, fromJson, toJson } from '../../primitives/codec.ts'
import { corpusPath, CORPUS_ABSENT } from '../helpers/corpus.ts'

const actReason = corpusPath('consent/codesystems/CodeSystem-v3-ActReason.json')

interface Concept { readonly code: string; readonly concept?: readonly Concept[] }

function find(concepts: readonly Concept[], code: string): Concept | undefined {
  for (const each of concepts) {
    const found = each.code === code ? each : find(each.concept ?? [], code)
    if (found !== undefined) return found
  }
  return undefined
}

t.test('an unknown contract, call or event has no schema, and inherited names are unknown', async (t) => {
  t.equal(callSchema('nothing', 'grant'), undefined)
  t.equal(callSchema('consent', 'nothing'), undefined)
  t.equal(callSchema('constructor', 'name'), undefined)
  t.equal(callSchema('consent', 'toString'), undefined)
  t.equal(eventSchema('access', 'request'), undefined)
  t.equal(callSchema('consent', 'grant'), CALLS.consent.grant)
  t.equal(eventSchema('access', 'decision'), EVENTS.access.decision)
})

t.test('a rule for a purpose covers its children, never its parent, and BTG needs BTG', async (t) => {
  t.notOk(purposeCovers('BTG', 'ETREAT'))
  t.notOk(purposeCovers('BTG', 'TREAT'))
  t.notOk(purposeCovers('TREAT', 'HRESCH'))
  t.notOk(purposeCovers('CLINTRCH', 'HRESCH'))
  t.ok(purposeCovers('BTG', 'BTG'))
  t.ok(purposeCovers('TREAT', 'BTG'))
  t.ok(purposeCovers('ETREAT', 'ERTREAT'))
  t.ok(purposeCovers('HRESCH', 'CLINTRCH'))
  t.same(purposeAncestry('BTG'), ['BTG', 'ETREAT', 'TREAT'], 'nearest first')
  t.notOk(isPurpose('toString'))
  t.notOk(isRole('constructor'))
})

t.test('the hierarchy is the PurposeOfUse part of HL7 v3 ActReason, code for code and parent for parent', { skip: actReason === undefined ? CORPUS_ABSENT : false }, async (t) => {
  const system = JSON.parse(readFileSync(actReason!, 'utf8')) as { concept: Concept[] }
  const expected = new Map<string, string | undefined>()
  const walk = (concept: Concept, parent: string | undefined): void => {
    for (const child of concept.concept ?? []) {
      expected.set(child.code, parent)
      walk(child, child.code)
    }
  }
  walk(find(system.concept, 'PurposeOfUse')!, undefined)
  t.same(new Map(PURPOSES.map((each) => [each as string, purposeAncestry(each)[1] as string | undefined])), expected)
})

t.test('confidentiality is ordered U < L < M < N < R < V', async (t) => {
  for (const [i, level] of CONFIDENTIALITIES.entries()) {
    for (const [j, max] of CONFIDENTIALITIES.entries()) t.equal(isWithinConfidentiality(level, max), i <= j, `${level} under ${max}`)
  }
})

t.test('numbers in the code tables are distinct and not 0', async (t) => {
  for (const name of ATTRIBUTES) {
    const numbers = Object.values(attributeValues(name) ?? {})
    t.equal(new Set(numbers).size, numbers.length, name)
    t.notOk(numbers.includes(0), name)
  }
})

t.test('a capsule with a byte in it, a second tag length and an unknown purpose do not encode', async (t) => {
  const section = { commitment: new Uint8Array(32), blob: new Uint8Array(32), size: 1n, class: 'clinical', confidentiality: 'N', tags: Array.from({ length: 16 }, () => new Uint8Array(16)), capsule: new Uint8Array(0) } as const
  const args = { record: new Uint8Array(32), version: 1, subject: new Uint8Array(32), sections: [{ ...section, tags: [...section.tags] }], custodians: [1], provenance: { activity: 'create', author: new Uint8Array(16), source: new Uint8Array(16), recordedAt: 1n } as const, receipts: [{ node: 1, signature: new Uint8Array(64) }] }
  const schema = CALLS.records.register
  t.throws(() => encode(schema, { ...args, sections: [{ ...section, tags: [...section.tags], capsule: new Uint8Array(1) }] }), { code: 'CODEC_VALUE_INVALID' })
  t.throws(() => encode(schema, { ...args, sections: [{ ...section, tags: [...section.tags.slice(1), new Uint8Array(15)] }] }), { code: 'CODEC_VALUE_INVALID' })
  t.throws(() => fromJson(CALLS.access.request, { purpose: 'CURIOSITY' }), { code: 'CODEC_VALUE_INVALID' })
  t.same(decode(schema, encode(schema, args)), args, 'what fits comes back as it was')
  t.same(fromJson(schema, toJson(schema, args)), args, 'also through JSON')
  t.notSame(storageReceiptBytes(args.record, args.record, 1, args.sections), storageReceiptBytes(args.record, args.record, 2, args.sections), 'a storage receipt is for one version')
})
