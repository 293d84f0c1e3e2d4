import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import t from 'tap'
import { createServer, errorOf } from './support.ts'

const file = (name: string): string => readFileSync(new URL(`certificates/${name}`, import.meta.url), 'utf8')
const tls = { key: file('server.key'), certificate: file('server.pem') }
const HEAD = '{"jsonrpc":"2.0","id":1,"method":"chain_head"}'

function post(url: string, credentials: { key?: string; cert?: string } = {}): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/rpc`, { method: 'POST', ca: file('authority.pem'), agent: false, headers: { 'content-type': 'application/json' }, ...credentials }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) }))
    })
    outgoing.on('error', reject)
    outgoing.end(HEAD)
  })
}

t.test('with TLS the listener may leave this machine, and answers', async (t) => {
  const server = createServer({ tls, host: '0.0.0.0' })
  t.teardown(() => server.stop())
  const url = (await server.start()).replace('0.0.0.0', '127.0.0.1')
  t.match(url, /^https:/)
  t.match(await post(url), { status: 200, body: { result: {} } })
})

t.test('with an authority only its clients are admitted; others get an error they can read rather than a TLS alert', async (t) => {
  const server = createServer({ tls: { ...tls, clientAuthority: file('authority.pem') } })
  t.teardown(() => server.stop())
  const url = await server.start()
  const without = await post(url)
  t.strictSame([without.status, errorOf(without.body).code, errorOf(without.body).data.code], [401, 4100, 'RPC_CLIENT_CERTIFICATE_REQUIRED'])
  const stranger = await post(url, { key: file('stranger.key'), cert: file('stranger.pem') })
  t.equal(stranger.status, 401)
  t.match(await post(url, { key: file('client.key'), cert: file('client.pem') }), { status: 200, body: { result: {} } })
})
