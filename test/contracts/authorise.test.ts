import t from 'tap'
import { ed25519KeyId } from '../../primitives/signature.ts'
import { createTransaction } from '../../primitives/transaction.ts'
import { authorise, executeBlock, proposeBlock, readerOf, ReplayWindow } from '../../contracts/index.ts'
import type { AuthorisationBlock } from '../../contracts/index.ts'
import { bytes32, ContractWorld, signerOf } from '../helpers/contract-world.ts'

const never = { account: bytes32('nobody'), signer: signerOf('nobody') }

function verdict(world: ContractWorld, transaction: ReturnType<ContractWorld['transaction']>, changes: Partial<AuthorisationBlock> = {}): string {
  const sources = { reader: readerOf(world.state), window: world.window, registry: world.registry }
  const result = authorise(sources, { height: world.height + 1n, timeMs: world.timeMs, chainId: world.chain, lifetimeMsMax: 600_000, ...changes }, transaction)
  return 'account' in result ? 'ok' : result.notIncludable
}

t.test('what the account\'s keys do not authorise is not includable, whatever it says', async (t) => {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'patient')
  const revoke = { seq: 1n, consent: bytes32('consent') }
  t.equal(verdict(world, world.transaction(never, 'consent', 'revoke', revoke)), 'ACCOUNT_UNKNOWN')
  for (const member of [1, 2, 3, 4]) {
    t.equal(verdict(world, world.transaction({ account: patient.account, signer: signerOf(`operator ${member}`) }, 'consent', 'revoke', revoke)), 'SIGNER_NOT_ACTIVE', `member ${member} does not sign for the patient`)
  }
  t.equal(verdict(world, world.transaction(patient, 'consent', 'revoke', revoke)), 'ok')
  t.equal(verdict(world, world.transaction(patient, 'consent', 'revoke', revoke), { chainId: bytes32('another chain') }), 'TX_WRONG_CHAIN')
})

t.test('validUntil is good to the very millisecond, and at most ten minutes ahead', async (t) => {
  const world = new ContractWorld()
  const caller = world.institution(1)
  const at = (validUntil: bigint) => verdict(world, world.transaction(caller, 'identity', 'suspend', { account: caller.account }, { validUntil }))
  t.equal(at(world.timeMs - 1n), 'TX_EXPIRED')
  t.equal(at(world.timeMs), 'ok')
  t.equal(at(world.timeMs + 600_000n), 'ok')
  t.equal(at(world.timeMs + 600_001n), 'TX_VALID_TOO_FAR')
})

t.test('a key acts from the block after the one that added it, and no longer once it is removed', async (t) => {
  const world = new ContractWorld()
  const caller = world.institution(1)
  const enrolment = world.transaction(caller, 'identity', 'enroll', { kind: 'patient', signKey: ed25519KeyId(signerOf('p').publicKey), sealKey: bytes32('s') })
  const patient = { account: enrolment.id, signer: signerOf('p') }
  const early = world.transaction(patient, 'consent', 'revoke', { seq: 1n, consent: bytes32('c') })
  t.match(world.block([enrolment, early]), { refused: { position: 1, code: 'SIGNER_NOT_ACTIVE' } }, 'not in the same block')
  const second = new ContractWorld()
  second.run(second.transaction(caller, 'identity', 'enroll', { kind: 'patient', signKey: ed25519KeyId(signerOf('p').publicKey), sealKey: bytes32('s') }, { salt: 1 }))
  t.equal(verdict(second, early), 'ok', 'in the next one')
  const added = { kind: 'sign', value: ed25519KeyId(signerOf('new').publicKey) } as const
  t.equal(second.call(patient, 'identity', 'addKey', { seq: 1n, key: added }).code, 'OK')
  t.equal(second.call({ ...patient, signer: signerOf('new') }, 'identity', 'removeKey', { seq: 2n, key: { kind: 'sign', value: ed25519KeyId(signerOf('p').publicKey) } }).code, 'OK')
  t.equal(verdict(second, early), 'SIGNER_NOT_ACTIVE')
})

t.test('a suspended account can do nothing but revoke, and can again once resumed', async (t) => {
  const world = new ContractWorld()
  const patient = world.enroll(1, 'patient', 'patient')
  const keyCall = () => world.transaction(patient, 'identity', 'addKey', { seq: 1n, key: { kind: 'seal', value: bytes32('k') } })
  world.call(world.institution(1), 'identity', 'suspend', { account: patient.account })
  t.equal(verdict(world, keyCall()), 'ACCOUNT_SUSPENDED')
  t.equal(verdict(world, world.transaction(patient, 'consent', 'revoke', { seq: 1n, consent: bytes32('c') })), 'ok', 'nobody can hold a patient to a consent by suspending the account')
  world.call(world.institution(1), 'identity', 'resume', { account: patient.account })
  t.equal(verdict(world, keyCall()), 'ok')
})

t.test('a replayed transaction is not includable, in the same block, in a later one, or on a speculative layer', async (t) => {
  const world = new ContractWorld()
  const make = () => world.transaction(world.institution(1), 'identity', 'suspend', { account: bytes32('x') }, { salt: 7 })
  const transaction = make()
  t.match(world.block([transaction, transaction]), { refused: { position: 1, code: 'TX_REPLAYED' } })
  const second = new ContractWorld()
  t.equal(second.run(transaction).code, 'ACCOUNT_NOT_FOUND', 'a failed transaction uses up its id as well')
  t.equal(verdict(second, transaction), 'TX_REPLAYED')
  t.equal(verdict(second, transaction, { timeMs: transaction.body.validUntil }), 'TX_REPLAYED', 'to the last millisecond of its life')
  t.equal(verdict(second, transaction, { timeMs: transaction.body.validUntil + 1n }), 'TX_EXPIRED', 'and then it is too late')
})

t.test('another account\'s transaction with the same content uses up nothing', async (t) => {
  const world = new ContractWorld()
  const forged = world.transaction({ account: world.institution(1).account, signer: signerOf('operator 2') }, 'identity', 'suspend', { account: bytes32('x') }, { salt: 7 })
  t.equal(verdict(world, forged), 'SIGNER_NOT_ACTIVE')
  const genuine = world.transaction(world.institution(1), 'identity', 'suspend', { account: bytes32('x') }, { salt: 7 })
  const ports = { state: world.state, window: world.window.layer(), registry: world.registry, verified: () => false }
  const block = { height: 1n, timeMs: world.timeMs, parentTimeMs: world.timeMs, chainId: world.chain }
  t.match(proposeBlock(ports, block, [forged, genuine]), { included: [1], dropped: [{ position: 0, code: 'SIGNER_NOT_ACTIVE' }] })
})

t.test('a full window refuses newcomers and forgets nobody', async (t) => {
  const world = new ContractWorld()
  const caller = world.institution(1)
  const window = new ReplayWindow({ idsMax: 2 })
  const make = (salt: number, validUntil: bigint) => world.transaction(caller, 'identity', 'suspend', { account: bytes32('x') }, { salt, validUntil })
  let parentTimeMs = world.timeMs
  let height = 0n
  const block = (timeMs: bigint, ...transactions: ReturnType<typeof make>[]) => {
    const layer = window.layer()
    height += 1n
    const outcome = executeBlock({ state: world.state, window: layer, registry: world.registry, verified: () => true }, { height, timeMs, parentTimeMs, chainId: world.chain }, transactions)
    if ('receipts' in outcome) { layer.flush(timeMs); parentTimeMs = timeMs }
    return 'receipts' in outcome ? 'ok' : outcome.refused.code
  }
  const now = world.timeMs
  const first = make(1, now + 1000n)
  t.equal(block(now, first, make(2, now + 1000n)), 'ok')
  t.equal(block(now, make(3, now + 1000n)), 'TX_WINDOW_FULL')
  t.equal(block(now, first), 'TX_REPLAYED')
  t.equal(block(now + 120_000n, make(4, now + 121_000n)), 'ok', 'room again once their minute has passed')
})

t.test('extra signers are refused, as a later version may give them a meaning', async (t) => {
  const world = new ContractWorld()
  const { account, signer } = world.institution(1)
  const transaction = createTransaction({ chain: world.chain, account, contract: 'identity', call: 'suspend', args: new Uint8Array(0), validUntil: world.timeMs, salt: new Uint8Array(16) }, signer)
  const doubled = { ...transaction, body: { ...transaction.body, signers: [transaction.body.signers[0]!, transaction.body.signers[0]!] } }
  t.equal(verdict(world, doubled), 'SIGNER_NOT_ACTIVE')
})
