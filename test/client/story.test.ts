import t from 'tap'
import type { Account } from '../../client/account.ts'
import { institutionAccount } from '../../client/account.ts'
import { grantConsent, revokeConsent } from '../../client/actions/consent.ts'
import { certifyAttribute, enrolAccount } from '../../client/actions/identity.ts'
import { listAudit } from '../../client/actions/list-audit.ts'
import { readRecord } from '../../client/actions/read-record.ts'
import { registerRecord } from '../../client/actions/register-record.ts'
import { sendAndWait } from '../../client/actions/wait-for-receipt.ts'
import { chainFromGenesis } from '../../client/chain.ts'
import { createClient, type Client } from '../../client/create-client.ts'
import { verifyReceipt } from '../../client/verify-receipt.ts'
import { createWallet } from '../../client/wallet.ts'
import { planFromGenerator } from '../../examples/demo/import-plan.ts'
import { CLINICIAN, introduce } from '../../examples/demo/people.ts'
import { auditSentence } from '../../examples/demo/sentences.ts'
import { resourceToRecord } from '../../interop/fhir/record.ts'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { sealSectionKey } from '../../privacy/seal.ts'
import type { SectionKey } from '../../privacy/section-format.ts'
import { ContractNode } from './contract-node.ts'
import { seed, testGenesis } from './fake-node.ts'

// Goal: the demo's story, from a FHIR bundle to the audit trail, with the real client, cryptography and contracts.
// Method: one in-memory node runs the contracts; consensus, network and disk are left out, so it takes a second.

t.test('refused, granted, read, refused for another type, revoked, refused: and the trail says so', async (t) => {
  const node = new ContractNode()
  const chain = chainFromGenesis(testGenesis())
  const as = (account: Account): Client => createClient({ transport: node, chain, account })
  const member = (n: number): Client => as(institutionAccount(chain.id, n, seed(n)))

  const wallet = createWallet({ seed: seed(50), chain: chain.id })
  wallet.addRelation(1)
  wallet.setAccount(0, (await enrolAccount(member(1), { kind: 'patient', keys: wallet.keys(0) })).account)
  const patient = as(wallet.account(0))
  const staff = createWallet({ seed: seed(51), chain: chain.id })
  const { account: clinicianId } = await enrolAccount(member(2), { kind: 'clinician', keys: staff.keys(0) })
  await certifyAttribute(member(2), { account: clinicianId, attribute: 'role', value: 'physician', untilMs: Date.now() + 86_400_000 })
  const clinician = as({ id: clinicianId, ...staff.keys(0) })

  const keys = new Map<string, readonly SectionKey[]>()
  const typeOf = new Map<string, string>()
  const [plan] = planFromGenerator()
  for (const resource of plan!.resources.filter(({ resourceType }) => ['Observation', 'Condition'].includes(resourceType)).slice(0, 12)) {
    const input = { subject: wallet.account(0).id, tags: wallet.tags(0), custodians: [1], ...resourceToRecord(resource, { source: { system: 'urn:member', value: '1' }, importedAtMs: Date.now() }) }
    const { record } = await registerRecord(member(1), input, { keep: async (entry) => void keys.set(toHex(entry.record), entry.keys) })
    typeOf.set(toHex(record), resource.resourceType)
  }
  const firstOf = (type: string): Uint8Array => fromHex([...typeOf].find(([, of]) => of === type)![0])

  // The custodian's part.
  node.intercept = async (method) => {
    const { decision } = node.audit[0] ?? {}
    if (method !== 'vault_mailbox_get' || decision?.decision !== 'permit') return
    for (const section of decision.sections) {
      const context = { chain: chain.id, request: fromHex(decision.request), record: fromHex(decision.record), version: decision.version, section, readerKey: fromHex(decision.readerKey) }
      node.mailbox.set(`${decision.request}/${section}/key`, toHex(await sealSectionKey(context, keys.get(decision.record)![section]!)))
    }
  }
  const ask = (type: string, purpose: 'TREAT' | 'HRESCH' | 'BTG' = 'TREAT') => readRecord(clinician, {
    subject: wallet.account(0).id, record: firstOf(type), sections: [1], action: 'read', purpose, details: { who: introduce(CLINICIAN), device: CLINICIAN.device, reason: '' },
  })

  await t.rejects(ask('Observation'), { code: 'CLIENT_ACCESS_DENIED' }, 'nothing is granted yet')
  const { consent } = await grantConsent(patient, { grantee: { account: clinicianId }, types: ['Observation'], purposes: ['TREAT'], days: 30 }, wallet.tags(0))
  const { sections, access } = await ask('Observation')
  t.equal(JSON.parse(new TextDecoder().decode(sections[0]!.plaintext)).resourceType, 'Observation')
  t.same(access.decision.basis, consent)
  await t.rejects(ask('Condition'), { code: 'CLIENT_ACCESS_DENIED' }, 'only Observations were granted')
  await t.rejects(ask('Observation', 'HRESCH'), { code: 'CLIENT_ACCESS_DENIED' }, 'only treatment was granted')

  // A key change takes a sequence number that no list shows; the revocation jumps over it.
  await sendAndWait(patient, { contract: 'identity', call: 'addKey', args: { seq: 9n, key: { kind: 'seal', value: seed(88) } } })
  await revokeConsent(patient, consent)
  await t.rejects(ask('Observation'), { code: 'CLIENT_ACCESS_DENIED' }, 'revoked')

  const trail = await listAudit(patient)
  const sentences = trail.map((entry) => auditSentence(entry, { typeOf: (record) => typeOf.get(record) }).replace(/^.*UTC: /, ''))
  t.same(sentences.reverse(), [
    'Dr Rao, Lakeside Clinic, asked to read a test result for treatment: refused.',
    'Dr Rao, Lakeside Clinic, asked to read a test result for treatment: allowed.',
    'Dr Rao, Lakeside Clinic, asked to read a diagnosis for treatment: refused.',
    'Dr Rao, Lakeside Clinic, asked to read a test result for research: refused.',
    'Dr Rao, Lakeside Clinic, asked to read a test result for treatment: refused.',
  ])
  for (const { bundle } of trail) t.equal(verifyReceipt(bundle!, { genesis: chain.genesis }).code, 'OK')
})

t.test('consent written by an institution is refused by the contract, whoever it speaks for', async (t) => {
  const node = new ContractNode()
  const chain = chainFromGenesis(testGenesis())
  const wallet = createWallet({ seed: seed(50), chain: chain.id })
  wallet.addRelation(1)
  const hospital = createClient({ transport: node, chain, account: institutionAccount(chain.id, 1, seed(1)) })
  await t.rejects(grantConsent(hospital, { grantee: { member: 1 }, purposes: ['TREAT'], days: 1 }, wallet.tags(0)), { code: 'CLIENT_TX_FAILED', details: { result: 'CALLER_NOT_PATIENT' } })
})
