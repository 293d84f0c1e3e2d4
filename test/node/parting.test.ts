// Goal: where the histories of two members part is found from what each keeps: the first block, the fields, transactions and keys that differ (DESIGN §5.6).
import t from 'tap'
import { decodeHeader, encodeBlock, encodeHeader, blockHashOf } from '../../primitives/block.ts'
import { encode, struct, array, optional, fixedBytes, u64 } from '../../primitives/codec.ts'
import { sha256 } from '../../primitives/hash.ts'
import { merkleRoot } from '../../primitives/merkle.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { createSigner } from '../../primitives/signature.ts'
import { createTransaction } from '../../primitives/transaction.ts'
import type { Ledger } from '../../state/ledger.ts'
import { findParting } from '../../node/parting.ts'
import type { PartingPorts } from '../../node/parting.ts'
import { serveBlocks } from '../../node/sync-blocks.ts'
import { sample } from '../helpers/equivocation.ts'

const signer = createSigner(new Uint8Array(32).fill(9))
const transaction = (salt: number) => createTransaction({ chain: sample.chain, account: new Uint8Array(32), contract: 'identity', call: 'enroll', args: new Uint8Array(1), validUntil: 1n, salt: new Uint8Array(16).fill(salt) }, signer)

/** A ledger of blocks with the given transactions; a no-op stands before each block when `noops`. */
function ledgerOf(blocks: readonly (readonly Uint8Array[])[], noops: boolean): { readonly ledger: Ledger; readonly hashes: readonly Uint8Array[] } {
  const entries: { index: number; term: number; kind: 'normal'; data: Uint8Array; hash?: Uint8Array }[] = []
  const indexes: number[] = []
  const hashes = blocks.map((transactions, i) => {
    const last = i === blocks.length - 1
    const header = encodeHeader({ ...decodeHeader(sample.block(1).header), height: BigInt(i + 1), txRoot: merkleRoot(transactions), count: transactions.length })
    if (noops && last) entries.push({ index: entries.length + 1, term: 1, kind: 'normal', data: new Uint8Array(0) })
    const hash = blockHashOf(sample.chain, header)
    entries.push({ index: entries.length + 1, term: 1, kind: 'normal', data: encodeBlock({ header, signature: new Uint8Array(64), transactions: [...transactions] }), hash })
    indexes.push(entries.length)
    return hash
  })
  const ledger = { lastIndex: () => entries.length, indexOfHeight: (height: number) => indexes[height - 1], entry: (index: number) => entries[index - 1], entries: (from: number, to: number) => entries.slice(from - 1, to - 1) }
  return { ledger: ledger as unknown as Ledger, hashes }
}

const digests = struct({ height: u64, digests: array(optional(fixedBytes(32)), { max: 512 }) })

/** `theirs` answers as a member does; `held`: what it holds under the key that is asked for. */
function ports(own: Ledger, theirs: Ledger, options: { readonly held?: Uint8Array; readonly final?: number; readonly fails?: boolean } = {}): PartingPorts & { readonly asked: number[] } {
  type Handler = (from: number, body: Uint8Array) => Promise<Uint8Array> | AsyncIterable<Uint8Array>
  const handlers = new Map<string, Handler>()
  serveBlocks({ sync: { handle: (method: string, handler: Handler) => { handlers.set(method, handler) } } as never, ledger: theirs, store: { finality: () => undefined }, committedIndex: () => theirs.lastIndex() })
  handlers.set('state-digests', async () => encode(digests, { height: 9n, digests: [options.held === undefined ? null : sha256(options.held)] }))
  const asked: number[] = []
  const call = (node: number, method: string, body: Uint8Array): unknown => {
    asked.push(node)
    return node === 1 && options.fails === true ? Promise.resolve(new Uint8Array([255])) : handlers.get(method)!(9, body)
  }
  const recent = { from: (height: number) => (height === 3 ? [{ position: -1, key: new Uint8Array([2, 1]), value: new Uint8Array([7]) }] : []) }
  return { chain: sample.chain, ledger: own, sync: { request: call, stream: call } as never, finalHeight: () => options.final ?? 0, recent, logger: silentLogger, asked }
}
const certificate = { ...sample.certificate(3), content: { ...sample.certificate(3).content, height: 5n } }
const { signal } = new AbortController()
const [a, b, c, d] = [1, 2, 3, 4].map(transaction) as [ReturnType<typeof transaction>, ReturnType<typeof transaction>, ReturnType<typeof transaction>, ReturnType<typeof transaction>]
const common = [[a.bytes], [a.bytes]]

t.test('the first different block lies below the certified one: it, the first transaction and the first key are named', async (t) => {
  const own = ledgerOf([...common, [b.bytes, c.bytes], [a.bytes], [a.bytes]], false)
  const theirs = ledgerOf([...common, [b.bytes, d.bytes], [b.bytes], [b.bytes]], false)
  const found = await findParting(ports(own.ledger, theirs.ledger, { held: new Uint8Array([8]), final: 1 }), certificate, signal)
  t.match(found, { height: 3, fields: ['txRoot'], position: 1, transaction: c.key, theirTransaction: d.key, key: '0201', askedNode: 1, askedHeight: 9 })
})

t.test('a block with fewer transactions, and one that another election put an entry later', async (t) => {
  const own = ledgerOf([...common, [b.bytes, c.bytes]], false)
  const theirs = ledgerOf([...common, [b.bytes]], true)
  const found = await findParting(ports(own.ledger, theirs.ledger, { held: new Uint8Array([7]) }), { ...certificate, content: { ...certificate.content, height: 3n } }, signal)
  t.match(found, { height: 3, position: 1, transaction: c.key, theirTransaction: null })
  t.same([...found!.fields].sort(), ['count', 'txRoot'])
  t.equal(found?.key, undefined, 'the member holds the same under the key')
})

t.test('a member that answers nonsense is passed over, and without any answer nothing is named', async (t) => {
  const own = ledgerOf([...common, [b.bytes]], false)
  const theirs = ledgerOf([...common, [c.bytes]], false)
  const three = { ...certificate, content: { ...certificate.content, height: 3n } }
  const scene = ports(own.ledger, theirs.ledger, { fails: true })
  t.match(await findParting(scene, three, signal), { height: 3, askedNode: 2 })
  t.equal(scene.asked[0], 1)
  t.equal(await findParting(ports(own.ledger, ledgerOf([], false).ledger), three, signal), undefined, 'a member without the block')
})
