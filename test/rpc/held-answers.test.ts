import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { RpcOptions } from '../../rpc/options.ts'
import { createServer, fakePorts } from './support.ts'

const MIB = 1024 * 1024
interface Answer { readonly result?: object; readonly error?: { data: { code: string; retryAfterMs: number } } }

const batchOf = (calls: number): string => JSON.stringify(Array.from({ length: calls }, (_, id) => ({ jsonrpc: '2.0', id, method: 'rpc.discover' })))

async function serve(t: Test, options: Partial<RpcOptions>) {
  const server = createServer(options, fakePorts())
  t.teardown(() => server.stop())
  const url = await server.start()
  const post = async (body: string): Promise<unknown> => (await fetch(`${url}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json()
  /** A caller that asks and never reads. */
  const deaf = async (body: string) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.pause()
    socket.write(`POST /rpc HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    return socket
  }
  return { server, url, post, deaf }
}

const overloaded = (answers: readonly Answer[]): number => answers.filter(({ error }) => error?.data.code === 'RPC_OVERLOADED').length
const discover = '{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}'

t.test('answers beyond what may be held are refused one by one, with a time to try again; what was sent counts no more', async (t) => {
  const { post } = await serve(t, { answerBytesMax: MIB })
  for (let round = 0; round < 3; round++) {
    const answers = await post(batchOf(50)) as Answer[]
    t.equal(answers.length, 50)
    t.ok(overloaded(answers) > 0 && overloaded(answers) < 50, `${overloaded(answers)} of 50 refused in round ${round}`)
    t.match(answers.find(({ error }) => error !== undefined), { error: { data: { code: 'RPC_OVERLOADED', retryAfterMs: 1000 } } })
  }
})

t.test('a caller that does not read holds so much and no more; small calls are answered meanwhile; who goes gives all back', async (t) => {
  const { post, deaf } = await serve(t, { answerBytesMax: 8 * MIB })
  const socket = await deaf(batchOf(100))
  const until = async (refused: boolean): Promise<void> => {
    for (;;) {
      const { error } = await post(discover) as Answer
      if ((error?.data.code === 'RPC_OVERLOADED') === refused) return
    }
  }
  await until(true)
  t.match(await post('{"jsonrpc":"2.0","id":1,"method":"chain_head"}'), { result: {} }, 'a small call')
  socket.destroy()
  await until(false)
})

t.test('a caller that takes nothing of a large answer for requestTimeoutMs is cut off', async (t) => {
  const { server, deaf } = await serve(t, { requestTimeoutMs: 300 })
  const accepted = once(server.app.server, 'connection') as Promise<[Socket]>
  await deaf(batchOf(80))
  const [socket] = await accepted
  await once(socket, 'close')
  t.ok(socket.destroyed)
})

t.test('a WebSocket that sends many calls at once gets refusals instead of filling memory', async (t) => {
  const { url } = await serve(t, { answerBytesMax: MIB })
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`)
  t.teardown(() => socket.close())
  await once(socket, 'open')
  const answers: Answer[] = []
  const all = new Promise<void>((resolve) => { socket.onmessage = ({ data }) => { if (answers.push(JSON.parse(String(data)) as Answer) === 100) resolve() } })
  for (let i = 0; i < 100; i++) socket.send(discover)
  await all
  t.ok(overloaded(answers) > 0 && overloaded(answers) < 100, `${overloaded(answers)} of 100 refused`)
  const next = new Promise<Answer>((resolve) => { socket.onmessage = ({ data }) => resolve(JSON.parse(String(data)) as Answer) })
  socket.send(discover)
  t.match(await next, { result: {} }, 'the next one is answered')
})
