// Goal: docs/spec/proofs.md is enough to verify a receipt. Method: a program that shares no code with us, run on bundles that we made, whole and bent.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { genesisSchema } from '../../primitives/genesis.ts'
import { receiptBundle, verifyReceipt, type ReceiptBundle } from '../../primitives/receipt.ts'
import { bytes32, SampleChain } from '../../docs/spec/sample-chain.ts'
import { createCluster, until } from '../helpers/cluster.ts'
import { testDirectory } from '../helpers/directory.ts'

const program = join(import.meta.dirname, '../../examples/verify-without-sdk/verify.mjs')
const run = promisify(execFile)
const sample = new SampleChain()
const genesis = encode(genesisSchema, sample.genesis)
type Verdict = { readonly height: number; readonly position: number; readonly transaction: string; readonly attestedBy: readonly number[] }
const { verifyReceipt: independent } = (await import(program)) as { verifyReceipt: (genesis: Buffer, bundle: Buffer) => Verdict }
const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes)
const accepts = (bundle: Uint8Array): boolean => {
  try {
    independent(asBuffer(genesis), asBuffer(bundle))
    return true
  } catch {
    return false // Either program may fail in its own way on bytes that are no bundle; the question is only whether it accepts.
  }
}
const ours = (bundle: Uint8Array): boolean => {
  try {
    verifyReceipt(sample.chain, sample.set, decode(receiptBundle, bundle))
    return true
  } catch {
    return false
  }
}

t.test('it imports nothing but Node\'s own crypto and files', async (t) => {
  const imports = [...readFileSync(program, 'utf8').matchAll(/^import .* from '([^']+)'/gm)].map(([, name]) => name)
  t.same(imports, ['node:crypto', 'node:fs'])
})

t.test('as a program it prints what is proven, and ends with 4 on a bent bundle', async (t) => {
  const folder = testDirectory(t)
  const write = (name: string, bundle: Uint8Array): string => {
    writeFileSync(join(folder, name), JSON.stringify({ genesis: toHex(genesis), bundle: toHex(bundle) }))
    return join(folder, name)
  }
  const { stdout } = await run(process.execPath, [program, write('good.json', encode(receiptBundle, sample.bundle(2, 1, 5)))])
  t.match(JSON.parse(stdout), { chain: toHex(sample.chain), transaction: toHex(sample.block(2).transactions[1]!.id), height: 2, position: 1, code: 'OK', attestedBy: [1, 2, 3], needed: 3, voters: 4 })
  const bent: [string, ReceiptBundle, RegExp][] = [
    ['few', sample.bundle(3, 2, 3, [1, 2]), /step 8: 2 attestations of 3/],
    ['twice', sample.bundle(3, 2, 3, [1, 2, 2]), /step 8: a signer is unknown, repeated/],
    ['chain', { ...sample.bundle(3, 2), chain: bytes32('other') }, /step 2/],
    ['height', { ...sample.bundle(3, 2), height: 4n }, /step 3/],
    ['leaf', { ...sample.bundle(3, 2), receipt: sample.block(2).receipts[1]! }, /step 4/],
    ['block', { ...sample.bundle(3, 2), finality: sample.finality(4) }, /step 6/],
    ['ancestor', { ...sample.bundle(2, 1), finality: sample.finality(3, 5) }, /step 7/],
  ]
  await Promise.all(bent.map(async ([name, bundle, reason]) => {
    const error = await run(process.execPath, [program, write(`${name}.json`, encode(receiptBundle, bundle))]).then(() => undefined, (failure: { code: number; stderr: string }) => failure)
    t.equal(error?.code, 4, name)
    t.match(error?.stderr, reason)
  }))
})

t.test('it accepts every receipt of the sample chain, under every certificate', async (t) => {
  let accepted = 0
  for (let height = 1; height <= 5; height++) {
    for (let certified = height; certified <= 5; certified++) {
      for (const position of sample.block(height).receipts.keys()) {
        const verdict = independent(asBuffer(genesis), asBuffer(encode(receiptBundle, sample.bundle(height, position, certified))))
        if (verdict.height !== height || verdict.position !== position) t.fail(`${height}/${position} by ${certified}`)
        accepted++
      }
    }
  }
  t.equal(accepted, 33)
})

t.test('both verifiers give one verdict on every bundle with a flipped bit', async (t) => {
  const bytes = encode(receiptBundle, sample.bundle(2, 1, 5))
  t.ok(accepts(bytes) && ours(bytes))
  for (let bit = 0; bit < 8 * bytes.length; bit += 11) {
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    if (accepts(bytes) || ours(bytes)) t.fail(`bit ${bit}: independent ${String(accepts(bytes))}, ours ${String(ours(bytes))}`)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
  }
})

t.test('it accepts the receipts that whole nodes give out, by the certificates of several of them', async (t) => {
  const cluster = await createCluster(testDirectory(t), 3)
  t.teardown(() => cluster.stop())
  const nodes = await Promise.all([0, 1, 2].map((i) => cluster.startNode(i)))
  const leader = await cluster.leader()
  const { store, admission, driver } = leader.parts
  const trusted = asBuffer(encode(genesisSchema, cluster.files.genesis))
  const sent = Array.from({ length: 3 }, () => cluster.enrolment())
  for (const transaction of sent) {
    await admission.admit(transaction.bytes)
    driver.kick()
  }
  await until(() => nodes.every((node) => sent.every(({ id }) => (node.parts.store.locate(id)?.height ?? Infinity) <= node.parts.store.finalHeight)))
  for (const { id } of sent) {
    const bundle = await store.receiptBundle(store.locate(id)!)
    const verdict = independent(trusted, asBuffer(encode(receiptBundle, bundle!)))
    t.equal(verdict.transaction, toHex(id))
    t.ok(verdict.attestedBy.length >= 2)
  }
})
