// Goal: whatever is sent to a running node, it answers with a typed error that names field and rule, writes nothing and lives (issue, "Bad input and faults").
// Method: one process; every refusal is checked for its code and for what it names, then the chain and the process.
import { readFileSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { encode } from '../../primitives/codec.ts'
import { createSigner, ed25519KeyId } from '../../primitives/signature.ts'
import { createTransaction, transactionEnvelope } from '../../primitives/transaction.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { systemRandom } from '../../node/system.ts'
import { callOf, enrolmentOf } from '../helpers/calls.ts'
import { callRpc, eventually, startProcesses } from '../helpers/dev.ts'
import { testDirectory } from '../helpers/directory.ts'

const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

t.setTimeout(290_000)
const processes = await startProcesses(testDirectory(t), 1)
t.teardown(() => processes.stop())
const { chain } = processes
const [node] = processes.nodes
const [institution] = processes.members
const { rpc } = node!

interface Fault { readonly code: string; readonly details: readonly { readonly path: string; readonly message: string }[]; readonly hint: string }

/** The error of one call; fails the test when there is none. */
async function faultOf(t: Test, body: string): Promise<Fault> {
  const response = await fetch(`${rpc}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const { error } = (await response.json()) as { error?: { data: Fault } }
  if (error === undefined) t.fail(`no error for ${body.slice(0, 200)}`)
  return error?.data ?? { code: '', details: [], hint: '' }
}

const sending = (bytes: Uint8Array): string => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tx_send', params: { transaction: toHex(bytes), wait: 'committed' } })

/** Commits one sound transaction and gives the height of its block: two of these follow each other exactly when nothing was written between them. */
async function nextHeight(): Promise<number> {
  const { code, height } = await callRpc(rpc, 'tx_send', { transaction: toHex(enrolmentOf(chain, institution!).transaction.bytes), wait: 'committed' })
  if (code !== 'OK' || height === null) throw new Error(`the node takes nothing any more: ${code}`)
  return height
}

/** The same signature with S + L: the same equation holds, and a strict verifier refuses it. */
function malleated(transaction: Transaction): Uint8Array {
  const signature = transaction.signatures[0]!.slice()
  let s = ED25519_ORDER
  for (let i = 0; i < 32; i++) s += BigInt(signature[32 + i]!) << BigInt(8 * i)
  for (let i = 0; i < 32; i++) signature[32 + i] = Number((s >> BigInt(8 * i)) & 0xffn)
  return encode(transactionEnvelope, { body: transaction.bodyBytes, signatures: [signature] })
}

await eventually(() => callRpc(rpc, 'cluster_status'), ({ leader }) => leader !== null)
const { transaction: enrolment, party: patient } = enrolmentOf(chain, institution!, 'patient')
await callRpc(rpc, 'tx_send', { transaction: toHex(enrolment.bytes), wait: 'committed' })

t.test('a transaction that may not stand in a block is refused at the door, by a code that says why', async (t) => {
  const before = await nextHeight()
  const enrol = enrolmentOf(chain, institution!).transaction
  const otherChain = enrolmentOf(systemRandom.bytes(32), institution!).transaction
  const stranger = { account: systemRandom.bytes(32), signer: institution!.signer }
  const cases: readonly (readonly [string, Uint8Array, string, string])[] = [
    ['an unknown account', callOf(chain, stranger, 'identity', 'suspend', { account: patient.account }).bytes, 'ACCOUNT_UNKNOWN', 'body'],
    ['another chain', otherChain.bytes, 'TX_WRONG_CHAIN', 'chain'],
    ['a malleated signature', malleated(enrol), 'TX_SIGNATURE_INVALID', 'signatures[0]'],
    ['a signer that is no key of the account', callOf(chain, { ...institution!, signer: createSigner(systemRandom.bytes(32)) }, 'identity', 'suspend', { account: patient.account }).bytes, 'SIGNER_NOT_ACTIVE', 'body'],
    ['one that has expired', enrolmentOf(chain, institution!, 'service', { validUntil: BigInt(Date.now() - 60_000) }).transaction.bytes, 'TX_EXPIRED', 'body'],
    ['one that lives too long', enrolmentOf(chain, institution!, 'service', { validUntil: BigInt(Date.now() + 3_600_000) }).transaction.bytes, 'TX_VALID_TOO_FAR', 'body'],
    ['a cut envelope', enrol.bytes.subarray(0, enrol.bytes.length - 1), 'CODEC_', ''],
    ['bytes behind the envelope', Buffer.concat([enrol.bytes, Buffer.from([0])]), 'CODEC_', ''],
    ['no transaction at all', systemRandom.bytes(200), 'CODEC_', ''],
    ['arrays nested a thousand times', new Uint8Array(1000).fill(0x91), 'CODEC_', ''],
  ]
  for (const [what, bytes, code, path] of cases) {
    const fault = await faultOf(t, sending(bytes))
    t.ok(code.endsWith('_') ? fault.code.startsWith(code) : fault.code === code, `${what}: ${fault.code}`)
    t.ok(fault.hint.length > 0 && fault.details.some((detail) => (path === '' || detail.path === path) && detail.message.length > 0), `${what}: names ${JSON.stringify(fault.details)}`)
  }
  t.equal(await nextHeight(), before + 1, 'nothing was written')
})

t.test('a replayed transaction is told its first outcome, and is not applied again', async (t) => {
  const before = await nextHeight()
  const again = await callRpc(rpc, 'tx_send', { transaction: toHex(enrolment.bytes), wait: 'committed' })
  t.equal(again.code, 'OK')
  t.ok(again.height! < before)
  t.equal(await nextHeight(), before + 1)
})

t.test('a call that does not hold stands in its block with a code, and leaves nothing else', async (t) => {
  const revoke = (seq: bigint): Transaction => callOf(chain, patient, 'consent', 'revoke', { seq, consent: systemRandom.bytes(32) })
  const raw = (contract: string, call: string, args: Uint8Array): Transaction => createTransaction({ chain, account: institution!.account, contract, call, args, validUntil: BigInt(Date.now() + 60_000), salt: systemRandom.bytes(16) }, institution!.signer)
  const outcome = async (transaction: Transaction): Promise<string | null> => (await callRpc(rpc, 'tx_send', { transaction: toHex(transaction.bytes), wait: 'committed' })).code
  t.equal(await outcome(revoke(5n)), 'OK')
  t.equal(await outcome(revoke(5n)), 'SEQ_TOO_LOW', 'the same seq')
  t.equal(await outcome(revoke(4n)), 'SEQ_TOO_LOW', 'a lower seq')
  t.equal(await outcome(raw('ledger', 'drop', new Uint8Array(0))), 'CONTRACT_UNKNOWN')
  t.equal(await outcome(raw('identity', 'constructor', new Uint8Array(0))), 'CALL_UNKNOWN')
  t.equal(await outcome(raw('identity', 'suspend', encode(transactionEnvelope, { body: new Uint8Array(0), signatures: [new Uint8Array(64)] }))), 'ARGS_INVALID')
  t.equal(await outcome(callOf(chain, institution!, 'identity', 'certify', { account: systemRandom.bytes(32), attribute: 'role', value: 1, until: BigInt(Date.now() + 60_000) })), 'ACCOUNT_NOT_FOUND', 'a call about an account that does not exist')
  t.equal(await outcome(callOf(chain, institution!, 'identity', 'enroll', { kind: 'service', signKey: ed25519KeyId(patient.signer.publicKey), sealKey: systemRandom.bytes(32) })), 'OK', 'the node goes on')
})

t.test('JSON that breaks a rule of the method is refused, naming the place and the rule', async (t) => {
  const before = await nextHeight()
  const call = (params: unknown, method = 'tx_send'): string => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const cases: readonly (readonly [string, string, RegExp, RegExp])[] = [
    ['an unknown field', call({ transaction: '00', force: true }), /^RPC_PARAMS_INVALID$/, /force/],
    ['a wrong type', call({ transaction: 7 }), /^RPC_PARAMS_INVALID$/, /transaction/],
    ['odd hex', call({ transaction: 'abc' }), /^RPC_PARAMS_INVALID$/, /transaction/],
    ['upper-case hex', call({ transaction: 'AB' }), /^RPC_PARAMS_INVALID$/, /transaction/],
    ['a missing field', call({}), /^RPC_PARAMS_INVALID$/, /transaction/],
    ['a word that is none of the list', call({ transaction: '00', wait: 'soon' }), /^RPC_PARAMS_INVALID$/, /wait/],
    ['a transaction beyond its limit', call({ transaction: '00'.repeat(65 * 1024) }), /^RPC_PARAMS_INVALID$/, /transaction/],
    ['an unknown member of the request', '{"jsonrpc":"2.0","id":1,"method":"node_info","parms":{}}', /^RPC_INVALID_REQUEST$/, /parms|rule/],
    ['objects nested ten thousand times', `{"jsonrpc":"2.0","id":1,"method":"tx_send","params":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`, /^RPC_/, /./],
    ['a private read without a signature', call({ patient: toHex(patient.account) }, 'consent_list'), /^RPC_/, /auth|./],
  ]
  for (const [what, body, code, named] of cases) {
    const fault = await faultOf(t, body)
    t.match(fault.code, code, `${what}: ${fault.code}`)
    t.match(JSON.stringify(fault.details) + fault.hint, named, `${what}: ${JSON.stringify(fault.details).slice(0, 160)}`)
  }
  const huge = await fetch(`${rpc}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: `{"jsonrpc":"2.0","id":1,"method":"tx_send","params":{"transaction":"${'0'.repeat(8 * 1024 * 1024)}"}}` }).then(({ status }) => status, () => 413)
  t.equal(huge, 413, 'a body beyond the limit')
  t.equal(await nextHeight(), before + 1, 'nothing was written')
  t.equal(node!.child.process.exitCode, null, 'the process lives')
})

/** Runs the command line to its end. */
async function stele(...args: string[]): Promise<{ readonly code: number; readonly stderr: string }> {
  const { NODE_OPTIONS: _preloads, ...env } = process.env
  const child = spawn(resolve(import.meta.dirname, '../../node/stele'), args, { stdio: ['ignore', 'ignore', 'pipe'], env })
  t.teardown(() => { child.kill('SIGKILL') })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code: code ?? 128, stderr }
}

/** The lines for people: what is neither a JSON log line nor the advice under an error. */
const spoken = (stderr: string): string[] => stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{') && !line.startsWith('→'))

t.test('a second process on the same data directory ends with one clear line', async (t) => {
  const path = join(node!.folder, 'second.yaml')
  writeFileSync(path, readFileSync(join(node!.folder, 'config.yaml'), 'utf8').replaceAll(/port: \d+/g, 'port: 0').replaceAll(/\/tcp\/\d+/g, '/tcp/0'))
  const { code, stderr } = await stele('start', '--config', path)
  t.not(code, 0)
  t.equal(spoken(stderr).length, 1, spoken(stderr).join(' / '))
  t.match(spoken(stderr)[0], /LEDGER_LOCKED/)
  t.ok((await nextHeight()) > 0, 'the first one goes on')
})

t.test('a wrong passphrase ends with one clear line, which does not repeat it', async (t) => {
  const wrong = join(testDirectory(t), 'passphrase')
  writeFileSync(wrong, 'not-the-passphrase\n', { mode: 0o600 })
  const path = join(node!.folder, 'wrong.yaml')
  writeFileSync(path, readFileSync(join(node!.folder, 'config.yaml'), 'utf8').replace('passphraseFile: passphrase', `passphraseFile: ${wrong}`))
  const { code, stderr } = await stele('start', '--config', path)
  t.not(code, 0)
  t.equal(spoken(stderr).length, 1, spoken(stderr).join(' / '))
  t.match(spoken(stderr)[0], /KEYSTORE_/)
  t.notMatch(stderr, /not-the-passphrase/)
})

t.test('a port in use ends with one clear line that names it', async (t) => {
  await processes.stop()
  const port = Number(new URL(rpc).port)
  const squatter = createServer().listen(port, '127.0.0.1')
  await once(squatter, 'listening')
  t.teardown(() => { squatter.close() })
  const { code, stderr } = await stele('start', '--config', join(node!.folder, 'config.yaml'))
  t.not(code, 0)
  t.equal(spoken(stderr).length, 1, spoken(stderr).join(' / '))
  t.match(spoken(stderr)[0], new RegExp(`RPC_LISTEN_FAILED.*${port}`))
})
