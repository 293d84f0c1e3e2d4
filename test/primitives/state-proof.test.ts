import t from 'tap'
import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { toHex, utf8Bytes } from '../../primitives/bytes.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { EMPTY_STATE_ROOT, type StateProof, stateProofSchema, verifyStateProof } from '../../primitives/state-proof.ts'

const sha = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
type Entry = readonly [keyHash: Buffer, valueHash: Buffer]
const bitOf = (key: Uint8Array, depth: number): number => (key[depth >> 3]! >> (7 - (depth & 7))) & 1
const leafNode = ([key, value]: Entry): Buffer => sha(Buffer.from('JMT::LeafNode'), key, value)

function rootOf(entries: readonly Entry[], depth = 0): Buffer {
  if (entries.length === 0) return Buffer.from(EMPTY_STATE_ROOT)
  if (entries.length === 1) return leafNode(entries[0]!)
  const half = (bit: number): Buffer => rootOf(entries.filter(([key]) => bitOf(key, depth) === bit), depth + 1)
  return sha(Buffer.from('JMT::IntrnalNode'), half(0), half(1))
}

/** The proof as the definition gives it, with no tree. */
function proofOf(entries: readonly Entry[], key: Buffer, depth = 0): StateProof {
  const only = entries[0]
  if (only === undefined) return { leaf: null, siblings: [] }
  if (entries.length === 1) return { leaf: { keyHash: new Uint8Array(only[0]), valueHash: new Uint8Array(only[1]) }, siblings: [] }
  const side = bitOf(key, depth)
  const below = proofOf(entries.filter(([k]) => bitOf(k, depth) === side), key, depth + 1)
  return { leaf: below.leaf, siblings: [...below.siblings, new Uint8Array(rootOf(entries.filter(([k]) => bitOf(k, depth) !== side), depth + 1))] }
}

const keyOf = (n: number): Uint8Array => utf8Bytes(`key ${n}`)
const valueOf = (n: number): Uint8Array => utf8Bytes(`value ${n}`)
const tree = (count: number) => {
  const entries = Array.from({ length: count }, (_, n): Entry => [sha(keyOf(n)), sha(valueOf(n))])
  return { entries, root: new Uint8Array(rootOf(entries)), proof: (n: number) => proofOf(entries, sha(keyOf(n))) }
}

t.test('proofs that are too long, misshapen or for another key are refused without throwing', async (t) => {
  const { root, proof } = tree(20)
  const good = proof(3)
  t.ok(verifyStateProof(root, keyOf(3), valueOf(3), good))
  t.notOk(verifyStateProof(root, keyOf(4), valueOf(3), good), 'another key')
  t.notOk(verifyStateProof(root, keyOf(3), valueOf(4), good), 'another value')
  t.notOk(verifyStateProof(root, keyOf(3), utf8Bytes(''), good), 'the empty value')
  t.notOk(verifyStateProof(root, keyOf(3), undefined, good), 'absence of what is present')
  t.notOk(verifyStateProof(root.slice(1), keyOf(3), valueOf(3), good), 'a short root')
  t.notOk(verifyStateProof(root, keyOf(3), valueOf(3), { ...good, leaf: null }), 'no leaf')
  t.notOk(verifyStateProof(root, keyOf(3), valueOf(3), { ...good, siblings: good.siblings.slice(1) }), 'a sibling less')
  t.notOk(verifyStateProof(root, keyOf(3), valueOf(3), { ...good, siblings: [...good.siblings].reverse() }), 'siblings from the top')
  t.notOk(verifyStateProof(root, keyOf(3), valueOf(3), { ...good, siblings: Array.from({ length: 257 }, () => root) }), 'deeper than the tree')
  t.notOk(verifyStateProof(root, keyOf(3), valueOf(3), { ...good, siblings: [root.slice(1), ...good.siblings.slice(1)] }), 'a short sibling')
  t.throws(() => encode(stateProofSchema, { ...good, siblings: Array.from({ length: 257 }, () => root) }), { code: 'CODEC_VALUE_INVALID' })
})

t.test('absence cannot be forged: not by a leaf elsewhere, not by cutting a path short, not by passing an inner node off as empty', async (t) => {
  const { entries, root, proof } = tree(40)
  const present = sha(keyOf(3))
  for (let n = 0; n < 40; n++) {
    if (n === 3) continue
    const other = proof(n)
    t.notOk(verifyStateProof(root, keyOf(3), undefined, other), `leaf of key ${n}`)
  }
  for (let depth = 0; depth < 8; depth++) {
    const cut = proofOf(entries, present).siblings.slice(-depth || 256)
    t.notOk(verifyStateProof(root, keyOf(3), undefined, { leaf: null, siblings: cut }), `empty at depth ${depth}`)
  }
  t.ok(verifyStateProof(EMPTY_STATE_ROOT, keyOf(3), undefined, { leaf: null, siblings: [] }), 'in the empty tree everything is absent')
  t.notOk(verifyStateProof(EMPTY_STATE_ROOT, keyOf(3), utf8Bytes('x'), { leaf: null, siblings: [] }))
})

t.test('every key proves present or absent, proofs survive encoding, and no single flipped bit of proof, root, key or value passes', async (t) => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 80 }), fc.nat(), (count, n, spot) => {
    const { root, proof } = tree(count)
    const value = n < count ? valueOf(n) : undefined
    const made = proof(n)
    const bytes = encode(stateProofSchema, made)
    if (!verifyStateProof(root, keyOf(n), value, decode(stateProofSchema, bytes))) throw new Error('a true proof is refused')
    const flipped = bytes.slice()
    flipped[(spot >> 3) % bytes.length]! ^= 1 << (spot & 7)
    let parsed: StateProof | undefined
    try {
      parsed = decode(stateProofSchema, flipped)
    } catch {
      parsed = undefined
    }
    if (parsed !== undefined && verifyStateProof(root, keyOf(n), value, parsed)) throw new Error(`bit ${spot} of ${toHex(bytes)} passes`)
    for (const target of [root.slice(), keyOf(n), ...(value === undefined ? [] : [value.slice()])]) {
      const original = target.slice()
      target[(spot >> 3) % target.length]! ^= 1 << (spot & 7)
      const [r, k, v] = original.length === 32 ? [target, keyOf(n), value] : value !== undefined && toHex(original) === toHex(value) ? [root, keyOf(n), target] : [root, target, value]
      if (value !== undefined && verifyStateProof(r, k, v, made)) throw new Error('a changed input passes')
    }
  }), { numRuns: 400 })
})

t.test('every bit of one inclusion and one absence proof matters', async (t) => {
  const { root, proof } = tree(30)
  for (const [n, value] of [[5, valueOf(5)], [31, undefined]] as const) {
    const { leaf, siblings } = proof(n)
    const parts = [...(leaf === null ? [] : [leaf.keyHash, leaf.valueHash]), ...siblings]
    let passed = 0
    for (const part of parts) {
      for (let bit = 0; bit < 256; bit++) {
        part[bit >> 3]! ^= 1 << (bit & 7)
        if (verifyStateProof(root, keyOf(n), value, { leaf, siblings })) passed++
        part[bit >> 3]! ^= 1 << (bit & 7)
      }
    }
    t.equal(passed, 0, `key ${n}`)
    t.ok(verifyStateProof(root, keyOf(n), value, { leaf, siblings }))
  }
})
