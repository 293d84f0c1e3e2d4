// Goal: consent is the patient's alone, and once revoked it stays so, whatever races with it (REQUIREMENTS CO3; issue "Shows" 8).
// Method: three whole nodes in one process; everything goes through real blocks, and keys are asked for as a custodian asks.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { array, bytes, encode, struct } from '../../primitives/codec.ts'
import { createSigner } from '../../primitives/signature.ts'
import { transactionEnvelope } from '../../primitives/transaction.ts'
import { readKeys } from '../../node/keys.ts'
import { systemRandom } from '../../node/system.ts'
import { callOf, enrolmentOf } from '../helpers/calls.ts'
import { until } from '../helpers/cluster.ts'
import { Clinic, decisionIn } from '../helpers/clinic.ts'
import { testDirectory } from '../helpers/directory.ts'

const LANES = 25
const ROUNDS = 40
const CUT_OFF = 1000
/** Node 3 is the custodian's own. */
const CUSTODIAN = 2

t.setTimeout(290_000)
const clinic = await Clinic.open(testDirectory(t), 3)
t.teardown(() => clinic.cluster.stop())
const { chain } = clinic
const clinician = await clinic.physician()
const patients = await clinic.patients(LANES)

t.test('a consent written with any key of any member, but not the patient\'s, is refused', async (t) => {
  const [patient] = patients
  const terms = { ...patient!, seq: 0n }
  for (const [i, { folder, passphraseFile }] of clinic.cluster.files.members.entries()) {
    const passphrase = readFileSync(passphraseFile, 'utf8').trim()
    const [governance, operator, node] = await Promise.all([readKeys(`${folder}/governance.json`, 'governance', passphrase), readKeys(`${folder}/operator.json`, 'operator', passphrase), readKeys(`${folder}/node.json`, 'node', passphrase)])
    for (const [name, seed] of Object.entries({ governance: governance.governance, operator: operator.sign, attestation: node.attestation, transport: node.transport })) {
      const forged = clinic.grant({ ...terms, signer: createSigner(seed) })
      await t.rejects(clinic.send(forged), { code: 'SIGNER_NOT_ACTIVE' }, `in the patient's name with member ${i + 1}'s ${name} key`)
    }
    const own = clinic.grant({ ...terms, ...clinic.institutions[i]! })
    t.same(await clinic.run(own), ['CALLER_NOT_PATIENT'], `in member ${i + 1}'s own name`)
  }
  const request = clinic.request(clinician, patient!)
  await clinic.run(request)
  t.equal(decisionIn(clinic.outcomes.get(toHex(request.id))!).decision, 'deny', 'nothing of it opens the record')
})

t.test('a grant that was delayed until after the revoke changes nothing', async (t) => {
  const [patient] = patients
  const grant = clinic.grant(patient!)
  const revoke = clinic.revoke(patient!, grant)
  t.same(await clinic.run(revoke), ['OK'], 'revoking what is not there yet leaves a tombstone')
  t.match((await clinic.run(grant))[0], /^(SEQ_TOO_LOW|CONSENT_REVOKED)$/)
  const request = clinic.request(clinician, patient!)
  await clinic.run(request)
  t.equal(decisionIn(clinic.outcomes.get(toHex(request.id))!).decision, 'deny')
})

t.test(`in ${LANES * ROUNDS} of ${LANES * ROUNDS} races a read that the chain orders after the revoke is denied, and no key leaves once the revoke is committed`, async (t) => {
  const faults: string[] = []
  let [permits, denials, released, withheld] = [0, 0, 0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    const grants = patients.map((patient) => clinic.grant(patient))
    await clinic.run(...grants)
    await Promise.all(patients.map(async (patient, lane) => {
      const revoke = clinic.revoke(patient, grants[lane]!)
      const request = clinic.request(clinician, patient)
      const isRevoked = (): boolean => clinic.outcomes.has(toHex(revoke.id))
      // In every other race the permit is final already, and the revoke races with the key instead of with the request.
      const racesWithKey = (lane + round) % 2 === 0
      await clinic.send(request, (lane + round + 1) % 3)
      if (racesWithKey) await clinic.settled([request])
      // The two enter by different nodes; which of them comes first is up to the network.
      const sending = clinic.send(revoke, (lane + round) % 3)
      if (!racesWithKey) await until(() => clinic.outcomes.has(toHex(request.id)))
      const revokedBefore = isRevoked()
      const racing = await clinic.release(request, CUSTODIAN)
      if (racing === 'OK' && revokedBefore) faults.push('a key left after the revoke was committed')
      await sending
      const [revoked, asked] = await clinic.settled([revoke, request])
      const { decision } = decisionIn(asked!)
      const after = asked!.height > revoked!.height || (asked!.height === revoked!.height && asked!.receipt.position > revoked!.receipt.position)
      if (revoked!.receipt.code !== 'OK') faults.push(`the revoke answered ${revoked!.receipt.code}`)
      if ((decision === 'permit') === after) faults.push(`${decision} of a read ${after ? 'after' : 'before'} the revoke`)
      const late = await clinic.release(request, CUSTODIAN)
      if (late === 'OK') faults.push('a key left after the revoke was final')
      if (decision === 'permit') permits++
      else denials++
      if (racing === 'OK') released++
      else withheld++
    }))
  }
  t.same(faults, [])
  t.equal(permits + denials, LANES * ROUNDS)
  t.ok(permits > 0 && denials > 0, `${permits} reads came first, ${denials} the revoke; while they raced ${released} keys left and ${withheld} did not`)
})

t.test('a transaction stripped of its signature or signed by a stranger neither enters a block nor spoils the real one', async (t) => {
  const { transaction } = enrolmentOf(chain, clinic.institutions[0]!)
  const stranger = createSigner(systemRandom.bytes(32))
  const flipped = transaction.signatures[0]!.slice()
  flipped[40]! ^= 1
  const withSignature = (signature: Uint8Array): Uint8Array => encode(transactionEnvelope, { body: transaction.bodyBytes, signatures: [signature] })
  const stripped = encode(struct({ body: bytes({ max: 65_536 }), signatures: array(bytes({ max: 64 }), { max: 1 }) }), { body: transaction.bodyBytes, signatures: [] })
  const bad: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['without a signature', stripped, /^CODEC_/],
    ['with zeros', withSignature(new Uint8Array(64)), /^TX_SIGNATURE_INVALID$/],
    ['with a flipped bit', withSignature(flipped), /^TX_SIGNATURE_INVALID$/],
    ['with a stranger\'s signature', withSignature(stranger.sign(transaction.bodyBytes)), /^TX_SIGNATURE_INVALID$/],
    ['with a stranger as signer', callOf(chain, { account: clinic.institutions[0]!.account, signer: stranger }, 'identity', 'suspend', { account: patients[0]!.account }).bytes, /^SIGNER_NOT_ACTIVE$/],
  ]
  const before = clinic.nodes.map(({ parts }) => parts.mempool.size)
  for (const [how, envelope, code] of bad) {
    for (const { parts } of clinic.nodes) await t.rejects(parts.admission.admit(envelope), { code }, `${how}: refused at the door`)
    const batch = encode(struct({ transactions: array(bytes({ max: 65_536 }), { max: 256 }) }), { transactions: [envelope] })
    t.not(await clinic.nodes[1]!.parts.relay.receive(batch), 'accept', `${how}: refused from another member`)
  }
  t.same(clinic.nodes.map(({ parts }) => parts.mempool.size), before, 'nothing of it waits for a block')
  t.same(await clinic.run(transaction), ['OK'], 'the real one, sent after them, is committed')
})

t.test(`with the custodian's node cut off from the rest no key leaves, ${CUT_OFF} of ${CUT_OFF} times`, async (t) => {
  const lanes = Array.from({ length: CUT_OFF }, (_, i) => patients[i % LANES]!)
  const grants = patients.map((patient) => clinic.grant(patient))
  await clinic.run(...grants)
  const requests = lanes.map((patient) => clinic.request(clinician, patient))
  await clinic.run(...requests)
  // A custodian asks again while too few members answer in time, as a busy machine may make them.
  let connected = await clinic.release(requests[0]!, CUSTODIAN)
  while (/^RELEASE_(?:TOO_FEW_HEADS|HEAD_NOT_REACHED)$/.test(connected)) connected = await clinic.release(requests[0]!, CUSTODIAN)
  t.equal(connected, 'OK', 'connected, the custodian gives the key')

  const custodian = clinic.nodes[CUSTODIAN]!
  await custodian.parts.network.stop()
  const height = custodian.parts.executor.tip.height
  const others = clinic.nodes.filter((node) => node !== custodian)
  await until(() => others.some(({ parts }) => parts.driver.status.role === 'leader'))
  const revokes = patients.map((patient, lane) => clinic.revoke(patient, grants[lane]!))
  for (const revoke of revokes) await clinic.send(revoke)
  await clinic.settled(revokes, others)
  t.equal(custodian.parts.executor.tip.height, height, 'the custodian has not heard of the revokes')
  const codes = await Promise.all(requests.map((request) => clinic.release(request, CUSTODIAN)))
  t.same([...new Set(codes)], ['RELEASE_TOO_FEW_HEADS'])
})
