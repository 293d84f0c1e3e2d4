import t from 'tap'
import { ROLES } from '../../primitives/calls/index.ts'
import type { CallArgs, RegisterArgs, Section } from '../../primitives/calls/index.ts'
import { DEFAULT_PARAMETERS } from '../../primitives/genesis.ts'
import { executeBlock, listRecords, readerOf, readVersion, recordHistory } from '../../contracts/index.ts'
import { bytes32, ContractWorld, sectionOf, signerOf, tagOf } from '../helpers/contract-world.ts'
import type { Actor } from '../helpers/contract-world.ts'

const RECORD = bytes32('record')

function scene(members = 4): { readonly world: ContractWorld, readonly patient: Actor } {
  const world = new ContractWorld(members, DEFAULT_PARAMETERS)
  return { world, patient: world.enroll(1, 'patient', 'p') }
}

type Changes = Partial<RegisterArgs>
function register({ world, patient }: ReturnType<typeof scene>, changes: Changes = {}, sections: readonly Section[] = [sectionOf('0'), sectionOf('1')], caller?: Pick<Actor, 'account' | 'signer'>): string {
  const args = world.registration(changes.subject ?? patient.account, changes.record ?? RECORD, sections, changes)
  return world.call(caller ?? world.institution(1), 'records', 'register', args).code
}
const correction = (world: ContractWorld): Pick<RegisterArgs, 'version' | 'provenance'> => ({ version: 2, provenance: { activity: 'correct', author: tagOf('a'), source: tagOf('s'), recordedAt: world.timeMs } })

t.test('a record needs storage receipts from three distinct members, each good and for this very version', async (t) => {
  const at = scene()
  const { world, patient } = at
  const good = world.registration(patient.account, RECORD, [sectionOf('0'), sectionOf('1')]).receipts
  const [first, second, third] = good as [typeof good[number], typeof good[number], typeof good[number]]
  t.equal(register(at, { receipts: [first, second] }), 'RECEIPTS_TOO_FEW')
  t.equal(register(at, { receipts: [first, second, second] }), 'RECEIPT_DUPLICATE')
  t.equal(register(at, { receipts: [first, second, { ...third, node: 9 }] }), 'RECEIPT_NODE_UNKNOWN')
  t.equal(register(at, { receipts: [first, second, { node: 3, signature: second.signature }] }), 'RECEIPT_INVALID')
  t.equal(register(at, { receipts: [first, second, { node: 3, signature: signerOf('operator 3').sign(new Uint8Array(1)) }] }), 'RECEIPT_INVALID')
  t.equal(register(at, { receipts: good }, [sectionOf('0'), sectionOf('1', [], { blob: bytes32('other') })]), 'RECEIPT_INVALID', 'another blob than was stored')
  t.equal(register(at, { receipts: good }, [sectionOf('0'), sectionOf('1', [], { size: 1001n })]), 'RECEIPT_INVALID', 'another size')
  t.equal(register(at, { receipts: good, record: bytes32('another') }), 'RECEIPT_INVALID', 'another record')
  t.equal(register(at, { custodians: [1, 2, 4] }), 'CUSTODIAN_WITHOUT_RECEIPT')
  t.equal(register(at, { custodians: [2, 1, 3] }), 'CUSTODIANS_UNORDERED')
  t.equal(register(at, { custodians: [1, 1, 3] }), 'CUSTODIANS_UNORDERED')
  t.equal(register(at), 'OK')
})

t.test('with fewer than three members all of them must hold it', async (t) => {
  for (const [members, held, expected] of [[1, [1], 'OK'], [2, [1], 'RECEIPTS_TOO_FEW'], [2, [1, 2], 'OK']] as const) {
    const at = scene(members)
    const { receipts } = at.world.registration(at.patient.account, RECORD, [sectionOf('0'), sectionOf('1')])
    t.equal(register(at, { custodians: [1], receipts: receipts.filter(({ node }) => (held as readonly number[]).includes(node)) }), expected, `${held.length} of ${members}`)
  }
})

t.test('tags must be padded to a multiple of 16 and strictly ascending', async (t) => {
  const at = scene()
  const { tags } = sectionOf('0')
  const seventeen = [...tags, tagOf('more')].sort((a, b) => Buffer.compare(a, b))
  for (const list of [[...tags].reverse(), [tags[0]!, ...tags.slice(0, 15)], seventeen]) t.equal(register(at, {}, [{ ...sectionOf('0'), tags: list }]), 'TAGS_UNORDERED')
})

t.test('versions follow one another without gaps, under one subject, and nothing is overwritten', async (t) => {
  const at = scene()
  const { world } = at
  const other = world.enroll(1, 'patient', 'other')
  t.equal(register(at, correction(world)), 'VERSION_NOT_NEXT', 'no first version yet')
  t.equal(register(at, { version: 0, provenance: correction(world).provenance }), 'VERSION_NOT_NEXT')
  t.equal(register(at), 'OK')
  t.equal(register(at), 'VERSION_NOT_NEXT')
  t.equal(register(at, { ...correction(world), version: 3 }), 'VERSION_NOT_NEXT')
  t.equal(register(at, { ...correction(world), subject: other.account }), 'VERSION_NOT_NEXT', 'another patient\'s record, and the same answer')
  t.equal(register(at, correction(world), [sectionOf('0'), sectionOf('1 corrected'), sectionOf('2')]), 'OK')
  const reader = readerOf(world.state)
  t.same(recordHistory(reader, RECORD).map(({ version, provenance, sections }) => [version, provenance.activity, sections.length]), [[1, 'create', 2], [2, 'correct', 3]])
  t.same(readVersion(reader, RECORD, 1)?.sections[1]?.commitment, bytes32('commitment 1'), 'the first version stands as it was')
  t.equal(readVersion(reader, RECORD, 3), undefined)
  t.equal(register(at, { record: bytes32('second') }), 'OK')
  t.same(listRecords(reader, at.patient.account, 0, 10), [{ record: RECORD, latest: 2 }, { record: bytes32('second'), latest: 1 }])
  t.same(listRecords(reader, at.patient.account, 1, 10).length, 1)
  t.same(listRecords(reader, other.account, 0, 10), [])
})

t.test('provenance fits the version and does not come from the future', async (t) => {
  const at = scene()
  const { world } = at
  const provenance = (activity: RegisterArgs['provenance']['activity'], recordedAt = world.timeMs) => ({ activity, author: tagOf('a'), source: tagOf('s'), recordedAt })
  for (const activity of ['correct', 'append'] as const) t.equal(register(at, { provenance: provenance(activity) }), 'PROVENANCE_MISMATCH', activity)
  t.equal(register(at, { provenance: provenance('create', world.timeMs + 600_002n) }), 'PROVENANCE_IN_FUTURE')
  t.equal(register(at, { provenance: provenance('import', world.timeMs + 600_001n) }), 'OK', 'ten minutes of a source\'s clock are forgiven')
  t.equal(register(at, { version: 2, provenance: provenance('create') }), 'PROVENANCE_MISMATCH')
  t.equal(register(at, { version: 2, provenance: provenance('import') }), 'OK')
})

t.test('only the enrolling institution, or whom the patient lets write, may register', async (t) => {
  const at = scene()
  const { world, patient } = at
  const writer = world.enroll(2, 'clinician', 'writer')
  const allow = (changes: Partial<CallArgs<'consent', 'grant'>>) => world.call(patient, 'consent', 'grant', {
    seq: patient.seq += 1n, grantee: { kind: 'account', value: writer.account }, from: 0n, until: world.timeMs + 86_400_000n, requires: [], classes: [], confidentialityMax: 'N', purposes: ['TREAT'], actions: ['write'], ...changes,
  }).code
  t.equal(register(at, { subject: bytes32('nobody') }), 'REGISTER_NOT_PERMITTED')
  t.equal(register(at, { subject: writer.account }), 'REGISTER_NOT_PERMITTED', 'a clinician has no record')
  for (const caller of [world.institution(2), patient, writer]) t.equal(register(at, {}, undefined, caller), 'REGISTER_NOT_PERMITTED')
  t.equal(allow({ actions: ['read', 'query', 'append'] }), 'OK')
  t.equal(register(at, {}, undefined, writer), 'REGISTER_NOT_PERMITTED', 'reading and appending are not writing')
  t.equal(allow({}), 'OK')
  t.equal(register(at, {}, undefined, writer), 'REGISTER_NOT_PERMITTED', 'nor is a consent enough without a certified role')
  world.certify(2, writer.account, 'role', ROLES.physician)
  t.equal(register(at, {}, [sectionOf('0', [], { confidentiality: 'R' })], writer), 'REGISTER_NOT_PERMITTED', 'above the ceiling')
  t.equal(register(at, {}, undefined, writer), 'OK')
  t.equal(register(at, { version: 2, provenance: { ...correction(world).provenance, activity: 'append' } }, undefined, writer), 'OK', 'append under the consent to append')
  world.call(world.institution(1), 'identity', 'suspend', { account: patient.account })
  t.equal(register(at, { ...correction(world), version: 3 }, undefined, writer), 'REGISTER_NOT_PERMITTED', 'consents of a suspended patient do not count')
  t.equal(register(at, { ...correction(world), version: 3 }), 'OK', 'care at the custodian goes on')
})

t.test('a receipt is checked through the port the node fills, and a no from it is a no', async (t) => {
  const { world, patient } = scene()
  const transaction = world.transaction(world.institution(1), 'records', 'register', world.registration(patient.account, RECORD, [sectionOf('0')]))
  const asked: number[] = []
  const outcome = executeBlock(
    { state: world.state, window: world.window.layer(), registry: world.registry, verified: ({ signature }) => { asked.push(signature.length); return false } },
    { height: 9n, timeMs: world.timeMs, parentTimeMs: world.timeMs, chainId: world.chain }, [transaction],
  )
  t.match(outcome, { receipts: [{ code: 'RECEIPT_INVALID' }] })
  t.same(asked, [64])
})
