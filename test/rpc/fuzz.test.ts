import fc from 'fast-check'
import t from 'tap'
import { methodList } from '../../rpc/methods/index.ts'
import { createServer, fakePorts } from './support.ts'

// Goal: whatever arrives, the answer is one well-formed JSON-RPC answer (or none), and nothing reaches a port that its schema does not allow.
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_121)
const names = [...methodList.map(({ name }) => name), '__proto__', 'constructor', 'rpc.discover', '']
const almost = fc.record({ jsonrpc: fc.oneof(fc.constant('2.0'), fc.jsonValue()), id: fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.jsonValue()), method: fc.oneof(fc.constantFrom(...names), fc.jsonValue()), params: fc.jsonValue() }, { requiredKeys: [] })
const text = fc.oneof(fc.json(), fc.string({ unit: 'binary' }), almost.map((value) => JSON.stringify(value)), fc.array(almost, { maxLength: 5 }).map((value) => JSON.stringify(value)))

function isAnswer(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { jsonrpc, id, error } = value as { jsonrpc?: unknown; id?: unknown; error?: { code?: unknown; message?: unknown; data?: { code?: unknown } } }
  return jsonrpc === '2.0' && (id === null || typeof id === 'string' || typeof id === 'number') && ('result' in value) !== ('error' in value)
    && (error === undefined || (Number.isInteger(error.code) && typeof error.message === 'string' && typeof error.data?.code === 'string' && error.data.code !== 'RPC_INTERNAL'))
}

t.test('any bytes get a well-formed answer or none, and never an internal error', async (t) => {
  const server = createServer({}, fakePorts())
  t.teardown(() => server.stop())
  const check = fc.asyncProperty(text, async (payload) => {
    const { statusCode, body } = await server.app.inject({ method: 'POST', url: '/rpc', headers: { 'content-type': 'application/json' }, payload })
    if (statusCode === 204) return body === ''
    const value: unknown = JSON.parse(body)
    return statusCode === 200 && (Array.isArray(value) ? value.length > 0 && value.every(isAnswer) : isAnswer(value))
  })
  const { failed, counterexample } = await fc.check(check, { numRuns: 800, seed })
  t.notOk(failed, `seed ${seed}: ${JSON.stringify(counterexample)}`)
})
