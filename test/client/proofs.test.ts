// Goal: what a client concludes from state proofs and checkpoints depends on its genesis and the bytes, never on the word of a node.
// Method: a transport that answers with proofs of a small sample chain, truthfully or not; then a whole node's own proofs.
import t from 'tap'
import { checkCheckpoint, getCheckpoint } from '../../client/actions/get-checkpoint.ts'
import { getStateProof } from '../../client/actions/get-state-proof.ts'
import { institutionAccount } from '../../client/account.ts'
import { chainFromGenesis } from '../../client/chain.ts'
import { createClient } from '../../client/create-client.ts'
import type { Transport } from '../../client/transports/transport.ts'
import { verifyCheckpoint, verifyConsistency } from '../../client/verify-consistency.ts'
import { verifyProof } from '../../client/verify-proof.ts'
import { verifyState } from '../../client/verify-state.ts'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { encode } from '../../primitives/codec.ts'
import { genesisAccountId } from '../../primitives/genesis.ts'
import { leafHash, consistencyPathOf, subtreeOfHashes } from '../../primitives/merkle.ts'
import { finalitySchema } from '../../primitives/receipt.ts'
import { stateBundle, type StateBundle } from '../../primitives/state-bundle.ts'
import { stateKeyOf } from '../../primitives/state-key.ts'
import { Head } from '../../node/ports/head.ts'
import { NodeChain } from '../../node/ports/chain.ts'
import { createCluster, until } from '../helpers/cluster.ts'
import { bytes32, SampleChain } from '../../docs/spec/sample-chain.ts'
import { testDirectory } from '../helpers/directory.ts'

const sample = new SampleChain()
const chain = chainFromGenesis(sample.genesis)

function clientOf(answer: (method: string, params: Record<string, unknown>) => unknown): ReturnType<typeof createClient> {
  const transport: Transport = {
    name: 'a node', nodes: () => [transport], close: () => Promise.resolve(), bytes: () => Promise.reject(new Error('not asked for')),
    request: (method, source) => Promise.resolve(answer(method, (typeof source === 'function' ? source() : source) as Record<string, unknown>)),
  }
  return createClient({ transport, chain, account: institutionAccount(chain.id, 1, bytes32('operator 1')) })
}
const proving = (of: (key: Uint8Array) => StateBundle): ReturnType<typeof createClient> => clientOf((_, params) => ({ proof: toHex(encode(stateBundle, of(fromHex(String(params['key']))))) }))
const subject = { kind: 'account', id: bytes32('account one') } as const

t.test('a node that proves another key, another chain or nothing is not believed', async (t) => {
  const [, [otherKey]] = sample.state as [unknown, [Uint8Array]]
  await t.rejects(getStateProof(proving(() => sample.stateBundle(5, otherKey)), subject), { code: 'CLIENT_PROOF_MISMATCH' })
  await t.rejects(getStateProof(proving((key) => ({ ...sample.stateBundle(5, key), chain: bytes32('x') })), subject), { code: 'PROOF_WRONG_CHAIN' })
  await t.rejects(getStateProof(proving((key) => ({ ...sample.stateBundle(5, key), value: null })), subject), { code: 'PROOF_STATE_INVALID' })
  await t.rejects(getStateProof(proving((key) => ({ ...sample.stateBundle(5, key), finality: sample.finality(5, 5, [1, 2]) })), subject), { code: 'CERTIFICATE_TOO_FEW' })
  await t.rejects(getStateProof(clientOf(() => ({ proof: 'no hex' })), subject), { code: 'CLIENT_RESPONSE_INVALID' })
  await t.rejects(getStateProof(clientOf(() => ({ proof: 'c0' })), subject), { code: 'CODEC_VALUE_INVALID' })
})

t.test('presence and absence reach the caller with the bytes that prove them to others', async (t) => {
  const client = proving((key) => sample.stateBundle(4, key, 5))
  const fact = await getStateProof(client, subject)
  t.match(fact, { value: sample.state[0]![1], height: 4, certifiedHeight: 5 })
  t.same(verifyState(fact.bundle, { genesis: sample.genesis }).value, fact.value, 'the bundle stands alone')
  t.equal((await getStateProof(client, { kind: 'record', id: bytes32('none') })).value, undefined)
  t.equal((await getStateProof(client, { kind: 'member', id: 1 })).value, undefined)
})

const blockAnswer = (height: number, of = sample, certified = height): unknown => ({ header: toHex(of.block(height).header), finality: toHex(encode(finalitySchema, of.finality(height, certified))) })

t.test('a checkpoint is taken only from a proven block, and holds nodes to it', async (t) => {
  const honest = clientOf((method, params) => (method === 'chain_head' ? { final: { height: 3, hash: '' } } : blockAnswer(Number(params['height']), sample, 5)))
  const checkpoint = await getCheckpoint(honest)
  t.same(checkpoint, { height: 3, hash: sample.hashes[3] })
  await checkCheckpoint(honest, checkpoint!)
  await t.rejects(checkCheckpoint(honest, { height: 3, hash: bytes32('another') }), { code: 'CLIENT_HISTORY_FORKED' })
  await t.rejects(checkCheckpoint(clientOf(() => blockAnswer(4)), checkpoint!), { code: 'CLIENT_PROOF_MISMATCH' })
  await t.rejects(getCheckpoint(clientOf((method) => (method === 'chain_head' ? { final: { height: 3, hash: '' } } : { ...(blockAnswer(3) as object), finality: null }))), { code: 'CLIENT_RESPONSE_INVALID' })
  t.equal(await getCheckpoint(clientOf(() => ({ final: { height: 0, hash: '' } }))), undefined, 'nothing is final on a new chain')
})

t.test('members who certify a second history are caught by whoever kept a checkpoint', async (t) => {
  const fork = new SampleChain([1, 3, 1, 1]) // The same voters sign other blocks from height 2 on.
  const checkpoint = { height: 2, hash: sample.hashes[2]! }
  await t.rejects(checkCheckpoint(clientOf(() => blockAnswer(2, fork, 4)), checkpoint), { code: 'CLIENT_HISTORY_FORKED' })
  t.throws(() => verifyCheckpoint(chain, checkpoint, fork.block(4).header, fork.finality(4), fork.historyPath(2, 4)), { code: 'CLIENT_HISTORY_FORKED' })
  t.doesNotThrow(() => verifyCheckpoint(chain, checkpoint, sample.block(4).header, sample.finality(4), sample.historyPath(2, 4)))
  t.doesNotThrow(() => verifyCheckpoint(chain, checkpoint, sample.block(2).header, encode(finalitySchema, sample.finality(2, 5))))
  const path = (of: SampleChain, from: number, to: number): Uint8Array[] => consistencyPathOf(from, to, subtreeOfHashes(of.hashes.map(leafHash)))
  t.ok(verifyConsistency(sample.block(3).header, sample.block(5).header, path(sample, 3, 5)))
  t.notOk(verifyConsistency(sample.block(3).header, fork.block(4).header, path(fork, 3, 4)), 'the fork does not extend block 3')
  t.notOk(verifyConsistency(sample.block(5).header, sample.block(3).header, path(sample, 3, 5)), 'a shorter history extends nothing')
})

t.test('a whole node proves its state to the client, present and absent', async (t) => {
  const cluster = await createCluster(testDirectory(t), 1)
  t.teardown(() => cluster.stop())
  const node = await cluster.startNode(0)
  const enrolment = cluster.enrolment()
  await cluster.leader()
  await node.parts.admission.admit(enrolment.bytes)
  node.parts.driver.kick()
  await until(() => node.parts.store.finalHeight >= 1)
  const reader = new NodeChain(node, new Head(node))
  const anyone = { account: toHex(enrolment.id), kind: 'service', member: 1 } as const
  const key = stateKeyOf({ kind: 'account', id: enrolment.id })
  const proof = await reader.proof({ key: toHex(key), atHeight: null }, anyone)
  const report = verifyState(fromHex(proof.proof), { genesis: cluster.files.genesis }, { key })
  t.equal(toHex(report.value!), proof.value)
  t.equal(report.height, 1)
  t.equal(report.header.count, 1)
  const none = stateKeyOf({ kind: 'account', id: genesisAccountId(bytes32('other chain'), 1) })
  t.equal(verifyState(fromHex((await reader.proof({ key: toHex(none), atHeight: null }, anyone)).proof), { genesis: cluster.files.genesis }, { key: none }).value, undefined)

  const trust = { genesis: cluster.files.genesis }
  const both = await reader.bundle({ transaction: toHex(enrolment.id), key: toHex(none), checkpoint: null }, anyone)
  t.match(verifyProof(both.bundle, trust, { transaction: enrolment.id, key: none }), { anchor: 'genesis', receipt: { code: 'OK', height: 1, events: [{ name: 'enrolled' }] }, state: { value: null } })
  t.throws(() => verifyProof(both.bundle, trust, { key }), { code: 'CLIENT_PROOF_MISMATCH' })
  const checkpoint = node.parts.store.block(1)!.hash
  const pinned = await reader.bundle({ transaction: null, key: toHex(key), checkpoint: toHex(checkpoint) }, anyone)
  t.match(verifyProof(pinned.bundle, { checkpoint }, { key }), { anchor: 'checkpoint', state: { value: proof.value } })
  t.throws(() => verifyProof(pinned.bundle, trust), { code: 'PROOF_OTHER_ANCHOR' })
  await t.rejects(reader.bundle({ transaction: toHex(bytes32('none')), key: null, checkpoint: null }, undefined), { code: 'RPC_NOT_FOUND' })
  await t.rejects(reader.bundle({ transaction: null, key: toHex(key), checkpoint: null }, undefined), { code: 'RPC_NOT_FOUND' }, 'state is proven to nobody unnamed')
  await t.rejects(reader.bundle({ transaction: toHex(enrolment.id), key: null, checkpoint: '00'.repeat(32) }, undefined), { code: 'RPC_NOT_FOUND' })
})
