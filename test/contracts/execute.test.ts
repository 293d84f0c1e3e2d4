import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { DEFAULT_PARAMETERS } from '../../primitives/genesis.ts'
import { errorCode } from '../../primitives/error.ts'
import { hash } from '../../primitives/hash.ts'
import { createTransaction } from '../../primitives/transaction.ts'
import { AUTHORISATION_CODES, builtInRegistry, executeBlock, isPassing, proofsOf, proposeBlock, readerOf, Registry } from '../../contracts/index.ts'
import type { AuthorisationCode } from '../../contracts/index.ts'
import { tombstones } from '../../contracts/consent/tables.ts'
import { members } from '../../contracts/membership/tables.ts'
import { accounts } from '../../contracts/identity/accounts.ts'
import { call, defineContract, pass } from '../../contracts/runtime/contract.ts'
import { permissionOf, PERMISSIONS } from '../../contracts/runtime/permissions.ts'
import { replayMinutes } from '../../contracts/runtime/tables.ts'
import { identityCalls } from '../../primitives/calls/index.ts'
import { bytes32, ContractWorld, sectionOf } from '../helpers/contract-world.ts'

const raw = (world: ContractWorld, contract: string, name: string, args: Uint8Array) => {
  const { account, signer } = world.institution(1)
  return createTransaction({ chain: world.chain, account, contract, call: name, args, validUntil: world.timeMs + 60_000n, salt: new Uint8Array(16) }, signer)
}

t.test('an unknown contract, an unknown call and bad arguments fail with a code and write nothing but their replay leaf', async (t) => {
  for (const [contract, name, args, code] of [
    ['nothing', 'grant', new Uint8Array(0), 'CONTRACT_UNKNOWN'], ['consent', 'nothing', new Uint8Array(0), 'CALL_UNKNOWN'], ['consent', 'toString', new Uint8Array(0), 'CALL_UNKNOWN'],
    ['consent', 'grant', Uint8Array.of(0xc1), 'ARGS_INVALID'], ['consent', 'revoke', new Uint8Array(0), 'ARGS_INVALID'], ['identity', 'suspend', new Uint8Array(60_000).fill(0x91), 'ARGS_INVALID'],
  ] as const) {
    const world = new ContractWorld()
    const before = world.state.entries.size
    const receipt = world.run(raw(world, contract, name, args))
    t.match(receipt, { code, events: [], position: 0 }, `${contract}.${name}`)
    t.ok(receipt.cost > 0)
    t.equal(world.state.entries.size, before + 1)
  }
})

t.test('one transaction that is not includable refuses its whole block', async (t) => {
  const world = new ContractWorld()
  const good = world.transaction(world.institution(1), 'identity', 'suspend', { account: bytes32('x') })
  const stale = world.transaction(world.institution(1), 'identity', 'suspend', { account: bytes32('x') }, { validUntil: 1n })
  t.same(world.block([good, stale]), { refused: { position: 1, code: 'TX_EXPIRED' } })
})

t.test('a block whose time lies before its parent\'s is refused; equal times are fine', async (t) => {
  const world = new ContractWorld()
  const ports = { state: world.state, window: world.window.layer(), registry: world.registry, verified: () => false }
  t.same(executeBlock(ports, { height: 1n, timeMs: 99n, parentTimeMs: 100n, chainId: world.chain }, []), { refused: { position: 0, code: 'BLOCK_TIME_BEFORE_PARENT' } })
  t.same(executeBlock(ports, { height: 1n, timeMs: 100n, parentTimeMs: 100n, chainId: world.chain }, []), { receipts: [], cost: 0 })
})

t.test('a failed call leaves no write behind, also when it follows one that took effect', async (t) => {
  const world = new ContractWorld()
  const caller = world.institution(1)
  const enrol = world.transaction(caller, 'identity', 'enroll', { kind: 'patient', signKey: new Uint8Array(33).fill(1), sealKey: bytes32('s') })
  const outcome = world.block([enrol, world.transaction(caller, 'identity', 'enroll', { kind: 'patient', signKey: new Uint8Array(33), sealKey: bytes32('s') })])
  t.match(outcome, { receipts: [{ code: 'OK', position: 0 }, { code: 'KEY_ALGORITHM_UNKNOWN', position: 1, events: [] }] })
  t.ok(readerOf(world.state).get(accounts, enrol.id))
})

t.test('a proposer stops at the cost limit, and a follower refuses a block above it', async (t) => {
  const parameters = { ...DEFAULT_PARAMETERS, blockCostMax: 10_000 }
  const make = () => {
    const world = new ContractWorld(4, parameters)
    const candidates = Array.from({ length: 9 }, (_, i) => world.transaction(world.institution(1), 'identity', 'enroll', { kind: 'patient', signKey: new Uint8Array(33).fill(1), sealKey: bytes32(`s${i}`) }, { salt: i + 1 }))
    return { world, candidates, ports: { state: world.state, window: world.window.layer(), registry: world.registry, verified: () => false } }
  }
  const block = (world: ContractWorld) => ({ height: 1n, timeMs: world.timeMs, parentTimeMs: world.timeMs, chainId: world.chain })
  const proposer = make()
  const proposal = proposeBlock(proposer.ports, block(proposer.world), proposer.candidates)
  t.ok(proposal.included.length > 0 && proposal.included.length < 9)
  t.equal(proposal.nextPosition, proposal.included.length)
  t.ok(proposal.cost <= 10_000)
  const follower = make()
  const outcome = executeBlock(follower.ports, block(follower.world), proposal.included.map((i) => follower.candidates[i]!))
  t.same(outcome, { receipts: proposal.receipts, cost: proposal.cost }, 'the follower agrees on every receipt')
  t.equal(follower.world.state.dump(), proposer.world.state.dump(), 'and on the state: what did not fit left no trace')
  const other = make()
  t.match(executeBlock(other.ports, block(other.world), other.candidates), { refused: { code: 'BLOCK_COST_EXCEEDED', position: proposal.included.length } })
})

t.test('the limit counts the work done, though the receipt of a decision shows a fixed cost', async (t) => {
  const world = new ContractWorld()
  const [patient, clinician] = [world.enroll(1, 'patient', 'p'), world.enroll(2, 'clinician', 'c')]
  const ask = () => world.transaction(clinician, 'access', 'request', { subject: patient.account, record: bytes32('r'), version: 0, sections: [0], action: 'read', purpose: 'TREAT', readerKey: bytes32('k'), detailsHash: bytes32('d') })
  const costOf = () => {
    const outcome = world.block([ask()])
    if (!('receipts' in outcome)) throw new Error(outcome.refused.code)
    return { shown: outcome.receipts[0]!.cost, counted: outcome.cost }
  }
  const before = costOf()
  const group = Array.from({ length: 32 }, (_, i) => bytes32(`tag ${i}`).subarray(0, 16))
  for (let i = 1n; i <= 32n; i++) {
    world.call(patient, 'consent', 'grant', { seq: i, grantee: { kind: 'member', value: 2 }, from: 0n, until: world.timeMs + 86_400_000n, requires: [group, group, group, group], classes: [], confidentialityMax: 'V', purposes: ['TREAT'], actions: ['read'] })
  }
  const after = costOf()
  t.equal(after.shown, before.shown)
  t.ok(after.counted > 10 * before.counted, 'a flood of requests over many large consents fills blocks, not the members\' time')
})

t.test('a transaction dearer than a whole block is dropped instead of blocking the queue', async (t) => {
  const world = new ContractWorld(4, { ...DEFAULT_PARAMETERS, blockCostMax: 1500 })
  const dear = world.transaction(world.institution(1), 'identity', 'enroll', { kind: 'patient', signKey: new Uint8Array(33).fill(1), sealKey: bytes32('s') })
  const cheap = raw(world, 'nothing', 'nothing', new Uint8Array(0))
  const ports = { state: world.state, window: world.window.layer(), registry: world.registry, verified: () => false }
  t.match(proposeBlock(ports, { height: 1n, timeMs: world.timeMs, parentTimeMs: world.timeMs, chainId: world.chain }, [dear, cheap]), { included: [1], dropped: [{ position: 0, code: 'TX_COST_TOO_HIGH' }] })
})

t.test('the ids of a minute stand in one leaf as a running hash, which goes when the minute has passed', async (t) => {
  const world = new ContractWorld()
  const validUntil = world.timeMs + 30_000n
  const minute = validUntil / 60_000n
  const make = (salt: number) => world.transaction(world.institution(1), 'identity', 'suspend', { account: bytes32('x') }, { salt, validUntil })
  const [a, b, c] = [make(1), make(2), make(3)]
  world.block([a, b])
  world.block([c])
  const running = [a, b, c].reduce<Uint8Array>((before, { id }) => hash('replay-minute', before, id), new Uint8Array(32))
  t.equal(toHex(readerOf(world.state).get(replayMinutes, minute)!), toHex(running))
  world.block([], (minute + 1n) * 60_000n - world.timeMs - 1n)
  t.ok(readerOf(world.state).get(replayMinutes, minute), 'still there in its last millisecond')
  world.block([], 1n)
  t.equal(readerOf(world.state).get(replayMinutes, minute), undefined)
})

t.test('leaves go even after the chain stood still for a year', async (t) => {
  const world = new ContractWorld()
  world.block([0n, 60_000n, 300_000n, 600_000n].map((ahead, i) => world.transaction(world.institution(1), 'identity', 'suspend', { account: bytes32('x') }, { salt: i + 1, validUntil: world.timeMs + 1n + ahead })))
  const leaves = () => [...world.state.entries.keys()].filter((key) => key.startsWith('0001')).length
  t.equal(leaves(), 4)
  world.block([], 365n * 86_400_000n)
  t.equal(leaves(), 0)
})

t.test('two executions of one block agree on every receipt and every byte of state', async (t) => {
  const play = () => {
    const world = new ContractWorld()
    const patient = world.enroll(1, 'patient', 'p')
    world.call(world.institution(1), 'records', 'register', world.registration(patient.account, bytes32('r'), [sectionOf('d')]))
    return { dump: world.state.dump(), receipts: JSON.stringify(world.call(patient, 'consent', 'revoke', { seq: 1n, consent: bytes32('c') }), (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) }
  }
  t.same(play(), play())
})

t.test('a contract that reaches for a table it has no permission for, or writes while checking, is stopped as a bug', async (t) => {
  type Deleting = { delete(table: unknown, ...key: unknown[]): void }
  const outcomeOf = (check: (context: Deleting) => void, apply: (context: Deleting) => void): string => {
    const world = new ContractWorld()
    const calls = { revoke: call({
      args: identityCalls.suspend,
      check: (context) => { check(context as unknown as Deleting); return pass(undefined) },
      apply: (context) => { apply(context as unknown as Deleting) },
    }) }
    const registry = new Registry([{ contract: defineContract({ name: 'consent', version: 9, codes: {}, calls }), fromHeight: 0n }])
    const { account, signer } = world.institution(1)
    const { args } = world.transaction({ account, signer }, 'identity', 'suspend', { account: bytes32('x') }).body
    const aimed = createTransaction({ chain: world.chain, account, contract: 'consent', call: 'revoke', args, validUntil: world.timeMs, salt: new Uint8Array(16) }, signer)
    try {
      const outcome = executeBlock({ state: world.state, window: world.window.layer(), registry, verified: () => false }, { height: 1n, timeMs: world.timeMs, parentTimeMs: world.timeMs, chainId: world.chain }, [aimed])
      return 'receipts' in outcome ? outcome.receipts[0]!.code : outcome.refused.code
    } catch (error) {
      return errorCode(error) ?? 'thrown'
    }
  }
  const nothing = (): void => undefined
  const own = (context: Deleting): void => { context.delete(tombstones, bytes32('x'), bytes32('y')) }
  const foreign = (context: Deleting): void => { context.delete(accounts, bytes32('x')) }
  t.equal(outcomeOf(nothing, own), 'OK', 'its own table, in apply')
  t.equal(outcomeOf(own, nothing), 'INVARIANT_BROKEN', 'its own table, in check')
  t.equal(outcomeOf(nothing, foreign), 'INVARIANT_BROKEN', 'a table it may only read')
  t.equal(permissionOf('access', members.fullName), 'none')
  t.equal(permissionOf('toString', members.fullName), 'none')
  t.same(Object.entries(PERMISSIONS).filter(([, row]) => Object.entries(row).some(([table, right]) => table.startsWith('consent.') && right === 'write')).map(([name]) => name), ['consent'], 'only consent writes consents')
  t.notOk(Object.values(PERMISSIONS.access).includes('write' as never), 'access writes nothing')
})

t.test('versions of a contract answer for their own heights', async (t) => {
  const version = (number: number) => defineContract({ name: 'consent', version: number, codes: {}, calls: {} })
  const registry = new Registry([{ contract: version(1), fromHeight: 0n }, { contract: version(2), fromHeight: 100n }])
  t.equal(registry.contract('consent', 99n)?.version, 1)
  t.equal(registry.contract('consent', 100n)?.version, 2)
  t.equal(new Registry([{ contract: version(1), fromHeight: 5n }]).contract('consent', 4n), undefined)
  t.throws(() => new Registry([{ contract: version(2), fromHeight: 0n }, { contract: version(1), fromHeight: 9n }]), { code: 'CONTRACT_ACTIVATION_INVALID' })
  t.throws(() => new Registry([{ contract: version(1), fromHeight: 9n }, { contract: version(2), fromHeight: 9n }]), { code: 'CONTRACT_ACTIVATION_INVALID' })
})

t.test('the signatures inside a registration are named for the door, and none for anything else', async (t) => {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'p')
  const registration = world.transaction(world.institution(1), 'records', 'register', world.registration(patient.account, bytes32('r'), [sectionOf('d')]))
  const reader = readerOf(world.state)
  const block = { height: 1n, chainId: world.chain }
  t.equal(proofsOf(reader, builtInRegistry(), block, registration).length, 3)
  t.same(proofsOf(reader, builtInRegistry(), block, raw(world, 'records', 'register', new Uint8Array(3))), [])
  t.same(proofsOf(reader, builtInRegistry(), block, raw(world, 'consent', 'grant', new Uint8Array(3))), [])
})

t.test('a damaged value in the store is named as that, and is no fault of the block', async (t) => {
  const world = new ContractWorld()
  const caller = world.institution(1)
  world.state.put(accounts.keyOf(caller.account), Uint8Array.of(1, 2, 3))
  t.throws(() => world.call(caller, 'identity', 'suspend', { account: bytes32('x') }), { code: 'STATE_VALUE_DAMAGED', details: { table: 'identity.accounts' } })
})

t.test('a proposer can tell what a later block may heal from what none will', async (t) => {
  t.same((Object.keys(AUTHORISATION_CODES) as AuthorisationCode[]).filter((code) => !isPassing(code)), ['TX_WRONG_CHAIN', 'TX_EXPIRED', 'TX_REPLAYED', 'TX_COST_TOO_HIGH'])
})
