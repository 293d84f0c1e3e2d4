import t from 'tap'
import { createClient, type Client } from '../../client/create-client.ts'
import { chainFromGenesis } from '../../client/chain.ts'
import { institutionAccount, type Account } from '../../client/account.ts'
import { enrolAccount } from '../../client/actions/identity.ts'
import { listAudit } from '../../client/actions/list-audit.ts'
import { readRecord } from '../../client/actions/read-record.ts'
import { registerRecord, uploadRecord } from '../../client/actions/register-record.ts'
import { memorySpool } from '../../client/cipher-spool.ts'
import { webRandom } from '../../client/platform.ts'
import { prepareRecord, type RecordInput } from '../../client/record-input.ts'
import { fallback } from '../../client/transports/fallback.ts'
import { createWallet, type Wallet } from '../../client/wallet.ts'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { decisionEvent } from '../../primitives/calls/index.ts'
import { decode, encode } from '../../primitives/codec.ts'
import type { Receipt } from '../../primitives/receipt.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { sealSectionKey } from '../../privacy/seal.ts'
import type { SectionKey } from '../../privacy/section-format.ts'
import { FakeNode, refused, seed, testGenesis } from './fake-node.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const DETAILS = { who: 'Dr Rao, City Hospital', device: 'ward tablet 4', reason: 'follow-up' }

interface Scene { readonly node: FakeNode; readonly hospital: Client; readonly clinician: Client; readonly patient: Client; readonly wallet: Wallet; readonly keys: Map<string, readonly SectionKey[]> }

/** A hospital, one patient with a wallet, one clinician. The node doubles as custodian: it seals keys as soon as a permit stands. */
async function scene(): Promise<Scene> {
  const node = new FakeNode()
  const chain = chainFromGenesis(testGenesis())
  const hospital = createClient({ transport: node, chain, account: institutionAccount(chain.id, 1, seed(1)) })
  const wallet = createWallet({ seed: seed(50), chain: chain.id })
  wallet.addRelation(1)
  wallet.setAccount(0, (await enrolAccount(hospital, { kind: 'patient', keys: wallet.keys(0) })).account)
  const staff = createWallet({ seed: seed(51), chain: chain.id })
  const { account } = await enrolAccount(hospital, { kind: 'clinician', keys: staff.keys(0) })
  const clinicianAccount: Account = { id: account, ...staff.keys(0) }
  const keys = new Map<string, readonly SectionKey[]>()
  return {
    node, hospital, wallet, keys, clinician: createClient({ transport: node, chain, account: clinicianAccount }), patient: createClient({ transport: node, chain, account: wallet.account(0) }),
  }
}

function input(wallet: Wallet, content: Uint8Array): RecordInput {
  return {
    subject: wallet.account(0).id, tags: wallet.tags(0), descriptor: text('{"type":"Observation"}'), custodians: [1],
    sections: [{ plaintext: content, class: 'clinical', confidentiality: 'N', meanings: [{ kind: 'type', system: 'http://hl7.org/fhir/resource-types', value: 'Observation' }] }],
    provenance: { activity: 'import', author: { system: 'urn:npi', value: '1' }, source: { system: 'urn:member', value: '1' }, recordedAtMs: 1_700_000_000_000 },
  }
}

const keeping = (keys: Map<string, readonly SectionKey[]>) => ({
  keep: (entry: { readonly record: Uint8Array; readonly keys: readonly SectionKey[] }) => {
    keys.set(toHex(entry.record), entry.keys)
    return Promise.resolve()
  },
})

/** The custodian's part: seals the keys that a permit names. */
async function release({ node, keys, hospital }: Scene): Promise<void> {
  for (const { decision } of node.audit) {
    if (decision.decision !== 'permit') continue
    for (const section of decision.sections) {
      const context = { chain: hospital.chain.id, request: fromHex(decision.request), record: fromHex(decision.record), version: decision.version, section, readerKey: fromHex(decision.readerKey) }
      node.mailbox.set(`${decision.request}/${section}/key`, toHex(await sealSectionKey(context, keys.get(decision.record)![section]!)))
    }
  }
}

t.test('a denial and a record that does not exist are the same error, and both stand in the audit trail', async (t) => {
  const all = await scene()
  const { node, clinician, hospital, wallet, patient } = all
  const { record } = await registerRecord(hospital, input(wallet, text('hello')), keeping(all.keys))
  node.decide = () => false
  const ask = (id: Uint8Array) => readRecord(clinician, { subject: wallet.account(0).id, record: id, sections: [1], action: 'read', purpose: 'TREAT', details: DETAILS })
  const outcomes = await Promise.allSettled([ask(record), ask(seed(99))])
  for (const outcome of outcomes) t.match(outcome, { status: 'rejected', reason: { code: 'CLIENT_ACCESS_DENIED' } })
  const trail = await listAudit(patient)
  t.equal(trail.length, 2)
  t.ok(trail.every(({ decision, details, bundle }) => decision.decision === 'deny' && details?.who === DETAILS.who && bundle !== undefined))
})

t.test('without a custodian no key comes, and the error says so', async (t) => {
  const all = await scene()
  const { clinician, hospital, wallet } = all
  const { record } = await registerRecord(hospital, input(wallet, text('hello')), keeping(all.keys))
  const reading = readRecord(clinician, { subject: wallet.account(0).id, record, sections: [1], action: 'read', purpose: 'TREAT', details: DETAILS }, { keyWaitMs: 50 })
  await t.rejects(reading, { code: 'CLIENT_KEY_NOT_RELEASED' })
})

t.test('a record goes in encrypted and comes out in clear; nothing of it reaches the node in clear', async (t) => {
  const all = await scene()
  const { node, clinician, hospital, wallet, patient } = all
  const canary = text('CANARY haemoglobin 13.2 g/dL')
  const progress: string[] = []
  const { record } = await registerRecord(hospital, input(wallet, canary), keeping(all.keys), { onProgress: (sent, total) => progress.push(`${sent}/${total}`) })
  t.same(progress, ['2/2'], 'a small record goes along with the one request that stores it')
  const stored = [...node.blobs.values()].flatMap(({ chunks }) => chunks.map((chunk) => Buffer.from(chunk!).toString('latin1'))).join('')
  t.notMatch(stored + JSON.stringify(node.records), /CANARY/)
  t.ok(node.records[0]?.sections.every(({ tags }) => tags.length === 16))
  const original = node.intercept
  node.intercept = async (method) => { if (method === 'vault_mailbox_get') await release(all); return original(method, {}) }
  const { sections, access } = await readRecord(clinician, { subject: wallet.account(0).id, record, sections: [0, 1], action: 'read', purpose: 'TREAT', details: DETAILS })
  t.equal(Buffer.from(sections[1]!.plaintext).toString(), 'CANARY haemoglobin 13.2 g/dL')
  t.equal(Buffer.from(sections[0]!.plaintext).toString(), '{"type":"Observation"}')
  t.equal(access.decision.version, 1)
  const [entry] = await listAudit(patient)
  t.match(entry, { detailsState: 'open', details: DETAILS, decision: { decision: 'permit', purpose: 'TREAT' } })
})

t.test('a node that alters an audit entry or its details is found out', async (t) => {
  const all = await scene()
  const { node, clinician, wallet, patient } = all
  await t.rejects(readRecord(clinician, { subject: wallet.account(0).id, record: seed(9), sections: [0], action: 'read', purpose: 'TREAT', details: DETAILS }), { code: 'CLIENT_ACCESS_DENIED' })
  const [entry] = node.audit
  node.audit[0] = { ...entry!, decision: { ...entry!.decision, purpose: 'HRESCH' } }
  await t.rejects(listAudit(patient), { code: 'CLIENT_PROOF_MISMATCH' })
  node.audit[0] = entry!
  const place = `${entry!.decision.request}/0/details`
  const sealed = node.mailbox.get(place)!
  node.mailbox.set(place, `${sealed.slice(0, -2)}${sealed.endsWith('00') ? '01' : '00'}`)
  t.match(await listAudit(patient), [{ detailsState: 'invalid' }])
  node.mailbox.delete(place)
  t.match(await listAudit(patient), [{ detailsState: 'absent' }])
})

t.test('a node that passes off another record\'s version is found out by the registration\'s proof', async (t) => {
  const all = await scene()
  const { node, clinician, hospital, wallet } = all
  const { record } = await registerRecord(hospital, input(wallet, text('mine')), keeping(all.keys))
  await registerRecord(hospital, input(wallet, text('other')), keeping(all.keys))
  const [mine, other] = node.records
  const ask = () => readRecord(clinician, { subject: wallet.account(0).id, record, sections: [1], action: 'read', purpose: 'TREAT', details: DETAILS }, { keyWaitMs: 0 })
  node.records[0] = { ...other!, record: mine!.record }
  await t.rejects(ask(), { code: 'CLIENT_PROOF_MISMATCH' })
  node.records[0] = { ...mine!, registeredBy: other!.registeredBy }
  await t.rejects(ask(), { code: 'CLIENT_PROOF_MISMATCH' })
  node.records[0] = { ...mine!, bundle: null }
  await t.rejects(ask(), { code: 'CLIENT_RESPONSE_INVALID' })
})

t.test('a decision about something else than was asked is not taken, however well attested', async (t) => {
  const chain = chainFromGenesis(testGenesis())
  for (const field of ['request', 'record', 'readerKey', 'detailsHash'] as const) {
    class Wrong extends FakeNode {
      protected override execute(transaction: Transaction, timeMs: number): Receipt {
        const receipt = super.execute(transaction, timeMs)
        const [event] = receipt.events
        return event?.name !== 'decision' ? receipt : { ...receipt, events: [{ ...event, data: encode(decisionEvent, { ...decode(decisionEvent, event.data), [field]: seed(42) }) }] }
      }
    }
    const client = createClient({ transport: new Wrong(), chain, account: institutionAccount(chain.id, 1, seed(1)) })
    const asking = readRecord(client, { subject: seed(3), record: seed(9), sections: [0], action: 'read', purpose: 'TREAT', details: DETAILS })
    await t.rejects(asking, { code: 'CLIENT_PROOF_MISMATCH' }, field)
  }
})

t.test('keys are kept before anything is uploaded, and a failed upload goes on where it stopped', async (t) => {
  const { node, hospital, wallet } = await scene()
  const before = node.calls.length
  const broken = { keep: () => Promise.reject(new Error('disk full')) }
  await t.rejects(registerRecord(hospital, input(wallet, text('x')), broken), { message: 'disk full' })
  t.equal(node.calls.length, before, 'nothing left the client')
  const spool = memorySpool()
  const big = new Uint8Array(2 * 1024 * 1024 + 5).fill(3)
  const prepared = await prepareRecord(input(wallet, big), spool, webRandom)
  const { blob } = prepared.register.sections[1]!
  const puts = (): string[] => node.calls.filter((call) => call.startsWith('PUT'))
  const flaky = { ...spool, get: (section: number, index: number) => (section === 1 && index === 2 ? Promise.reject(new Error('unplugged')) : spool.get(section, index)) }
  await t.rejects(uploadRecord(hospital, prepared, flaky), { message: 'unplugged' })
  const already = puts().length
  const receipts = await uploadRecord(hospital, prepared, spool)
  t.equal(receipts.length, 3)
  t.same(puts().slice(already), [`PUT /vault/${toHex(blob)}/2`], 'only the missing chunk is sent')
})

t.test('ciphertext goes to the institution\'s own node, whichever comes first in the list', async (t) => {
  const { node, hospital, wallet, keys } = await scene()
  const foreign = new FakeNode(node.genesis, 'foreign')
  foreign.request = (method, params) => (method.startsWith('vault_') ? Promise.reject(refused('RPC_FORBIDDEN')) : node.request(method, params))
  const client = createClient({ transport: fallback([foreign, node]), chain: hospital.chain, account: hospital.account! })
  await t.resolves(registerRecord(client, input(wallet, text('x')), keeping(keys)))
  await t.rejects(registerRecord(createClient({ transport: foreign, chain: hospital.chain, account: hospital.account! }), input(wallet, text('x')), keeping(keys)), { code: 'RPC_FORBIDDEN' })
  const away = new FakeNode(node.genesis, 'away')
  away.request = () => Promise.reject(refused('CLIENT_UNREACHABLE', true))
  const cutOff = createClient({ transport: fallback([away, foreign]), chain: hospital.chain, account: hospital.account! })
  await t.rejects(registerRecord(cutOff, input(wallet, text('x')), keeping(keys)), { code: 'CLIENT_UNREACHABLE' }, 'the own node being away is told, not that the others forbid')
})

t.test('details are left again when the node that answers is a block behind', async (t) => {
  const { node, clinician, wallet, patient } = await scene()
  let behind = 3
  node.intercept = (method) => (method === 'vault_mailbox_put' && behind-- > 0 ? Promise.reject(refused('RPC_NOT_FOUND')) : undefined)
  await t.rejects(readRecord(clinician, { subject: wallet.account(0).id, record: seed(9), sections: [0], action: 'read', purpose: 'TREAT', details: DETAILS }), { code: 'CLIENT_ACCESS_DENIED' })
  t.match(await listAudit(patient), [{ detailsState: 'open' }])
})

t.test('a chunk that one node has altered or lost is taken from another', async (t) => {
  const all = await scene()
  const { node, clinician, hospital, wallet } = all
  const content = new Uint8Array(1024 * 1024 + 10).fill(7)
  const { record } = await registerRecord(hospital, input(wallet, content), keeping(all.keys))
  const liar = new FakeNode(node.genesis, 'fake:2', new Map([...node.blobs].map(([id, { size, chunks }]) => [id, { size, chunks: chunks.map((chunk) => chunk!.map((byte, i) => (i === 5 ? byte ^ 1 : byte))) }])))
  liar.request = (method, params) => (method === 'vault_hashes' ? Promise.reject(refused('RPC_NOT_FOUND')) : node.request(method, params))
  // The liar shares the honest node's accounts, so the signature is checked there.
  liar.bytes = async (request) => { await node.bytes(request); return liar.blobs.get(request.path.split('/')[2]!)!.chunks[Number(request.path.split('/')[3])]! }
  node.intercept = async (method) => { if (method === 'vault_mailbox_get') await release(all) }
  const both = createClient({ transport: fallback([liar, node]), chain: clinician.chain, account: clinician.account! })
  const request = { subject: wallet.account(0).id, record, sections: [0, 1], action: 'read', purpose: 'TREAT', details: DETAILS } as const
  const { sections } = await readRecord(both, request)
  t.equal(Buffer.compare(sections[1]!.plaintext, content), 0)
  const alone = createClient({ transport: liar, chain: clinician.chain, account: clinician.account! })
  await t.rejects(readRecord(alone, request), { code: 'CLIENT_CHUNK_UNAVAILABLE' })
})

t.test('too few storage receipts and impossible inputs are refused by name', async (t) => {
  const { node, hospital, wallet } = await scene()
  await t.rejects(prepareRecord({ ...input(wallet, text('x')), sections: [] }, memorySpool(), webRandom), { code: 'CLIENT_RECORD_INVALID', details: { field: 'sections' } })
  await t.rejects(prepareRecord({ ...input(wallet, text('x')), version: 2 }, memorySpool(), webRandom), { code: 'CLIENT_RECORD_INVALID', details: { field: 'record' } })
  await t.rejects(prepareRecord({ ...input(wallet, text('x')), custodians: [] }, memorySpool(), webRandom), { code: 'CLIENT_RECORD_INVALID', details: { field: 'custodians' } })
  await t.rejects(prepareRecord(input(wallet, text('too long')), memorySpool(20), webRandom), { code: 'CLIENT_RECORD_INVALID', details: { bytesMax: 20 } })
  const many = Array.from({ length: 65 }, (_, i) => ({ kind: 'code', system: 's', value: String(i) }) as const)
  await t.rejects(prepareRecord({ ...input(wallet, text('x')), sections: [{ ...input(wallet, text('x')).sections[0]!, meanings: many }] }, memorySpool(), webRandom), { code: 'CLIENT_RECORD_INVALID' })
  const { register } = await prepareRecord({ ...input(wallet, text('x')), custodians: [3, 1, 3] }, memorySpool(), webRandom)
  t.same(register.custodians, [1, 3])
  let commits = 0
  node.intercept = (method) => (method === 'vault_commit' && ++commits < 3 ? Promise.reject(refused('VAULT_TOO_FEW_COPIES')) : undefined)
  await t.resolves(registerRecord(hospital, input(wallet, text('x')), { keep: () => Promise.resolve() }), 'waits until enough members hold it')
  t.equal(commits, 3)
  node.intercept = (method) => (method === 'vault_commit' ? Promise.reject(refused('VAULT_ROOT_MISMATCH')) : undefined)
  await t.rejects(registerRecord(hospital, input(wallet, text('x')), { keep: () => Promise.resolve() }), { code: 'VAULT_ROOT_MISMATCH' })
  node.intercept = () => undefined
  const stop = new AbortController()
  const waiting = registerRecord(hospital, { ...input(wallet, text('x')), custodians: [1, 4] }, { keep: () => Promise.resolve() }, { signal: stop.signal })
  setTimeout(() => stop.abort(new Error('enough')), 50)
  await t.rejects(waiting, { message: 'enough' }, 'a custodian without a receipt of its own keeps it waiting')
})
