// Goal: the published bytes are the bytes: of this build, of the browser build, and of the documents.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { build } from 'esbuild'
import t from 'tap'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { chainIdOf, checkGenesis, genesisMemberSet, genesisSchema } from '../../primitives/genesis.ts'
import { receiptBundle, verifyReceipt } from '../../primitives/receipt.ts'
import { verifyStateBundle } from '../../primitives/state-bundle.ts'
import { decodeMessage, encodeMessage } from '../../consensus/message-wire.ts'
import { fillDocument, specDocuments, specVectors, vectorAt, VECTORS_FILE } from '../../docs/spec/vectors.ts'

const root = join(import.meta.dirname, '../..')
const file = JSON.parse(readFileSync(VECTORS_FILE, 'utf8')) as Record<string, unknown>
const hexAt = (path: string): Uint8Array => fromHex(String(vectorAt(file, path)))

t.test('the native build computes every published vector', async (t) => {
  t.same(JSON.parse(JSON.stringify(specVectors())), file)
})

t.test('the browser build computes the same, with portable hash and signature and no Node', async (t) => {
  const result = await build({ entryPoints: [join(root, 'docs/spec/vectors-portable.ts')], bundle: true, write: false, metafile: true, format: 'iife', globalName: 'spec', platform: 'browser', conditions: ['browser'], logLevel: 'silent' })
  const inputs = Object.keys(result.metafile.inputs)
  t.ok(inputs.includes('primitives/hash-browser.ts') && inputs.includes('primitives/signature-browser.ts'))
  t.notOk(inputs.some((name) => name.includes('-native') || name.includes('sodium')))
  const page = createContext({ TextEncoder, TextDecoder, crypto, Uint8Array })
  runInContext(result.outputFiles[0]!.text, page)
  const vectors = JSON.parse(runInContext('JSON.stringify(spec.portableVectors())', page) as string) as Record<string, unknown>
  for (const [name, value] of Object.entries(vectors)) t.same(value, file[name], name)
})

t.test('the documents show the published values, and every group of values stands in one', async (t) => {
  const documents = specDocuments()
  t.ok(documents.length >= 12)
  const shown = new Set<string>()
  for (const { name, text } of documents) {
    t.equal(fillDocument(text, file), text, name)
    for (const [, path] of text.matchAll(/^```vector (\S+)$/gm)) shown.add(path!.split('.')[0]!)
  }
  t.same(Object.keys(file).filter((group) => !shown.has(group)), [])
})

t.test('links between the documents lead somewhere', async (t) => {
  const documents = specDocuments()
  const names = new Set(documents.map(({ name }) => name))
  for (const { name, text } of documents) for (const [, target] of text.matchAll(/\]\(([a-z0-9-]+\.md)\)/g)) if (!names.has(target!)) t.fail(`${name} → ${target}`)
  t.same(documents.filter(({ name, text }) => name !== 'README.md' && !documents.find((each) => each.name === 'README.md')!.text.includes(`(${name})`) && text !== '').map(({ name }) => name), [], 'README.md names every document')
})

t.test('the published bytes verify: genesis, both receipt bundles, both state bundles', async (t) => {
  const genesis = decode(genesisSchema, hexAt('genesis.bytes'))
  checkGenesis(genesis)
  const chain = chainIdOf(genesis)
  t.equal(toHex(chain), vectorAt(file, 'genesis.chain'))
  const set = genesisMemberSet(genesis)
  t.equal(verifyReceipt(chain, set, decode(receiptBundle, hexAt('receipt.bundle'))).receipt.position, 2)
  t.equal(Number(verifyReceipt(chain, set, decode(receiptBundle, hexAt('receipt.bundleByDescendant'))).header.height), 2)
  t.not(verifyStateBundle(chain, set, hexAt('state.present')).bundle.value, null)
  t.equal(verifyStateBundle(chain, set, hexAt('state.absent')).bundle.value, null)
})

t.test('every Raft message reads back to the same bytes, and no shorter or longer one is read', async (t) => {
  for (const { type, bytes } of file['raft'] as { type: string; bytes: string }[]) {
    const message = decodeMessage(fromHex(bytes))
    t.equal(message.type, type)
    t.equal(toHex(encodeMessage(message)), bytes)
    t.throws(() => decodeMessage(fromHex(`${bytes}00`)), { code: 'MESSAGE_MALFORMED' })
    t.throws(() => decodeMessage(fromHex(bytes).subarray(0, -1)), { code: 'MESSAGE_MALFORMED' })
  }
})

t.test('a bundle encodes back to its published bytes', async (t) => {
  t.equal(toHex(encode(receiptBundle, decode(receiptBundle, hexAt('receipt.bundle')))), vectorAt(file, 'receipt.bundle'))
})
