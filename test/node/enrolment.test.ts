// Goal: one card becomes one account with its tag key, wherever an enrolment is cut off, or nothing stands on the ledger.
import t, { type Test } from 'tap'
import { institutionAccount } from '../../client/account.ts'
import { chainFromGenesis } from '../../client/chain.ts'
import { createClient } from '../../client/create-client.ts'
import { enrol } from '../../node/enrolment.ts'
import type { Card } from '../../node/card-file.ts'
import { SteleError } from '../../primitives/error.ts'
import { createSigner, ed25519KeyId } from '../../primitives/signature.ts'
import { FakeNode, seed } from '../client/fake-node.ts'
import { openDoor } from '../helpers/custodian-door.ts'

const card = (n: number): Card => ({ signKey: ed25519KeyId(createSigner(seed(n)).publicKey), sealKey: seed(n + 1), tagKey: seed(n + 2) })
const full = new SteleError({ code: 'VAULT_DISK_FULL', message: 'the disk has no room left' })

async function open(t: Test) {
  const { keys, door: service, client: door } = await openDoor(t)
  const node = new FakeNode()
  const client = createClient({ transport: node, chain: chainFromGenesis(node.genesis), account: institutionAccount(node.chain, 1, seed(1), seed(1)) })
  const sent = (): number => node.calls.filter((method) => method === 'tx_send').length
  return { desk: { client, door }, keys, service, node, sent }
}

t.test('where the custodian cannot keep the tag key of a patient, nothing is sent', async (t) => {
  const { desk, keys, service, sent } = await open(t)
  const put = keys.putTagKey.bind(keys)
  keys.putTagKey = () => Promise.reject(full)
  await t.rejects(enrol(desk, 'patient', card(10)), { code: 'CUSTODIAN_REFUSED', details: { code: 'VAULT_DISK_FULL' } })
  keys.putTagKey = put
  keys.enrolments.put = () => Promise.reject(full)
  await t.rejects(enrol(desk, 'patient', card(10)), { code: 'CUSTODIAN_REFUSED' })
  await service.stop()
  await t.rejects(enrol(desk, 'patient', card(10)), { code: 'CUSTODIAN_UNREACHABLE' })
  t.equal(sent(), 0)
})

t.test('the same card is the same account; as another kind it is refused', async (t) => {
  const { desk, keys, sent } = await open(t)
  const first = await enrol(desk, 'patient', card(10))
  t.equal(first.isNew, true)
  t.same(await keys.tagKey(first.account), seed(12))
  t.match(await enrol(desk, 'patient', card(10)), { account: first.account, isNew: false })
  t.equal(sent(), 1)
  await t.rejects(enrol(desk, 'clinician', card(10)), { code: 'CARD_ENROLLED', details: { kind: 'patient', asked: 'clinician' } })
  t.notSame((await enrol(desk, 'patient', card(20))).account, first.account, 'another card is another account')
})

t.test('an enrolment that was cut off goes on with the same account; one that is over begins anew', async (t) => {
  const { desk, keys, node } = await open(t)
  node.intercept = (method) => { if (method === 'tx_send') throw new SteleError({ code: 'CLIENT_TIMED_OUT', message: 'no answer' }) }
  let kept: Uint8Array | undefined
  const keep = desk.door.keepEnrolment.bind(desk.door)
  desk.door.keepEnrolment = (enrolment) => {
    kept = enrolment.account
    return keep(enrolment)
  }
  await t.rejects(enrol(desk, 'patient', card(10)), { code: 'CLIENT_TIMED_OUT' })
  node.intercept = () => undefined
  const { account } = await enrol(desk, 'patient', card(10))
  t.same(account, kept)
  t.same(await keys.tagKey(account), seed(12))

  node.intercept = (method) => { if (method === 'tx_send') throw new SteleError({ code: 'TX_EXPIRED', message: 'too late' }) }
  await t.rejects(enrol(desk, 'patient', card(20)), { code: 'TX_EXPIRED' })
  const lost = kept!
  let refusals = 0
  node.intercept = (method) => { if (method === 'tx_send' && refusals++ === 0) throw new SteleError({ code: 'TX_EXPIRED', message: 'too late' }) }
  const again = await enrol(desk, 'patient', card(20))
  t.notSame(again.account, lost)
  t.same(await keys.tagKey(again.account), seed(22))
})

t.test('staff have no tag key: without a custodian they are enrolled, and told that nobody remembers it', async (t) => {
  const { desk, service, keys } = await open(t)
  const { account } = await enrol(desk, 'clinician', card(10))
  t.equal(await keys.tagKey(account), undefined)
  t.match(await enrol(desk, 'clinician', card(10)), { account, isNew: false })
  await service.stop()
  let told = 0
  t.match(await enrol(desk, 'clinician', card(20), () => told++), { isNew: true })
  t.equal(told, 1)
})
