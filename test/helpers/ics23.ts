import { sha256 } from '../../primitives/hash.ts'
import { concatBytes, equalBytes } from '../../primitives/bytes.ts'
import type { SparseTree, StateProof } from '../../primitives/state-proof.ts'

/** ICS23 messages as the published files hold them (github.com/cosmos/ics23, proofs.proto); only what a proof over SHA-256 needs. */
export interface ExistenceProof { readonly key: Uint8Array; readonly value: Uint8Array; readonly path: readonly { readonly prefix: Uint8Array; readonly suffix: Uint8Array }[] }
export interface CommitmentProof { readonly exist?: ExistenceProof; readonly nonexist?: { readonly left?: ExistenceProof; readonly right?: ExistenceProof } }

/** Fields of a protobuf message: length-delimited ones as bytes, varints left out. */
function fields(bytes: Uint8Array): [number, Uint8Array][] {
  const out: [number, Uint8Array][] = []
  let at = 0
  const varint = (): number => {
    for (let value = 0, shift = 1; ; shift *= 128) {
      const byte = bytes[at++]!
      value += (byte & 127) * shift
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    if ((tag & 7) === 0) varint()
    else {
      const length = varint()
      out.push([tag >> 3, bytes.subarray(at, at += length)])
    }
  }
  return out
}
const one = (all: [number, Uint8Array][], field: number): Uint8Array => all.find(([number]) => number === field)?.[1] ?? new Uint8Array(0)

function existence(bytes: Uint8Array): ExistenceProof {
  const all = fields(bytes)
  const path = all.filter(([field]) => field === 4).map(([, op]) => ({ prefix: one(fields(op), 2), suffix: one(fields(op), 3) }))
  return { key: one(all, 1), value: one(all, 2), path }
}

export function commitmentProof(bytes: Uint8Array): CommitmentProof {
  const [field, body] = fields(bytes)[0]!
  if (field === 1) return { exist: existence(body) }
  const inner = fields(body)
  const side = (number: number): ExistenceProof | undefined => (inner.some(([each]) => each === number) ? existence(one(inner, number)) : undefined)
  const [left, right] = [side(2), side(3)]
  return { nonexist: { ...(left && { left }), ...(right && { right }) } }
}

const bitAt = (bytes: Uint8Array, position: number): number => (bytes[position >> 3]! >> (7 - (position & 7))) & 1

/** An existence proof in our form: the hashes beside the path, lowest first. Throws when an op is not an inner node of `tree` on the side that the key's bits say. */
export function toStateProof(tree: SparseTree, { key, value, path }: ExistenceProof): StateProof {
  const keyHash = sha256(key)
  const siblings = path.map(({ prefix, suffix }, i) => {
    const right = bitAt(keyHash, path.length - 1 - i) === 1
    const sibling = right ? prefix.subarray(tree.inner.length) : suffix
    if (sibling.length !== 32 || !equalBytes(prefix.subarray(0, tree.inner.length), tree.inner) || prefix.length + suffix.length !== tree.inner.length + 32) throw new Error('no inner node of this tree')
    return sibling
  })
  return { leaf: { keyHash, valueHash: sha256(value) }, siblings }
}

/** Proof that `key` is absent, made from the existence proof of a neighbour: the neighbour stands where the key would, or parts from it above an empty subtree. */
export function toAbsence(tree: SparseTree, neighbour: ExistenceProof, key: Uint8Array): StateProof | undefined {
  const proof = toStateProof(tree, neighbour)
  const leaf = proof.leaf!
  const depth = proof.siblings.length
  let shared = 0
  while (bitAt(leaf.keyHash, shared) === bitAt(sha256(key), shared)) shared++
  if (shared >= depth) return proof
  let hash = sha256(concatBytes(tree.leaf, leaf.keyHash, leaf.valueHash))
  for (let i = 0; i < depth - 1 - shared; i++) {
    const sibling = proof.siblings[i]!
    hash = sha256(bitAt(leaf.keyHash, depth - 1 - i) === 1 ? concatBytes(tree.inner, sibling, hash) : concatBytes(tree.inner, hash, sibling))
  }
  // The key falls into the neighbour's sibling subtree there: it proves absence only if that is empty.
  if (!equalBytes(proof.siblings[depth - 1 - shared]!, tree.empty)) return undefined
  return { leaf: null, siblings: [hash, ...proof.siblings.slice(depth - shared)] }
}
