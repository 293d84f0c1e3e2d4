import t from 'tap'
import type { CallArgs } from '../../primitives/calls/index.ts'
import { consentHistory, listConsents, readConsent, readerOf } from '../../contracts/index.ts'
import { LIVE_CONSENTS_MAX } from '../../contracts/consent/tables.ts'
import { bytes32, ContractWorld, signerOf, tagOf } from '../helpers/contract-world.ts'
import type { Actor } from '../helpers/contract-world.ts'

type Grant = CallArgs<'consent', 'grant'>

const terms = (world: ContractWorld, changes: Partial<Grant> = {}): Grant => ({
  seq: 1n, grantee: { kind: 'member', value: 2 }, from: world.timeMs, until: world.timeMs + 86_400_000n, requires: [], classes: [], confidentialityMax: 'N', purposes: ['TREAT'], actions: ['read'], ...changes,
})

function grant(world: ContractWorld, patient: Actor, changes: Partial<Grant> = {}): { readonly id: Uint8Array, readonly code: string } {
  const transaction = world.transaction(patient, 'consent', 'grant', terms(world, { seq: patient.seq += 1n, ...changes }))
  return { id: transaction.id, code: world.run(transaction).code }
}

t.test('no member, and nobody but the patient, writes a consent', async (t) => {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'p')
  for (const member of [1, 2, 3, 4]) {
    t.equal(world.call(world.institution(member), 'consent', 'grant', terms(world)).code, 'CALLER_NOT_PATIENT', `member ${member} under its own account`)
    const forged = world.transaction({ account: patient.account, signer: signerOf(`operator ${member}`) }, 'consent', 'grant', terms(world))
    t.match(new ContractWorld().block([forged]), { refused: { position: 0 } }, `member ${member} under the patient's account: no block may hold it`)
  }
  for (const kind of ['clinician', 'researcher', 'device', 'service', 'auditor'] as const) {
    const actor = world.enroll(1, kind, kind)
    t.equal(world.call(actor, 'consent', 'grant', terms(world)).code, 'CALLER_NOT_PATIENT', kind)
    t.equal(world.call(actor, 'consent', 'revoke', { seq: 1n, consent: bytes32('c') }).code, 'CALLER_NOT_PATIENT', kind)
    t.equal(world.call(actor, 'consent', 'amend', { ...terms(world), consent: bytes32('c'), replaces: 1 }).code, 'CALLER_NOT_PATIENT', kind)
  }
})

t.test('one patient neither amends nor ends another\'s consent, nor learns whether it exists', async (t) => {
  const world = new ContractWorld()
  const [patient, other] = [world.enroll(1, 'patient', 'p'), world.enroll(1, 'patient', 'o')]
  const { id } = grant(world, patient)
  const amending = [id, bytes32('missing')].map((consent) => world.call(other, 'consent', 'amend', { ...terms(world), consent, replaces: 1 })).map(({ code, cost }) => ({ code, cost }))
  t.equal(amending[0]!.code, 'CONSENT_UNKNOWN')
  t.same(amending[0], amending[1])
  const writesOf = (consent: Uint8Array, seq: bigint) => {
    const before = world.state.writes
    const receipt = world.call(other, 'consent', 'revoke', { seq, consent })
    return { code: receipt.code, cost: receipt.cost, bytes: receipt.events[0]!.data.length, writes: world.state.writes - before }
  }
  t.equal(readConsent(readerOf(world.state), id)?.state, 'live')
  const [existing, missing] = [writesOf(id, 1n), writesOf(bytes32('missing'), 2n)]
  t.same(existing, missing, 'code, cost, event and writes tell nothing')
  t.equal(readConsent(readerOf(world.state), id)?.state, 'live')
})

t.test('a grant with a wrong period or an unknown grantee is refused', async (t) => {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'p')
  const code = (changes: Partial<Grant>) => world.call(patient, 'consent', 'grant', terms(world, changes)).code
  t.equal(code({ from: 5n, until: 5n }), 'PERIOD_INVALID')
  t.equal(code({ from: world.timeMs - 10n, until: world.timeMs + 1n }), 'PERIOD_INVALID', 'it ends at this very block time')
  t.equal(code({ grantee: { kind: 'member', value: 5 } }), 'GRANTEE_UNKNOWN')
  t.equal(code({ grantee: { kind: 'account', value: bytes32('nobody') } }), 'GRANTEE_UNKNOWN')
  t.equal(code({ from: world.timeMs - 10n, until: world.timeMs + 2n }), 'OK')
})

t.test('a grant delayed until after its revocation never comes alive, with a lower seq or a higher one', async (t) => {
  for (const [grantSeq, revokeSeq, expected] of [[1n, 2n, 'SEQ_TOO_LOW'], [3n, 2n, 'CONSENT_REVOKED']] as const) {
    const world = new ContractWorld()
    const patient = world.enroll(1, 'patient', 'p')
    const delayed = world.transaction(patient, 'consent', 'grant', terms(world, { seq: grantSeq }))
    t.equal(world.call(patient, 'consent', 'revoke', { seq: revokeSeq, consent: delayed.id }).code, 'OK', 'revoking an unknown id is no error')
    t.equal(world.run(delayed).code, expected)
    t.equal(readConsent(readerOf(world.state), delayed.id), undefined)
  }
})

t.test('another account\'s revocation of an id that is on its way spoils nothing', async (t) => {
  const world = new ContractWorld()
  const [patient, other] = [world.enroll(1, 'patient', 'p'), world.enroll(1, 'patient', 'o')]
  const pending = world.transaction(patient, 'consent', 'grant', terms(world))
  t.equal(world.call(other, 'consent', 'revoke', { seq: 1n, consent: pending.id }).code, 'OK')
  t.equal(world.run(pending).code, 'OK')
})

t.test('amending names the version it replaces, keeps the grantee, and leaves the history', async (t) => {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'p')
  const { id } = grant(world, patient, { purposes: ['TREAT'] })
  const amend = (replaces: number, changes: Partial<Grant> = {}) => world.call(patient, 'consent', 'amend', { ...terms(world, { seq: patient.seq + 1n, ...changes }), consent: id, replaces }).code
  t.equal(amend(0), 'CONSENT_VERSION_STALE')
  t.equal(amend(2), 'CONSENT_VERSION_STALE')
  t.equal(amend(1, { grantee: { kind: 'member', value: 3 } }), 'GRANTEE_CHANGED')
  t.equal(amend(1, { from: 9n, until: 9n }), 'PERIOD_INVALID')
  t.equal(amend(1, { purposes: ['HRESCH'] }), 'OK')
  patient.seq += 1n
  t.equal(amend(1), 'CONSENT_VERSION_STALE', 'two amendments of one version do not both win')
  t.equal(amend(2, { purposes: ['PUBHLTH'] }), 'OK')
  patient.seq += 1n
  const reader = readerOf(world.state)
  t.same(consentHistory(reader, id).map(({ terms: { purposes } }) => purposes), [['TREAT'], ['HRESCH']])
  t.match(readConsent(reader, id), { version: 3, state: 'live', terms: { purposes: ['PUBHLTH'] } })
  t.equal(world.call(patient, 'consent', 'revoke', { seq: patient.seq += 1n, consent: id }).code, 'OK')
  t.equal(amend(3), 'CONSENT_REVOKED')
  t.equal(world.call(patient, 'consent', 'revoke', { seq: patient.seq += 1n, consent: id }).code, 'OK', 'revoking twice is no error')
  t.same(consentHistory(reader, id).map(({ terms: { purposes } }) => purposes), [['TREAT'], ['HRESCH'], ['PUBHLTH']], 'the revoked terms stay readable')
  t.equal(readConsent(reader, id)?.version, 3)
})

t.test('live consents of a pair are bounded; expired and revoked ones make room', async (t) => {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'p')
  const ids: Uint8Array[] = []
  for (let i = 0; i < LIVE_CONSENTS_MAX; i++) {
    const granted = grant(world, patient, { until: i === 0 ? world.timeMs + 1000n : world.timeMs + 86_400_000n })
    t.equal(granted.code, 'OK')
    ids.push(granted.id)
  }
  t.equal(grant(world, patient).code, 'CONSENT_TOO_MANY')
  t.equal(grant(world, patient, { grantee: { kind: 'member', value: 3 } }).code, 'OK', 'another grantee has room of its own')
  world.block([], 1000n)
  t.equal(grant(world, patient).code, 'OK', 'the first has expired')
  t.equal(grant(world, patient).code, 'CONSENT_TOO_MANY')
  t.equal(world.call(patient, 'consent', 'amend', { ...terms(world, { seq: patient.seq += 1n }), consent: ids[0]!, replaces: 1 }).code, 'CONSENT_TOO_MANY', 'nor does the expired one come back while there is no room')
  t.equal(world.call(patient, 'consent', 'revoke', { seq: patient.seq, consent: ids[1]! }).code, 'OK')
  t.equal(world.call(patient, 'consent', 'amend', { ...terms(world, { seq: patient.seq += 1n }), consent: ids[0]!, replaces: 1 }).code, 'OK', 'it does when there is')
  t.equal(listConsents(readerOf(world.state), patient.account, 0, 100).length, LIVE_CONSENTS_MAX + 2, 'all of them stay listed')
  t.same(listConsents(readerOf(world.state), patient.account, 2, 3).map(({ id }) => id), ids.slice(2, 5), 'pages keep the order of granting')
})

t.test('an event of a consent names no terms beyond the grantee', async (t) => {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'p')
  const receipt = world.call(patient, 'consent', 'grant', terms(world, { requires: [[tagOf('HIV')]] }))
  t.notOk(Buffer.from(receipt.events[0]!.data).includes(Buffer.from(tagOf('HIV'))))
})
