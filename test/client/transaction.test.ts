import t from 'tap'
import { institutionAccount } from '../../client/account.ts'
import { chainFromGenesis, fetchChain } from '../../client/chain.ts'
import { clientError } from '../../client/errors.ts'
import { createClient } from '../../client/create-client.ts'
import { certifyAttribute, enrolAccount } from '../../client/actions/identity.ts'
import { sendAndWait, waitForReceipt } from '../../client/actions/wait-for-receipt.ts'
import { sendRawTransaction, sendTransaction } from '../../client/actions/send-transaction.ts'
import { revokeConsent } from '../../client/actions/consent.ts'
import { keysFromSeeds } from '../../client/account.ts'
import { steleActions } from '../../client/actions/index.ts'
import { buildTransaction, DEFAULT_LIFETIME_MS } from '../../client/transaction.ts'
import { toHex } from '../../primitives/bytes.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { consentCalls } from '../../primitives/calls/index.ts'
import { genesisSchema } from '../../primitives/genesis.ts'
import { decodeTransaction } from '../../primitives/transaction.ts'
import { FakeNode, seed, testGenesis } from './fake-node.ts'

const chain = chainFromGenesis(testGenesis())
const account = institutionAccount(chain.id, 1, seed(1))
const call = { contract: 'identity', call: 'suspend', args: { account: seed(3) } } as const

t.test('arguments that do not fit the call are refused by path, before anything is signed', async (t) => {
  const build = (more: object): unknown => buildTransaction({ chain: chain.id, account, ...call, ...more } as never)
  t.throws(() => build({ args: { account: seed(3).subarray(1) } }), { code: 'CLIENT_CALL_INVALID', details: { path: 'account' } })
  t.throws(() => build({ args: { account: seed(3), name: 'Priya' } }), { code: 'CLIENT_CALL_INVALID', details: { path: 'name' } })
  t.throws(() => build({ call: 'delete' }), { code: 'CLIENT_CALL_INVALID' })
  t.throws(() => build({ contract: '__proto__', call: 'toString' }), { code: 'CLIENT_CALL_INVALID' })
})

t.test('a transaction is what the node decodes: chain, account, five minutes, its own salt', async (t) => {
  const options = { chain: chain.id, account, ...call }
  const first = buildTransaction(options, { nowMs: () => 1000 })
  const { body, id } = decodeTransaction(first.bytes, chain.id)
  t.match(body, { contract: 'identity', call: 'suspend', validUntil: BigInt(1000 + DEFAULT_LIFETIME_MS) })
  t.same(id, first.id)
  const { genesis } = chain
  const hasty = { genesis: { ...genesis, parameters: { ...genesis.parameters, lifetimeMsMax: 60_001 } } }
  t.equal(buildTransaction(options, { nowMs: () => 1000, chain: hasty }).body.validUntil, 31_000n, 'half of what this chain allows, where that is less')
  t.not(toHex(buildTransaction(options).id), toHex(buildTransaction(options).id), 'equal calls are distinct')
  const fixed = { ...options, salt: new Uint8Array(16), validUntilMs: 5 }
  t.same(buildTransaction(fixed).bytes, buildTransaction(fixed).bytes, 'with salt and time given, the same bytes')
})

t.test('a failed transaction is an error that names the contract\'s code, and the id is the same on every resend', async (t) => {
  const node = new FakeNode()
  const client = createClient({ transport: node, chain, account })
  node.result = 'IDENTITY_NOT_YOURS'
  await t.rejects(sendAndWait(client, call), { code: 'CLIENT_TX_FAILED', details: { result: 'IDENTITY_NOT_YOURS' } })
  const { transaction, status } = await sendTransaction(client, call)
  t.equal((await sendRawTransaction(client, transaction)).height, status.height)
})

t.test('a receipt of another transaction, or one that the members did not attest, is refused', async (t) => {
  const node = new FakeNode()
  const client = createClient({ transport: node, chain, account })
  const { transaction: other } = await sendTransaction(client, call)
  const { transaction } = await sendTransaction(client, call)
  node.intercept = (method, params) => (method === 'tx_receipt' && params['id'] === toHex(transaction.id) ? node.request('tx_receipt', { id: toHex(other.id) }) : undefined)
  await t.rejects(waitForReceipt(client, transaction.id), { code: 'CLIENT_PROOF_MISMATCH' })
  const foreign = createClient({ transport: node, chain: chainFromGenesis(testGenesis(3)), account })
  await t.rejects(waitForReceipt(foreign, other.id), { code: 'PROOF_WRONG_CHAIN' })
})

t.test('waiting ends at expiry and at its own limit; a limit is never a failure', async (t) => {
  const node = new FakeNode()
  let now = 0
  const client = createClient({ transport: node, chain, account, nowMs: () => (now += 400) })
  await t.rejects(waitForReceipt(client, seed(1), { waitMs: 1000 }), { code: 'CLIENT_TIMED_OUT', retryable: true })
  node.intercept = (method) => (method === 'tx_wait' ? { status: 'expired', final: false } : undefined)
  await t.rejects(waitForReceipt(client, seed(1)), { code: 'CLIENT_TX_EXPIRED' })
  const statuses = [{ status: 'failed', final: false, code: 'X' }, { status: 'failed', final: true, code: 'X', height: 2 }]
  node.intercept = (method) => (method === 'tx_wait' ? statuses.shift() : undefined)
  await t.rejects(waitForReceipt(client, seed(1)), { code: 'CLIENT_TX_FAILED' })
  t.equal(statuses.length, 0, 'a failure that is not final yet is waited for')
})

t.test('bytes that a dying node took with it are sent again under the same id', async (t) => {
  const node = new FakeNode()
  const client = createClient({ transport: node, chain, account })
  const sent = new Set<unknown>()
  let lost = 0
  node.intercept = (method, params) => {
    if (method !== 'tx_send') return undefined
    sent.add(params['transaction'])
    return lost++ < 2 ? { status: 'pending' } : undefined
  }
  await t.resolves(sendAndWait(client, call))
  t.equal(lost, 3)
  t.equal(sent.size, 1, 'the same bytes each time')
})

t.test('without an account nothing is signed', async (t) => {
  const client = createClient({ transport: new FakeNode(), chain })
  await t.rejects(sendTransaction(client, call), { code: 'CLIENT_NO_ACCOUNT' })
  await t.rejects(client.callSigned('identity_account', { account: '' }), { code: 'CLIENT_NO_ACCOUNT' })
})

t.test('a node of another chain is refused before it is believed', async (t) => {
  const node = new FakeNode()
  node.intercept = (method) => (method === 'chain_info' ? { chain: toHex(chain.id), genesis: toHex(encode(genesisSchema, testGenesis())) } : undefined)
  t.same((await fetchChain(node)).id, chain.id)
  await t.rejects(fetchChain(node, { expected: seed(1) }), { code: 'CLIENT_CHAIN_MISMATCH' })
  node.intercept = (method) => (method === 'chain_info' ? { chain: toHex(chain.id), genesis: toHex(encode(genesisSchema, testGenesis(3))) } : undefined)
  await t.rejects(fetchChain(node), { code: 'CLIENT_CHAIN_MISMATCH' })
})

t.test('enrolment gives the account its id; words of the tables become numbers', async (t) => {
  const node = new FakeNode()
  const client = createClient({ transport: node, chain, account }).extend(steleActions)
  const { account: id, receipt } = await client.enrolAccount({ kind: 'clinician', keys: keysFromSeeds(seed(5), seed(6)) })
  t.same(id, receipt.id)
  t.match(receipt.events, [{ contract: 'identity', name: 'enrolled', data: { kind: 'clinician' } }])
  await t.rejects(async () => certifyAttribute(client, { account: id, attribute: 'role', value: 'wizard', untilMs: 1 }), { code: 'CLIENT_CALL_INVALID' })
  await t.rejects(async () => certifyAttribute(client, { account: id, attribute: 'organisation', value: 'hospital-a', untilMs: 1 }), { code: 'CLIENT_CALL_INVALID' })
  await t.resolves(certifyAttribute(client, { account: id, attribute: 'role', value: 'physician', untilMs: 1 }))
})

t.test('a consent write takes the sequence number after the highest that the node shows', async (t) => {
  const node = new FakeNode()
  const client = createClient({ transport: node, chain, account })
  const sent: bigint[] = []
  node.intercept = (method, params) => {
    if (method === 'consent_list') return { items: [{ seq: '3' }, { seq: '10' }, { seq: '9' }], nextCursor: null }
    if (method === 'tx_send') sent.push(decodeSeq(String(params['transaction'])))
    return undefined
  }
  await revokeConsent(client, seed(8))
  await revokeConsent(client, seed(8), { seq: 40n })
  t.same(sent, [11n, 40n])
  sent.length = 0
  node.result = 'SEQ_TOO_LOW'
  await t.rejects(revokeConsent(client, seed(8)), { code: 'CLIENT_TX_FAILED' })
  t.same(sent, [11n, 74n, 4106n, 60_010n], 'numbers that key changes took are jumped over')
  sent.length = 0
  let highest = 10
  const before = node.intercept
  node.intercept = (method, params) => (method === 'consent_list' ? { items: [{ seq: String(highest++) }], nextCursor: null } : before(method, params))
  await t.rejects(revokeConsent(client, seed(8)), { code: 'CLIENT_TX_FAILED' })
  t.same(sent, [11n], 'a change by another device stops it')
  await t.rejects(async () => enrolAccount(client, { kind: 'wizard' as never, keys: keysFromSeeds(seed(5), seed(6)) }), { code: 'CLIENT_CALL_INVALID' })
})

function decodeSeq(hex: string): bigint {
  const { body } = decodeTransaction(new Uint8Array(Buffer.from(hex, 'hex')), chain.id)
  return decode(consentCalls.revoke, body.args).seq
}

t.test('when the node is lost while a transaction is sent or waited for, the error names it, since its outcome is unknown', async (t) => {
  for (const lost of ['tx_send', 'tx_wait', 'tx_receipt']) {
    for (const code of ['CLIENT_UNREACHABLE', 'CLIENT_TIMED_OUT'] as const) {
      const node = new FakeNode()
      const client = createClient({ transport: node, chain, account })
      let sent = ''
      node.intercept = (method, params) => {
        if (method === 'tx_send') sent = toHex(decodeTransaction(Buffer.from(String(params['transaction']), 'hex'), chain.id).id)
        if (method === lost) throw clientError(code, { retryable: true, details: { node: 'x' }, metaMessages: [`Method: ${method}`] })
        return undefined
      }
      const error = await sendAndWait(client, call).then(() => undefined, (thrown: unknown) => thrown as Error & { details: object })
      t.match(error, { code, retryable: true, details: { node: 'x', id: sent } }, `${code} in ${lost}`)
      t.match(error?.message, `Transaction: ${sent}`)
    }
  }
})
