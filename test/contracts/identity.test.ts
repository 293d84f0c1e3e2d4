import t from 'tap'
import { ACCOUNT_KINDS } from '../../primitives/ids.ts'
import { LICENCES, ROLES } from '../../primitives/calls/index.ts'
import { ed25519KeyId } from '../../primitives/signature.ts'
import { certifiedValue, readAccount, readerOf } from '../../contracts/index.ts'
import { bytes32, ContractWorld, signerOf } from '../helpers/contract-world.ts'

const signKey = (label: string) => ({ kind: 'sign', value: ed25519KeyId(signerOf(label).publicKey) }) as const
const sealKey = (label: string) => ({ kind: 'seal', value: bytes32(`seal ${label}`) }) as const

t.test('only institutions enrol, certify and suspend', async (t) => {
  const world = new ContractWorld()
  for (const kind of ACCOUNT_KINDS) {
    if (kind === 'institution') continue
    const actor = world.enroll(1, kind, kind)
    t.match(readAccount(readerOf(world.state), actor.account), { kind, member: 1, suspended: false })
    t.equal(world.call(actor, 'identity', 'enroll', { kind: 'patient', signKey: signKey('x').value, sealKey: bytes32('x') }).code, 'CALLER_NOT_INSTITUTION', kind)
    t.equal(world.call(actor, 'identity', 'certify', { account: actor.account, attribute: 'role', value: ROLES.physician, until: world.timeMs + 1000n }).code, 'CALLER_NOT_INSTITUTION', kind)
    t.equal(world.call(actor, 'identity', 'decertify', { account: actor.account, attribute: 'role' }).code, 'CALLER_NOT_INSTITUTION', kind)
    t.equal(world.call(actor, 'identity', 'suspend', { account: actor.account }).code, 'CALLER_NOT_INSTITUTION', kind)
    t.equal(world.call(actor, 'identity', 'resume', { account: actor.account }).code, 'CALLER_NOT_INSTITUTION', kind)
  }
})

t.test('an institution suspends only whom it enrolled, and never an institution', async (t) => {
  const world = new ContractWorld()
  const clinician = world.enroll(1, 'clinician', 'c')
  t.equal(world.call(world.institution(2), 'identity', 'suspend', { account: clinician.account }).code, 'CALLER_NOT_ENROLLER')
  t.equal(world.call(world.institution(1), 'identity', 'suspend', { account: world.institution(1).account }).code, 'ACCOUNT_NOT_SUSPENDABLE')
  t.equal(world.call(world.institution(1), 'identity', 'suspend', { account: bytes32('nobody') }).code, 'ACCOUNT_NOT_FOUND')
  t.equal(world.call(world.institution(1), 'identity', 'suspend', { account: clinician.account }).code, 'OK')
  t.equal(world.call(world.institution(1), 'identity', 'suspend', { account: clinician.account }).code, 'OK', 'twice is no error')
  t.equal(readAccount(readerOf(world.state), clinician.account)?.suspended, true)
  t.equal(world.call(world.institution(1), 'identity', 'resume', { account: clinician.account }).code, 'OK')
  t.equal(readAccount(readerOf(world.state), clinician.account)?.suspended, false)
})

t.test('values outside the code tables and ends that have passed are refused', async (t) => {
  const world = new ContractWorld(2)
  const { account } = world.enroll(1, 'clinician', 'c')
  t.equal(world.certify(1, bytes32('nobody'), 'role', ROLES.nurse).code, 'ACCOUNT_NOT_FOUND')
  for (const [attribute, value] of [['role', 0], ['role', 999], ['specialty', 999], ['licence', 0], ['organisation', 0], ['organisation', 3]] as const) {
    t.equal(world.certify(1, account, attribute, value).code, 'ATTRIBUTE_VALUE_UNKNOWN', `${attribute} ${value}`)
  }
  t.equal(world.certify(1, account, 'organisation', 2).code, 'OK')
  const until = world.timeMs + 1n // The block is one millisecond on.
  t.equal(world.certify(1, account, 'licence', LICENCES.active, until).code, 'UNTIL_PASSED')
  t.equal(world.certify(1, account, 'licence', LICENCES.active, world.timeMs + 2n).code, 'OK')
})

t.test('a certified value counts until its end, exclusive, and only its issuer takes it back', async (t) => {
  const world = new ContractWorld()
  const { account } = world.enroll(1, 'clinician', 'c')
  const until = world.timeMs + 1000n
  world.certify(1, account, 'role', ROLES.nurse, until)
  const reader = readerOf(world.state)
  t.equal(certifiedValue(reader, account, 'role', 1, until - 1n), ROLES.nurse)
  t.equal(certifiedValue(reader, account, 'role', 1, until), undefined)
  t.equal(certifiedValue(reader, account, 'role', 2, until - 1n), undefined, 'another member\'s word is its own')
  t.equal(world.call(world.institution(2), 'identity', 'decertify', { account, attribute: 'role' }).code, 'ATTRIBUTE_NOT_FOUND')
  t.equal(world.call(world.institution(1), 'identity', 'decertify', { account, attribute: 'role' }).code, 'OK')
  t.equal(certifiedValue(reader, account, 'role', 1, until - 1n), undefined)
})

t.test('seq ascends strictly, by at most 65,536, over key and consent writes alike', async (t) => {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'p')
  const add = (seq: bigint, label: string) => world.call(patient, 'identity', 'addKey', { seq, key: sealKey(label) }).code
  t.equal(add(0n, 'a'), 'SEQ_TOO_LOW')
  t.equal(add(65_537n, 'a'), 'SEQ_TOO_HIGH')
  t.equal(add(65_536n, 'a'), 'OK')
  t.equal(add(65_536n, 'b'), 'SEQ_TOO_LOW')
  t.equal(world.call(patient, 'consent', 'revoke', { seq: 65_536n, consent: bytes32('c') }).code, 'SEQ_TOO_LOW', 'one line for both')
  t.equal(world.call(patient, 'consent', 'revoke', { seq: 65_537n, consent: bytes32('c') }).code, 'OK')
  t.equal(add(65_537n, 'b'), 'SEQ_TOO_LOW')
  t.equal(world.call(patient, 'identity', 'addKey', { seq: 65_540n, key: sealKey('a') }).code, 'KEY_EXISTS')
  t.equal(add(65_538n, 'b'), 'OK', 'a failed call uses up no seq')
})

t.test('keys rotate, but an account is never left without one that acts', async (t) => {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'p')
  const call = (name: 'addKey' | 'removeKey', key: ReturnType<typeof signKey> | ReturnType<typeof sealKey>) => world.call(patient, 'identity', name, { seq: (patient.seq += 1n), key }).code
  t.equal(call('removeKey', signKey('p')), 'KEY_LAST')
  t.equal(call('removeKey', signKey('other')), 'KEY_NOT_FOUND')
  t.equal(call('removeKey', sealKey('p')), 'KEY_LAST')
  t.equal(call('addKey', { kind: 'sign', value: new Uint8Array(33).fill(2) } as never), 'KEY_ALGORITHM_UNKNOWN')
  patient.seq -= 4n // The four failed.
  t.equal(call('addKey', signKey('p')), 'KEY_EXISTS')
  for (let i = 0; i < 7; i++) t.equal(call('addKey', signKey(`device ${i}`)), 'OK')
  t.equal(call('addKey', signKey('one too many')), 'KEYS_TOO_MANY')
  t.equal(call('removeKey', signKey('device 0')), 'OK')
  t.equal(readAccount(readerOf(world.state), patient.account)?.signKeys.length, 7)
})

t.test('a new key does not count as the last one in the block that adds it', async (t) => {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'p')
  const outcome = world.block([
    world.transaction(patient, 'identity', 'addKey', { seq: 1n, key: signKey('new') }), world.transaction(patient, 'identity', 'removeKey', { seq: 2n, key: signKey('p') }),
  ])
  t.match(outcome, { receipts: [{ code: 'OK' }, { code: 'KEY_LAST' }] })
  t.equal(world.call(patient, 'identity', 'removeKey', { seq: 2n, key: signKey('p') }).code, 'OK', 'in the next block it does')
})
