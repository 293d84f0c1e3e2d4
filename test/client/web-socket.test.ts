import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import type { WebSocket as ServerSocket } from 'ws'
import t, { type Test } from 'tap'
import { webSocket } from '../../client/transports/web-socket.ts'
import type { SubscriptionEvent } from '../../client/transports/transport.ts'

interface Call { readonly id: number; readonly method: string; readonly params: Record<string, unknown> }

async function serve(t: Test, onCall: (call: Call, socket: ServerSocket) => void): Promise<{ readonly url: string; readonly sockets: ServerSocket[] }> {
  const app = Fastify()
  const sockets: ServerSocket[] = []
  await app.register(websocket)
  app.get('/ws', { websocket: true }, (socket) => {
    sockets.push(socket)
    socket.on('message', (data: Buffer) => onCall(JSON.parse(data.toString()), socket))
  })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => { for (const socket of sockets) socket.terminate(); await app.close() })
  return { url: `${base.replace('http', 'ws')}/ws`, sockets }
}

const send = (socket: ServerSocket, value: object): void => socket.send(JSON.stringify({ jsonrpc: '2.0', ...value }))
const push = (socket: ServerSocket, subscription: string, n: number): void => send(socket, { method: 'node_subscription', params: { subscription, result: n, cursor: String(n) } })

t.test('answers are matched by id whatever their order; refusals and strange frames are errors', async (t) => {
  const held: Call[] = []
  const { url } = await serve(t, (call, socket) => {
    if (call.method === 'bad') return send(socket, { id: call.id, error: { code: -32001, message: 'x', data: { code: 'RPC_NOT_FOUND', retryable: false, retryAfterMs: null, hint: 'h', details: [], traceId: '', docs: '' } } })
    if (call.method === 'noise') return socket.send('not json')
    held.push(call)
    if (held.length === 2) for (const { id, method } of held.reverse()) send(socket, { id, result: method })
  })
  const transport = webSocket(url, { retry: { retries: 0, firstDelayMs: 1, delayMsMax: 1 } })
  t.teardown(() => transport.close())
  t.same(await Promise.all([transport.request('one', {}), transport.request('two', {})]), ['one', 'two'])
  await t.rejects(transport.request('bad', {}), { code: 'RPC_NOT_FOUND' })
  await t.rejects(transport.request('noise', {}), { code: 'CLIENT_RESPONSE_INVALID' })
})

t.test('a node that is not there is unreachable, and a call that gets no answer times out', async (t) => {
  const gone = webSocket('ws://127.0.0.1:1/ws', { retry: { retries: 1, firstDelayMs: 1, delayMsMax: 1 } })
  await t.rejects(gone.request('chain_head', {}), { code: 'CLIENT_UNREACHABLE', retryable: true })
  const { url } = await serve(t, () => undefined)
  const silent = webSocket(url, { timeoutMs: 30, retry: { retries: 0, firstDelayMs: 1, delayMsMax: 1 } })
  t.teardown(() => silent.close())
  await t.rejects(silent.request('chain_head', {}), { code: 'CLIENT_TIMED_OUT' })
})

t.test('a subscription survives lost connections without gap or repeat, and ends when it is closed', async (t) => {
  const afters: unknown[] = []
  const ended: unknown[] = []
  let generation = 0
  const { url, sockets } = await serve(t, ({ id, method, params }, socket) => {
    if (method === 'node_unsubscribe') { ended.push(params['subscription']); return send(socket, { id, result: true }) }
    const after = (params['options'] as { after?: string } | undefined)?.after
    afters.push(after)
    const subscription = `s${generation++}`
    const next = Number(after ?? 0) + 1
    push(socket, subscription, next) // Overtakes the answer that names the subscription.
    send(socket, { id, result: subscription })
    push(socket, subscription, next + 1)
  })
  const transport = webSocket(url, { random: { jitter: () => 0 } })
  const events: SubscriptionEvent[] = []
  const enough = Promise.withResolvers<void>()
  const subscription = await transport.subscribe!((after) => ({ topic: 'headers', ...(after !== undefined && { options: { after } }) }), {
    onEvent: (event) => {
      events.push(event)
      if (events.length === 2 || events.length === 4) sockets.at(-1)!.terminate()
      if (events.length === 6) enough.resolve()
    },
    onError: (error) => enough.reject(error),
  })
  await enough.promise
  t.same(events.map(({ value }) => value), [1, 2, 3, 4, 5, 6])
  t.same(afters, [undefined, '2', '4'])
  await subscription.close()
  await subscription.close()
  t.same(ended, ['s2'])
  await transport.close()
})

t.test('a subscription that the node refuses for good is told once', async (t) => {
  let count = 0
  const { url, sockets } = await serve(t, ({ id }, socket) => {
    if (++count === 1) send(socket, { id, result: 's' })
    else send(socket, { id, error: { code: 4100, message: 'x', data: { code: 'RPC_UNAUTHENTICATED', retryable: false, retryAfterMs: null, hint: 'h', details: [], traceId: '', docs: '' } } })
  })
  const transport = webSocket(url, { random: { jitter: () => 0 } })
  t.teardown(() => transport.close())
  const failure = Promise.withResolvers<unknown>()
  await transport.subscribe!(() => ({ topic: 'headers' }), { onEvent: () => undefined, onError: failure.resolve })
  sockets[0]!.terminate()
  t.match(await failure.promise, { code: 'RPC_UNAUTHENTICATED' })
})
