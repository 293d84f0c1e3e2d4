// Goal: a node that has pruned blocks still lists all that it knows, and says from where on it can prove it.
// Method: decisions and registrations through real blocks, the pruner itself, and the ports that answer callers.
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { NodeAudit } from '../../node/ports/audit.ts'
import { Head } from '../../node/ports/head.ts'
import { NodeReaders } from '../../node/ports/readers.ts'
import { pruneBlocks } from '../../node/pruner.ts'
import type { VaultService } from '../../node/vault-service.ts'
import { Clinic } from '../helpers/clinic.ts'
import { until } from '../helpers/cluster.ts'
import { testDirectory } from '../helpers/directory.ts'

t.setTimeout(290_000)

const PAGE = { atHeight: null, after: null, limit: 10, order: 'oldest' } as const
const noDetails = { office: { get: () => Promise.reject(new SteleError({ code: 'VAULT_NOT_FOUND', message: 'no details were delivered' })) } } as unknown as VaultService

t.test('lists reach below what was pruned, without what only the blocks told', async (t) => {
  const clinic = await Clinic.open(testDirectory(t), 3, { parameters: { snapshotBlocks: 8 } })
  t.teardown(() => clinic.cluster.stop())
  const [patient] = await clinic.patients(1)
  const reader = await clinic.physician()
  const early = clinic.request(reader, patient!)
  await clinic.run(clinic.grant(patient!), early)
  const node = clinic.nodes[0]!
  const { parts } = node
  const grow = async (height: number): Promise<void> => { while (parts.store.height < height) await clinic.enrol(1, 'clinician', 1) }
  await grow(17)
  const late = clinic.request(reader, patient!)
  await clinic.run(late)
  await grow(20)
  await until(() => parts.maker.newestHeight === 16)

  const head = new Head(node)
  const caller = { account: toHex(patient!.account), kind: 'patient', member: 1 } as const
  const list = async () => ({
    audit: await new NodeAudit(node, noDetails, head).audit(caller.account, PAGE, caller),
    records: await new NodeReaders(node, head).list(caller.account, PAGE, caller),
    history: await new NodeReaders(node, head).history(toHex(patient!.record), PAGE, caller),
  })
  const before = await list()
  t.same(before.audit.items.map(({ decision }) => decision.request), [early, late].map(({ id }) => toHex(id)))
  t.notOk(before.audit.items.some(({ timeMs, bundle, final }) => timeMs === null || bundle === null || !final), 'with all blocks every entry has its time and proof')
  t.match([before.audit.firstHeight, before.records.firstHeight, before.history.items[0]?.receipts.length], [1, 1, 3])

  const ports = { folder: parts.snapshots, ledger: parts.ledger, world: parts.world, store: parts.store, rules: parts.rules, logger: silentLogger, signal: new AbortController().signal }
  t.equal(await pruneBlocks({ keepBlocks: 2, lifetimeMsMax: 0 }, ports), 16)
  await grow(21)
  const after = await list()
  t.match(after, { audit: { firstHeight: 16, next: null }, records: { firstHeight: 16 }, history: { firstHeight: 16 } })
  t.same(after.audit.items[1], before.audit.items[1], 'what stands in a kept block is told as before')
  t.same(after.audit.items[0], { ...before.audit.items[0], timeMs: null, bundle: null }, 'of a pruned block the decision itself is left')
  const registration = { registeredBy: null, receipts: [], bundle: null }
  t.same(after.records.items, [{ ...before.records.items[0], ...registration }])
  t.same(after.history.items, [{ ...before.history.items[0], ...registration }])
})
