import t from 'tap'
import { bytesToText, toHex } from '../../primitives/bytes.ts'
import { encode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { stateBundle, stateBundles, verifyStateBundle, verifyStateBundles, type StateBundle, type StateBundles } from '../../primitives/state-bundle.ts'
import { stateKeyOf } from '../../primitives/state-key.ts'
import { accounts } from '../../contracts/identity/accounts.ts'
import { consents } from '../../contracts/consent/tables.ts'
import { members } from '../../contracts/membership/tables.ts'
import { records } from '../../contracts/records/tables.ts'
import { bytes32, SampleChain, sampleStateProof, sampleStateRoot } from '../../docs/spec/sample-chain.ts'
import { textToBytes } from '../../state/digest.ts'
import { leafChange, proveKey, updateTree, type NodeSource } from '../../state/state-tree.ts'
import type { TreeNode } from '../../state/tree-node.ts'
import { EMPTY_STATE_ROOT } from '../../primitives/state-proof.ts'

const sample = new SampleChain([1, 1, 1])
const { chain, set } = sample
const [present] = sample.state[0]!
const absent = stateKeyOf({ kind: 'consent', id: bytes32('nobody') })

function codeOf(bundle: StateBundle | Uint8Array): string | undefined {
  try {
    verifyStateBundle(chain, set, bundle instanceof Uint8Array ? bundle : encode(stateBundle, bundle))
    return undefined
  } catch (error) {
    return errorCode(error) ?? String(error)
  }
}

t.test('a state proof bent, exchanged or denied is refused', async (t) => {
  const good = sample.stateBundle(1, present, 3)
  const cases: [string, StateBundle, string][] = [
    ['of an unknown version', { ...good, v: 2 }, 'PROOF_VERSION_UNKNOWN'],
    ['of another chain', { ...good, chain: bytes32('other') }, 'PROOF_WRONG_CHAIN'],
    ['with another value', { ...good, value: Uint8Array.of(1) }, 'PROOF_STATE_INVALID'],
    ['that denies what is there', { ...good, value: null }, 'PROOF_STATE_INVALID'],
    ['that denies it by an empty subtree', { ...good, value: null, proof: { ...good.proof, leaf: null } }, 'PROOF_STATE_INVALID'],
    ['with the key of another', { ...good, key: sample.state[1]![0] }, 'PROOF_STATE_INVALID'],
    ['that invents a value', { ...sample.stateBundle(1, absent), value: Uint8Array.of(1) }, 'PROOF_STATE_INVALID'],
    ['without finality', { ...good, finality: sample.finality(2) }, 'PROOF_WRONG_BLOCK'],
    ['with too few attestations', { ...good, finality: sample.finality(1, 3, [1, 2]) }, 'CERTIFICATE_TOO_FEW'],
  ]
  for (const [what, bundle, code] of cases) t.equal(codeOf(bundle), code, what)
})

t.test('presence and absence are proven, by the block itself or a later certificate', async (t) => {
  for (const certified of [1, 3]) {
    const { bundle, header } = verifyStateBundle(chain, set, encode(stateBundle, sample.stateBundle(1, present, certified)))
    t.same([bundle.value, Number(header.height)], [sample.state[0]![1], 1])
    t.equal(verifyStateBundle(chain, set, encode(stateBundle, sample.stateBundle(1, absent, certified))).bundle.value, null)
  }
})

t.test('many keys under one certificate: each path counts', async (t) => {
  const { v, chain: of, header, finality } = sample.stateBundle(1, present, 3)
  const entries = [present, sample.state[1]![0], absent].map((key) => {
    const { value, proof } = sample.stateBundle(1, key, 3)
    return { key, value, proof }
  })
  const good: StateBundles = { v, chain: of, header, finality, entries }
  const refusal = (bundle: StateBundles): string | undefined => {
    try {
      verifyStateBundles(chain, set, encode(stateBundles, bundle))
      return undefined
    } catch (error) {
      return errorCode(error)
    }
  }
  t.same(verifyStateBundles(chain, set, encode(stateBundles, good)).entries.map(({ value }) => value), [sample.state[0]![1], sample.state[1]![1], null])
  for (const at of entries.keys()) t.equal(refusal({ ...good, entries: entries.map((entry, i) => (i === at ? { ...entry, value: Uint8Array.of(7) } : entry)) }), 'PROOF_STATE_INVALID')
  t.equal(refusal({ ...good, entries: entries.map((entry, i) => ({ ...entry, proof: entries[(i + 1) % 3]!.proof })) }), 'PROOF_STATE_INVALID')
  t.equal(refusal({ ...good, chain: bytes32('other') }), 'PROOF_WRONG_CHAIN')
  t.equal(refusal({ ...good, finality: sample.finality(1, 3, [1, 2]) }), 'CERTIFICATE_TOO_FEW')
  t.equal(refusal({ ...good, v: 2 }), 'PROOF_VERSION_UNKNOWN')
})

t.test('no flipped bit outside the signatures passes', async (t) => {
  const bundle = sample.stateBundle(2, present)
  const bytes = encode(stateBundle, bundle)
  const signatures = bundle.finality.certificate.signatures.map(({ signature }) => Buffer.from(bytes).indexOf(signature))
  for (let at = 0; at < bytes.length; at++) {
    if (signatures.some((start) => at >= start && at < start + 64)) continue // Every bit of these is flipped in certificate.test.ts.
    for (let bit = 0; bit < 8; bit += 3) {
      bytes[at]! ^= 1 << bit
      if (codeOf(bytes) === undefined) t.fail(`byte ${at}, bit ${bit}`)
      bytes[at]! ^= 1 << bit
    }
  }
  t.equal(codeOf(bytes), undefined)
})

t.test('the sample\'s tree is the node\'s tree', async (t) => {
  const nodes = new Map<string, TreeNode>()
  const source: NodeSource = { nodeAt: (path) => nodes.get(path) }
  const { root, nodes: changes } = updateTree(source, bytesToText(EMPTY_STATE_ROOT), sample.state.map(([key, value]) => leafChange(key, value)))
  for (const [path, node] of changes) if (node !== null) nodes.set(path, node)
  t.equal(toHex(textToBytes(root)), toHex(sampleStateRoot(sample.state)))
  t.same(proveKey(source, root, present, sample.state[0]![1]), sampleStateProof(sample.state, present))
})

t.test('a client computes the state keys that the contracts use', async (t) => {
  const id = bytes32('some id')
  t.same(stateKeyOf({ kind: 'account', id }), accounts.keyOf(id))
  t.same(stateKeyOf({ kind: 'consent', id }), consents.keyOf(id))
  t.same(stateKeyOf({ kind: 'record', id }), records.keyOf(id))
  t.same(stateKeyOf({ kind: 'member', id: 3 }), members.keyOf(3))
  t.throws(() => stateKeyOf({ kind: 'record', id: id.subarray(1) }), { code: 'STATE_KEY_INVALID' })
})
