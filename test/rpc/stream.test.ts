import { once } from 'node:events'
import { connect } from 'node:net'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { SteleError } from '../../primitives/error.ts'
import type { RpcOptions } from '../../rpc/options.ts'
import type { RpcPorts } from '../../rpc/ports.ts'
import { SAMPLE } from '../../rpc/samples.ts'
import type { BlockSummary } from '../../rpc/shapes/chain.ts'
import { createServer, errorOf, fakePorts, memoryLogger, sampleOf } from './support.ts'
import type { ChainHead } from '../../rpc/shapes/chain.ts'
import type { AuditEntry } from '../../rpc/shapes/access.ts'
import type { PageOf } from '../../rpc/ports.ts'

interface Push { readonly subscription: string; readonly result?: BlockSummary; readonly cursor?: string | null; readonly lagged?: boolean; readonly ended?: boolean; readonly error?: { data: { code: string } } }
interface Frame { readonly id?: number; readonly result?: unknown; readonly method?: string; readonly params?: Push }

/** A WebSocket whose frames are awaited in order. */
class Reader {
  readonly socket: WebSocket
  readonly frames: Frame[] = []
  closed: { code: number; reason: string } | undefined
  #wake: () => void = () => undefined
  constructor(url: string) {
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/ws`)
    this.socket.addEventListener('message', ({ data }) => { this.frames.push(JSON.parse(String(data)) as Frame); this.#wake() })
    this.socket.addEventListener('close', ({ code, reason }) => { this.closed = { code, reason }; this.#wake() })
  }
  async open(): Promise<this> {
    if (this.socket.readyState !== WebSocket.OPEN) await new Promise((resolve) => this.socket.addEventListener('open', resolve, { once: true }))
    return this
  }
  async until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      await new Promise<void>((resolve) => { this.#wake = resolve })
    }
  }
  send(id: number, method: string, params: unknown): void {
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
  }
  async call(id: number, method: string, params: unknown): Promise<Frame> {
    this.send(id, method, params)
    return this.until(() => this.frames.find((frame) => frame.id === id))
  }
  pushes(): Push[] {
    return this.frames.flatMap(({ method, params }) => (method === 'node_subscription' && params !== undefined ? [params] : []))
  }
  pushed(count: number): Promise<Push[]> {
    return this.until(() => (this.pushes().length >= count ? this.pushes() : undefined))
  }
}

const head = sampleOf<ChainHead>('chain_head').committed
const block = (height: number): BlockSummary => ({ ...head, height })

async function serve(t: Test, options: Partial<RpcOptions> = {}, overrides: Partial<RpcPorts> = {}, logger = memoryLogger()) {
  const ports = fakePorts(overrides)
  const server = createServer(options, ports, logger)
  t.teardown(() => server.stop())
  const url = await server.start()
  const reader = async (): Promise<Reader> => {
    const made = await new Reader(url).open()
    t.teardown(() => made.socket.close())
    return made
  }
  return { ports, server, url, reader, logger }
}

t.test('calls work over the socket as over HTTP', async (t) => {
  const { reader } = await serve(t)
  const socket = await reader()
  t.match(await socket.call(1, 'chain_head', {}), { result: { committed: { height: head.height } } })
  t.equal(errorOf(await socket.call(2, 'nope', {})).code, -32601)
  socket.socket.send('{"jsonrpc":')
  t.equal(errorOf(await socket.until(() => socket.frames.find(({ id }) => id === null))).code, -32700)
})

t.test('bad subscriptions are refused with the reason', async (t) => {
  const { reader, server } = await serve(t, { subscriptionsPerSocket: 2 })
  const socket = await reader()
  const refused = async (id: number, params: unknown) => errorOf(await socket.call(id, 'node_subscribe', params)).data.code
  t.equal(await refused(1, { topic: 'weather' }), 'RPC_PARAMS_INVALID')
  t.equal(await refused(2, { topic: 'headers', filter: { subject: SAMPLE.patient } }), 'RPC_PARAMS_INVALID')
  t.equal(await refused(3, { topic: 'txStatus' }), 'RPC_PARAMS_INVALID')
  t.equal(await refused(4, { topic: 'audit' }), 'RPC_PARAMS_INVALID')
  t.equal(await refused(5, { topic: 'audit', filter: { subject: SAMPLE.patient } }), 'RPC_UNAUTHENTICATED')
  t.equal(await refused(6, { topic: 'audit', filter: { subject: SAMPLE.patient }, auth: '00' }), 'REQUEST_SIGNATURE_INVALID')
  t.equal(await refused(7, ['headers', null, { after: 'elsewhere' }]), 'RPC_CURSOR_INVALID')
  await socket.call(8, 'node_subscribe', ['headers'])
  await socket.call(9, 'node_subscribe', ['headers'])
  t.equal(await refused(10, ['headers']), 'RPC_SUBSCRIPTION_LIMIT')
  t.equal(errorOf(await socket.call(11, 'node_unsubscribe', ['00'.repeat(8)])).data.code, 'RPC_SUBSCRIPTION_UNKNOWN')
  const http = await server.app.inject({ method: 'POST', url: '/rpc', headers: { 'content-type': 'application/json' }, payload: '{"jsonrpc":"2.0","id":1,"method":"node_subscribe","params":["headers"]}' })
  t.strictSame([errorOf(JSON.parse(http.body)).code, errorOf(JSON.parse(http.body)).data.code], [-32004, 'RPC_METHOD_NOT_ENABLED'])
})

t.test('headers are pushed with cursors, after the answer that names the subscription', async (t) => {
  const { ports, reader } = await serve(t)
  const socket = await reader()
  ports.headers.append(block(1))
  const { result: id } = await socket.call(1, 'node_subscribe', ['headers', {}, { after: '0' }])
  for (const height of [2, 3, 4]) ports.headers.append(block(height))
  const pushes = await socket.pushed(3)
  t.strictSame(pushes.map(({ subscription, cursor, result }) => [subscription, cursor, result?.height]), [[id, '1', 2], [id, '2', 3], [id, '3', 4]])
  t.equal(socket.frames[0]?.id, 1, 'the answer comes first')
})

t.test('whoever resumes after a cursor gets every event once, over any number of broken connections', async (t) => {
  const { ports, reader } = await serve(t)
  const total = 300
  for (let height = 0; height < 10; height++) ports.headers.append(block(height))
  const seen: number[] = []
  let after: string | undefined = '0'
  let next = 10
  while (seen.length < total - 1) {
    const socket = await reader()
    await socket.call(1, 'node_subscribe', { topic: 'headers', options: { after } })
    for (let i = 0; i < 40 && next < total; i++) ports.headers.append(block(next++))
    // The connection breaks with pushes under way; what was read is what counts.
    const wanted = Math.min(17, total - 1 - seen.length)
    const pushes = (await socket.pushed(wanted)).slice(0, wanted)
    socket.socket.close()
    seen.push(...pushes.map(({ result }) => result!.height))
    after = pushes.at(-1)!.cursor!
  }
  t.strictSame(seen, Array.from({ length: total - 1 }, (_, i) => i + 1))
})

t.test('an unsubscribed feed ends, and so do all feeds of a socket that goes', async (t) => {
  const { ports, reader } = await serve(t)
  const socket = await reader()
  const { result: id } = await socket.call(1, 'node_subscribe', ['headers'])
  const { result: other } = await socket.call(2, 'node_subscribe', ['headers'])
  t.not(id, other)
  t.match(await socket.call(3, 'node_unsubscribe', [id]), { result: true })
  ports.headers.append(block(1))
  t.strictSame((await socket.pushed(1)).map(({ subscription }) => subscription), [other])
  t.equal(ports.headers.open, 1)
  socket.socket.close()
  while (ports.headers.open > 0) await new Promise((resolve) => setImmediate(resolve))
  t.equal(ports.headers.open, 0)
})

t.test('a feed that is complete says so and frees its place', async (t) => {
  const { reader } = await serve(t, { subscriptionsPerSocket: 1 })
  const socket = await reader()
  const ids = [SAMPLE.transaction, SAMPLE.consent]
  await socket.call(1, 'node_subscribe', { topic: 'txStatus', filter: { ids } })
  const pushes = await socket.pushed(3)
  t.match(pushes.map(({ result }) => result), [{ id: ids[0] }, { id: ids[1] }, undefined])
  t.equal(pushes[2]?.ended, true)
  t.type((await socket.call(2, 'node_subscribe', ['headers'])).result, 'string')
})

t.test('an audit trail goes to the signer', async (t) => {
  const { ports, reader } = await serve(t)
  const socket = await reader()
  await socket.call(1, 'node_subscribe', { topic: 'audit', filter: { subject: SAMPLE.patient }, auth: SAMPLE.auth })
  const entry = sampleOf<PageOf<AuditEntry>>('access_audit').items[0]!
  ports.trail.append(entry)
  t.match(await socket.pushed(1), [{ result: entry }])
})

t.test('a feed that fails ends with an error that leaks nothing, and the socket lives', async (t) => {
  const events: RpcPorts['events'] = { ...fakePorts().events, headers: async function * () { yield { cursor: '5', value: block(5) }; throw new Error('ENOENT /secret') } }
  const { reader, logger } = await serve(t, {}, { events })
  const socket = await reader()
  await socket.call(1, 'node_subscribe', ['headers'])
  const [, failed] = await socket.pushed(2)
  t.strictSame([failed?.error?.data.code, failed?.cursor], ['RPC_INTERNAL', '5'])
  t.notMatch(JSON.stringify(socket.frames), /ENOENT|secret/)
  t.ok(logger.lines.some(({ phrase }) => phrase === 'feed failed inside the node'))
  t.match(await socket.call(2, 'chain_head', {}), { result: {} })
})

/** A WebSocket client that shakes hands and then reads only when told. */
async function rawReader(url: string) {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  const send = (text: string): void => {
    const payload = Buffer.from(text)
    const mask = randomBytes(4)
    const length = payload.length < 126 ? [0x80 | payload.length] : [0x80 | 126, payload.length >> 8, payload.length & 255]
    socket.write(Buffer.concat([Buffer.from([0x81, ...length]), mask, payload.map((byte, i) => byte ^ mask[i % 4]!)]))
  }
  socket.write(`GET /ws HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${randomBytes(16).toString('base64')}\r\n\r\n`)
  await once(socket, 'readable')
  return { socket, send }
}

t.test('a reader that does not read is told that it lags, with its last cursor, and closed with 1013; the feed is not read on its behalf', async (t) => {
  const big = 'x'.repeat(64 * 1024)
  let given = 0
  const events: RpcPorts['events'] = { ...fakePorts().events, headers: async function * (_after, signal) { while (!signal.aborted) { given++; yield { cursor: String(given), value: { ...block(given), parent: big } } } } }
  const { url } = await serve(t, { socketQueueBytesMax: 256 * 1024, socketLagMs: 50 }, { events })
  const { socket, send } = await rawReader(url)
  send('{"jsonrpc":"2.0","id":1,"method":"node_subscribe","params":["headers"]}')
  const before = await new Promise<number>((resolve) => { let last = -1; const timer = setInterval(() => { if (given === last && given > 0) { clearInterval(timer); resolve(given) } last = given }, 100) })
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise((resolve) => socket.once('close', resolve))
  const all = Buffer.concat(chunks)
  t.ok(before < 200, `the feed was asked for ${before} items of 64 KiB, then held back`)
  const notice = all.lastIndexOf('"lagged":true')
  t.ok(notice > 0, 'the notice is there')
  t.match(all.subarray(notice - 200).toString('latin1'), /"code":"RPC_SUBSCRIPTION_LAGGED"/)
  t.match(all.subarray(notice - 200).toString('latin1'), new RegExp(`"cursor":"\\d+"`))
  const close = all.indexOf(Buffer.from([0x88, 2 + 'lagged'.length, 1013 >> 8, 1013 & 255]))
  t.ok(close > notice, 'then the close frame with code 1013')
})

t.test('a slow reader that does read is never told that it lags', async (t) => {
  const { ports, reader } = await serve(t, { socketQueueBytesMax: 1024, socketLagMs: 60_000 })
  for (let height = 0; height < 2_000; height++) ports.headers.append(block(height))
  const socket = await reader()
  await socket.call(1, 'node_subscribe', { topic: 'headers', options: { after: '0' } })
  const pushes = await socket.pushed(1_999)
  t.strictSame([pushes[0]?.result?.height, pushes.at(-1)?.result?.height], [1, 1_999])
})

t.test('stopping closes every socket with 1001', async (t) => {
  const { server, reader } = await serve(t)
  const socket = await reader()
  await socket.call(1, 'node_subscribe', ['headers'])
  await server.stop()
  t.match(await socket.until(() => socket.closed), { code: 1001 })
})

t.test('sockets, binary messages and oversized ones have limits', async (t) => {
  const { url, reader } = await serve(t, { socketsMax: 2, bodyBytesMax: 1024 })
  const first = await reader()
  const second = await reader()
  const third = new Reader(url)
  t.match(await third.until(() => third.closed), { code: 1013 })
  first.socket.send(new Uint8Array([1]))
  t.match(await first.until(() => first.closed), { code: 1003 })
  second.socket.send('x'.repeat(2048))
  t.match(await second.until(() => second.closed), { code: 1009 })
})

t.test('a foreign web origin does not get a socket', async (t) => {
  const { url } = await serve(t)
  const response = await new Promise<number>((resolve) => {
    const { port } = new URL(url)
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(`GET /ws HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\norigin: https://evil.example\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${randomBytes(16).toString('base64')}\r\n\r\n`))
    socket.once('data', (data: Buffer) => { resolve(Number(data.toString('latin1').split(' ')[1])); socket.destroy() })
  })
  t.equal(response, 403)
})

t.test('a socket that misses a ping is cut', async (t) => {
  const { url } = await serve(t, { pingMs: 30 })
  const { socket } = await rawReader(url)
  socket.resume()
  await new Promise((resolve) => socket.once('close', resolve))
  t.pass('closed without a pong')
})

t.test('a feed may refuse later, by its own code', async (t) => {
  const events: RpcPorts['events'] = { ...fakePorts().events, headers: async function * () { throw new SteleError({ code: 'RPC_SUBSCRIPTION_LAGGED', message: 'too far behind' }) } }
  const { reader } = await serve(t, {}, { events })
  const socket = await reader()
  await socket.call(1, 'node_subscribe', ['headers'])
  t.equal((await socket.pushed(1))[0]?.error?.data.code, 'RPC_SUBSCRIPTION_LAGGED')
})
