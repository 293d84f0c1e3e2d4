import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { noMetrics, silentLogger } from '../../primitives/ports.ts'
import type { MetricsRegister } from '../../primitives/ports.ts'
import { DEFAULT_RPC_OPTIONS, defaultsFor } from '../../rpc/options.ts'
import type { RpcOptions } from '../../rpc/options.ts'
import { RpcServer } from '../../rpc/server.ts'
import { clock, errorOf, fakePorts } from './support.ts'

/** A listening server that keeps what it refused, by code; `closed` resolves when no connection is left. */
async function listen(t: Test, options: Partial<RpcOptions>): Promise<{ readonly open: () => Promise<Socket>; readonly closed: () => Promise<void>; readonly refused: string[]; readonly server: RpcServer }> {
  const refused: string[] = []
  const connections = new EventEmitter()
  let count = 0
  const closed = async (): Promise<void> => { while (count > 0) await once(connections, 'count') }
  const gauge: MetricsRegister['gauge'] = (name) => ({ set: (value) => { if (name === 'stele_rpc_connections') connections.emit('count', count = value) } })
  const metrics: MetricsRegister = { ...noMetrics, gauge, counter: (name) => ({ inc: (labels) => { if (name === 'stele_rpc_refusals_total') refused.push(labels?.['code'] ?? '') } }) }
  const server = new RpcServer({ port: 0, ...options }, { ports: fakePorts(), logger: silentLogger, metrics, clock, version: '0.0.0-test' })
  t.teardown(() => server.stop())
  const port = Number(new URL(await server.start()).port)
  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', (error: NodeJS.ErrnoException) => t.match(error.code, /^E(CONNRESET|PIPE)$/))
    await once(socket, 'connect')
    return socket
  }
  return { open, closed, refused, server }
}

/** All that comes until the connection is closed: what the server did not read may make its end a reset, after the answer. */
async function answerOn(socket: Socket): Promise<{ readonly status: number; readonly head: string; readonly body: unknown }> {
  let text = ''
  socket.on('data', (part: Buffer) => { text += part.toString() })
  if (!socket.closed) await new Promise((resolve) => { socket.once('close', resolve) })
  const [head = '', body = ''] = text.split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), head, body: body === '' ? undefined : JSON.parse(body) as unknown }
}

const HEAD = 'POST /rpc HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n'

t.test('bytes that are no HTTP are answered as a JSON-RPC error and counted', async (t) => {
  const { open, refused } = await listen(t, { bodyBytesMax: 2048 })
  const cases: readonly [claim: string, bytes: string, status: number, code: string][] = [
    ['garbage', '\0\0\0\0\r\n\r\n', 400, 'RPC_HEADERS_INVALID'],
    ['a length below zero', `${HEAD}content-length: -5\r\n\r\n`, 400, 'RPC_HEADERS_INVALID'],
    ['two lengths (request smuggling)', `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, 400, 'RPC_HEADERS_INVALID'],
    ['a bad chunk', `${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n`, 400, 'RPC_HEADERS_INVALID'],
    ['headers without end', `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}`, 431, 'RPC_HEADERS_TOO_LARGE'],
    ['no host', 'POST /rpc HTTP/1.1\r\nconnection: close\r\n\r\n', 400, 'RPC_HEADERS_INVALID'],
    ['an expectation', `${HEAD}connection: close\r\nexpect: tea\r\ncontent-length: 2\r\n\r\n{}`, 400, 'RPC_HEADERS_INVALID'],
    ['a body that is too large', `${HEAD}connection: close\r\ncontent-length: 5000\r\n\r\n${'x'.repeat(5000)}`, 413, 'RPC_BODY_TOO_LARGE'],
    ['a body that says it is too large', `${HEAD}connection: close\r\ncontent-length: 99999999999\r\n\r\n{`, 413, 'RPC_BODY_TOO_LARGE'],
    ['a chunked body that is too large', `${HEAD}connection: close\r\ntransfer-encoding: chunked\r\n\r\n1000\r\n${'x'.repeat(4096)}\r\n0\r\n\r\n`, 413, 'RPC_BODY_TOO_LARGE'],
    ['another type', 'POST /rpc HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-type: text/xml\r\ncontent-length: 2\r\n\r\n{}', 415, 'RPC_MEDIA_TYPE_UNSUPPORTED'],
  ]
  for (const [claim, bytes, status, code] of cases) {
    const socket = await open()
    socket.write(bytes)
    const answer = await answerOn(socket)
    t.strictSame([answer.status, (answer.body as { id: null }).id, errorOf(answer.body).data.code], [status, null, code], claim)
    t.match(answer.head, /content-type: application\/json/i, claim)
  }
  t.strictSame(refused, cases.map(([, , , code]) => code))
})

t.test('a request that comes half is answered and closed in time, whichever half, and so is a connection that says nothing', async (t) => {
  const { open, refused } = await listen(t, { headersTimeoutMs: 100, requestTimeoutMs: 200 })
  const halves = ['', 'POST /rpc HTTP/1.1\r\nhost: 127', `${HEAD}content-length: 100\r\n\r\n{"json`]
  const answers = await Promise.all(halves.map(async (bytes) => {
    const socket = await open()
    socket.write(bytes)
    return answerOn(socket)
  }))
  for (const { status, body } of answers) t.strictSame([status, errorOf(body).data.code, errorOf(body).data.retryable], [408, 'RPC_REQUEST_SLOW', true])
  t.strictSame(refused, ['RPC_REQUEST_SLOW', 'RPC_REQUEST_SLOW', 'RPC_REQUEST_SLOW'])
})

t.test('one address holds so many connections and no more; a closed one makes room', async (t) => {
  const { open, closed, refused } = await listen(t, { connectionsPerAddressMax: 2 })
  const [first, second] = [await open(), await open()]
  const third = await answerOn(await open())
  t.strictSame([third.status, errorOf(third.body).data.code], [429, 'RPC_CONNECTION_LIMIT'])
  t.match(third.head, /retry-after: 1/)
  t.strictSame(refused, ['RPC_CONNECTION_LIMIT'])
  const body = '{"jsonrpc":"2.0","id":1,"method":"chain_head"}'
  second.end(`${HEAD}connection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  t.equal((await answerOn(second)).status, 200, 'those within the limit are served')
  first.destroy()
  await closed()
  const after = await open()
  after.write(`${HEAD}connection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  t.equal((await answerOn(after)).status, 200)
})

t.test('whoever holds every connection and asks for nothing shuts nobody out; those with a request under way stay', async (t) => {
  const { open, refused } = await listen(t, { connectionsMax: 2, connectionsPerAddressMax: 2, headersTimeoutMs: 60_000 })
  const body = '{"jsonrpc":"2.0","id":1,"method":"chain_head"}'
  const request = `${HEAD}content-length: ${body.length}\r\n\r\n${body}`
  /** Once the first request is answered, the second, of which half a body is missing, is under way. */
  const keepBusy = async (socket: Socket): Promise<void> => {
    socket.write(request + request.slice(0, -10))
    await once(socket, 'data')
  }
  const [silent, busy] = [await open(), await open()]
  await keepBusy(busy)
  const gone = once(silent, 'close')
  const third = await open()
  await Promise.all([gone, keepBusy(third)])
  const fourth = await answerOn(await open())
  t.strictSame([fourth.status, errorOf(fourth.body).data.code], [429, 'RPC_CONNECTION_LIMIT'])
  t.strictSame(refused, ['RPC_CONNECTION_LIMIT'])
  for (const socket of [busy, third]) socket.destroy()
})

t.test('beyond loopback one caller may do less unless the operator says so', async (t) => {
  t.equal(defaultsFor('127.0.0.1'), DEFAULT_RPC_OPTIONS)
  const { requestsPerSecond, rates, connectionsPerAddressMax } = defaultsFor('0.0.0.0')
  t.strictSame([requestsPerSecond, rates, connectionsPerAddressMax], [1_000, { read: 1_000, write: 1_000, heavy: 100, bulk: 1_000 }, 256])
})

t.test('rpc.discover and /openrpc.json are written once, and every id comes back with it', async (t) => {
  const { server } = await listen(t, {})
  const ask = async (id: unknown): Promise<{ readonly id: unknown; readonly result: unknown }> => {
    const { body } = await server.app.inject({ method: 'POST', url: '/rpc', headers: { 'content-type': 'application/json' }, payload: JSON.stringify({ jsonrpc: '2.0', id, method: 'rpc.discover' }) })
    return JSON.parse(body) as { id: unknown; result: unknown }
  }
  const document = JSON.parse((await server.app.inject({ method: 'GET', url: '/openrpc.json' })).body) as unknown
  for (const id of ['"}', 7, null]) t.strictSame(await ask(id), { jsonrpc: '2.0', id, result: document })
})
