// Goal: which version of a contract a block runs follows from the state under it alone, and a program that lacks the version runs no such block (REQUIREMENTS OP6, DESIGN §5.10).
import t from 'tap'
import { builtInRegistry, executeActivation, executeBlock, proposeBlock, readerOf } from '../../contracts/index.ts'
import type { Registry, VotedVersion } from '../../contracts/index.ts'
import { activations } from '../../contracts/membership/tables.ts'
import { writerOf } from '../../contracts/runtime/table.ts'
import { ed25519KeyId } from '../../primitives/signature.ts'
import { bytes32, ContractWorld, signerOf } from '../helpers/contract-world.ts'
import { closedIdentity } from '../helpers/second-version.ts'

const voted: readonly VotedVersion[] = [{ contract: 'identity', version: 2, height: 200n }]

/** A world whose members activated version 2 of `identity` at block 200. */
function world(): ContractWorld {
  const made = new ContractWorld(4)
  writerOf(made.state).put(activations, [], voted.map((each) => ({ ...each })))
  return made
}

function run(made: ContractWorld, registry: Registry, height: bigint): unknown {
  const enrolment = made.transaction(made.institution(1), 'identity', 'enroll', { kind: 'patient', signKey: ed25519KeyId(signerOf(`p${height}`).publicKey), sealKey: bytes32('seal') })
  const block = { height, timeMs: made.timeMs, parentTimeMs: made.timeMs, chainId: made.chain }
  const outcome = executeBlock({ state: made.state, window: made.window.layer(), registry, verified: () => true }, block, [enrolment])
  return 'receipts' in outcome ? outcome.receipts[0]!.code : outcome.refused.code
}

t.test('a program that lacks a voted version runs the blocks before its height and none from it on, with or without calls of that contract', async (t) => {
  const old = builtInRegistry()
  const made = world()
  t.equal(run(made, old, 199n), 'OK')
  const block = { height: 200n, timeMs: made.timeMs, parentTimeMs: made.timeMs, chainId: made.chain }
  const ports = { state: made.state, window: made.window.layer(), registry: old, verified: () => true }
  const missing = { code: 'CONTRACT_VERSION_MISSING', details: { contract: 'identity', version: 2, height: 200 } }
  t.throws(() => executeBlock(ports, block, []), missing)
  t.throws(() => proposeBlock(ports, block, []), missing)
  writerOf(made.state).put(activations, [], [])
  t.match(executeActivation(ports, block), { refused: { code: 'BLOCK_CHANGE_MISSING' } }, 'without the vote nothing is missing')
  t.same(old.under(voted).lacking(100n), voted, 'and it can say so long before')
  t.throws(() => old.under(voted).requireAt(200n), missing)
  t.doesNotThrow(() => old.under(voted).requireAt(199n))
})

t.test('with both versions each block runs the one of its height; a later vote does not change how old blocks run', async (t) => {
  const registry = builtInRegistry([closedIdentity])
  t.equal(run(world(), registry, 199n), 'OK')
  t.equal(run(world(), registry, 200n), 'ENROLMENT_CLOSED')
  t.equal(run(new ContractWorld(4), registry, 5000n), 'OK', 'a version that nobody voted for waits')
  const later = registry.under([...voted, { contract: 'identity', version: 3, height: 400n }])
  t.equal(later.contract('identity', 199n)?.version, 1)
  t.equal(later.contract('identity', 399n)?.version, 2)
  t.throws(() => later.contract('identity', 400n), { code: 'CONTRACT_VERSION_MISSING' })
  t.same(later.lacking(0n), [{ contract: 'identity', version: 3, height: 400n }])
  t.same(registry.newest().find(({ name }) => name === 'identity'), { name: 'identity', version: 2 })
  t.equal(registry.under([]), registry, 'nothing is built where nothing was voted')
  t.equal(registry.under(voted), registry.under(voted.map((each) => ({ ...each }))), 'and once per list')
  t.same(readerOf(world().state).get(activations), voted)
})
