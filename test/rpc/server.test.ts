import { once } from 'node:events'
import { connect } from 'node:net'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import { Compile } from 'typebox/compile'
import { SteleError } from '../../primitives/error.ts'
import type { RpcPorts } from '../../rpc/ports.ts'
import { DEFAULT_HEALTH_OPTIONS, DEFAULT_RPC_OPTIONS, healthOptions, rpcOptions } from '../../rpc/options.ts'
import { SAMPLE } from '../../rpc/samples.ts'
import { createServer, errorOf, fakePorts, inject, sampleOf } from './support.ts'
import type { TxStatus } from '../../rpc/shapes/transaction.ts'

const HEAD = '{"jsonrpc":"2.0","id":1,"method":"chain_head"}'
const call = (method: string, params: object) => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })

t.test('a host beyond loopback is refused without protection', async (t) => {
  for (const host of ['0.0.0.0', '::', '192.168.1.5', 'example.org', '127.0.0.1.example.org']) t.throws(() => createServer({ host }), { code: 'RPC_BIND_REFUSED', details: { host } }, host)
  for (const host of ['127.0.0.1', 'localhost', '::1', '127.9.9.9']) t.doesNotThrow(() => createServer({ host }), host)
  t.doesNotThrow(() => createServer({ host: '0.0.0.0', allowInsecure: true }))
  t.throws(() => createServer({ host: '0.0.0.0', tls: { key: 'x', certificate: 'y' } }), { code: 'RPC_TLS_INVALID' })
})

t.test('the defaults are those the schema of the options names', async (t) => {
  const defaultsOf = (schema: { properties: object }) => Object.fromEntries(Object.entries(schema.properties).flatMap(([name, each]: [string, { default?: unknown }]) => ('default' in each ? [[name, each.default]] : [])))
  t.same(DEFAULT_RPC_OPTIONS, defaultsOf(rpcOptions))
  t.same(DEFAULT_HEALTH_OPTIONS, defaultsOf(healthOptions))
  t.strictSame([Compile(rpcOptions).Errors(DEFAULT_RPC_OPTIONS), Compile(healthOptions).Errors(DEFAULT_HEALTH_OPTIONS)], [[], []])
})

t.test('a port in use is named', async (t) => {
  const first = createServer()
  t.teardown(() => first.stop())
  const port = Number(new URL(await first.start()).port)
  await t.rejects(createServer({ port }).start(), { code: 'RPC_LISTEN_FAILED', details: { port, reason: 'EADDRINUSE' } })
})

t.test('transport refusals carry the fitting status and a JSON-RPC body', async (t) => {
  const server = createServer({ bodyBytesMax: 2048 })
  t.teardown(() => server.stop())
  const expect = async (claim: string, request: InjectOptions, status: number, code: string) => {
    const response = await server.app.inject(request)
    const body = JSON.parse(response.body) as { jsonrpc: string; id: null }
    t.strictSame([response.statusCode, body.jsonrpc, body.id, errorOf(body).data.code], [status, '2.0', null, code], claim)
    return response
  }
  const json = { 'content-type': 'application/json' }
  await expect('too large', { method: 'POST', url: '/rpc', headers: json, payload: `"${'x'.repeat(4096)}"` }, 413, 'RPC_BODY_TOO_LARGE')
  await expect('text', { method: 'POST', url: '/rpc', headers: { 'content-type': 'text/plain' }, payload: HEAD }, 415, 'RPC_MEDIA_TYPE_UNSUPPORTED')
  await expect('octets', { method: 'POST', url: '/rpc', headers: { 'content-type': 'application/octet-stream' }, payload: HEAD }, 415, 'RPC_MEDIA_TYPE_UNSUPPORTED')
  await expect('no type', { method: 'POST', url: '/rpc' }, 415, 'RPC_MEDIA_TYPE_UNSUPPORTED')
  const get = await expect('GET', { method: 'GET', url: '/rpc' }, 405, 'RPC_VERB_NOT_ALLOWED')
  t.equal(get.headers.allow, 'POST')
  await expect('unknown path', { method: 'GET', url: '/nope' }, 404, 'RPC_ROUTE_UNKNOWN')
  await expect('bad escape', { method: 'GET', url: '/%zz' }, 400, 'RPC_HEADERS_INVALID')
  await expect('foreign host', { method: 'POST', url: '/rpc', headers: { ...json, host: 'evil.example' }, payload: HEAD }, 403, 'RPC_HOST_REFUSED')
  await expect('foreign origin', { method: 'POST', url: '/rpc', headers: { ...json, origin: 'https://evil.example' }, payload: HEAD }, 403, 'RPC_ORIGIN_REFUSED')
  const charset = await server.app.inject({ method: 'POST', url: '/rpc', headers: { 'content-type': 'application/json; charset=utf-8' }, payload: HEAD })
  t.equal(charset.statusCode, 200, 'parameters of the type are fine')
})

t.test('an allowed origin is answered, with its preflight', async (t) => {
  const origin = 'https://portal.example'
  const server = createServer({ allowedOrigins: [origin] })
  t.teardown(() => server.stop())
  const preflight = await server.app.inject({ method: 'OPTIONS', url: '/rpc', headers: { origin, 'access-control-request-method': 'POST' } })
  t.strictSame([preflight.statusCode, preflight.headers['access-control-allow-origin']], [204, origin])
  const { status, headers } = await inject(server, HEAD, { origin })
  t.strictSame([status, headers['access-control-allow-origin']], [200, origin])
  t.equal((await inject(server, HEAD, { origin: 'http://localhost:80', host: 'localhost:80' })).status, 200, 'the same origin needs no permission')
})

t.test('too many requests from one address answer 429 with Retry-After', async (t) => {
  const server = createServer({ requestsPerSecond: 3 })
  t.teardown(() => server.stop())
  for (let i = 0; i < 3; i++) t.equal((await inject(server, HEAD)).status, 200)
  const { status, body, headers } = await inject(server, HEAD)
  t.equal(status, 429)
  t.strictSame([errorOf(body).code, errorOf(body).data.code, errorOf(body).data.retryable], [-32005, 'RPC_RATE_LIMITED', true])
  t.match(headers['retry-after'], /^[1-9]\d*$/)
})

t.test('calls of a rate class are counted one by one, also inside a batch', async (t) => {
  const server = createServer({ rates: { read: 5, write: 5, heavy: 2, bulk: 5 } })
  t.teardown(() => server.stop())
  const one = { jsonrpc: '2.0', id: 1, method: 'cluster_status' }
  const { body } = await inject(server, JSON.stringify([one, one, one]))
  t.strictSame((body as object[]).map((each) => ('error' in each ? errorOf(each).data.code : 'OK')), ['OK', 'OK', 'RPC_RATE_LIMITED'])
  t.equal((await inject(server, HEAD)).status, 200, 'another class is not touched')
})

t.test('the limit of a signed caller follows the account, not what it claims', async (t) => {
  const server = createServer({ rates: { read: 2, write: 5, heavy: 2, bulk: 5 } })
  t.teardown(() => server.stop())
  const signed = call('consent_list', { patient: SAMPLE.patient, auth: SAMPLE.auth })
  const codes: string[] = []
  for (const remoteAddress of ['127.0.0.1', '127.0.0.2', '127.0.0.3']) {
    const response = await server.app.inject({ method: 'POST', url: '/rpc', headers: { 'content-type': 'application/json' }, payload: signed, remoteAddress })
    const body: unknown = JSON.parse(response.body)
    codes.push('error' in (body as object) ? errorOf(body).data.code : 'OK')
  }
  t.strictSame(codes, ['OK', 'OK', 'RPC_RATE_LIMITED'])
})

t.test('signed reads are refused without a signature and with a wrong one', async (t) => {
  const server = createServer()
  t.teardown(() => server.stop())
  const without = errorOf((await inject(server, call('consent_list', { patient: SAMPLE.patient }))).body)
  t.strictSame([without.code, without.data.code], [4100, 'RPC_UNAUTHENTICATED'])
  const wrong = errorOf((await inject(server, call('consent_list', { patient: SAMPLE.patient, auth: '00' }))).body)
  t.strictSame([wrong.code, wrong.data.code], [4100, 'REQUEST_SIGNATURE_INVALID'])
  const malformed = errorOf((await inject(server, call('consent_list', { patient: SAMPLE.patient, auth: 'XYZ' }))).body)
  t.equal(malformed.data.code, 'RPC_PARAMS_INVALID')
})

t.test('the signature is checked over the by-name parameters without auth, also for the by-position form', async (t) => {
  const ports = fakePorts()
  const seen: unknown[] = []
  const server = createServer({}, { ...ports, requests: { verify: async (request) => { seen.push(request); return ports.requests.verify(request) } } })
  t.teardown(() => server.stop())
  await inject(server, call('consent_list', { auth: SAMPLE.auth, limit: 5, patient: SAMPLE.patient }))
  await inject(server, call('consent_list', [SAMPLE.patient, 5, null, null, SAMPLE.auth]))
  const expected = { method: 'consent_list', params: { limit: 5, patient: SAMPLE.patient }, auth: SAMPLE.auth }
  t.same(seen, [expected, expected])
})

t.test('block bodies are for members only', async (t) => {
  const server = createServer()
  t.teardown(() => server.stop())
  t.equal(errorOf((await inject(server, call('chain_block', { bodies: true }))).body).data.code, 'RPC_UNAUTHENTICATED')
  t.equal(errorOf((await inject(server, call('chain_block', { bodies: true, auth: SAMPLE.auth }))).body).code, 4103, 'a patient is no member')
  t.equal(errorOf((await inject(server, call('chain_block', { height: 1, newest: 'final' }))).body).data.code, 'RPC_PARAMS_INVALID')
})

t.test('tx_send: the bytes arrive, the same bytes answer alike, and the end of a wait is no failure', async (t) => {
  const ports = fakePorts()
  const sent: Uint8Array[] = []
  const waits: unknown[] = []
  const pending = sampleOf<TxStatus>('tx_send')
  const transactions: RpcPorts['transactions'] = {
    ...ports.transactions,
    send: async (bytes) => { sent.push(bytes); return pending },
    wait: async (...[id, until, timeoutMs]) => { waits.push([id, until, timeoutMs]); return pending },
  }
  const server = createServer({}, { ...ports, transactions })
  t.teardown(() => server.stop())
  const first = await inject(server, call('tx_send', { transaction: SAMPLE.bytes }))
  t.strictSame(await inject(server, call('tx_send', { transaction: SAMPLE.bytes })).then(({ body }) => body), first.body)
  t.equal(Buffer.from(sent[0]!).toString('hex'), SAMPLE.bytes)
  const waited = await inject(server, call('tx_send', { transaction: SAMPLE.bytes, wait: 'final', timeoutMs: 7 }))
  t.strictSame(waited.body, { jsonrpc: '2.0', id: 1, result: pending })
  t.strictSame(waits, [[SAMPLE.transaction, 'final', 7]])
  for (const transaction of ['', 'abc', 'AB', 'zz', 'ab'.repeat(64 * 1024 + 1)]) t.equal(errorOf((await inject(server, call('tx_send', { transaction }))).body).data.code, 'RPC_PARAMS_INVALID')
})

t.test('pages: the cursor pins the height, and one of another query is refused', async (t) => {
  const ports = fakePorts()
  const seen: unknown[] = []
  const asOf = { height: 77, hash: SAMPLE.block, term: 1 }
  const server = createServer({}, { ...ports, audit: { ...ports.audit, audit: async (_subject, page) => { seen.push(page); return { items: [], next: '5/äö', asOf } } } })
  t.teardown(() => server.stop())
  const ask = (params: object) => inject(server, call('access_audit', { subject: SAMPLE.patient, auth: SAMPLE.auth, ...params }))
  const { nextCursor } = ((await ask({ limit: 2 })).body as { result: { nextCursor: string } }).result
  t.match(nextCursor, /^[A-Za-z0-9_.-]+$/)
  await ask({ limit: 2, cursor: nextCursor })
  t.strictSame(seen, [{ atHeight: null, after: null, limit: 2, order: 'newest' }, { atHeight: 77, after: '5/äö', limit: 2, order: 'newest' }])
  t.equal(errorOf((await ask({ cursor: nextCursor, order: 'oldest' })).body).data.code, 'RPC_CURSOR_INVALID')
  t.equal(errorOf((await ask({ cursor: nextCursor, subject: SAMPLE.account })).body).data.code, 'RPC_CURSOR_INVALID')
  t.equal(errorOf((await ask({ cursor: 'x' })).body).data.code, 'RPC_CURSOR_INVALID')
  t.equal(errorOf((await ask({ limit: 501 })).body).data.code, 'RPC_PARAMS_INVALID')
})

t.test('chunks travel as octets and need a signature over their hash', async (t) => {
  const ports = fakePorts()
  const stored: unknown[] = []
  const asked: unknown[] = []
  const server = createServer({}, {
    ...ports,
    requests: { verify: async (request) => { asked.push(request); return ports.requests.verify(request) } },
    vault: { ...ports.vault, putChunk: async (blob, index, bytes) => { stored.push([blob, index, Buffer.from(bytes).toString('hex')]) }, getChunk: async (_blob, index) => index === 0 ? new Uint8Array([7, 8]) : (() => { throw new SteleError({ code: 'RPC_NOT_FOUND', message: 'no such chunk' }) })() },
  })
  t.teardown(() => server.stop())
  const url = `/vault/${SAMPLE.blob}/0`
  const headers = { 'content-type': 'application/octet-stream', 'stele-auth': SAMPLE.auth }
  const put = (target: string, given: Record<string, string>, payload: Buffer) => server.app.inject({ method: 'PUT', url: target, headers: given, payload })
  t.equal((await put(url, headers, Buffer.from('abc'))).statusCode, 204)
  t.strictSame(stored, [[SAMPLE.blob, 0, '616263']])
  t.strictSame(asked[0], { method: `PUT ${url}`, params: { sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' }, auth: SAMPLE.auth })
  t.equal((await put(url, { 'content-type': 'application/octet-stream' }, Buffer.from('abc'))).statusCode, 401)
  t.equal((await put(url, { ...headers, 'stele-auth': '00' }, Buffer.from('abc'))).statusCode, 401)
  t.equal((await put(url, { ...headers, 'content-type': 'application/json' }, Buffer.from('{}'))).statusCode, 415)
  t.equal((await put(url, headers, Buffer.alloc(0))).statusCode, 400)
  t.equal((await put(url, headers, Buffer.alloc(1024 * 1024 + 16, 1))).statusCode, 204, 'a whole chunk and its tag')
  t.equal((await put(url, headers, Buffer.alloc(1024 * 1024 + 17, 1))).statusCode, 413, 'one byte more')
  for (const bad of [`/vault/${SAMPLE.blob}/-1`, `/vault/${SAMPLE.blob}/01`, `/vault/${SAMPLE.blob}/1e9`, '/vault/abc/0', `/vault/${SAMPLE.blob.toUpperCase()}/0`]) t.equal((await put(bad, headers, Buffer.from('abc'))).statusCode, 400, bad)
  const got = await server.app.inject({ method: 'GET', url, headers: { 'stele-auth': SAMPLE.auth } })
  t.strictSame([got.statusCode, got.headers['content-type'], got.rawPayload.toString('hex')], [200, 'application/octet-stream', '0708'])
  t.equal((await server.app.inject({ method: 'GET', url })).statusCode, 401)
  const missing = await server.app.inject({ method: 'GET', url: `/vault/${SAMPLE.blob}/1`, headers: { 'stele-auth': SAMPLE.auth } })
  t.strictSame([missing.statusCode, errorOf(JSON.parse(missing.body)).data.code], [404, 'RPC_NOT_FOUND'])
})

t.test('only so many chunks are held at once', async (t) => {
  const ports = fakePorts()
  const waiting: (() => void)[] = []
  const server = createServer({ chunksOpenMax: 1 }, { ...ports, vault: { ...ports.vault, getChunk: () => new Promise((resolve) => { waiting.push(() => resolve(new Uint8Array([1]))) }) } })
  t.teardown(() => server.stop())
  const url = `${await server.start()}/vault/${SAMPLE.blob}/0`
  const headers = { 'stele-auth': SAMPLE.auth }
  const first = fetch(url, { headers })
  while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const second = await fetch(url, { headers })
  t.strictSame([second.status, second.headers.get('retry-after')], [503, '1'])
  waiting[0]!()
  t.equal((await first).status, 200)
  await (await first).arrayBuffer()
  const third = fetch(url, { headers })
  while (waiting.length < 2) await new Promise((resolve) => setImmediate(resolve))
  waiting[1]!()
  t.equal((await third).status, 200, 'the place is free again')
})

t.test('too many open calls answer "overloaded", and the node goes on afterwards', async (t) => {
  const ports = fakePorts()
  const waiting: (() => void)[] = []
  const server = createServer({ openCallsMax: 1 }, { ...ports, transactions: { ...ports.transactions, status: () => new Promise((resolve) => { waiting.push(() => resolve(sampleOf('tx_status'))) }) } })
  t.teardown(() => server.stop())
  const first = inject(server, call('tx_status', { id: SAMPLE.transaction }))
  while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.equal(errorOf((await inject(server, HEAD)).body).data.code, 'RPC_OVERLOADED')
  waiting[0]!()
  t.equal((await first).status, 200)
  t.ok('result' in ((await inject(server, HEAD)).body as object))
})

t.test('a client that goes away ends its wait', async (t) => {
  const ports = fakePorts()
  let aborted: () => void = () => undefined
  let begun: () => void = () => undefined
  const gone = new Promise<void>((resolve) => { aborted = resolve })
  const started = new Promise<void>((resolve) => { begun = resolve })
  const server = createServer({}, { ...ports, transactions: { ...ports.transactions, wait: (_id, _until, _ms, signal) => new Promise((resolve) => {
    signal.addEventListener('abort', () => { aborted(); resolve(sampleOf('tx_send')) })
    begun()
  }) } })
  t.teardown(() => server.stop())
  const { port } = new URL(await server.start())
  const body = call('tx_wait', { id: SAMPLE.transaction })
  const socket = connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`POST /rpc HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  await started
  socket.destroy()
  await gone
  t.pass('the signal aborted')
})

t.test('stopping ends waits with the status so far, then refuses; start and stop may be called twice', async (t) => {
  const ports = fakePorts()
  let begun: () => void = () => undefined
  const started = new Promise<void>((resolve) => { begun = resolve })
  const server = createServer({}, { ...ports, transactions: { ...ports.transactions, wait: (_id, _until, _ms, signal) => new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(sampleOf('tx_send')))
    begun()
  }) } })
  const url = await server.start()
  t.equal(await server.start(), url)
  const waiting = fetch(`${url}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: call('tx_wait', { id: SAMPLE.transaction }) })
  await started
  const stopped = server.stop()
  t.match(await (await waiting).json(), { result: { status: 'pending', id: SAMPLE.transaction } })
  await stopped
  await server.stop()
  await t.rejects(fetch(`${url}/rpc`, { method: 'POST' }))
})

t.test('a caller that keeps its connection open does not hold up the end, nor does half a request', async (t) => {
  const ports = fakePorts()
  let begun: () => void = () => undefined
  const started = new Promise<void>((resolve) => { begun = resolve })
  const server = createServer({ keepAliveMs: 3_600_000 }, { ...ports, transactions: { ...ports.transactions, wait: (_id, _until, _ms, signal) => new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(sampleOf('tx_send')))
    begun()
  }) } })
  const { port } = new URL(await server.start())
  const half = connect(Number(port), '127.0.0.1')
  half.on('error', () => t.pass('reset'))
  half.write('POST /rpc HTTP/1.1\r\nhost: 127.0.0.1\r\n')
  const keeper = connect(Number(port), '127.0.0.1')
  const gone = [half, keeper].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
  let answer = ''
  keeper.setEncoding('utf8').on('data', (part: string) => { answer += part })
  half.resume()
  const body = call('tx_wait', { id: SAMPLE.transaction })
  keeper.write(`POST /rpc HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  await started
  await server.stop()
  await Promise.all(gone)
  t.match(answer, /"status":"pending"/, 'what was under way was answered')
})

t.test('garbage on the socket harms nobody', async (t) => {
  const server = createServer()
  t.teardown(() => server.stop())
  const { port } = new URL(await server.start())
  for (const garbage of ['\0\0\0\0\r\n\r\n', 'POST /rpc HTTP/1.1\r\ncontent-length: -5\r\n\r\n', `GET / HTTP/1.1\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`]) {
    const socket = connect(Number(port), '127.0.0.1')
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => t.pass('reset'))
    socket.resume()
    socket.write(garbage)
    await closed
  }
  t.equal((await inject(server, HEAD)).status, 200)
})

t.test('a person who opens the address finds a page, and programs find the description', async (t) => {
  const server = createServer()
  t.teardown(() => server.stop())
  const page = await server.app.inject({ method: 'GET', url: '/' })
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-type'], /text\/html/)
  t.match(page.body, /tx_send/)
  const { body } = await inject(server, '{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}')
  const file = await server.app.inject({ method: 'GET', url: '/openrpc.json' })
  t.strictSame((body as { result: unknown }).result, JSON.parse(file.body))
})
