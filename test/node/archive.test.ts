// Goal: an archive proves every block in it, goes on where it was interrupted, and gives a node back what it has pruned.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { archiveStart } from '../../node/archive-format.ts'
import { exportOffline } from '../../node/archive-offline.ts'
import { archiveFolder, importArchive } from '../../node/archive-shelf.ts'
import { verifyArchive } from '../../node/archive-verify.ts'
import { headerRules } from '../../node/genesis-file.ts'
import { openOffline } from '../../node/offline-stores.ts'
import { createOffline } from '../../node/snapshot-offline.ts'
import { verifySnapshot } from '../../node/snapshot-verify.ts'
import { snapshotsFolder } from '../../node/join-swap.ts'
import { SnapshotFolder } from '../../state/snapshot-folder.ts'
import { createCluster, until } from '../helpers/cluster.ts'
import { testDirectory } from '../helpers/directory.ts'

t.setTimeout(290_000)

/** Longer than a block takes on any machine: a transaction that expires first makes an empty block. */
const LIFETIME_MS = 3_000

t.test('blocks are exported, verified with no node, and served again after they were pruned', async (t) => {
  const directory = testDirectory(t)
  const cluster = await createCluster(directory, 1, {
    parameters: { snapshotBlocks: 8, lifetimeMsMax: LIFETIME_MS, permitMsMax: LIFETIME_MS },
    config: { snapshots: { joinBehindBlocks: 1_000_000 }, prune: { keepBlocks: 12 }, ledger: { segmentBytes: 16_384 + 8_192 } },
  })
  t.teardown(() => cluster.stop())
  const grow = async (height: number): Promise<void> => {
    await cluster.leader()
    const { store, admission, driver, maker } = cluster.nodes[0]!.parts
    while (store.height < height) {
      const before = store.height
      await admission.admit(cluster.enrolment(0, LIFETIME_MS - 100).bytes)
      driver.kick()
      await until(() => store.height > before && maker.newestHeight >= 8 * Math.floor(store.height / 8))
    }
    await until(() => store.finalHeight === height)
  }
  await cluster.startNode(0)
  await grow(10)
  const { dataDir } = cluster.nodes[0]!.parts.config
  const block = cluster.nodes[0]!.parts.store.block(3)!
  const receipts = await cluster.nodes[0]!.parts.store.receipts(3)
  await cluster.stopNode(0)

  const rules = headerRules(cluster.files.genesis)
  const trust = { chain: rules.chain, trusted: rules.periods[0]! }
  const path = join(directory, 'first.archive')
  const run = (from?: number, to?: number) => exportOffline({ dataDir, rules, path, from, to, onProgress: () => {} })
  await t.rejects(run(1, 99), { code: 'ARCHIVE_RANGE_INVALID' })
  t.match(await run(), { from: 1, to: 10, resumedAt: 1 })
  await t.rejects(run(), { code: 'ARCHIVE_EXISTS' })
  t.match(await verifyArchive(path, trust), { from: 1, to: 10, blocks: 10, transactions: 10, certifiedBy: [1] })

  const whole = readFileSync(path)
  const refused = async (bytes: Uint8Array): Promise<string> => {
    writeFileSync(join(directory, 'bad.archive'), bytes)
    return verifyArchive(join(directory, 'bad.archive'), trust).then(() => 'accepted', ({ code }: { code: string }) => code)
  }
  for (let at = 0; at < whole.length; at += 331) {
    const flipped = Uint8Array.from(whole)
    flipped[at]! ^= 0x10
    t.match(await refused(flipped), /^(ARCHIVE|CERTIFICATE|PROOF|CODEC)_/, `byte ${at}`)
  }
  t.equal(await refused(whole.subarray(0, -100)), 'ARCHIVE_UNFINISHED')
  t.equal(await refused(Buffer.concat([whole, Uint8Array.of(0)])), 'ARCHIVE_INVALID', 'nothing follows the end')
  t.equal(await refused(archiveStart({ v: 2, chain: rules.chain, from: 1n, to: 10n })), 'ARCHIVE_VERSION_UNSUPPORTED')
  await t.rejects(verifyArchive(path, { ...trust, chain: new Uint8Array(32) }), { code: 'ARCHIVE_WRONG_CHAIN' })

  // Killed in the middle of a record: the next call goes on behind the last whole one, to the same bytes.
  const again = join(directory, 'again.archive')
  writeFileSync(`${again}.partial`, whole)
  truncateSync(`${again}.partial`, Math.floor(whole.length / 2))
  const resumed = await exportOffline({ dataDir, rules, path: again, from: 1, to: 10, onProgress: () => {} })
  t.ok(resumed.resumedAt > 1 && resumed.resumedAt < 10)
  t.same(readFileSync(again), whole)

  const folder = new SnapshotFolder(snapshotsFolder(dataDir), rules.chain)
  t.equal(await createOffline({ dataDir, genesis: cluster.files.genesis, rules, folder }), 10, 'a snapshot is made of a stopped node')
  t.match(await verifySnapshot(folder, 10, trust, { share: 1 }), { height: 10, certifiedBy: [1] })

  await t.rejects(importArchive(join(directory, 'bad.archive'), dataDir, trust, {}), { code: 'ARCHIVE_VERSION_UNSUPPORTED' })
  t.notOk(existsSync(archiveFolder(dataDir)), 'nothing of a refused archive is put anywhere')
  writeFileSync(archiveFolder(dataDir), 'in the way')
  await t.rejects(importArchive(path, dataDir, trust, {}), { code: 'OUTPUT_UNWRITABLE', details: { reason: 'EEXIST' } })
  rmSync(archiveFolder(dataDir))
  const unfinished = join(archiveFolder(dataDir), `${'1'.padStart(16, '0')}-${'10'.padStart(16, '0')}.archive.new`)
  mkdirSync(unfinished, { recursive: true })
  await t.rejects(importArchive(path, dataDir, trust, {}), { code: 'OUTPUT_UNWRITABLE', message: /nor its unfinished copy be removed/, details: { path: unfinished, failed: 'EISDIR' }, cause: AggregateError }, 'what is left behind is told')
  rmSync(archiveFolder(dataDir), { recursive: true })
  // Without its state a folder would pass for one where nothing is committed.
  renameSync(join(dataDir, 'state'), join(dataDir, 'aside'))
  await t.rejects(openOffline(dataDir, rules.chain), { code: 'STATE_MISSING' })
  mkdirSync(join(dataDir, 'state'))
  await t.rejects(openOffline(dataDir, rules.chain), { code: 'STATE_MISSING' }, 'nor with an empty one')
  rmSync(join(dataDir, 'state'), { recursive: true })
  renameSync(join(dataDir, 'aside'), join(dataDir, 'state'))
  await t.rejects(openOffline(join(directory, 'nowhere'), rules.chain), { code: 'LEDGER_MISSING' })
  t.notOk(existsSync(join(directory, 'nowhere')))
  await importArchive(path, dataDir, trust, {})
  await cluster.startNode(0)
  await grow(16)
  await new Promise((resolve) => setTimeout(resolve, LIFETIME_MS + 100))
  // More blocks are kept than lie between the newest two snapshots: the one to prune to stays until it is old enough.
  await grow(32)
  const { store } = cluster.nodes[0]!.parts
  await until(() => store.floor === 16 && cluster.nodes[0]!.parts.ledger.firstHeight() > 3)
  t.same(store.block(3)!.hash, block.hash, 'a pruned block is read from the archive')
  t.same(await store.receipts(3), receipts, 'and so are its receipts')
  t.ok(store.finality(3), 'which are proved by a later certificate')
  t.throws(() => store.block(12), { code: 'BLOCK_PRUNED' }, 'what is neither kept nor archived is not there')
  await cluster.stopNode(0) // Pruning may be under way, and the folder goes with the test.
})
