import t from 'tap'
import { ACTIONS, LICENCES, ROLES } from '../../primitives/calls/index.ts'
import type { CallArgs, DecisionEvent, Role } from '../../primitives/calls/index.ts'
import { DEFAULT_PARAMETERS } from '../../primitives/genesis.ts'
import { recheck } from '../../contracts/index.ts'
import { bytes32, ContractWorld, decisionOf, sectionOf, tagOf } from '../helpers/contract-world.ts'
import type { Actor } from '../helpers/contract-world.ts'

type Request = CallArgs<'access', 'request'>
type Grant = CallArgs<'consent', 'grant'>

const RECORD = bytes32('record')
const OBSERVATION = tagOf('Observation')
const CONDITION = tagOf('Condition')

interface Scene { readonly world: ContractWorld; readonly patient: Actor; readonly clinician: Actor }

/** A patient of member 1 with an observation (sections 0 and 1) and a condition (section 2), and a physician of member 2. */
function scene(policy = DEFAULT_PARAMETERS.policy): Scene {
  const world = new ContractWorld(4, { ...DEFAULT_PARAMETERS, policy })
  const [patient, clinician] = [world.enroll(1, 'patient', 'p'), world.enroll(2, 'clinician', 'c')]
  world.certify(2, clinician.account, 'role', ROLES.physician)
  const sections = [sectionOf('0', [OBSERVATION]), sectionOf('1', [OBSERVATION]), sectionOf('2', [CONDITION], { confidentiality: 'R' })]
  const receipt = world.call(world.institution(1), 'records', 'register', world.registration(patient.account, RECORD, sections))
  if (receipt.code !== 'OK') throw new Error(receipt.code)
  return { world, patient, clinician }
}

let keys = 0
const ask = ({ world, patient }: Scene, actor: Actor, changes: Partial<Request> = {}): DecisionEvent =>
  decisionOf(world.call(actor, 'access', 'request', { subject: patient.account, record: RECORD, version: 0, sections: [1], action: 'read', purpose: 'TREAT', readerKey: bytes32(`reader ${++keys}`), detailsHash: bytes32('details'), ...changes }))

function allow({ world, patient }: Scene, changes: Partial<Grant> = {}): Uint8Array {
  const grant = world.transaction(patient, 'consent', 'grant', {
    seq: patient.seq += 1n, grantee: { kind: 'member', value: 2 }, from: 0n, until: world.timeMs + 86_400_000n, requires: [], classes: [], confidentialityMax: 'V', purposes: ['TREAT'], actions: ['read'], ...changes,
  })
  const { code } = world.run(grant)
  if (code !== 'OK') throw new Error(code)
  return grant.id
}

t.test('a malformed list of sections is the only way to get a code other than OK', async (t) => {
  const { world, patient, clinician } = scene()
  for (const sections of [[1, 1], [2, 1]]) {
    t.equal(world.call(clinician, 'access', 'request', { subject: patient.account, record: RECORD, version: 0, sections, action: 'read', purpose: 'TREAT', readerKey: bytes32('k'), detailsHash: bytes32('d') }).code, 'SECTIONS_UNORDERED')
  }
})

t.test('the matrix of roles and verbs: only a granted verb under an admitted role is permitted', async (t) => {
  for (const role of Object.keys(ROLES) as Role[]) {
    for (const granted of ACTIONS) {
      const at = scene()
      at.world.certify(2, at.clinician.account, 'role', ROLES[role])
      allow(at, { actions: [granted] })
      for (const action of ACTIONS) {
        const expected = ['physician', 'nurse', 'pharmacist'].includes(role) && action === granted && action !== 'write' && action !== 'append'
        const decision = ask(at, at.clinician, { action, sections: action === 'query' ? [0] : [1] }).decision
        if (decision !== (expected ? 'permit' : 'deny')) t.fail(`${role} granted ${granted} asks to ${action}: ${decision}`)
      }
    }
    t.pass(role)
  }
})

t.test('neither the custodian\'s own account nor anyone of its house gets by without consent', async (t) => {
  const at = scene()
  const nurse = at.world.enroll(1, 'clinician', 'nurse')
  at.world.certify(1, nurse.account, 'role', ROLES.nurse)
  at.world.certify(1, at.world.institution(1).account, 'role', ROLES.physician)
  t.equal(ask(at, at.world.institution(1)).decision, 'deny')
  t.equal(ask(at, nurse).decision, 'deny')
  allow(at, { grantee: { kind: 'member', value: 1 } })
  t.equal(ask(at, nurse).decision, 'permit')
})

t.test('a consent to one account serves no colleague; one to an institution serves its accounts only', async (t) => {
  const at = scene()
  const [colleague, stranger] = [at.world.enroll(2, 'clinician', 'colleague'), at.world.enroll(3, 'clinician', 'stranger')]
  at.world.certify(2, colleague.account, 'role', ROLES.nurse)
  at.world.certify(3, stranger.account, 'role', ROLES.nurse)
  allow(at, { grantee: { kind: 'account', value: at.clinician.account } })
  t.same([at.clinician, colleague, stranger].map((actor) => ask(at, actor).decision), ['permit', 'deny', 'deny'])
  allow(at, { grantee: { kind: 'member', value: 2 } })
  t.same([at.clinician, colleague, stranger].map((actor) => ask(at, actor).decision), ['permit', 'permit', 'deny'])
})

t.test('a certified role counts while it is in force and only from the requester\'s own institution', async (t) => {
  const at = scene()
  allow(at)
  const until = at.world.timeMs + 100n
  at.world.certify(2, at.clinician.account, 'role', ROLES.physician, until)
  at.world.block([], until - at.world.timeMs - 2n)
  const permit = ask(at, at.clinician)
  t.equal(permit.decision, 'permit', 'in its last millisecond')
  t.equal(ask(at, at.clinician).decision, 'deny', 'and no longer at its end')
  t.same(recheck(at.world.state, permit, until), { gone: 'POLICY' }, 'nor is a key released after it')
  at.world.certify(3, at.clinician.account, 'role', ROLES.physician)
  t.equal(ask(at, at.clinician).decision, 'deny', 'another member\'s word about it does not count')
})

t.test('where the policy asks for a licence, only an active one in force will do', async (t) => {
  const at = scene([{ purpose: 'TREAT', roles: ['physician'], licence: true }])
  allow(at)
  t.equal(ask(at, at.clinician).decision, 'deny')
  at.world.certify(2, at.clinician.account, 'licence', LICENCES.lapsed)
  t.equal(ask(at, at.clinician).decision, 'deny')
  at.world.certify(2, at.clinician.account, 'licence', LICENCES.active)
  t.equal(ask(at, at.clinician).decision, 'permit')
  at.world.call(at.world.institution(2), 'identity', 'decertify', { account: at.clinician.account, attribute: 'licence' })
  t.equal(ask(at, at.clinician).decision, 'deny')
})

t.test('the patient opens its own record, and nobody else\'s', async (t) => {
  const at = scene()
  const other = at.world.enroll(1, 'patient', 'other')
  const own = ask(at, at.patient, { purpose: 'PATRQT', sections: [0, 1, 2] })
  t.match(own, { decision: 'permit', basis: at.patient.account })
  t.equal(recheck(at.world.state, own, at.world.timeMs), 'ok')
  t.equal(ask(at, other, { purpose: 'PATRQT' }).decision, 'deny')
})

t.test('what was granted is what is opened: tags, ceiling, version, sections', async (t) => {
  const at = scene()
  allow(at, { requires: [[OBSERVATION]], confidentialityMax: 'N' })
  t.equal(ask(at, at.clinician, { sections: [0, 1] }).decision, 'permit')
  t.equal(ask(at, at.clinician, { sections: [2] }).decision, 'deny', 'a Condition')
  t.equal(ask(at, at.clinician, { sections: [1, 2] }).decision, 'deny', 'one section too many denies all')
  t.equal(ask(at, at.clinician, { version: 1 }).version, 1)
  t.equal(ask(at, at.clinician, { version: 2 }).decision, 'deny')
})

t.test('a reader key serves one live permit; denied requests reserve nothing', async (t) => {
  const at = scene()
  const readerKey = bytes32('one-time')
  t.equal(ask(at, at.clinician, { readerKey }).decision, 'deny')
  allow(at)
  const permit = ask(at, at.clinician, { readerKey })
  t.equal(permit.decision, 'permit', 'the refusal before has not used it up')
  t.equal(ask(at, at.clinician, { readerKey }).decision, 'deny')
  t.equal(ask(at, at.patient, { readerKey }).decision, 'deny', 'not for anybody')
  at.world.block([], permit.until - at.world.timeMs - 1n)
  t.equal(ask(at, at.clinician, { readerKey }).decision, 'permit', 'again once the permit has ended')
})

t.test('two requests with one reader key in one block do not both get a permit', async (t) => {
  const at = scene()
  allow(at)
  const make = () => at.world.transaction(at.clinician, 'access', 'request', { subject: at.patient.account, record: RECORD, version: 0, sections: [1], action: 'read', purpose: 'TREAT', readerKey: bytes32('twin'), detailsHash: bytes32('d') })
  const outcome = at.world.block([make(), make()])
  t.same('receipts' in outcome && outcome.receipts.map((receipt) => decisionOf(receipt).decision), ['permit', 'deny'])
})

t.test('recheck refuses a key when the permit, its basis, the policy\'s grounds or a party is gone', async (t) => {
  const at = scene()
  const consent = allow(at)
  const permit = ask(at, at.clinician)
  const now = () => at.world.timeMs
  const { state } = at.world
  t.equal(recheck(state, permit, now()), 'ok')
  t.equal(recheck(state, permit, permit.until - 1n), 'ok')
  t.same(recheck(state, permit, permit.until), { gone: 'PERMIT_ENDED' })
  t.same(recheck(state, { ...permit, decision: 'deny' }, now()), { gone: 'PERMIT_NONE' })
  at.world.call(at.world.institution(2), 'identity', 'suspend', { account: at.clinician.account })
  t.same(recheck(state, permit, now()), { gone: 'REQUESTER_SUSPENDED' })
  at.world.call(at.world.institution(2), 'identity', 'resume', { account: at.clinician.account })
  at.world.call(at.world.institution(1), 'identity', 'suspend', { account: at.patient.account })
  t.same(recheck(state, permit, now()), { gone: 'SUBJECT_SUSPENDED' })
  at.world.call(at.world.institution(1), 'identity', 'resume', { account: at.patient.account })
  at.world.call(at.world.institution(2), 'identity', 'decertify', { account: at.clinician.account, attribute: 'role' })
  t.same(recheck(state, permit, now()), { gone: 'POLICY' })
  at.world.certify(2, at.clinician.account, 'role', ROLES.nurse)
  t.equal(recheck(state, permit, now()), 'ok')
  const narrower = { grantee: { kind: 'member', value: 2 }, from: 0n, until: now() + 86_400_000n, requires: [[CONDITION]], classes: [], confidentialityMax: 'V', purposes: ['TREAT'], actions: ['read'] } as const
  const amend = (replaces: number, requires: Uint8Array[][]) => at.world.call(at.patient, 'consent', 'amend', { ...narrower, classes: [], purposes: ['TREAT'], actions: ['read'], requires, seq: at.patient.seq += 1n, consent, replaces }).code
  t.equal(amend(1, [[CONDITION]]), 'OK')
  t.same(recheck(state, permit, now()), { gone: 'BASIS_GONE' }, 'amended away')
  t.equal(amend(2, []), 'OK')
  t.equal(recheck(state, permit, now()), 'ok')
  allow(at, { until: now() + 10n * 86_400_000n })
  t.equal(recheck(state, permit, now()), 'ok', 'a longer consent beside it takes nothing away')
  at.world.call(at.patient, 'consent', 'revoke', { seq: at.patient.seq += 1n, consent })
  t.same(recheck(state, permit, now()), { gone: 'BASIS_GONE' }, 'another consent does not stand in for the one revoked')
  t.equal(ask(at, at.clinician).decision, 'permit', 'though it carries a request of its own')
})

t.test('a newer version does not move a permit: it names the one it was given for', async (t) => {
  const at = scene()
  allow(at)
  const permit = ask(at, at.clinician)
  const next = at.world.registration(at.patient.account, RECORD, [sectionOf('0'), sectionOf('1', [], { confidentiality: 'V' })], { version: 2, provenance: { activity: 'correct', author: tagOf('a'), source: tagOf('s'), recordedAt: at.world.timeMs } })
  t.equal(at.world.call(at.world.institution(1), 'records', 'register', next).code, 'OK')
  t.equal(recheck(at.world.state, permit, at.world.timeMs), 'ok')
  t.equal(permit.version, 1)
  t.equal(ask(at, at.clinician).version, 2, 'a new request for the newest gets the newer')
})
