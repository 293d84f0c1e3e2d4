import { readFile, readdir } from 'node:fs/promises'
import t from 'tap'
import { SteleError } from '../../primitives/error.ts'
import { httpStatusOf, numberOf, toErrorObject } from '../../rpc/error-map.ts'
import { RPC_ERRORS } from '../../rpc/errors.ts'
import { AUTHORISATION_CODES } from '../../contracts/index.ts'

const folder = new URL('../../rpc/', import.meta.url)
const TRACE = 'ab'.repeat(16)

async function sources(): Promise<string> {
  const names = await readdir(folder, { recursive: true })
  const texts = await Promise.all(names.filter((name) => name.endsWith('.ts') && !['errors.ts', 'error-map.ts', 'samples.ts'].includes(name)).map((name) => readFile(new URL(name, folder), 'utf8')))
  return texts.join('\n')
}

t.test('codes and tables agree in both directions', async (t) => {
  const text = await sources()
  const thrown = new Set([...text.matchAll(/rpcError\(\s*'([A-Z0-9_]+)'/g)].map(([, code]) => code!))
  const mentioned = new Set([...text.matchAll(/'(RPC_[A-Z0-9_]+)'/g)].map(([, code]) => code!))
  for (const code of thrown) t.ok(code in RPC_ERRORS, `${code} is thrown and in the table`)
  for (const code of Object.keys(RPC_ERRORS)) {
    t.ok(thrown.has(code) || mentioned.has(code) || code === 'RPC_INTERNAL' || PORT_CODES.has(code), `${code} is in the table and thrown`)
    if (!START_CODES.has(code)) t.not(numberOf(code), undefined, `${code} has a number`)
  }
})
/** Thrown by implementations of the ports. */
const PORT_CODES = new Set(['RPC_NOT_FOUND', 'RPC_UNAVAILABLE'])
/** Thrown when a listener starts, never answered to a call. */
const START_CODES = new Set(['RPC_BIND_REFUSED', 'RPC_LISTEN_FAILED', 'RPC_TLS_INVALID'])

t.test('numbers are those of the specification, EIP-1474 and EIP-1193', async (t) => {
  t.strictSame(['RPC_PARSE_ERROR', 'RPC_INVALID_REQUEST', 'RPC_METHOD_UNKNOWN', 'RPC_PARAMS_INVALID', 'RPC_INTERNAL'].map(numberOf), [-32700, -32600, -32601, -32602, -32603])
  t.strictSame(['CODEC_MALFORMED', 'RPC_NOT_FOUND', 'RPC_UNAVAILABLE', 'TX_WRONG_CHAIN', 'RPC_METHOD_NOT_ENABLED', 'RPC_RATE_LIMITED'].map(numberOf), [-32000, -32001, -32002, -32003, -32004, -32005])
  t.strictSame(['RPC_UNAUTHENTICATED', 'REQUEST_AUTH_INVALID', 'RPC_FORBIDDEN', 'MAILBOX_CONFLICT'].map(numberOf), [4100, 4100, 4103, 4109])
  t.strictSame(['RPC_BODY_TOO_LARGE', 'RPC_MEDIA_TYPE_UNSUPPORTED', 'RPC_RATE_LIMITED', 'RPC_STOPPING', 'RPC_PARAMS_INVALID'].map(httpStatusOf), [413, 415, 429, 503, 200])
})

t.test('codes that no caller should see have no number, whatever they are called', async (t) => {
  for (const code of ['LEDGER_DAMAGED', 'KEYSTORE_WRONG_PASSPHRASE', 'VAULT_IO', 'INVARIANT_BROKEN', 'ENOENT', '__proto__', 'constructor', 'toString', '', '_', 'TX']) t.equal(numberOf(code), undefined, code)
})

t.test('details are bounded and readable: bytes as hex, big integers as digits, long texts cut', async (t) => {
  const details = { bytes: new Uint8Array([1, 255]), seq: 2n ** 63n, nested: { big: 5n }, long: 'x'.repeat(1000), ...Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, i])) }
  const { data } = toErrorObject(new SteleError({ code: 'TX_EXPIRED', message: 'too late', details }), TRACE)
  t.equal(data.details.length, 16)
  t.strictSame(data.details.slice(0, 3), [{ path: 'bytes', message: '01ff' }, { path: 'seq', message: '9223372036854775808' }, { path: 'nested', message: '{"big":"5"}' }])
  t.equal(data.details[3]?.message.length, 256)
})

t.test('an error that names a place and a rule becomes one detail', async (t) => {
  const { data } = toErrorObject(new SteleError({ code: 'CODEC_MALFORMED', message: 'not canonical', details: { path: 'body.args', rule: 'must be bytes', bytes: 3 } }), TRACE)
  t.strictSame(data.details, [{ path: 'body.args', message: 'must be bytes' }, { path: 'bytes', message: '3' }])
})

t.test('whatever is thrown, the caller gets an error object', async (t) => {
  for (const thrown of [undefined, null, 'text', 42, new Error('secret'), { code: 'RPC_NOT_FOUND' }]) {
    const { code, message, data } = toErrorObject(thrown, TRACE)
    t.strictSame([code, message, data.code, data.traceId], [-32603, 'Internal error', 'RPC_INTERNAL', TRACE])
  }
})

t.test('what the ports throw reaches callers by its own code, unless it is the node\'s own trouble', async (t) => {
  const HIDDEN = /^(?:LEDGER|STATE|KEYSTORE|KEY_STORE|CERTIFICATE|GENESIS|NODE_KEYS|NODE_UNKNOWN|NODE_REMOVED|PEERS_FILE|INVARIANT|BLOCK|ROOT|PROOF_(?:WRONG|NOT|LEAF|STATE|VERSION))/
  const root = new URL('../../', import.meta.url)
  const files = ['node/admission.ts', 'node/release-check.ts', ...(await readdir(new URL('node/ports/', root))).map((name) => `node/ports/${name}`)]
  const texts = await Promise.all(files.map((name) => readFile(new URL(name, root), 'utf8')))
  const thrown = texts.flatMap((text) => [...text.matchAll(/(?:code: |refuse\()'([A-Z][A-Z0-9_]+)'/g)].map(([, code]) => code!)).filter((code) => code !== 'OK' && !HIDDEN.test(code))
  t.ok(thrown.length > 5, 'the ports were found')
  for (const code of new Set([...thrown, ...Object.keys(AUTHORISATION_CODES)])) t.not(numberOf(code), undefined, code)
})
