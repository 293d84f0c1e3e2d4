import { createContext, runInContext } from 'node:vm'
import { join } from 'node:path'
import { build } from 'esbuild'
import t from 'tap'
import { createWallet } from '../../client/wallet.ts'
import { toHex } from '../../primitives/bytes.ts'
import { seed } from './fake-node.ts'

const root = join(import.meta.dirname, '../..')

t.test('the client bundles for browsers with no Node built-in and with the portable cryptography', async (t) => {
  const result = await build({
    entryPoints: [join(root, 'client/index.ts')], bundle: true, write: false, metafile: true, format: 'iife', globalName: 'stele', platform: 'browser', conditions: ['browser'],
    target: 'es2022', logLevel: 'silent', minify: true,
  })
  const inputs = Object.keys(result.metafile.inputs)
  const imports = Object.values(result.metafile.inputs).flatMap(({ imports: list }) => list.map(({ path }) => path))
  t.same(imports.filter((path) => path.startsWith('node:')), [], 'no import of a Node built-in')
  t.ok(inputs.some((path) => path.endsWith('signature-browser.ts')))
  t.ok(inputs.some((path) => path.endsWith('hash-browser.ts')))
  t.notOk(inputs.some((path) => path.endsWith('-native.ts') || path.includes('sodium-native')))
  t.same(inputs.filter((path) => /^(rpc|node|state|p2p|vault|consensus|contracts|interop)\//.test(path)), [], 'only client, primitives and privacy')
  const bytes = result.outputFiles[0]!.contents.length
  t.ok(bytes < 400_000, `${bytes} bytes minified`)

  // The browser's globals and nothing else: a reference to Buffer or process would fail here.
  const page = createContext({ TextEncoder, TextDecoder, crypto, URL, AbortSignal, AbortController, fetch, setTimeout, clearTimeout, WebSocket, Uint8Array })
  runInContext(result.outputFiles[0]!.text, page)
  const key = runInContext('stele.createWallet({ seed: new Uint8Array(32).fill(5), chain: new Uint8Array(32).fill(6) }).keys(3).signer.sign(new Uint8Array([1, 2, 3]))', page) as Uint8Array
  t.equal(toHex(key), toHex(createWallet({ seed: seed(5), chain: seed(6) }).keys(3).signer.sign(Uint8Array.of(1, 2, 3))), 'the browser signs the same bytes as Node')
})

t.test('an app that wants one action does not carry the others', async (t) => {
  const contents = `import { createClient } from './client/create-client.ts'\nimport { getHead } from './client/actions/get-head.ts'\nimport { http } from './client/transports/http.ts'\nexport { createClient, getHead, http }`
  const result = await build({ stdin: { contents, resolveDir: root, loader: 'ts' }, bundle: true, write: false, metafile: true, format: 'esm', platform: 'browser', conditions: ['browser'], logLevel: 'silent' })
  t.notOk(Object.keys(result.metafile.inputs).some((path) => path.startsWith('client/actions/') && !path.endsWith('get-head.ts')))
})
