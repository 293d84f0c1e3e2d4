// Goal: parts of an aggregate are left and fetched by those alone whom the payment names.
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { aggregateQuery, queryHash } from '../../primitives/calls/aggregate-query.ts'
import { encode } from '../../primitives/codec.ts'
import { isParty, mayBring, mayFetch, mayLeave } from '../../node/aggregate-mail.ts'
import type { Spent } from '../../node/aggregate-mail.ts'
import type { Caller } from '../../rpc/ports.ts'
import { bytes32 } from '../helpers/contract-world.ts'

const query = { by: [], where: [], measure: null, sharedBy: null, linkedBy: null }
const question = encode(aggregateQuery, query)
const spent: Spent = { dataset: bytes32('set'), version: 1, purpose: 'HRESCH', requester: bytes32('asker'), recipient: 4, owner: 1, sites: [2, 3], query: queryHash(query), mechanism: 'laplace', epsilon: 1, answer: bytes32('answer'), charged: 1, left: 0 }
const caller = (member: number, kind: Caller['kind'] = 'institution', account = toHex(bytes32(`member ${member}`))): Caller => ({ account, kind, member })
const asker = caller(4, 'researcher', toHex(spent.requester))

t.test('a question is left by who paid for it, and is the one that was paid for', async (t) => {
  const place = { section: 0, kind: 'question' } as const
  t.equal(mayLeave(spent, place, caller(4, 'researcher'), question), false, 'a colleague did not pay')
  t.equal(mayLeave(spent, place, caller(4), question), false)
  t.equal(mayLeave(spent, place, asker, encode(aggregateQuery, { ...query, sharedBy: 'sites' })), false)
  t.equal(mayLeave(spent, place, asker, Uint8Array.of(1, 2, 3)), false)
  t.equal(mayLeave(spent, { ...place, section: 1 }, asker, question), false)
  t.equal(mayLeave(spent, place, asker, question), true)
})

t.test('a share is left by its own site, an answer by the owner, each brought by that member\'s node', async (t) => {
  t.equal(mayLeave(spent, { section: 3, kind: 'share' }, caller(2), question), false)
  t.equal(mayLeave(spent, { section: 1, kind: 'share' }, caller(1), question), false, 'the owner is no site here')
  t.equal(mayLeave(spent, { section: 2, kind: 'share' }, caller(2, 'clinician'), question), false)
  t.equal(mayLeave(spent, { section: 2, kind: 'share' }, caller(2), question), true)
  t.equal(mayLeave(spent, { section: 0, kind: 'answer' }, caller(2), question), false)
  t.equal(mayLeave(spent, { section: 0, kind: 'answer' }, caller(1), question), true)
  t.same([1, 2, 4].map((member) => mayBring(spent, { section: 0, kind: 'question' }, member)), [false, false, true])
})

t.test('shares are for the owner, the answer for who asked, the question for who answers', async (t) => {
  const who = [asker, caller(4), caller(1), caller(2), caller(5), caller(2, 'researcher')]
  t.same(who.map((each) => mayFetch(spent, { section: 2, kind: 'share' }, each)), [false, false, true, false, false, false])
  t.same(who.map((each) => mayFetch(spent, { section: 0, kind: 'answer' }, each)), [true, false, false, false, false, false])
  t.same(who.map((each) => mayFetch(spent, { section: 0, kind: 'question' }, each)), [false, false, true, true, false, false])
  t.same(who.map((each) => isParty(spent, each)), [true, false, true, true, false, false])
})
