import t, { type Test } from 'tap'
import { enrolAccount } from '../../client/actions/identity.ts'
import { listAudit } from '../../client/actions/list-audit.ts'
import { readRecord } from '../../client/actions/read-record.ts'
import { registerRecord } from '../../client/actions/register-record.ts'
import { getHead } from '../../client/actions/get-head.ts'
import { watchAudit, watchHeaders } from '../../client/actions/watch.ts'
import { institutionAccount } from '../../client/account.ts'
import { chainFromGenesis } from '../../client/chain.ts'
import { createClient } from '../../client/create-client.ts'
import { http } from '../../client/transports/http.ts'
import type { Transport } from '../../client/transports/transport.ts'
import { webSocket } from '../../client/transports/web-socket.ts'
import { createWallet } from '../../client/wallet.ts'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { noMetrics, silentLogger } from '../../primitives/ports.ts'
import { sealSectionKey } from '../../privacy/seal.ts'
import type { SectionKey } from '../../privacy/section-format.ts'
import { RpcServer } from '../../rpc/server.ts'
import type { RpcPorts } from '../../rpc/ports.ts'
import { clock, fakePorts, sampleOf } from '../rpc/support.ts'
import { FakeNode, seed, testGenesis } from './fake-node.ts'
import type { BlockSummary } from '../../rpc/shapes/chain.ts'

// Goal: client and server fit together on the wire: schemas, signatures of requests, raw chunks, error objects, subscriptions.
// Method: the real RpcServer on a real port; behind its ports the fake node of these tests, which checks the signatures itself.

async function serve(t: Test): Promise<{ readonly url: string; readonly node: FakeNode; readonly ports: ReturnType<typeof fakePorts> }> {
  const node = new FakeNode()
  const ask = async <T>(method: string, params: object): Promise<T> => (await node.answer(method, params as Record<string, unknown>)) as T
  const paged = async (method: string, params: object): Promise<never> => ({ next: null, ...(await ask<object>(method, params)) }) as never
  const path = (blob: string, index: number): readonly [Map<number, Uint8Array>, number] => [node.blobs.get(blob)!.chunks as never, index]
  const overrides: Partial<RpcPorts> = {
    requests: { verify: async ({ method, params, auth }) => ({ account: node.authenticate(method, { ...params, auth }), kind: 'clinician', member: 1 }) },
    transactions: {
      send: (bytes) => ask('tx_send', { transaction: toHex(bytes) }), status: (id) => ask('tx_status', { id }), wait: (id) => ask('tx_wait', { id }), receipt: (id) => ask('tx_receipt', { id }),
    },
    identity: { account: async (account) => ({ ...sampleOf<object>('identity_account'), ...(await ask<object>('identity_account', { account })) }) as never, members: async () => sampleOf('identity_members') },
    records: { list: () => paged('record_history', {}), history: (record) => paged('record_history', { record }) },
    audit: { audit: (subject) => paged('access_audit', { subject }), permits: async () => sampleOf('access_permits') },
    vault: {
      begin: (blob) => ask('vault_begin', blob), status: (blob) => ask('vault_status', { blob }), hashes: (blob) => ask('vault_hashes', { blob }), commit: (params) => ask('vault_commit', params),
      putChunk: async (blob, index, bytes) => { const [chunks, at] = path(blob, index); Object.assign(chunks, { [at]: new Uint8Array(bytes) }) },
      getChunk: async (blob, index) => { const [chunks, at] = path(blob, index); return (chunks as never as Uint8Array[])[at]! },
    },
    mailbox: {
      put: async (entry) => void (await ask('vault_mailbox_put', entry)), get: (request, section, kind) => ask('vault_mailbox_get', { request, section, kind }), delete: async () => false, list: async () => [],
    },
  }
  const ports = fakePorts(overrides)
  const server = new RpcServer({ port: 0 }, { ports: { ...ports, ...overrides }, logger: silentLogger, metrics: noMetrics, clock, version: '0.0.0' })
  t.teardown(() => server.stop())
  return { url: await server.start(), node, ports }
}

async function scenario(t: Test, transport: Transport, node: FakeNode): Promise<void> {
  const chain = chainFromGenesis(testGenesis())
  const hospital = createClient({ transport, chain, account: institutionAccount(chain.id, 1, seed(1)) })
  const wallet = createWallet({ seed: seed(50), chain: chain.id })
  wallet.addRelation(1)
  wallet.setAccount(0, (await enrolAccount(hospital, { kind: 'patient', keys: wallet.keys(0) })).account)
  const kept: (readonly SectionKey[])[] = []
  const content = new Uint8Array(1024 * 1024 + 77).fill(9)
  const { record } = await registerRecord(hospital, {
    subject: wallet.account(0).id, tags: wallet.tags(0), descriptor: Uint8Array.of(1), custodians: [1],
    sections: [{ plaintext: content, class: 'clinical', confidentiality: 'N', meanings: [{ kind: 'type', system: 's', value: 'Observation' }] }],
    provenance: { activity: 'import', author: { system: 'a', value: 'b' }, source: { system: 'a', value: 'c' }, recordedAtMs: 1 },
  }, { keep: async ({ keys }) => void kept.push(keys) })
  const patient = createClient({ transport, chain, account: wallet.account(0) })
  const reading = readRecord(patient, { subject: wallet.account(0).id, record, sections: [1], action: 'read', purpose: 'PATRQT', details: { who: 'me', device: 'phone', reason: '' } })
  while (node.audit.length === 0) await new Promise(setImmediate)
  const { decision } = node.audit[0]!
  const context = { chain: chain.id, request: fromHex(decision.request), record, version: 1, section: 1, readerKey: fromHex(decision.readerKey) }
  node.mailbox.set(`${decision.request}/1/key`, toHex(await sealSectionKey(context, kept[0]![1]!)))
  t.equal(Buffer.compare((await reading).sections[0]!.plaintext, content), 0)
  t.match(await listAudit(patient), [{ details: { who: 'me' }, detailsState: 'open' }])
  await t.rejects(patient.callSigned('vault_mailbox_get', { request: toHex(seed(1)), section: 0, kind: 'key' }), { code: 'RPC_NOT_FOUND' })
}

t.test('over HTTP: enrol, register, read, audit, and a refusal', async (t) => {
  const { url, node } = await serve(t)
  await scenario(t, http(url), node)
})

t.test('over a WebSocket: the same, chunks beside it', async (t) => {
  const { url, node } = await serve(t)
  const transport = webSocket(`${url.replace('http', 'ws')}/ws`)
  t.teardown(() => transport.close())
  await scenario(t, transport, node)
})

t.test('parameters that the server\'s schema refuses come back by name', async (t) => {
  const { url } = await serve(t)
  const client = createClient({ transport: http(url), chain: chainFromGenesis(testGenesis()) })
  await t.rejects(client.call('tx_status', { id: 'nonsense' }), { code: 'RPC_PARAMS_INVALID', retryable: false })
  await t.rejects(client.call('tx_status', { id: toHex(seed(1)), extra: 1 } as never), { code: 'RPC_PARAMS_INVALID' })
  t.equal((await getHead(client)).committed.height, sampleOf<{ committed: { height: number } }>('chain_head').committed.height)
})

t.test('headers are pushed, and an audit trail only to who signed for it', async (t) => {
  const { url, ports } = await serve(t)
  const chain = chainFromGenesis(testGenesis())
  const transport = webSocket(`${url.replace('http', 'ws')}/ws`)
  t.teardown(() => transport.close())
  const client = createClient({ transport, chain, account: institutionAccount(chain.id, 1, seed(1)) })
  const got = Promise.withResolvers<BlockSummary>()
  const watch = await watchHeaders(client, { onEvent: (header) => got.resolve(header as BlockSummary), onError: got.reject })
  const { summary } = sampleOf<{ summary: BlockSummary }>('chain_block')
  ports.headers.append(summary)
  t.same(await got.promise, summary)
  await watch.close()
  const trail = await watchAudit(client, { onEvent: () => undefined, onError: () => undefined })
  await trail.close()
  const stranger = createClient({ transport, chain, account: institutionAccount(chain.id, 1, seed(77)) })
  await t.rejects(watchAudit(stranger, { onEvent: () => undefined, onError: () => undefined }), { code: 'RPC_UNAUTHENTICATED' })
})
