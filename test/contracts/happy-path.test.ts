import t from 'tap'
import { ROLES } from '../../primitives/calls/index.ts'
import { listConsents, listRecords, readerOf, readMemberSet, recheck, recordHistory } from '../../contracts/index.ts'
import { bytes32, ContractWorld, decisionOf, sectionOf, tagOf } from '../helpers/contract-world.ts'

t.test('a patient grants, a clinician of another member reads, the patient revokes, the next read is denied', async (t) => {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'patient')
  const clinician = world.enroll(2, 'clinician', 'clinician')
  t.equal(world.certify(2, clinician.account, 'role', ROLES.physician).code, 'OK')
  const observation = tagOf('type Observation')
  const record = bytes32('record')
  const registered = world.call(world.institution(1), 'records', 'register', world.registration(patient.account, record, [sectionOf('descriptor', [observation]), sectionOf('content', [observation])]))
  t.equal(registered.code, 'OK')

  const request = (label: string) => world.call(clinician, 'access', 'request', { subject: patient.account, record, version: 0, sections: [1], action: 'read', purpose: 'TREAT', readerKey: bytes32(`reader ${label}`), detailsHash: bytes32('details') })
  t.equal(decisionOf(request('early')).decision, 'deny', 'no consent, no permit')

  const grant = world.transaction(patient, 'consent', 'grant', {
    seq: 1n, grantee: { kind: 'member', value: 2 }, from: world.timeMs, until: world.timeMs + 30n * 86_400_000n, requires: [[observation]], classes: [], confidentialityMax: 'N', purposes: ['TREAT'], actions: ['query', 'read'],
  })
  t.equal(world.run(grant).code, 'OK')
  const permit = decisionOf(request('granted'))
  t.equal(permit.decision, 'permit')
  t.equal(permit.version, 1, 'the newest version is named')
  t.same(permit.basis, grant.id, 'the basis is the consent')
  t.equal(permit.until, world.timeMs + 300_000n)
  t.equal(recheck(world.state, permit, world.timeMs), 'ok')

  t.equal(world.call(patient, 'consent', 'revoke', { seq: 2n, consent: grant.id }).code, 'OK')
  t.equal(decisionOf(request('late')).decision, 'deny')
  t.same(recheck(world.state, permit, world.timeMs), { gone: 'BASIS_GONE' })

  const reader = readerOf(world.state)
  t.same(listConsents(reader, patient.account, 0, 10).map(({ state, version }) => [state, version]), [['revoked', 1]])
  t.same(listRecords(reader, patient.account, 0, 10), [{ record, latest: 1 }])
  t.equal(recordHistory(reader, record)[0]!.sections.length, 2)
  t.equal(readMemberSet(reader).voters.length, 4)
})
