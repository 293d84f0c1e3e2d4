import t from 'tap'
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { fromHex, toHex, utf8Bytes } from '../../primitives/bytes.ts'
import { verifyStateProof } from '../../primitives/state-proof.ts'
import { PLACEHOLDER, textToBytes } from '../../state/digest.ts'
import { leafChange, type NodeSource, proveKey, updateTree } from '../../state/state-tree.ts'
import { TreeNode } from '../../state/tree-node.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'

/** Nodes kept as rows, so that every read decodes and checks. */
class Rows implements NodeSource {
  readonly rows = new Map<string, Uint8Array>()
  root = PLACEHOLDER

  nodeAt(path: string): TreeNode | undefined {
    const row = this.rows.get(path)
    return row === undefined ? undefined : TreeNode.decode(row, path)
  }

  apply(writes: Iterable<readonly [Uint8Array, Uint8Array | undefined]>): void {
    const { root, nodes } = updateTree(this, this.root, Array.from(writes, ([key, value]) => leafChange(key, value)))
    for (const [path, node] of nodes) {
      if (node === null) this.rows.delete(path)
      else this.rows.set(path, node.encode())
    }
    this.root = root
  }
}

const sha = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** The definition, bit by bit and without any storage. */
function naiveRoot(entries: readonly (readonly [Buffer, Buffer])[], depth = 0): Buffer {
  if (entries.length === 0) return Buffer.from('SPARSE_MERKLE_PLACEHOLDER_HASH__')
  if (entries.length === 1) return sha(Buffer.from('JMT::LeafNode'), entries[0]![0], entries[0]![1])
  const bit = ([key]: readonly [Buffer, Buffer]): number => (key[depth >> 3]! >> (7 - (depth & 7))) & 1
  return sha(Buffer.from('JMT::IntrnalNode'), naiveRoot(entries.filter((e) => bit(e) === 0), depth + 1), naiveRoot(entries.filter((e) => bit(e) === 1), depth + 1))
}

const vectorsPath = corpusPath('vectors/jmt/sha2_256_vectors.json')
t.test('the roots of the Jellyfish vectors hold', { skip: vectorsPath === undefined ? CORPUS_ABSENT : false }, async (t) => {
  const { vectors } = JSON.parse(readFileSync(vectorsPath!, 'utf8')) as { vectors: { expected_root: string; data: { key: string; value: string }[] }[] }
  t.ok(vectors.length >= 3)
  for (const [number, { expected_root: expected, data }] of vectors.entries()) {
    const tree = new Rows()
    tree.apply(data.map(({ key, value }) => [fromHex(key), fromHex(value)] as const))
    t.equal(toHex(textToBytes(tree.root)), expected, `vector ${number}`)
  }
})

// Few distinct keys, so that updates and removals of present keys are common; 400 of them reach the third level of nodes.
const key = fc.integer({ min: 0, max: 400 }).map((n) => utf8Bytes(`key ${n}`))
const writes = fc.array(fc.tuple(key, fc.option(fc.uint8Array({ maxLength: 3 }), { nil: undefined })), { maxLength: 120 })

t.test('after any series of batches the root is that of the set alone, no node is left over, and every key proves present or absent', async (t) => {
  fc.assert(fc.property(fc.array(writes, { minLength: 1, maxLength: 6 }), (batches) => {
    const tree = new Rows()
    const set = new Map<string, readonly [Uint8Array, Uint8Array]>()
    for (const batch of batches) {
      const last = new Map(batch.map(([key, value]) => [toHex(key), [key, value] as const]))
      tree.apply(last.values())
      for (const [name, [key, value]] of last) {
        if (value === undefined) set.delete(name)
        else set.set(name, [key, value])
      }
    }
    t.equal(toHex(textToBytes(tree.root)), naiveRoot([...set.values()].map(([key, value]) => [sha(key), sha(value)] as const)).toString('hex'))
    const fresh = new Rows()
    fresh.apply(set.values())
    t.same([...tree.rows.keys()].sort().filter((path) => path !== ''), [...fresh.rows.keys()].sort().filter((path) => path !== ''))
    for (let n = 0; n <= 400; n += 7) {
      const key = utf8Bytes(`key ${n}`)
      const value = set.get(toHex(key))?.[1]
      const proof = proveKey(tree, tree.root, key, value)
      if (!verifyStateProof(textToBytes(tree.root), key, value, proof)) throw new Error(`proof of key ${n} fails`)
    }
  }), { numRuns: 40 })
})

t.test('keys that share many leading bits stand in deep nodes and fold back when one goes', async (t) => {
  // Two of 20,000 hashed keys that agree in their first 20 bits or more.
  const byPrefix = new Map<string, Uint8Array>()
  let pair: [Uint8Array, Uint8Array] | undefined
  for (let n = 0; pair === undefined && n < 20_000; n++) {
    const key = utf8Bytes(`deep ${n}`)
    const prefix = sha(key).toString('hex').slice(0, 5)
    const other = byPrefix.get(prefix)
    if (other !== undefined) pair = [other, key]
    byPrefix.set(prefix, key)
  }
  const [a, b] = pair!
  const tree = new Rows()
  tree.apply([[a, utf8Bytes('1')]])
  const lone = tree.root
  t.same([...tree.rows.keys()], [''])
  tree.apply([[b, utf8Bytes('2')]])
  t.equal(tree.rows.size >= 6, true, 'a chain of nodes down to where they part')
  t.ok(verifyStateProof(textToBytes(tree.root), b, utf8Bytes('2'), proveKey(tree, tree.root, b, utf8Bytes('2'))))
  tree.apply([[b, undefined]])
  t.equal(tree.root, lone)
  t.same([...tree.rows.keys()], [''])
})

t.test('a lost or altered node is STATE_DAMAGED naming its path, not a wrong root', async (t) => {
  const tree = new Rows()
  const all = Array.from({ length: 300 }, (_, n) => [utf8Bytes(`key ${n}`), utf8Bytes('v')] as const)
  tree.apply(all)
  for (const path of [...tree.rows.keys()].slice(0, 20)) {
    const row = tree.rows.get(path)!
    const named = { code: 'STATE_DAMAGED', details: { treePath: path === '' ? '(root)' : path } }
    const altered = row.slice()
    altered[altered.length - 1]! ^= 1
    tree.rows.set(path, altered)
    t.throws(() => tree.apply(all), named, `altered ${path}`)
    tree.rows.delete(path)
    t.throws(() => tree.apply(all), named, `lost ${path}`)
    tree.rows.set(path, row.subarray(0, row.length - 1))
    t.throws(() => tree.apply(all), named, `cut ${path}`)
    tree.rows.set(path, row)
  }
})

t.test('a value that is not the one the tree vouches for is not proved', async (t) => {
  const tree = new Rows()
  tree.apply([[utf8Bytes('a'), utf8Bytes('1')]])
  t.throws(() => proveKey(tree, tree.root, utf8Bytes('a'), utf8Bytes('2')), { code: 'STATE_DAMAGED', details: { key: '61' } })
  t.throws(() => proveKey(tree, tree.root, utf8Bytes('a'), undefined), { code: 'STATE_DAMAGED' })
  t.throws(() => proveKey(tree, tree.root, utf8Bytes('b'), utf8Bytes('2')), { code: 'STATE_DAMAGED' })
})
