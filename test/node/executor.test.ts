// Goal: a member vouches for a block only if every rule of the chain holds in it, names the rule otherwise, and keeps no trace of it.
// Method: two executors over states in memory; blocks of the one are changed, signed again by their proposer, and given to the other.
import t from 'tap'
import { decodeBlock, decodeHeader, encodeBlock, encodeHeader, headerSigningBytes } from '../../primitives/block.ts'
import type { BlockHeader } from '../../primitives/block.ts'
import { toHex } from '../../primitives/bytes.ts'
import { chainIdOf, genesisAccountId } from '../../primitives/genesis.ts'
import { merkleRoot } from '../../primitives/merkle.ts'
import { createSigner, verify } from '../../primitives/signature.ts'
import type { SignatureItem, Signer } from '../../primitives/signature.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { builtInRegistry, ReplayWindow } from '../../contracts/index.ts'
import { ChainStore } from '../../node/chain-store.ts'
import { Executor } from '../../node/executor.ts'
import { recoverTip, writeGenesisState } from '../../node/recover.ts'
import { TransactionReader } from '../../node/transaction-reader.ts'
import type { Ledger } from '../../state/ledger.ts'
import { memoryDatabase } from '../../state/memory-database.ts'
import { openWorldState } from '../../state/world-state.ts'
import { enrolmentOf } from '../helpers/calls.ts'
import { signerOf, testGenesis } from '../helpers/contract-world.ts'

const genesis = { ...testGenesis(4), timeMs: BigInt(Date.now()) }
const chain = chainIdOf(genesis)
const by = { account: genesisAccountId(chain, 1), signer: signerOf('operator 1') }
const nodeSigner = (node: number): Signer => signerOf(`node ${node}`)
const verifyBatch = (items: readonly SignatureItem[]): Promise<boolean[]> => Promise.resolve(items.map(({ publicKey, message, signature }) => verify(publicKey, message, signature)))

async function createExecutor(node: number): Promise<Executor> {
  const world = openWorldState(memoryDatabase(), { chain })
  await writeGenesisState(world, genesis, chain)
  const ports = { world, window: new ReplayWindow(), registry: builtInRegistry(), reader: new TransactionReader(chain, verifyBatch), knows: () => false, verifyBatch }
  // Height 0 is read from the state alone: no ledger is asked.
  return new Executor({ chain, node, signer: nodeSigner(node) }, ports, recoverTip(world, new ChainStore(chain, {} as Ledger, world), genesis), 0)
}

function cut(executor: Executor, index: number, transactions: readonly Transaction[]): Uint8Array {
  const outcome = executor.propose(index, 1, genesis.timeMs + BigInt(index), transactions)
  if (!('block' in outcome)) throw new Error('nothing was included')
  executor.adopt(outcome.block)
  return outcome.data
}

/** The block with another header, signed by node 1 again, and with other transactions if given. */
function altered(data: Uint8Array, change: Partial<BlockHeader>, transactions?: readonly Uint8Array[], signer = nodeSigner(1)): Uint8Array {
  const block = decodeBlock(data)
  const leaves = transactions ?? block.transactions
  const header = encodeHeader({ ...decodeHeader(block.header), ...(transactions === undefined ? {} : { txRoot: merkleRoot(leaves), count: leaves.length }), ...change })
  return encodeBlock({ header, signature: signer.sign(headerSigningBytes(chain, header)), transactions: [...leaves] })
}

const enrolment = (): Transaction => enrolmentOf(chain, by).transaction
const junk = new Uint8Array(32).fill(7)

t.test('a sound block executes to the root its proposer signed, on another node', async (t) => {
  const [leader, follower] = await Promise.all([createExecutor(1), createExecutor(2)])
  for (let index = 1; index <= 3; index++) t.equal(follower.execute({ index, term: 1, data: cut(leader, index, [enrolment(), enrolment()]) }), undefined)
  t.equal(toHex(follower.tip.layer!.root), toHex(leader.tip.layer!.root))
  t.equal(toHex(follower.tip.hash), toHex(leader.tip.hash))
})

t.test('a block that breaks a rule is refused by name and leaves no trace', async (t) => {
  const [leader, follower] = await Promise.all([createExecutor(1), createExecutor(2)])
  const transaction = enrolment()
  const data = cut(leader, 1, [transaction])
  const stranger = createSigner(junk)
  const foreign = enrolmentOf(chain, { account: by.account, signer: stranger }).transaction
  const resigned = decodeBlock(data).transactions[0]!.slice()
  resigned[resigned.length - 1]! ^= 1
  const cases: readonly (readonly [string, Uint8Array, string, RegExp])[] = [
    ['another height', altered(data, { height: 2n }), 'BLOCK_INVALID', /heights ascend/],
    ['another parent', altered(data, { parent: junk }), 'BLOCK_INVALID', /parent/],
    ['another term', altered(data, { term: 2 }), 'BLOCK_INVALID', /term/],
    ['a time before its parent', altered(data, { timeMs: genesis.timeMs - 1n }), 'BLOCK_INVALID', /time/],
    ['another history', altered(data, { historyRoot: junk }), 'BLOCK_INVALID', /history/],
    ['another member set', altered(data, { memberSet: junk }), 'BLOCK_INVALID', /member set/],
    ['other parameters', altered(data, { parameters: junk }), 'BLOCK_INVALID', /parameters/],
    ['another chain', altered(data, { chain: junk }), 'BLOCK_INVALID', /chain/],
    ['a proposer that is no voter', altered(data, { proposer: 9 }), 'BLOCK_INVALID', /voter/],
    ['a header signed by another node', altered(data, {}, undefined, nodeSigner(3)), 'BLOCK_INVALID', /signature/],
    ['another transaction root', altered(data, { txRoot: junk }), 'BLOCK_INVALID', /transaction root/],
    ['another state root', altered(data, { stateRoot: junk }), 'ROOT_MISMATCH', /./],
    ['another event root', altered(data, { eventRoot: junk }), 'ROOT_MISMATCH', /./],
    ['a transaction twice', altered(data, {}, [transaction.bytes, transaction.bytes]), 'BLOCK_INVALID', /TX_REPLAYED/],
    ['a transaction with a wrong signature', altered(data, {}, [resigned]), 'BLOCK_INVALID', /signature/],
    ['a transaction signed by a stranger', altered(data, {}, [foreign.bytes]), 'BLOCK_INVALID', /SIGNER_NOT_ACTIVE/],
    ['a transaction that has expired', altered(data, {}, [enrolmentOf(chain, by, 'service', { validUntil: genesis.timeMs - 1n }).transaction.bytes]), 'BLOCK_INVALID', /TX_EXPIRED/],
    ['no bytes of a block', junk, 'CODEC_', /./],
  ]
  for (const [what, bytes, code, rule] of cases) {
    const refused = follower.execute({ index: 1, term: 1, data: bytes })
    t.ok(code.endsWith('_') ? refused?.code.startsWith(code) : refused?.code === code, `${what}: ${refused?.code}`)
    t.match(JSON.stringify(refused?.error.details) + String(refused?.error.message), rule, what)
    t.equal(follower.executedIndex, 0)
  }
  t.equal(follower.execute({ index: 1, term: 1, data }), undefined, 'the sound block still executes')
})

t.test('truncating drops executed blocks, and another one takes their place', async (t) => {
  const [leader, other, follower] = await Promise.all([createExecutor(1), createExecutor(3), createExecutor(2)])
  const [first, lost] = [enrolment(), enrolment()]
  const ground = cut(leader, 1, [first])
  t.equal(other.execute({ index: 1, term: 1, data: ground }), undefined)
  for (const data of [ground, cut(leader, 2, [lost])].entries()) t.equal(follower.execute({ index: data[0] + 1, term: 1, data: data[1] }), undefined)
  t.same(follower.truncate(2).map(({ height }) => height), [2], 'the dropped block is handed back for the mempool')
  t.equal(follower.executedIndex, 1)
  t.equal(follower.execute({ index: 2, term: 1, data: cut(other, 2, [lost, enrolment()]) }), undefined, 'what the dropped block held may come again')
  t.equal(toHex(follower.tip.hash), toHex(other.tip.hash))
})

t.test('a proposer passes over what cannot stand in a block, and cuts nothing when nothing can', async (t) => {
  const leader = await createExecutor(1)
  const expired = enrolmentOf(chain, by, 'service', { validUntil: genesis.timeMs - 1n }).transaction
  const sound = enrolment()
  const outcome = leader.propose(1, 1, genesis.timeMs, [expired, sound])
  t.match(outcome.dropped, [{ code: 'TX_EXPIRED' }])
  t.same('block' in outcome && outcome.block.transactions, [sound])
  if ('block' in outcome) leader.discard(outcome.block)
  t.notOk('block' in leader.propose(1, 1, genesis.timeMs, [expired]))
  t.equal(leader.executedIndex, 0)
})
