import fc from 'fast-check'
import t from 'tap'
import { planFromGenerator } from '../../examples/demo/import-plan.ts'
import { memorySpool } from '../../client/cipher-spool.ts'
import { webRandom } from '../../client/platform.ts'
import { prepareRecord } from '../../client/record-input.ts'
import { resourceToRecord } from '../../interop/fhir/record.ts'
import { encode } from '../../primitives/codec.ts'
import { recordsCalls } from '../../primitives/calls/index.ts'
import { createTagDictionary } from '../../privacy/tags.ts'
import { NeedleSearch, needlesOf } from './needles.ts'
import { seed } from './fake-node.ts'

t.test('the search finds a needle as text, hex and base64 at any alignment', async (t) => {
  const search = new NeedleSearch(['Priya Haddad', '999-12-3456'])
  const form = fc.constantFrom('utf8', 'hex', 'base64', 'base64url')
  t.doesNotThrow(() => fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), form, fc.constantFrom('Priya Haddad', '999-12-3456'), (before, after, encoding, needle) => {
    const plain = Buffer.concat([before, Buffer.from(needle), after])
    const haystack = encoding === 'utf8' ? plain : Buffer.from(plain.toString(encoding as BufferEncoding))
    return search.find(haystack).has(needle)
  })))
  t.equal(search.find(Buffer.from('PRIYA haddad 999-12-345')).size, 0)
})

t.test('strings and numbers of a record are collected as they stand in the source', async (t) => {
  const needles = needlesOf(Buffer.from('{"name":"Haddad","status":"active","value":123.450,"small":1.5,"nested":[{"id":"123456789"}],"short":"abc"}'))
  t.same([...needles].sort(), ['123.450', '123456789', 'Haddad'])
})

t.test('what a client sends of 50 records holds nothing of them: ciphertext and ledger arguments', async (t) => {
  const plan = planFromGenerator({ seed: 7, patients: 3 })
  const resources = plan.flatMap((subject) => subject.resources).slice(0, 50)
  const search = new NeedleSearch(new Set(resources.flatMap(({ bytes }) => [...needlesOf(bytes)])))
  t.equal(resources.length, 50)
  t.ok(search.find(Buffer.from(resources[0]!.bytes)).size > 5, 'the search finds them where they are')
  const tags = createTagDictionary(seed(4))
  const sent: Uint8Array[] = []
  const inner = memorySpool()
  const spool = { ...inner, put: (section: number, index: number, chunk: Uint8Array) => { sent.push(chunk); return Promise.resolve() } }
  for (const resource of resources) {
    const input = { subject: seed(1), tags, custodians: [1], ...resourceToRecord(resource, { source: { system: 'urn:member', value: 'city-hospital' }, importedAtMs: 1_800_000_000_000 }) }
    const { register } = await prepareRecord(input, spool, webRandom)
    sent.push(encode(recordsCalls.register, { ...register, receipts: [{ node: 1, signature: new Uint8Array(64) }] }))
  }
  t.same([...search.find(Buffer.concat(sent)).keys()], [])
})
