// Goal: our state tree is one that ICS23 describes, and the verifier says of ICS23's own proofs for such a tree what ICS23 says.
// Method: every published file of cosmos/ics23 is run where it is about a sparse Merkle tree over SHA-256, or about a hash that ours uses; the others stand below with the reason.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { concatBytes, fromHex, toHex } from '../../primitives/bytes.ts'
import { sha256 } from '../../primitives/hash.ts'
import { verifySparseProof, type SparseTree } from '../../primitives/state-proof.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'
import { commitmentProof, toAbsence, toStateProof } from '../helpers/ics23.ts'

const folder = corpusPath('vectors/ics23/testdata')
const skip = folder === undefined ? CORPUS_ABSENT : false
const read = <T>(name: string): T => JSON.parse(readFileSync(join(folder!, name), 'utf8')) as T
const base64 = (text: string | null | undefined): Uint8Array => new Uint8Array(Buffer.from(text ?? '', 'base64'))

/** ICS23's SmtSpec: leaf hash = SHA-256(00 ‖ SHA-256(key) ‖ SHA-256(value)), inner = SHA-256(01 ‖ left ‖ right), empty child 32 zero bytes. Ours differs in these three constants only. */
const SMT: SparseTree = { leaf: Uint8Array.of(0), inner: Uint8Array.of(1), empty: new Uint8Array(32) }

/** Files whose every case is about something that our tree has not, and why. */
const OTHER_TREES: Readonly<Record<string, string>> = {
  'iavl': 'a balanced tree ordered by key: leaves with length prefixes and heights, absence by two neighbours in order',
  'tendermint': 'a list ordered by key over RFC 6962 nodes with length-prefixed leaves, absence by two neighbours in order',
  'TestCheckLeafData.json': 'compares a proof\'s own leaf op with a spec: our proofs carry no ops, the constants stand in the verifier',
  'TestCheckAgainstSpecData.json': 'the same for whole proofs, with IAVL\'s spec',
  'TestExistenceProofData.json': 'runs ops that a proof brings along; that a prover may choose them is what the cases call malleable, and ours cannot',
  'TestEmptyBranchData.json': 'decides from ops whether a neighbour is next to an empty branch: our absence proofs name no neighbours',
}
interface Case { readonly key: string; readonly value?: string; readonly proof: string; readonly root: string }

t.test('existence in a sparse Merkle tree: accepted as published, refused with any part changed', { skip }, async (t) => {
  for (const name of ['exist_left', 'exist_middle', 'exist_right']) {
    const { key, value, proof, root } = read<Case>(`smt/${name}.json`)
    const { exist } = commitmentProof(fromHex(proof))
    const ours = toStateProof(SMT, exist!)
    const check = (k = fromHex(key), v: Uint8Array | undefined = fromHex(value!), r = fromHex(root)): boolean => verifySparseProof(SMT, r, k, v, ours)
    t.ok(check(), name)
    t.notOk(check(fromHex(`${key.slice(0, -2)}00`)), 'another key')
    t.notOk(check(undefined, fromHex(`${value}00`)), 'another value')
    t.notOk(check(undefined, undefined, sha256(fromHex(root))), 'another root')
    t.notOk(verifySparseProof(SMT, fromHex(root), fromHex(key), undefined, ours), 'what is there is not absent')
    for (const [i, sibling] of ours.siblings.entries()) {
      sibling[7]! ^= 1
      if (check()) t.fail(`${name}: sibling ${i} does not matter`)
      sibling[7]! ^= 1
    }
  }
})

t.test('absence in a sparse Merkle tree: the published neighbours show it in our form too', { skip }, async (t) => {
  for (const name of ['nonexist_left', 'nonexist_middle', 'nonexist_right']) {
    const { key, proof, root } = read<Case>(`smt/${name}.json`)
    const { nonexist } = commitmentProof(fromHex(proof))
    const neighbours = [nonexist!.left, nonexist!.right].filter((each) => each !== undefined)
    for (const each of neighbours) t.ok(verifySparseProof(SMT, fromHex(root), each.key, each.value, toStateProof(SMT, each)), `${name}: the neighbour ${toHex(each.key)} exists`)
    const proofs = neighbours.map((each) => toAbsence(SMT, each, fromHex(key))).filter((each) => each !== undefined)
    t.ok(proofs.length > 0, `${name}: a neighbour shows the empty place`)
    for (const absence of proofs) {
      t.ok(verifySparseProof(SMT, fromHex(root), fromHex(key), undefined, absence), name)
      t.notOk(verifySparseProof(SMT, fromHex(root), fromHex(key), fromHex('00'), absence), 'and not any value')
      t.notOk(verifySparseProof(SMT, fromHex(root), neighbours[0]!.key, undefined, absence), 'and not of a key that exists')
    }
  }
})

t.test('leaf and inner hashes over SHA-256 are those of the published ops', { skip }, async (t) => {
  const hashes = read<Record<string, { Preimage: string; ExpectedHash: string }>>('TestDoHashData.json')
  t.equal(toHex(sha256(new TextEncoder().encode(hashes['sha256']!.Preimage))), hashes['sha256']!.ExpectedHash)
  const leaves = Object.entries(read<Record<string, { Op: { hash: number; length?: number; prefix?: string }; Key: string; Value: string; IsErr: boolean; Expected: string }>>('TestLeafOpData.json'))
  const plain = leaves.filter(([, { Op, IsErr }]) => Op.hash === 1 && Op.length === undefined && !IsErr)
  t.same(plain.map(([name]) => name), ['hash foobar', 'hash foobar (different break)'], 'the others use SHA-512, length prefixes, or refuse an op without key or value')
  for (const [name, { Op, Key, Value, Expected }] of plain) t.same(sha256(concatBytes(base64(Op.prefix), base64(Key), base64(Value))), base64(Expected), name)
  const inner = Object.entries(read<Record<string, { Op: { prefix?: string; suffix?: string }; Child: string | null; IsErr: boolean; Expected: string }>>('TestInnerOpData.json')).filter(([, { IsErr }]) => !IsErr)
  t.equal(inner.length, 3)
  for (const [name, { Op, Child, Expected }] of inner) t.same(sha256(concatBytes(base64(Op.prefix), base64(Child), base64(Op.suffix))), base64(Expected), name)
})

t.test('every published file is run above or has a reason', { skip }, async (t) => {
  t.same(readdirSync(folder!).sort(), ['smt', 'TestDoHashData.json', 'TestLeafOpData.json', 'TestInnerOpData.json', ...Object.keys(OTHER_TREES)].sort())
  for (const [name, reason] of Object.entries(OTHER_TREES)) t.comment(`${name}: ${reason}`)
})
