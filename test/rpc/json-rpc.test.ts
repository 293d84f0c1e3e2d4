import t from 'tap'
import { SteleError } from '../../primitives/error.ts'
import { SAMPLE } from '../../rpc/samples.ts'
import { bare, createServer, errorOf, fakePorts, inject, memoryLogger, sampleOf } from './support.ts'

// Goal: every corner of JSON-RPC 2.0. The first list holds all examples of the specification (§7), over a real socket and injected.
const NOTHING = Symbol('no body')
const error = (code: number, message: string, id: unknown = null) => ({ jsonrpc: '2.0', error: { code, message }, id })
const ok = (result: unknown, id: unknown) => ({ jsonrpc: '2.0', result, id })
const PARSE = error(-32700, 'Parse error')
const INVALID = error(-32600, 'Invalid Request')

const SPECIFICATION: readonly (readonly [string, string, unknown])[] = [
  ['positional parameters', '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}', ok(19, 1)],
  ['positional parameters, swapped', '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}', ok(-19, 2)],
  ['named parameters', '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}', ok(19, 3)],
  ['named parameters, swapped', '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}', ok(19, 4)],
  ['a notification', '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', NOTHING],
  ['a notification of an unknown method', '{"jsonrpc": "2.0", "method": "foobar"}', NOTHING],
  ['a method that does not exist', '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', error(-32601, 'Method not found', '1')],
  ['invalid JSON', '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', PARSE],
  ['an invalid request object', '{"jsonrpc": "2.0", "method": 1, "params": "bar"}', INVALID],
  ['a batch of invalid JSON', '[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method" ]', PARSE],
  ['an empty batch', '[]', INVALID],
  ['an invalid batch', '[1]', [INVALID]],
  ['an invalid batch of three', '[1,2,3]', [INVALID, INVALID, INVALID]],
  ['a mixed batch', `[
    {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
    {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
    {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
    {"foo": "boo"},
    {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
    {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]`,
  [ok(7, '1'), ok(19, '2'), INVALID, error(-32601, 'Method not found', '5'), ok(['hello', 5], '9')]],
  ['a batch of notifications', '[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]}, {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]', NOTHING],
]

const CORNERS: readonly (readonly [string, string, unknown])[] = [
  ['id null is a request, not a notification', '{"jsonrpc":"2.0","method":"sum","params":[1],"id":null}', ok(1, null)],
  ['id 0 and the empty string are ids', '[{"jsonrpc":"2.0","method":"sum","params":[1],"id":0},{"jsonrpc":"2.0","method":"sum","params":[2],"id":""}]', [ok(1, 0), ok(2, '')]],
  ['an object is no id', '{"jsonrpc":"2.0","method":"sum","params":[1],"id":{}}', INVALID],
  ['an array is no id', '{"jsonrpc":"2.0","method":"sum","params":[1],"id":[1]}', INVALID],
  ['true is no id', '{"jsonrpc":"2.0","method":"sum","params":[1],"id":true}', INVALID],
  ['an infinite number is no id', '{"jsonrpc":"2.0","method":"sum","params":[1],"id":1e999}', INVALID],
  ['an invalid request with a readable id echoes it', '{"jsonrpc":"1.0","method":"sum","id":7}', error(-32600, 'Invalid Request', 7)],
  ['the version is a string', '{"jsonrpc":2.0,"method":"sum","id":7}', error(-32600, 'Invalid Request', 7)],
  ['the version is not optional', '{"method":"sum","id":7}', error(-32600, 'Invalid Request', 7)],
  ['the method is not optional', '{"jsonrpc":"2.0","id":7}', error(-32600, 'Invalid Request', 7)],
  ['a method is a string, not null', '{"jsonrpc":"2.0","method":null,"id":7}', error(-32600, 'Invalid Request', 7)],
  ['an unknown member of a request is refused', '{"jsonrpc":"2.0","method":"sum","param":[1],"id":7}', error(-32600, 'Invalid Request', 7)],
  ['params null is invalid', '{"jsonrpc":"2.0","method":"get_data","params":null,"id":7}', error(-32602, 'Invalid params', 7)],
  ['params as a string is invalid', '{"jsonrpc":"2.0","method":"get_data","params":"x","id":7}', error(-32602, 'Invalid params', 7)],
  ['params as a number is invalid', '{"jsonrpc":"2.0","method":"get_data","params":1,"id":7}', error(-32602, 'Invalid params', 7)],
  ['a notification with invalid params gets no answer', '{"jsonrpc":"2.0","method":"subtract","params":[1]}', NOTHING],
  ['omitted params are none', '{"jsonrpc":"2.0","method":"get_data","id":7}', ok(['hello', 5], 7)],
  ['empty params fit both ways', '[{"jsonrpc":"2.0","method":"get_data","params":[],"id":1},{"jsonrpc":"2.0","method":"get_data","params":{},"id":2}]', [ok(['hello', 5], 1), ok(['hello', 5], 2)]],
  ['too few parameters', '{"jsonrpc":"2.0","method":"subtract","params":[1],"id":7}', error(-32602, 'Invalid params', 7)],
  ['too many parameters', '{"jsonrpc":"2.0","method":"subtract","params":[1,2,3],"id":7}', error(-32602, 'Invalid params', 7)],
  ['a parameter of the wrong type', '{"jsonrpc":"2.0","method":"subtract","params":["1",2],"id":7}', error(-32602, 'Invalid params', 7)],
  ['an unknown parameter', '{"jsonrpc":"2.0","method":"subtract","params":{"minuend":1,"subtrahend":2,"base":10},"id":7}', error(-32602, 'Invalid params', 7)],
  ['method __proto__', '{"jsonrpc":"2.0","method":"__proto__","id":7}', error(-32601, 'Method not found', 7)],
  ['method constructor', '{"jsonrpc":"2.0","method":"constructor","id":7}', error(-32601, 'Method not found', 7)],
  ['method toString', '{"jsonrpc":"2.0","method":"toString","id":7}', error(-32601, 'Method not found', 7)],
  ['method names are reserved from rpc. on', '{"jsonrpc":"2.0","method":"rpc.other","id":7}', error(-32601, 'Method not found', 7)],
  ['the empty method name', '{"jsonrpc":"2.0","method":"","id":7}', error(-32601, 'Method not found', 7)],
  ['a __proto__ member in params', '{"jsonrpc":"2.0","method":"subtract","params":{"minuend":1,"subtrahend":2,"__proto__":{"x":1}},"id":7}', error(-32602, 'Invalid params', 7)],
  ['a __proto__ member of a request', '{"jsonrpc":"2.0","method":"sum","params":[1],"id":7,"__proto__":{}}', error(-32600, 'Invalid Request', 7)],
  ['a scalar body', '42', INVALID],
  ['a null body', 'null', INVALID],
  ['a string body', '"x"', INVALID],
  ['a nested batch', '[[{"jsonrpc":"2.0","method":"sum","params":[1],"id":1}]]', [INVALID]],
  ['an empty body', '', PARSE],
  ['two values in one body', '{"jsonrpc":"2.0","method":"get_data","id":1}{"jsonrpc":"2.0"}', PARSE],
  ['a batch may repeat ids', '[{"jsonrpc":"2.0","method":"sum","params":[1],"id":1},{"jsonrpc":"2.0","method":"sum","params":[2],"id":1}]', [ok(1, 1), ok(2, 1)]],
  ['a lone surrogate in an id comes back as it was', '{"jsonrpc":"2.0","method":"sum","params":[1],"id":"\\ud800"}', ok(1, '\ud800')],
]

t.test('the examples and corners of JSON-RPC 2.0, injected', async (t) => {
  const server = createServer({ specificationExamples: true })
  t.teardown(() => server.stop())
  for (const [claim, payload, expected] of [...SPECIFICATION, ...CORNERS]) {
    const { status, body } = await inject(server, payload)
    if (expected === NOTHING) t.strictSame([status, body], [204, undefined], claim)
    else t.strictSame([status, bare(body)], [200, expected], claim)
  }
})

t.test('the examples of the specification over HTTP', async (t) => {
  const server = createServer({ specificationExamples: true })
  t.teardown(() => server.stop())
  const url = await server.start()
  for (const [claim, payload, expected] of SPECIFICATION) {
    const response = await fetch(`${url}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: payload })
    const text = await response.text()
    if (expected === NOTHING) t.strictSame([response.status, text], [204, ''], claim)
    else t.strictSame([response.status, bare(JSON.parse(text))], [200, expected], claim)
  }
})

t.test('ids that JavaScript would round are echoed digit by digit', async (t) => {
  const server = createServer({ specificationExamples: true })
  t.teardown(() => server.stop())
  for (const id of ['12345678901234567890123', '1.5', '-0.1', '9007199254740993']) {
    const one = await server.app.inject({ method: 'POST', url: '/rpc', headers: { 'content-type': 'application/json' }, payload: `{"jsonrpc":"2.0","method":"sum","params":[1],"id":${id}}` })
    t.equal(one.body, `{"jsonrpc":"2.0","id":${id},"result":1}`, id)
    const many = await server.app.inject({ method: 'POST', url: '/rpc', headers: { 'content-type': 'application/json' }, payload: `[{"jsonrpc":"2.0","method":"nope","id":${id}}]` })
    t.match(many.body, `"id":${id}}]`, `${id} in a batch, in an error`)
  }
})

t.test('bytes that are not UTF-8 and a byte order mark are parse errors', async (t) => {
  const server = createServer()
  t.teardown(() => server.stop())
  t.equal(errorOf((await inject(server, Buffer.from([0x22, 0xff, 0x22]))).body).code, -32700)
  t.equal(errorOf((await inject(server, Buffer.from('\ufeff{}'))).body).code, -32700)
})

t.test('deep nesting neither overflows nor stalls', async (t) => {
  const server = createServer({ specificationExamples: true })
  t.teardown(() => server.stop())
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  t.ok([-32700, -32602].includes(errorOf((await inject(server, `{"jsonrpc":"2.0","id":1,"method":"sum","params":${deep}}`)).body).code))
  t.equal((await inject(server, '{"jsonrpc":"2.0","id":1,"method":"sum","params":[1]}')).status, 200)
})

t.test('a batch has a limit, and its calls run a few at a time and answer in order', async (t) => {
  let open = 0
  let most = 0
  const ports = fakePorts()
  const status = sampleOf<Awaited<ReturnType<typeof ports.transactions.status>>>('tx_status')
  const server = createServer({ batchMax: 20, batchConcurrency: 4 }, { ...ports, transactions: { ...ports.transactions, status: async (id) => {
    most = Math.max(most, ++open)
    await new Promise((resolve) => setImmediate(resolve))
    open--
    return { ...status, id }
  } } })
  t.teardown(() => server.stop())
  const batch = (count: number) => JSON.stringify(Array.from({ length: count }, (_, i) => ({ jsonrpc: '2.0', id: i, method: 'tx_status', params: [SAMPLE.transaction] })))
  const { body } = await inject(server, batch(20))
  t.strictSame((body as { id: number }[]).map(({ id }) => id), Array.from({ length: 20 }, (_, i) => i))
  t.equal(most, 4)
  const refused = await inject(server, batch(21))
  t.equal(errorOf(refused.body).code, -32600)
  t.equal(errorOf(refused.body).data.code, 'RPC_BATCH_TOO_LARGE')
})

t.test('an answer larger than the limit becomes an error, alone and in a batch', async (t) => {
  const ports = fakePorts()
  const block = sampleOf<Awaited<ReturnType<typeof ports.chain.block>>>('chain_block')
  const server = createServer({}, { ...ports, chain: { ...ports.chain, block: async () => ({ ...block, header: 'ab'.repeat(3 * 1024 * 1024) }) } })
  t.teardown(() => server.stop())
  const call = { jsonrpc: '2.0', id: 1, method: 'chain_block' }
  const { body } = await inject(server, JSON.stringify([call, call, call]))
  t.strictSame((body as object[]).map((each) => ('error' in each ? errorOf(each).data.code : 'OK')), ['OK', 'RPC_RESPONSE_TOO_LARGE', 'RPC_RESPONSE_TOO_LARGE'])
})

t.test('nothing of an unknown exception leaks: number, fixed text and a trace id that the log repeats', async (t) => {
  const logger = memoryLogger()
  const ports = fakePorts()
  const secret = 'ENOENT: /var/lib/stele/keys/operator.key'
  const server = createServer({}, { ...ports, identity: { ...ports.identity, members: async () => { throw new Error(secret) } } }, logger)
  t.teardown(() => server.stop())
  const { body } = await inject(server, '{"jsonrpc":"2.0","id":1,"method":"identity_members"}')
  t.strictSame(bare(body), error(-32603, 'Internal error', 1))
  t.notMatch(JSON.stringify(body), /ENOENT|keys/)
  const { traceId } = errorOf(body).data
  t.ok(logger.lines.some(({ level, fields }) => level === 'error' && 'traceId' in fields && fields.traceId === traceId), 'the operator finds it by its trace id')
})

t.test('a SteleError of a code that is not for callers is hidden as well', async (t) => {
  const ports = fakePorts()
  const server = createServer({}, { ...ports, identity: { ...ports.identity, members: async () => { throw new SteleError({ code: 'LEDGER_DAMAGED', message: 'segment 7 is torn', details: { path: '/data' } }) } } })
  t.teardown(() => server.stop())
  const { body } = await inject(server, '{"jsonrpc":"2.0","id":1,"method":"identity_members"}')
  t.equal(errorOf(body).data.code, 'RPC_INTERNAL')
  t.notMatch(JSON.stringify(body), /torn|\/data/)
})

t.test('a typed error shows code, hint, details, retry and leader', async (t) => {
  const ports = fakePorts()
  const server = createServer({}, { ...ports, transactions: { ...ports.transactions, send: async () => { throw new SteleError({ code: 'CONSENSUS_BUSY', message: 'too many transactions wait', retryable: true, details: { retryAfterMs: 250, leader: 'node 2', waiting: 10_000 } }) } } })
  t.teardown(() => server.stop())
  const { body } = await inject(server, `{"jsonrpc":"2.0","id":1,"method":"tx_send","params":["${SAMPLE.bytes}"]}`)
  const { traceId, ...data } = errorOf(body).data
  t.match(traceId, /^[0-9a-f]{32}$/)
  t.strictSame(data, { code: 'CONSENSUS_BUSY', retryable: true, retryAfterMs: 250, hint: 'too many transactions wait', details: [{ path: 'waiting', message: '10000' }], leader: 'node 2', docs: 'errors.md#consensus_busy' })
})

t.test('a call that takes too long answers "timed out", and its signal aborts', async (t) => {
  let aborted = false
  const ports = fakePorts()
  const server = createServer({ callTimeoutMs: 20 }, { ...ports, cluster: { ...ports.cluster, status: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => { aborted = true; reject(new Error('late')) })) } })
  t.teardown(() => server.stop())
  const { body } = await inject(server, '{"jsonrpc":"2.0","id":1,"method":"cluster_status"}')
  t.equal(errorOf(body).data.code, 'RPC_TIMED_OUT')
  t.equal(errorOf(body).data.retryable, true)
  t.ok(aborted)
})

t.test('validation names each member and its rule', async (t) => {
  const server = createServer()
  t.teardown(() => server.stop())
  const { body } = await inject(server, '{"jsonrpc":"2.0","id":1,"method":"tx_wait","params":{"id":"AB","untl":"final","timeoutMs":-1}}')
  const paths = errorOf(body).data.details.map(({ path }) => path)
  t.strictSame(paths, ['/params/untl', '/params/id', '/params/timeoutMs'])
})
