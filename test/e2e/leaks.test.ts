import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join, resolve } from 'node:path'
import t from 'tap'
import { keysFromSeeds } from '../../client/account.ts'
import type { Account } from '../../client/account.ts'
import { certifyAttribute, enrolAccount, getBlock, getHead, grantConsent, listAudit, readRecord, requestAccess, revokeConsent, sendAndWait } from '../../client/actions/index.ts'
import type { Client } from '../../client/create-client.ts'
import { createWallet } from '../../client/wallet.ts'
import type { Wallet } from '../../client/wallet.ts'
import { planFromGenerator } from '../../examples/demo/import-plan.ts'
import type { FhirResource } from '../../interop/fhir/bundle.ts'
import { concatBytes, equalBytes, fromHex, toHex } from '../../primitives/bytes.ts'
import { decode } from '../../primitives/codec.ts'
import { receiptSchema } from '../../primitives/receipt.ts'
import type { Receipt } from '../../primitives/receipt.ts'
import { signRequest } from '../../primitives/request.ts'
import { stateKeyOf } from '../../primitives/state-key.ts'
import { decodeTransaction } from '../../primitives/transaction.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { loadCustodianConfig } from '../../node/custodian-config.ts'
import { describeError } from '../../node/logger.ts'
import { PASSPHRASE_VARIABLE } from '../../node/passphrase.ts'
import { startCapture } from '../helpers/capture.ts'
import { eventually } from '../helpers/dev.ts'
import { Institutions } from '../helpers/institutions.ts'
import { bytesOf, windowsOf } from '../helpers/joins.ts'
import { haystacksOf } from '../helpers/leak-search.ts'
import type { Haystack } from '../helpers/leak-search.ts'
import { testDirectory } from '../helpers/directory.ts'

// Goal: nothing that a node tells or writes joins two pseudonyms of one person (ID2, T18), distinguishes what is hidden from what is not there (AC7, T12), or
// holds a secret (K1). Method: a network of real processes; the same person at two institutions with one wallet, and others who do the same things as a control.

t.setTimeout(290_000)

const DAY_MS = 86_400_000
const random = (): Uint8Array => new Uint8Array(randomBytes(32))
const world = new Institutions()
const capture = await startCapture(join(testDirectory(t), 'loopback.pcap'))
if (typeof capture !== 'string') t.teardown(() => capture.abort())
await world.start(t)

async function enrolStaff(member: number): Promise<Account> {
  const keys = keysFromSeeds(random(), random())
  const { account } = await enrolAccount(world.desk(member).client, { kind: 'clinician', keys })
  await certifyAttribute(world.desk(member).client, { account, attribute: 'role', value: 'physician', untilMs: Date.now() + DAY_MS })
  return { id: account, ...keys }
}

interface Life { readonly account: Account; readonly records: readonly Uint8Array[]; readonly consent: Uint8Array; readonly request: Uint8Array }

/** What a patient's account usually lives through: records, a consent, a read under it, a change of keys, the audit trail; at last the consent is revoked. */
async function live(wallet: Wallet, member: number, resources: readonly FhirResource[], clinician: Client): Promise<Life> {
  const index = await world.enrolPatient(wallet, member)
  const account = wallet.account(index)
  const patient = world.client(account, member)
  const records: Uint8Array[] = []
  for (const resource of resources) records.push(await world.store(wallet, index, resource))
  const { consent } = await grantConsent(patient, { grantee: { account: clinician.account!.id }, types: ['Observation'], purposes: ['TREAT'], days: 30 }, wallet.tags(index))
  const { access } = await readRecord(clinician, { subject: account.id, record: records[0]!, sections: [1], action: 'read', purpose: 'TREAT', details: { who: 'reader', device: 'ward', reason: 'visit' } })
  await sendAndWait(patient, { contract: 'identity', call: 'addKey', args: { seq: 100n, key: { kind: 'seal', value: keysFromSeeds(random(), random()).sealKeys.publicKey } } })
  await listAudit(patient)
  await revokeConsent(patient, consent, { seq: 101n })
  return { account, records, consent, request: access.request }
}

const newWallet = (): Wallet => {
  const seed = random()
  world.secrets.set(`seed of wallet ${world.secrets.size}`, seed)
  return createWallet({ seed, chain: world.chain.id })
}
const [mine, others] = planFromGenerator({ seed: 11, patients: 2 }).map(({ resources }) => resources.filter(({ resourceType, confidentiality }) => resourceType === 'Observation' && confidentiality === 'N').slice(0, 2)) as [FhirResource[], FhirResource[]]
const clinician = world.client(await enrolStaff(3), 3)
const person = newWallet()
// The worst case: both institutions hold byte for byte the same documents, and the person lets the same clinician read at both.
const [first, control, controlAtSecond] = await Promise.all([live(person, 1, mine, clinician), live(newWallet(), 1, others, clinician), live(newWallet(), 2, others, clinician)])
const second = await live(person, 2, mine, clinician)
const stranger = world.client(await enrolStaff(4), 4)

t.test('no byte string on the ledger joins two accounts of one person', async (t) => {
  // Somebody who keeps one key for two institutions: what the search must find.
  const careless = keysFromSeeds(random(), random())
  const joined = await Promise.all([1, 2].map((member) => enrolAccount(world.desk(member).client, { kind: 'patient', keys: { signer: keysFromSeeds(random(), random()).signer, sealKeys: careless.sealKeys } })))
  const ledger = await wholeLedger(Math.max(...joined.map(({ receipt }) => receipt.height)))
  t.ok(ledger.length > 30, 'there is a ledger to look at')
  const windows = (account: Uint8Array): Set<string> => windowsOf(ledger.filter(({ strings }) => strings.some((string) => equalBytes(string, account))).flatMap(({ strings }) => strings))
  // What unrelated patients share with both is no join: words of the protocol, the clinician, the member institutions.
  const common = new Set([...windows(control.account.id), ...windows(controlAtSecond.account.id)])
  const joins = (a: Uint8Array, b: Uint8Array): string[] => {
    const ofB = windows(b)
    return [...windows(a)].filter((window) => ofB.has(window) && !common.has(window))
  }
  t.ok(windows(first.account.id).size > 1_000 && windows(second.account.id).size > 1_000)
  t.same(joins(joined[0]!.account, joined[1]!.account), [...windowsOf([careless.sealKeys.publicKey])], 'a key used at both is found')
  t.same(joins(first.account.id, second.account.id), [])
})

/** Every transaction with its receipt, from a node that has at least the block at `upTo`: what another node has made final may still be on its way to it. */
async function wholeLedger(upTo: number): Promise<{ readonly strings: readonly Uint8Array[] }[]> {
  const { client } = world.desk(1)
  const { committed } = await eventually(() => getHead(client), (head) => head.committed.height >= upTo)
  const found: { strings: Uint8Array[] }[] = []
  for (let height = 1; height <= committed.height; height++) {
    const { transactions, receipts } = await getBlock(client, { height }, { bodies: true })
    const decoded: [Transaction, Receipt][] = transactions!.map((bytes, i) => [decodeTransaction(fromHex(bytes), world.chain.id), decode(receiptSchema, fromHex(receipts![i]!))])
    found.push(...decoded.map(([transaction, receipt]) => ({ strings: bytesOf(transaction, receipt) })))
  }
  return found
}

/** One call, signed as the client's account: status, headers and body as they came, without what differs in any two answers. */
async function answerTo(client: Client, method: string, params: object): Promise<string> {
  const { id, signer } = client.signer()
  const auth = signRequest(world.chain.id, method, params, id, signer, new Uint8Array(randomBytes(16)), Date.now())
  const response = await fetch(`${world.nodes[0]!.rpc}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, auth } }) })
  const headers = [...response.headers].filter(([name]) => name !== 'date')
  return `${response.status} ${JSON.stringify(headers)} ${(await response.text()).replace(/"traceId":"[0-9a-f]{32}"/, '"traceId":""')}`
}

t.test('to callers without rights, what is hidden and what is not there give the same answer, byte for byte', async (t) => {
  const none = toHex(random())
  const { account, records, consent, request } = first
  const [subject, record] = [toHex(account.id), toHex(records[0]!)]
  const key = (bytes: Uint8Array): string => toHex(bytes)
  const proofKey = (kind: 'consent' | 'record', id: Uint8Array): string => key(stateKeyOf({ kind, id }))
  // (patient, kind of grantee, grantee) → consents, by the layout of contracts/consent/tables.ts: who treats the patient must not be guessed from it.
  const pairKey = (patient: Uint8Array): string => key(concatBytes(Uint8Array.of(3, 3), patient, Uint8Array.of(1), clinician.account!.id))
  const mailbox = { section: 1, kind: 'key' } as const
  const cases: [string, object, object][] = [
    ['record_list', { subject }, { subject: none }], ['consent_list', { patient: subject }, { patient: none }], ['access_audit', { subject }, { subject: none }],
    ['record_history', { record }, { record: none }],
    ['vault_mailbox_get', { request: toHex(request), ...mailbox }, { request: none, ...mailbox }], ['vault_mailbox_list', { request: toHex(request) }, { request: none }],
    ['vault_mailbox_get', { request: toHex(request), section: 0, kind: 'details' }, { request: none, section: 0, kind: 'details' }],
    ['vault_mailbox_delete', { request: toHex(request), ...mailbox }, { request: none, ...mailbox }], ['vault_mailbox_put', { request: toHex(request), ...mailbox, sealed: '00' }, { request: none, ...mailbox, sealed: '00' }],
    ['access_releaseCheck', { request: toHex(request), nonce: none }, { request: none, nonce: none }],
    ['chain_proof', { record }, { record: none }], ['chain_proof', { consent: toHex(consent) }, { consent: none }],
    ['chain_proof', { key: proofKey('record', records[0]!) }, { key: proofKey('record', fromHex(none)) }], ['chain_proof', { key: pairKey(account.id) }, { key: pairKey(fromHex(none)) }],
  ]
  for (const [who, client] of Object.entries({ 'a clinician without consent': stranger, 'another patient': world.client(control.account) })) {
    for (const [method, hidden, missing] of cases) {
      const [a, b] = [await answerTo(client, method, hidden), await answerTo(client, method, missing)]
      t.match(a, /"code":"RPC_(?:NOT_FOUND|FORBIDDEN)"/, `${method} refuses ${who}`)
      t.equal(a, b, `${method} to ${who}`)
    }
  }
  t.notMatch(await answerTo(world.client(account), 'record_list', { subject }), /"error"|total/i, 'the owner is answered, and no total is told')
})

t.test('a denial weighs the same whether subject and record exist or not: code, cost, event and receipt', async (t) => {
  const ask = async (subject: Uint8Array, record: Uint8Array): Promise<object> => {
    const { request, decision, receipt: { bundle, events } } = await requestAccess(stranger, { subject, record, sections: [1], action: 'read', purpose: 'TREAT', details: { who: 'x', device: 'y', reason: '' } })
    const { code, cost, events: raw } = await stranger.call('tx_receipt', { id: toHex(request) })
    t.equal(decision.decision, 'deny')
    return { code, cost, names: events.map(({ name }) => name), bytes: raw.map(({ data }) => data.length), receiptBytes: bundle!.receipt.length, version: decision.version }
  }
  const hidden = await ask(first.account.id, first.records[0]!)
  t.same(await ask(first.account.id, random()), hidden, 'of a known patient, a record that does not exist')
  t.same(await ask(random(), random()), hidden, 'of a subject that does not exist')
  t.same(await ask(control.account.id, first.records[0]!), hidden, 'a record of somebody else')
})

const planted = `planted-${randomBytes(12).toString('hex')}`

t.test('errors do not repeat what was sent where a secret may stand', async (t) => {
  const post = async (body: string, headers: Record<string, string> = {}): Promise<string> => (await fetch(`${world.nodes[0]!.rpc}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })).text()
  const call = (method: string, params: unknown): Promise<string> => post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  const answers = await Promise.all([
    call('tx_send', { transaction: planted }), call('tx_send', { transaction: Buffer.from(planted).toString('hex') }), call('tx_status', { id: planted }), call('record_list', { subject: planted, auth: planted }),
    call('access_audit', { subject: toHex(random()), auth: Buffer.from(planted).toString('hex') }), call('chain_info', { passphrase: planted }), post(`{"jsonrpc":"2.0","seed":"${planted}`), post('{}', { 'stele-auth': planted }),
  ])
  for (const answer of answers) t.notOk(formsOfSecret(Buffer.from(planted)).some((form) => Buffer.from(answer).includes(form)), answer.slice(0, 120))
  const [sectionKey, record] = [Buffer.from(planted).subarray(0, 32), random()]
  const keep = (key: Uint8Array): Promise<void> => world.desk(1).door.keep({ subject: random(), record, version: 1, keys: [{ key, salt: random(), plaintextDigest: random() }] })
  await keep(sectionKey)
  const refusal = await keep(random()).then(() => undefined, describeError)
  t.ok(refusal, 'the custodian refuses another key for a section that has one')
  t.notOk(formsOfSecret(sectionKey).some((form) => Buffer.from(JSON.stringify(refusal)).includes(form)))
  t.notMatch(await postToSocket(loadCustodianConfig(join(world.nodes[0]!.folder, 'custodian.yaml')).socket, planted), planted)
  const wrong = await outputOf(['start', '--config', join(world.nodes[2]!.folder, 'config.yaml')], { [PASSPHRASE_VARIABLE]: planted })
  t.not(wrong.code, 0, 'a second process on one data directory ends')
  t.notMatch(wrong.output, planted)
})

/** What the custodian's door says to bytes that are no request. */
function postToSocket(socketPath: string, body: string): Promise<string> {
  return new Promise((done, fail) => {
    httpRequest({ socketPath, method: 'POST', path: '/' }, (response) => {
      let text = ''
      response.setEncoding('latin1').on('data', (part: string) => { text += part }).once('end', () => done(text))
    }).once('error', fail).end(body)
  })
}

function outputOf(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((done) => {
    const { NODE_OPTIONS: _preloads, ...own } = process.env
    const child = spawn(resolve(import.meta.dirname, '../../node/stele'), args, { env: { ...own, ...env } })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output += text })
    child.once('close', (code) => done({ code, output }))
  })
}

t.test('no process has a secret in its arguments, nor in its environment beyond the passphrase variable', { skip: process.platform === 'linux' ? false : '/proc is of Linux' }, async (t) => {
  const pids = [...world.nodes.map(({ pid }) => pid), ...world.custodians.map(({ pid }) => pid)]
  t.equal(pids.length, 6)
  const secrets = [...world.secrets]
  const holding = (bytes: Buffer): string[] => secrets.filter(([, secret]) => formsOfSecret(secret).some((form) => bytes.includes(form))).map(([name]) => name)
  for (const pid of pids) {
    t.same(holding(readFileSync(`/proc/${pid}/cmdline`)), [])
    const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
    t.same(holding(Buffer.from(variables.filter((variable) => !variable.startsWith(`${PASSPHRASE_VARIABLE}=`)).join('\0'), 'latin1')), [])
  }
  const withPassphrase = readFileSync(`/proc/${world.custodians[1]!.pid}/environ`)
  t.same(holding(withPassphrase), [`passphrase of ${world.nodes[1]!.name}`], 'the search finds the passphrase in the variable that may hold it')
})

t.test('no secret stands in any file, log or packet', async (t) => {
  await world.stop()
  const captured = typeof capture === 'string' ? capture : await capture.stop()
  // The passphrase files are how a development network is opened; every other place is searched.
  const onDisk = (await haystacksOf(world.folder)).filter(({ place }) => !place.endsWith('/passphrase'))
  const secrets = new Map([...world.secrets, ['planted in bad requests', Buffer.from(planted)]])
  t.ok(secrets.size > 40, `${secrets.size} secrets are known`)
  t.same(findSecrets([{ place: 'control', bytes: readFileSync(join(world.nodes[0]!.folder, 'passphrase')) }], secrets), [`control: passphrase of ${world.nodes[0]!.name}`], 'the search finds a passphrase where it is')
  t.same(findSecrets(onDisk, secrets), [])
  await t.test('on the wire', { skip: typeof captured === 'string' ? captured : false }, async (t) => {
    const { flows, dropped } = captured as Exclude<typeof captured, string>
    secrets.delete('planted in bad requests')
    t.equal(dropped, 0, 'the capture is complete')
    t.same(findSecrets(flows.map(({ from, to, bytes }) => ({ place: `loopback ${from} to ${to}`, bytes })), secrets), [])
  })
})

/** As bytes, as hex and as base64 at each alignment, without the characters its neighbours share. */
function formsOfSecret(secret: Uint8Array): Buffer[] {
  const hex = toHex(secret)
  const base64 = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), secret]).toString('base64').replace(/=+$/, '')
    return encoded.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + secret.length) * 8) / 6))
  })
  return [Buffer.from(secret), ...[hex, hex.toUpperCase(), ...base64, ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))].map((text) => Buffer.from(text))]
}

function findSecrets(haystacks: readonly Haystack[], secrets: ReadonlyMap<string, Uint8Array>): string[] {
  const named = [...secrets].map(([name, secret]) => ({ name, forms: formsOfSecret(secret) }))
  return haystacks.flatMap(({ place, bytes }) => {
    // Ledger files are allotted in advance: the zeros behind their end hold nothing.
    let end = bytes.length
    while (end > 0 && bytes[end - 1] === 0) end--
    const used = bytes.subarray(0, end)
    return named.filter(({ forms }) => forms.some((form) => used.includes(form))).map(({ name }) => `${place}: ${name}`)
  })
}
