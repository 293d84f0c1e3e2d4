import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { toHex, utf8Bytes } from '../../primitives/bytes.ts'
import { consistencyPathOf, EMPTY_ROOT, inclusionPath, leafHash, MerkleAccumulator, merkleRoot, rootOfHashes, subtreeOfHashes, verifyConsistency, verifyInclusion } from '../../primitives/merkle.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'

const bytes = (base64: string | null): Uint8Array => new Uint8Array(Buffer.from(base64 ?? '', 'base64'))
const files = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json')).map((name) => join(folder, name))

const archive = corpusPath('vectors/rfc6962/transparency-dev-merkle-testdata.tar.gz')
t.test('the published RFC 9162 cases hold, wantErr honoured', { skip: archive === undefined ? CORPUS_ABSENT : false }, (t) => {
  const folder = t.testdir()
  execFileSync('tar', ['xzf', archive!, '-C', folder])
  let counted = 0
  for (const file of files(join(folder, 'testdata/inclusion'))) {
    const c = JSON.parse(readFileSync(file, 'utf8')) as { leafIdx: number; treeSize: number; root: string; leafHash: string; proof: string[] | null; wantErr: boolean }
    const valid = verifyInclusion(c.leafIdx, c.treeSize, bytes(c.leafHash), (c.proof ?? []).map(bytes), bytes(c.root))
    if (valid === c.wantErr) t.fail(`inclusion case differs: ${file}`)
    counted++
  }
  for (const file of files(join(folder, 'testdata/consistency'))) {
    const c = JSON.parse(readFileSync(file, 'utf8')) as { size1: number; size2: number; root1: string; root2: string; proof: string[] | null; wantErr: boolean }
    const valid = verifyConsistency(c.size1, c.size2, bytes(c.root1), bytes(c.root2), (c.proof ?? []).map(bytes))
    if (valid === c.wantErr) t.fail(`consistency case differs: ${file}`)
    counted++
  }
  t.ok(counted > 150, `${counted} cases ran`)
  t.end()
})

const leaves = Array.from({ length: 70 }, (_, i) => utf8Bytes(`leaf ${i}`))

t.test('the CT tree of eight leaves has its published root', (t) => {
  const ct = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((hex) => new Uint8Array(Buffer.from(hex, 'hex')))
  t.equal(toHex(merkleRoot(ct)), '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328')
  t.equal(toHex(EMPTY_ROOT), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  t.end()
})

t.test('every leaf of every size up to 70 is proven, and only at its place', (t) => {
  const tree = new MerkleAccumulator()
  for (let size = 1; size <= leaves.length; size++) {
    tree.append(leaves[size - 1]!)
    const some = leaves.slice(0, size)
    const root = merkleRoot(some)
    t.same(tree.root(), root, `accumulator and root agree at ${size}`)
    for (let i = 0; i < size; i++) {
      const path = inclusionPath(i, some)
      if (!verifyInclusion(i, size, leafHash(leaves[i]!), path, root)) t.fail(`leaf ${i} of ${size}`)
      if (size > 1 && verifyInclusion((i + 1) % size, size, leafHash(leaves[i]!), path, root)) t.fail(`leaf ${i} of ${size} passes elsewhere`)
      if (verifyInclusion(i, size, leafHash(leaves[i]!), [...path, root], root)) t.fail('a longer path passes')
    }
  }
  t.end()
})

t.test('an inner node is not a leaf', (t) => {
  const root = merkleRoot(leaves.slice(0, 2))
  t.notOk(verifyInclusion(0, 1, leafHash(root), [], root))
  t.end()
})

t.test('every tree up to 24 leaves is shown to extend every smaller one, and no other', (t) => {
  const hashes = leaves.slice(0, 24).map(leafHash)
  const roots = Array.from({ length: 25 }, (_, size) => rootOfHashes(hashes.slice(0, size)))
  const subtree = subtreeOfHashes(hashes)
  for (let size2 = 1; size2 <= 24; size2++) {
    for (let size1 = 1; size1 <= size2; size1++) {
      const path = consistencyPathOf(size1, size2, subtree)
      if (!verifyConsistency(size1, size2, roots[size1]!, roots[size2]!, path)) t.fail(`${size1} to ${size2}`)
      if (size1 < size2 && verifyConsistency(size1, size2, leafHash(roots[size1]!), roots[size2]!, path)) t.fail(`${size1} to ${size2} with another old root`)
      if (size1 < size2 && verifyConsistency(size1, size2, roots[size1]!, leafHash(roots[size2]!), path)) t.fail(`${size1} to ${size2} with another new root`)
      if (verifyConsistency(size1, size2, roots[size1]!, roots[size2]!, [...path, roots[1]!])) t.fail(`${size1} to ${size2} with a longer path`)
    }
  }
  t.notOk(verifyConsistency(0, 3, roots[0]!, roots[3]!, []), 'a tree of size 0 proves nothing')
  t.end()
})

t.test('sizes beyond 2^49 are told apart from powers of two', (t) => {
  const asked: [number, number][] = []
  const size = 2 ** 49 + 1
  consistencyPathOf(1, size, (level, index) => {
    asked.push([level, index])
    return leaves[0]!
  })
  t.same(asked.at(0), [0, 2 ** 49], 'the lone last leaf is its own subtree')
  t.end()
})
