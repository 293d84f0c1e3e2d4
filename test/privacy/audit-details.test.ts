import t from 'tap'
import { randomBytes } from 'node:crypto'
import { toHex } from '../../primitives/bytes.ts'
import { detailsHash, openDetails, sealDetails } from '../../privacy/audit-details.ts'
import { createSealKeyPair } from '../../privacy/seal.ts'

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const patient = createSealKeyPair(random)
const auditor = createSealKeyPair(random)
const context = { chain: random.bytes(32), request: random.bytes(32), record: random.bytes(32), version: 1, section: 0, readerKey: random.bytes(32) }
const salt = random.bytes(32)
const details = { who: 'Dr. Grace Hopper', device: 'ward 3 workstation', reason: 'treatment of asthma' }
const onLedger = detailsHash(salt, details)
const sealed = await sealDetails(context, salt, details, [patient.publicKey, auditor.publicKey], random)

t.test('every flipped byte of sealed details is refused with a code', async (t) => {
  const codes = new Set(['DETAILS_MALFORMED', 'DETAILS_NOT_RECIPIENT', 'SEAL_OPEN_FAILED'])
  for (let i = 0; i < sealed.length; i += 3) {
    const altered = sealed.slice()
    altered[i]! ^= 1
    const error: unknown = await openDetails(patient, context, altered, onLedger).then(() => undefined, (e: unknown) => e)
    t.ok(codes.has((error as { code: string } | undefined)?.code ?? ''), `byte ${i}`)
  }
})

t.test('details of another request, for another hash or another person do not open', async (t) => {
  await t.rejects(openDetails(patient, { ...context, request: random.bytes(32) }, sealed, onLedger), { code: 'SEAL_OPEN_FAILED' })
  await t.rejects(openDetails(patient, context, sealed, random.bytes(32)), { code: 'DETAILS_HASH_MISMATCH' })
  await t.rejects(openDetails(createSealKeyPair(random), context, sealed, onLedger), { code: 'DETAILS_NOT_RECIPIENT' })
  await t.rejects(openDetails(patient, context, new Uint8Array(0), onLedger), { code: 'DETAILS_MALFORMED' })
})

t.test('no recipient, too many, or too long a reason is refused', async (t) => {
  await t.rejects(sealDetails(context, salt, details, [], random), { code: 'SEAL_INPUT_INVALID', details: { field: 'recipients' } })
  await t.rejects(sealDetails(context, salt, details, Array.from({ length: 9 }, () => patient.publicKey), random), { code: 'SEAL_INPUT_INVALID' })
  await t.rejects(sealDetails(context, salt, { ...details, reason: 'x'.repeat(2_001) }, [patient.publicKey], random), { code: 'CODEC_VALUE_INVALID', details: { path: 'reason' } })
})

t.test('patient and auditor both read the details and see each other among the recipients', async (t) => {
  for (const keys of [patient, auditor]) {
    const opened = await openDetails(keys, context, sealed, onLedger)
    t.same(opened.details, details)
    t.same(opened.recipients.map(toHex), [toHex(patient.publicKey), toHex(auditor.publicKey)])
  }
})

t.test('the length of sealed details says only which bucket, also for the longest text', async (t) => {
  const lengths = new Map<string, number>()
  for (const [name, reason] of [['short', ''], ['longer', 'x'.repeat(300)], ['middle', 'x'.repeat(1_500)], ['longest', '\u20ac'.repeat(2_000)]] as const) {
    lengths.set(name, (await sealDetails(context, salt, { ...details, reason }, [patient.publicKey], random)).length)
  }
  t.equal(lengths.get('short'), lengths.get('longer'))
  t.equal(lengths.get('middle')! - lengths.get('short')!, 2_048 - 512)
  t.equal(lengths.get('longest')! - lengths.get('short')!, 8_192 - 512)
})
