// Goal: the contracts run on the state a node keeps, and what a denial does to its tree does not tell whether anything exists.
// Method: the same blocks on the real layers and on the in-memory store; then one request per layer upon one and the same block.
import t from 'tap'
import { ROLES } from '../../primitives/calls/index.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { executeBlock, genesisState, ReplayWindow } from '../../contracts/index.ts'
import type { WindowLayer } from '../../contracts/index.ts'
import { memoryDatabase } from '../../state/memory-database.ts'
import type { Layer } from '../../state/overlay.ts'
import { openWorldState } from '../../state/world-state.ts'
import { toHex } from '../../primitives/bytes.ts'
import { bytes32, ContractWorld, decisionOf, sectionOf } from '../helpers/contract-world.ts'

/** A patient with a record and a consent that does not reach the asker's purpose. `play` repeats all of it on real layers. */
function scene() {
  const model = new ContractWorld()
  const blocks: { readonly transactions: Transaction[], readonly height: bigint, readonly timeMs: bigint, readonly parentTimeMs: bigint }[] = []
  const run = model.block.bind(model)
  model.block = (transactions, stepMs) => {
    const parentTimeMs = model.timeMs
    const outcome = run(transactions, stepMs)
    blocks.push({ transactions: [...transactions], height: model.height, timeMs: model.timeMs, parentTimeMs })
    return outcome
  }
  const patient = model.enroll(1, 'patient', 'p')
  const clinician = model.enroll(2, 'clinician', 'c')
  model.certify(2, clinician.account, 'role', ROLES.physician)
  for (const label of ['kept', 'second']) model.call(model.institution(1), 'records', 'register', model.registration(patient.account, bytes32(label), [sectionOf(`${label} 0`), sectionOf(`${label} 1`)]))
  model.call(patient, 'consent', 'grant', { seq: 1n, grantee: { kind: 'member', value: 2 }, from: 0n, until: model.timeMs + 86_400_000n, requires: [], classes: [], confidentialityMax: 'N', purposes: ['HRESCH'], actions: ['read'] })
  const world = openWorldState(memoryDatabase(), { chain: model.chain })
  const genesisLayer = world.newLayer()
  genesisState(genesisLayer.store(), model.genesis)
  genesisLayer.seal()
  const execute = (below: Layer, window: ReplayWindow | WindowLayer, block: typeof blocks[number]) => {
    const layer = world.newLayer(below)
    const windowLayer = window.layer()
    const outcome = executeBlock({ state: layer.store(), window: windowLayer, registry: model.registry, verified: () => true }, { ...block, chainId: model.chain }, block.transactions)
    if ('refused' in outcome) throw new Error(outcome.refused.code)
    return { layer, window: windowLayer, receipts: outcome.receipts, sealed: layer.seal() }
  }
  return { model, blocks, patient, clinician, world, genesisLayer, execute }
}

t.test('real layers hold, key for key, what the in-memory state holds, and their root is the same twice', async (t) => {
  const roots = [scene(), scene()].map(({ model, blocks, genesisLayer, execute }) => {
    let layer: Layer = genesisLayer
    let window: ReplayWindow | WindowLayer = new ReplayWindow()
    for (const block of blocks) ({ layer, window } = execute(layer, window, block))
    for (const [key, value] of model.state.entries) {
      const found = layer.get(Uint8Array.from(Buffer.from(key, 'hex')))
      if (found === undefined || toHex(found) !== toHex(value)) t.fail(`key ${key} differs`)
    }
    return toHex(layer.root)
  })
  t.equal(roots[0], roots[1])
})

t.test('a denied request changes as many keys and tree nodes as one for what does not exist', async (t) => {
  const { model, blocks, patient, clinician, genesisLayer, execute } = scene()
  let layer: Layer = genesisLayer
  let window: ReplayWindow | WindowLayer = new ReplayWindow()
  for (const block of blocks) ({ layer, window } = execute(layer, window, block))
  const common = { subject: patient.account, record: bytes32('kept'), version: 0, sections: [1], action: 'read', purpose: 'TREAT', readerKey: bytes32('k'), detailsHash: bytes32('d') } as const
  const seen = [{}, { record: bytes32('nothing') }, { record: bytes32('second') }, { subject: bytes32('nobody') }, { version: 7 }, { sections: [9] }, { subject: clinician.account }].map((changes) => {
    const transaction = model.transaction(clinician, 'access', 'request', { ...common, sections: [1], ...changes })
    const { layer: after, sealed, receipts } = execute(layer, window, { transactions: [transaction], height: model.height + 1n, timeMs: model.timeMs, parentTimeMs: model.timeMs })
    const result = { decision: decisionOf(receipts[0]!).decision, cost: receipts[0]!.cost, writes: sealed.writes, nodes: after.changes().nodes.size }
    after.drop()
    return result
  })
  t.match(seen[0], { decision: 'deny', writes: 1 })
  for (const each of seen) t.same(each, seen[0])
})
