// Goal: in a browser, with no node and no network, the client verifies receipts and state proofs.
// Method: the whole client bundled with the browser condition, run in a bare context that has the globals of a web page and nothing of Node.
import { join } from 'node:path'
import { createContext, runInContext, type Context } from 'node:vm'
import { build } from 'esbuild'
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { encode } from '../../primitives/codec.ts'
import { genesisSchema } from '../../primitives/genesis.ts'
import { finalitySchema, receiptBundle, type ReceiptBundle } from '../../primitives/receipt.ts'
import { stateBundle } from '../../primitives/state-bundle.ts'
import { stateKeyOf } from '../../primitives/state-key.ts'
import { encodeProofText } from '../../primitives/proof-bundle.ts'
import { ChangingChain, KNOWN, setOf } from '../helpers/changing-chain.ts'
import { bytes32, SampleChain } from '../../docs/spec/sample-chain.ts'

const root = join(import.meta.dirname, '../..')
const result = await build({
  entryPoints: [join(root, 'client/index.ts')], bundle: true, write: false, metafile: true, format: 'iife', globalName: 'stele', platform: 'browser', conditions: ['browser'], target: 'es2022', logLevel: 'silent', minify: true,
})
const source = result.outputFiles[0]!.text
const sample = new SampleChain()

/** A page without any way to reach anything: whoever calls out throws. */
function openPage(): Context {
  const offline = (): never => { throw new Error('a verifier reached for the network') }
  const page = createContext({ TextEncoder, TextDecoder, crypto, URL, AbortController, AbortSignal, setTimeout, clearTimeout, queueMicrotask, Uint8Array, ArrayBuffer, DataView, fetch: offline, WebSocket: offline, XMLHttpRequest: offline })
  runInContext(source, page)
  runInContext('const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16))', page)
  return page
}
const page = openPage()
const evaluate = (code: string): unknown => runInContext(code, page)
const codeOf = (code: string): unknown => evaluate(`(() => { try { ${code}; return 'valid' } catch (error) { return error.code ?? String(error) } })()`)
const trusted = `stele.chainFromGenesisBytes(fromHex('${toHex(encode(genesisSchema, sample.genesis))}'))`
const verifying = (bundle: ReceiptBundle): string => `stele.verifyReceipt(fromHex('${toHex(encode(receiptBundle, bundle))}'), ${trusted})`

t.test('the bundle has no Node built-in, no native library and no server code', async (t) => {
  const inputs = Object.entries(result.metafile.inputs)
  const outside = inputs.flatMap(([name, { imports }]) => imports.filter(({ path, external }) => path.startsWith('node:') || external === true).map(({ path, kind }) => ({ from: name, path, kind })))
  // The HPKE library asks Node for its crypto only where a page has none; a page always has, so the import below is never run.
  t.same(outside.filter(({ from, path, kind }) => !(from.includes('node_modules/@hpke/') && path === 'crypto' && kind === 'dynamic-import')), [])
  t.same(inputs.map(([name]) => name).filter((name) => /-native\.ts$|sodium|^(rpc|node|state|p2p|vault|consensus|contracts|interop)\//.test(name)), [])
  t.notMatch(source, /\brequire\(["']/)
})

t.test('the page has none of Node\'s globals', async (t) => {
  for (const name of ['process', 'Buffer', 'require', 'global', 'setImmediate', '__dirname']) t.equal(evaluate(`typeof ${name}`), 'undefined', name)
})

t.test('a false receipt is refused there with the code it has here', async (t) => {
  t.equal(codeOf(verifying(sample.bundle(3, 2, 3, [1, 2]))), 'CERTIFICATE_TOO_FEW')
  t.equal(codeOf(verifying(sample.bundle(3, 2, 3, [1, 2, 2]))), 'CERTIFICATE_SIGNER_TWICE')
  t.equal(codeOf(verifying(sample.bundle(3, 2, 3, [1, 2, 3]))), 'valid')
  t.equal(codeOf(verifying({ ...sample.bundle(3, 2), chain: bytes32('other') })), 'PROOF_WRONG_CHAIN')
  t.equal(codeOf(verifying({ ...sample.bundle(3, 2), receipt: sample.block(3).receipts[1]! })), 'PROOF_LEAF_NOT_IN_BLOCK')
  const good = sample.bundle(2, 1, 5)
  const { certificate } = good.finality
  const bent = certificate.signatures.map(({ node, signature }, i) => ({ node, signature: i === 1 ? signature.map((byte, at) => (at === 5 ? byte ^ 1 : byte)) : signature }))
  t.equal(codeOf(verifying({ ...good, finality: { ...good.finality, certificate: { ...certificate, signatures: bent } } })), 'CERTIFICATE_SIGNATURE_INVALID')
  t.equal(codeOf(`stele.verifyReceipt(fromHex('c0'), ${trusted})`), 'CODEC_VALUE_INVALID')
})

t.test('a receipt verifies offline, by its own certificate and by a later block\'s', async (t) => {
  const own = evaluate(`stele.formatReceiptReport(${verifying(sample.bundle(3, 2)).replace(trusted, `{ genesis: ${trusted}.genesis }`)})`)
  t.match(own, /receipt valid[^]*3 of 4 voters attested \(3 needed\); the block itself is certified[^]*hospital-a \(node 1\)[^]*identity\.enrolled/)
  const report = evaluate(`JSON.stringify(${verifying(sample.bundle(2, 1, 5))}, (_, value) => typeof value === 'bigint' ? String(value) : value)`) as string
  t.match(JSON.parse(report), { height: 2, position: 1, certifiedHeight: 5, code: 'OK', transaction: toHex(sample.block(2).transactions[1]!.id) })
})

t.test('a state proof verifies offline, and one of another key is refused', async (t) => {
  const [key, value] = sample.state[0]!
  const bundle = toHex(encode(stateBundle, sample.stateBundle(2, key, 4)))
  t.equal(evaluate(`String(stele.verifyState(fromHex('${bundle}'), ${trusted}, { key: fromHex('${toHex(key)}') }).value)`), String(value))
  t.equal(codeOf(`stele.verifyState(fromHex('${bundle}'), ${trusted}, { key: fromHex('${toHex(sample.state[1]![0])}') })`), 'CLIENT_PROOF_MISMATCH')
  const absent = stateKeyOf({ kind: 'record', id: bytes32('never registered') })
  t.equal(evaluate(`stele.verifyState(fromHex('${toHex(encode(stateBundle, sample.stateBundle(2, absent)))}'), ${trusted}, { key: fromHex('${toHex(absent)}') }).value`), undefined)
})

t.test('a proof bundle verifies offline over a change of members, and a changed byte is refused', async (t) => {
  const changing = new ChangingChain(5, [[2, setOf(1, 2, 3, 5)]])
  const own = `stele.chainFromGenesisBytes(fromHex('${toHex(encode(genesisSchema, changing.genesis))}'))`
  const text = encodeProofText(changing.bundle({ receiptAt: 1, stateAt: 4, certified: 5 }))
  const check = (body: string): string => `stele.verifyProof(${JSON.stringify(body)}, { genesis: ${own}.genesis })`
  t.match(JSON.parse(evaluate(`JSON.stringify(${check(text)})`) as string), { memberChanges: 1, receipt: { height: 1 }, state: { height: 4, value: toHex(KNOWN[1]) } })
  t.equal(codeOf(check(text.replace('"position":0', '"position":1'))), 'PROOF_DIGEST_MISMATCH')
  t.equal(codeOf(`stele.verifyProof(${JSON.stringify(encodeProofText(changing.bundle({ receiptAt: 1, certified: 5, from: 3 })))}, { checkpoint: fromHex('${toHex(changing.block(3).hash)}') })`), 'valid')
})

t.test('a page that kept a checkpoint notices another past', async (t) => {
  const call = (hash: Uint8Array): string => `stele.verifyCheckpoint(${trusted}, { height: 2, hash: fromHex('${toHex(hash)}') }, fromHex('${toHex(sample.block(5).header)}'), fromHex('${toHex(encode(finalitySchema, sample.finality(5)))}'), [${sample.historyPath(2, 5).map((each) => `fromHex('${toHex(each)}')`).join()}])`
  t.equal(codeOf(call(sample.hashes[2]!)), 'valid')
  t.equal(codeOf(call(bytes32('another block 2'))), 'CLIENT_HISTORY_FORKED')
})

t.test('the receipt needs the genesis of its consortium: another one\'s does not do', async (t) => {
  const other = new SampleChain([1]).genesis
  const bytes = toHex(encode(genesisSchema, { ...other, network: 'another' }))
  t.equal(codeOf(verifying(sample.bundle(3, 2)).replace(trusted, `stele.chainFromGenesisBytes(fromHex('${bytes}'))`)), 'PROOF_WRONG_CHAIN')
})
