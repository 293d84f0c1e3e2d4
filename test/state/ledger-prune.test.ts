import t from 'tap'
import { createLedgerFrom } from '../../state/ledger-create.ts'
import type { Ledger } from '../../state/ledger.ts'
import { openLedger } from '../../state/ledger-open.ts'
import { Crashed, CrashFileSystem } from '../helpers/crash-file-system.ts'
import { DIRECTORY, openNormal, testCollaborators, testEntry, testOptions } from './ledger-fixture.ts'

const COUNT = 60

/** Sixty committed entries with votes, an attestation and certificates, over several segments of 4 KiB. */
async function fill(disk: CrashFileSystem): Promise<Ledger> {
  const ledger = await openNormal(disk)
  await ledger.append({ hardState: { term: 1, vote: 2, commit: 0 } })
  await ledger.append({ entries: [testEntry(1), testEntry(2), testEntry(3)] })
  await ledger.append({ truncateFrom: 3, entries: [testEntry(3, 2)], hardState: { term: 2, vote: 1, commit: 2 } })
  await ledger.append({ attestation: { epoch: 0, height: 5, bytes: new Uint8Array(90).fill(5) } })
  for (let index = 4; index <= COUNT; index++) await ledger.append({ entries: [testEntry(index, 2)], ...(index % 10 === 0 ? { certificate: { height: index, bytes: new Uint8Array(40).fill(index) } } : {}) })
  await ledger.append({ hardState: { term: 2, vote: 1, commit: COUNT } })
  return ledger
}

const segments = async (disk: CrashFileSystem): Promise<string[]> => (await disk.list(DIRECTORY)).filter((name) => name.endsWith('.segment'))
const isCrash = (error: unknown): boolean => error instanceof Crashed || (error instanceof Error && isCrash(error.cause))

t.test('what is not committed cannot be pruned, and what is pruned cannot be read', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await fill(disk)
  await t.rejects(ledger.prune(COUNT + 1), { code: 'INVARIANT_BROKEN' })
  t.equal(await ledger.prune(2), 0, 'a first segment that holds a needed entry stays')
  const before = (await segments(disk)).length
  const removed = await ledger.prune(40)
  t.ok(removed > 2)
  t.equal((await segments(disk)).length, before - removed, 'the files are gone')
  const first = ledger.firstIndex()
  t.ok(first > 20 && first <= 40, `begins at ${first}`)
  t.throws(() => ledger.entries(first - 1, first + 1, 1e6), { code: 'LEDGER_COMPACTED' })
  t.equal(ledger.entry(first - 1), undefined)
  t.equal(ledger.term(first - 1), 2, 'the term of the entry before is known, so that logs can be matched')
  t.equal(ledger.term(first - 2), undefined)
  t.equal(ledger.indexOfHeight(first - 1), undefined)
  t.equal(ledger.firstHeight(), first)
  t.same(ledger.entry(40), testEntry(40, 2))
  t.equal(ledger.certificateCovering(45)?.height, 50, 'certificates of kept heights are still served')
  await ledger.append({ entries: [testEntry(COUNT + 1, 2)] })
  await ledger.close()
})

t.test('a pruned ledger opens with its promises, goes on, and is pruned again', async (t) => {
  const disk = new CrashFileSystem()
  let ledger = await fill(disk)
  await ledger.prune(30)
  await ledger.close()
  ledger = await openNormal(disk)
  t.match(ledger.recovered, { hardState: { term: 2, vote: 1, commit: COUNT }, firstIndex: ledger.firstIndex(), lastIndex: COUNT, bootCounter: 2, newestCertificate: { height: COUNT } })
  t.same(ledger.lastAttestation(), { epoch: 0, height: 5, bytes: new Uint8Array(90).fill(5) }, 'the last attestation, whose record is gone, is remembered')
  t.same(ledger.entries(30, 33, 1e6), [testEntry(30, 2), testEntry(31, 2), testEntry(32, 2)])
  const first = ledger.firstIndex()
  await ledger.append({ entries: [testEntry(COUNT + 1, 2)], hardState: { term: 2, vote: 1, commit: COUNT + 1 } })
  t.ok(await ledger.prune(55) > 0)
  t.ok(ledger.firstIndex() > first)
  await ledger.close()
  ledger = await openNormal(disk)
  t.same(ledger.entry(COUNT + 1), testEntry(COUNT + 1, 2))
  await ledger.close()
})

t.test('a crash at any step of pruning leaves the ledger as before or as after, never in repair', async (t) => {
  for (const unsynced of ['lost', 'kept', 'some'] as const) {
    for (let at = 1; ; at++) {
      const disk = new CrashFileSystem()
      const ledger = await fill(disk)
      disk.options = { crashAt: disk.calls + at, unsynced, seed: at }
      const crashed = await ledger.prune(40).then(() => false, (error: unknown) => {
        if (!isCrash(error)) throw error
        return true
      })
      const next = disk.crash()
      const opened = await openLedger(testOptions(), testCollaborators(next))
      t.equal(opened.status, 'normal', `step ${at}, ${unsynced}`)
      if (opened.status !== 'normal') return
      t.same(opened.ledger.entry(COUNT), testEntry(COUNT, 2))
      t.same(opened.ledger.entry(40), testEntry(40, 2))
      t.match(opened.ledger.hardState(), { term: 2, vote: 1 })
      t.equal(opened.ledger.lastAttestation()?.height, 5)
      await opened.ledger.close()
      if (!crashed) break
    }
  }
})

t.test('one damaged copy of the start is no harm; two are told, not guessed', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await fill(disk)
  await ledger.prune(40)
  await ledger.close()
  disk.bytesOf(`${DIRECTORY}/base.0`)[20]! ^= 1
  const again = await openNormal(disk)
  t.equal(again.lastIndex(), COUNT)
  await again.close()
  disk.bytesOf(`${DIRECTORY}/base.1`)[20]! ^= 1
  await t.rejects(openLedger(testOptions(), testCollaborators(disk)), { code: 'LEDGER_UNREPAIRABLE' })
})

t.test('with one copy of the start gone the promises are known; with both gone nothing is guessed; with the segments gone a copy still tells of them', async (t) => {
  const pruned = new CrashFileSystem()
  const ledger = await fill(pruned)
  await ledger.prune(40)
  await ledger.close()
  const joined = new CrashFileSystem()
  await createLedgerFrom(testOptions(), testCollaborators(joined), {
    base: { index: 99, term: 3, height: 97, hash: new Uint8Array(32).fill(7) }, hardState: { term: 5, vote: 2, commit: 100 }, attestation: { epoch: 0, height: 60, bytes: new Uint8Array(90).fill(1) }, bootCounter: 4,
    entries: [{ ...testEntry(100, 3), height: 98 }], certificate: { height: 105, bytes: new Uint8Array(40) },
  })
  for (const [disk, promised] of [[pruned, { hardState: { term: 2, vote: 1 }, lastAttestation: { height: 5 } }], [joined, { hardState: { term: 5, vote: 2 }, lastAttestation: { height: 60 } }]] as const) {
    const open = (...lost: readonly string[]) => {
      const copy = disk.copy()
      for (const name of lost) copy.lose(`${DIRECTORY}/${name}`)
      return openLedger(testOptions(), testCollaborators(copy))
    }
    for (const copy of ['base.0', 'base.1']) {
      const opened = await open(copy)
      t.match(opened.status === 'normal' ? opened.ledger.recovered : opened.damaged, promised, `${copy} gone`)
      const others = (await disk.list(DIRECTORY)).filter((name) => name !== copy)
      await t.rejects(open(...others), { code: 'LEDGER_UNREPAIRABLE' }, `all but ${copy} gone`)
    }
    const both = open('base.0', 'base.1')
    if (disk === joined) await t.rejects(both, { code: 'LEDGER_UNREPAIRABLE' }, 'both gone')
    else t.match(await both, { status: 'repair', damaged: [{ kind: 'missing', fix: 'committed', needFrom: 1 }] }, 'both gone: the newest slot remembers the promises, others the blocks')
  }
})

t.test('a pruned ledger of another chain is refused', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await fill(disk)
  await ledger.prune(40)
  await ledger.close()
  await t.rejects(openLedger(testOptions({ chainId: new Uint8Array(32).fill(2) }), testCollaborators(disk)), { code: 'LEDGER_WRONG_CHAIN' })
})

t.test('a ledger begins behind a snapshot with the promises of the one it replaces', async (t) => {
  const disk = new CrashFileSystem()
  const base = { index: 99, term: 3, height: 97, hash: new Uint8Array(32).fill(7) }
  const entry = { ...testEntry(100, 3), height: 98 }
  await createLedgerFrom(testOptions(), testCollaborators(disk), {
    base, hardState: { term: 5, vote: 2, commit: 100 }, attestation: { epoch: 0, height: 60, bytes: new Uint8Array(90).fill(1) }, bootCounter: 4, entries: [entry], certificate: { height: 105, bytes: new Uint8Array(40) },
  })
  const ledger = await openNormal(disk)
  t.match(ledger.recovered, { hardState: { term: 5, vote: 2, commit: 100 }, firstIndex: 100, lastIndex: 100, lastAttestation: { height: 60 }, newestCertificate: { height: 105 }, bootCounter: 6 })
  t.same(ledger.entry(100), entry)
  t.equal(ledger.term(99), 3)
  t.equal(ledger.heightAt(99), 97)
  t.equal(ledger.indexOfHeight(98), 100)
  await ledger.append({ entries: [{ ...testEntry(101, 5), height: 99 }] })
  await ledger.append({ truncateFrom: 101, entries: [{ ...testEntry(101, 6), height: 99 }] })
  await ledger.close()
  const again = await openNormal(disk)
  t.equal(again.term(101), 6)
  await again.close()
})
