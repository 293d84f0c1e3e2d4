import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { institutionAccount } from '../../client/account.ts'
import { chainFromGenesis } from '../../client/chain.ts'
import { createClient } from '../../client/create-client.ts'
import { BaseError } from '../../client/errors.ts'
import { fallback } from '../../client/transports/fallback.ts'
import { http } from '../../client/transports/http.ts'
import { seed, testGenesis } from './fake-node.ts'

const QUICK = { retry: { retries: 2, firstDelayMs: 1, delayMsMax: 5 } }
type Handler = (body: { readonly id: number; readonly method: string; readonly params: Record<string, unknown> }, response: ServerResponse, request: IncomingMessage) => void

/** A server that speaks the frame of JSON-RPC and whatever else a test wants. */
async function serve(t: Test, handle: Handler): Promise<string> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => handle(request.url === '/rpc' ? JSON.parse(Buffer.concat(pieces).toString()) : { id: 0, method: '', params: {} }, response, request))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const answer = (response: ServerResponse, id: number, result: unknown): void => void response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
const refuse = (response: ServerResponse, id: number, code: string, more: object = {}): void =>
  void response.end(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32003, message: 'm', data: { code, retryable: false, retryAfterMs: null, hint: 'a hint', details: [], traceId: 't', docs: 'd', ...more } } }))

t.test('a refusal keeps the code of the node and is not sent again', async (t) => {
  let count = 0
  const url = await serve(t, ({ id }, response) => { count++; refuse(response, id, 'TX_WRONG_CHAIN', { details: [{ path: 'chain', message: 'another chain' }] }) })
  const error = await http(url, QUICK).request('tx_send', {}).catch((thrown: unknown) => thrown)
  t.ok(error instanceof BaseError)
  t.match(error, { code: 'TX_WRONG_CHAIN', shortMessage: 'a hint', retryable: false, docsPath: 'docs/errors.md#tx_wrong_chain', details: { chain: 'another chain', traceId: 't' } })
  t.equal(count, 1)
})

t.test('what is not a JSON-RPC answer is refused without quoting it', async (t) => {
  const secret = '<html>patient Haddad</html>'
  const answers = [secret, '[]', '{"id":1}', '{"jsonrpc":"2.0","id":999,"result":1}', '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"x","data":{"code":"lower"}}}']
  for (const text of answers) {
    const url = await serve(t, (_, response) => void response.end(text))
    const error = await http(url, QUICK).request('chain_head', {}).catch((thrown: unknown) => thrown)
    t.match((error as BaseError).code, /CLIENT_(RESPONSE_INVALID|REFUSED)/, text.slice(0, 20))
    t.notMatch(String(error), /Haddad/)
  }
})

t.test('a node that is not there, hangs up or hangs is told apart, and tried again', async (t) => {
  await t.rejects(http('http://127.0.0.1:1', QUICK).request('chain_head', {}), { code: 'CLIENT_UNREACHABLE', retryable: true, details: { node: 'http://127.0.0.1:1' } })
  let count = 0
  const flaky = await serve(t, ({ id }, response) => (++count < 3 ? response.destroy() : answer(response, id, 'here')))
  t.equal(await http(flaky, QUICK).request('chain_head', {}), 'here')
  t.equal(count, 3)
  const silent = await serve(t, () => undefined)
  await t.rejects(http(silent, { timeoutMs: 20, retry: { ...QUICK.retry, retries: 0 } }).request('chain_head', {}), { code: 'CLIENT_TIMED_OUT', retryable: true })
})

t.test('an abort ends a call and its retries at once, with the caller\'s own reason', async (t) => {
  const silent = await serve(t, () => undefined)
  const reason = new Error('the user left')
  const controller = new AbortController()
  const call = http(silent).request('chain_head', {}, { signal: controller.signal })
  controller.abort(reason)
  await t.rejects(call, reason)
  await t.rejects(http(silent).request('chain_head', {}, { signal: AbortSignal.abort(reason) }), reason)
  const busy = await serve(t, ({ id }, response) => refuse(response, id, 'CONSENSUS_BUSY', { retryable: true, retryAfterMs: 60_000 }))
  const waiting = new AbortController()
  const retried = http(busy, { retry: { retries: 5, firstDelayMs: 60_000, delayMsMax: 60_000 } }).request('tx_send', {}, { signal: waiting.signal })
  setTimeout(() => waiting.abort(reason), 30)
  await t.rejects(retried, reason)
})

t.test('parameters made by a function are made anew for every attempt, so that no nonce is sent twice', async (t) => {
  const seen: unknown[] = []
  const url = await serve(t, ({ id, params }, response) => {
    seen.push(params['nonce'])
    if (seen.length < 3) refuse(response, id, 'RPC_OVERLOADED', { retryable: true, retryAfterMs: 1 })
    else answer(response, id, true)
  })
  let nonce = 0
  t.equal(await http(url, QUICK).request('access_audit', () => ({ nonce: nonce++ })), true)
  t.same(seen, [0, 1, 2])
})

t.test('a signed call is signed anew for every attempt', async (t) => {
  const auths = new Set<unknown>()
  const url = await serve(t, ({ id, params }, response) => {
    auths.add(params['auth'])
    if (auths.size < 3) refuse(response, id, 'RPC_OVERLOADED', { retryable: true, retryAfterMs: 1 })
    else answer(response, id, { items: [] })
  })
  const chain = chainFromGenesis(testGenesis())
  const client = createClient({ transport: http(url, QUICK), chain, account: institutionAccount(chain.id, 1, seed(1)) })
  await client.callSigned('vault_mailbox_list', { request: '00' })
  t.equal(auths.size, 3)
})

t.test('an answer larger than the limit is cut off, not held in memory', async (t) => {
  const url = await serve(t, (_, response) => void response.end(new Uint8Array(100_000)))
  await t.rejects(http(url, { ...QUICK, responseBytesMax: 1000 }).request('chain_head', {}), { code: 'CLIENT_RESPONSE_INVALID' })
  await t.rejects(http(url, QUICK).bytes({ verb: 'GET', path: '/vault/00/0', headers: () => ({}), bytesMax: 99_999 }), { code: 'CLIENT_RESPONSE_INVALID' })
  t.equal((await http(url, QUICK).bytes({ verb: 'GET', path: '/vault/00/0', headers: () => ({}), bytesMax: 100_000 })).length, 100_000)
})

t.test('raw bytes carry their headers, and refusals of those routes keep their code', async (t) => {
  const url = await serve(t, ({ id }, response, request) => {
    response.statusCode = request.headers['stele-auth'] === 'ab' ? 204 : 404
    if (response.statusCode === 204) response.end()
    else refuse(response, id, 'RPC_NOT_FOUND')
  })
  const put = (auth: string) => http(url, QUICK).bytes({ verb: 'PUT', path: '/vault/00/0', headers: () => ({ 'stele-auth': auth }), body: new Uint8Array(3), bytesMax: 10 })
  t.equal((await put('ab')).length, 0)
  await t.rejects(put('cd'), { code: 'RPC_NOT_FOUND' })
})

t.test('fallback goes to the next node when one cannot answer, stays there, and does not shop around with refusals', async (t) => {
  const calls: string[] = []
  const good = await serve(t, ({ id, method }, response) => { calls.push(`good ${method}`); if (method === 'bad') refuse(response, id, 'TX_EXPIRED'); else answer(response, id, 1) })
  const noLeader = await serve(t, ({ id, method }, response) => { calls.push(`none ${method}`); refuse(response, id, 'CONSENSUS_NO_LEADER', { retryable: true, retryAfterMs: 1 }) })
  const nodes = fallback([http('http://127.0.0.1:1', QUICK), http(noLeader, QUICK), http(good, QUICK)], QUICK)
  t.equal(await nodes.request('a', {}), 1)
  t.equal(await nodes.request('b', {}), 1)
  await t.rejects(nodes.request('bad', {}), { code: 'TX_EXPIRED' })
  t.same(calls, ['none a', 'good a', 'good b', 'good bad'])
  t.match(nodes.nodes().map(({ name }) => name), [good])
  await t.rejects(fallback([http('http://127.0.0.1:1', QUICK), http('http://127.0.0.1:1', QUICK)], QUICK).request('x', {}), { code: 'CLIENT_UNREACHABLE' })
  await nodes.close()
  let elections = 3
  const electing = await serve(t, ({ id }, response) => (elections-- > 0 ? refuse(response, id, 'CONSENSUS_NO_LEADER', { retryable: true, retryAfterMs: 1 }) : answer(response, id, 'led')))
  t.equal(await fallback([http(electing, QUICK), http('http://127.0.0.1:1', QUICK)], { retry: { ...QUICK.retry, retries: 3 } }).request('x', {}), 'led', 'rounds go on through an election')
})
