import t from 'tap'
import { openLedger } from '../../state/ledger-open.ts'
import type { Entry } from '../../state/ledger-record.ts'
import { scanLedger } from '../../state/ledger-verify.ts'
import { CrashFileSystem, Crashed } from '../helpers/crash-file-system.ts'
import { DIRECTORY, codeOf, contentOf, openNormal, openRepair, testCollaborators, testEntry, testOptions } from './ledger-fixture.ts'

const FIRST = `${DIRECTORY}/00000001.segment`
const HEADER_REGION_BYTES = 16384

/** A closed ledger with every type of record over three segments, and all entries it holds. */
async function makeLedger(): Promise<{ disk: CrashFileSystem; entries: Entry[]; content: unknown; segments: string[] }> {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  await ledger.append({ hardState: { term: 1, vote: 2, commit: 0 }, entries: [testEntry(1), testEntry(2)] })
  await ledger.append({ refusals: [{ index: 2, term: 1, code: 'ROOT_MISMATCH', root: new Uint8Array(32).fill(5) }] })
  await ledger.append({ hardState: { term: 2, vote: 3, commit: 1 }, truncateFrom: 2, entries: [testEntry(2, 2), testEntry(3, 2)] })
  await ledger.append({ entries: [testEntry(4, 2, 900), testEntry(5, 2, 900)], attestation: { epoch: 1, height: 1, bytes: new Uint8Array(40).fill(1) } })
  await ledger.append({ certificate: { height: 1, bytes: new Uint8Array(64).fill(8) } })
  for (let index = 6; index <= 10; index++) await ledger.append({ entries: [testEntry(index, 2, 1000)], hardState: { term: 2, vote: 3, commit: index - 1 } })
  await ledger.append({ attestation: { epoch: 1, height: 9, bytes: new Uint8Array(40).fill(9) } })
  await ledger.append({ entries: [testEntry(11, 2)], hardState: { term: 3, vote: 1, commit: 9 } })
  await ledger.close()
  const reader = await openNormal(disk.copy())
  const content = contentOf(reader)
  const entries = reader.entries(1, 12, Number.MAX_SAFE_INTEGER)
  const segments = (await disk.list(DIRECTORY)).filter((name) => name.endsWith('.segment')).map((name) => `${DIRECTORY}/${name}`)
  return { disk, entries, content, segments }
}

/** The same in fewer bytes: one full segment and the start of a second. */
async function makeSmallLedger(): Promise<{ disk: CrashFileSystem; segments: string[] }> {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  await ledger.append({ hardState: { term: 1, vote: 2, commit: 0 }, entries: [testEntry(1, 1, 1400), testEntry(2, 1, 1400)], refusals: [{ index: 2, term: 1, code: 'ROOT_MISMATCH', root: new Uint8Array(32).fill(5) }] })
  await ledger.append({ truncateFrom: 2, entries: [testEntry(2, 1, 31)], attestation: { epoch: 1, height: 1, bytes: new Uint8Array(40).fill(1) }, certificate: { height: 1, bytes: new Uint8Array(64).fill(8) } })
  await ledger.append({ entries: [testEntry(3, 1, 200)] })
  await ledger.close()
  return { disk, segments: [FIRST, `${DIRECTORY}/00000002.segment`] }
}

/** Where the records are: [segment path, offset, type, index]. */
async function recordsOf(disk: CrashFileSystem): Promise<{ path: string; offset: number; type: string; index: number }[]> {
  const records: { path: string; offset: number; type: string; index: number }[] = []
  await scanLedger(disk, DIRECTORY, (record, place) => {
    records.push({ path: `${DIRECTORY}/${String(place.segment).padStart(8, '0')}.segment`, offset: place.offset, type: record.type, index: record.type === 'entry' ? record.entry.index : 0 })
  })
  return records
}

/** Every byte that means something, with its neighbours; of the long zeros, one byte in 61. */
function placesToFlip(bytes: Uint8Array): number[] {
  let used = bytes.length
  while (used > 0 && bytes[used - 1] === 0) used--
  const dense = (offset: number): boolean => (offset >= HEADER_REGION_BYTES ? offset < used + 64 : bytes[offset] !== 0 || offset % 4096 < 8)
  return [...bytes.keys()].filter((offset) => dense(offset) || offset % 251 === 0)
}

t.test('an older record that a lost write has brought to light goes with the records that have no room behind it (found by the simulator, seed 101308)', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  for (const term of [1, 2]) await ledger.append({ hardState: { term, vote: 3, commit: 0 } })
  await ledger.append({ entries: [testEntry(1, 2)] })
  await ledger.close()
  const content = contentOf(await openNormal(disk.copy()))
  // What stood there in an earlier life: one record of 152 bytes, and 24 are left of the two of 88.
  const old = new CrashFileSystem()
  const before = await openNormal(old)
  await before.append({ entries: [testEntry(1, 1, 8)] })
  await before.close()
  const [, stale] = await recordsOf(old)
  const [, first, second, third] = await recordsOf(disk)
  t.strictSame([stale?.offset, second?.type, third?.offset], [first?.offset, 'hardState', stale!.offset + 152 + 24])
  disk.bytesOf(FIRST).set(old.bytesOf(FIRST).subarray(stale!.offset, stale!.offset + 152), stale!.offset)
  const repair = await openRepair(disk)
  t.match(repair.damaged, [{ offset: stale!.offset, bytes: 176, firstOrdinal: 2, lastOrdinal: 3, fix: 'local' }])
  await repair.repairLocal()
  const opened = await repair.finish()
  t.equal(opened.status, 'normal')
  t.same(opened.status === 'normal' ? contentOf(opened.ledger) : undefined, content, 'nothing behind it was harmed')
})

t.test('where the records of the newest segment turned to zeros, the lost entry is put back there and not behind the segment before (found by the simulator, seed 101389)', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  for (let index = 1; index <= 4; index++) await ledger.append({ entries: [testEntry(index, 1, 1000)] })
  await ledger.close()
  const content = contentOf(await openNormal(disk.copy()))
  const last = (await recordsOf(disk)).at(-1)!
  t.match(last, { path: `${DIRECTORY}/00000002.segment`, offset: HEADER_REGION_BYTES, type: 'entry', index: 4 }, 'the only record of its segment')
  disk.bytesOf(last.path).fill(0, HEADER_REGION_BYTES)
  const repair = await openRepair(disk)
  t.match(repair.damaged, [{ segment: 2, offset: HEADER_REGION_BYTES, openEnded: false, fix: 'copy', index: 4 }])
  await repair.repair(testEntry(4, 1, 1000))
  const opened = await repair.finish()
  t.equal(opened.status, 'normal')
  t.same(opened.status === 'normal' ? contentOf(opened.ledger) : undefined, content)
})

t.test('damage to the last record of which the newest slot does not know is seen by the boot record behind it (found by the simulator, seeds 100152 and 100592)', async (t) => {
  const disk = new CrashFileSystem()
  await (await openNormal(disk)).append({ entries: [testEntry(1)] })
  const restarted = disk.crash()
  await openNormal(restarted)
  const damaged = restarted.crash()
  const [, entry, boot] = await recordsOf(damaged)
  t.strictSame([entry?.type, boot?.type], ['entry', 'boot'], 'nothing else was written after the start')
  damaged.bytesOf(FIRST).fill(0, entry!.offset, boot!.offset)
  const repair = await openRepair(damaged)
  t.match(repair.damaged, [{ offset: entry!.offset, index: 1, fix: 'copy' }])
  await repair.repair(testEntry(1))
  const opened = await repair.finish()
  t.match(opened, { status: 'normal', ledger: { recovered: { lastIndex: 1 } } })
})

t.test('damage to the last record of which the newest slot knows does not cut what was acknowledged behind it', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  await ledger.append({ entries: [testEntry(1)] })
  await ledger.append({ hardState: { term: 2, vote: 3, commit: 0 }, entries: [testEntry(2, 2)] })
  const damaged = disk.crash()
  const [, first, vote] = await recordsOf(damaged)
  damaged.bytesOf(FIRST)[first!.offset]! ^= 1
  const repair = await openRepair(damaged)
  t.match(repair.damaged, [{ offset: first!.offset, bytes: vote!.offset - first!.offset, index: 1, fix: 'copy' }])
  t.equal(repair.requiredLastIndex, 2)
  await repair.repair(testEntry(1))
  const opened = await repair.finish()
  t.match(opened, { status: 'normal', ledger: { recovered: { lastIndex: 2, hardState: { term: 2, vote: 3 } } } }, 'entry and vote are still there')
})

/** Fills the place of a record with zeros, so that only its neighbours tell of it. */
async function wipe(disk: CrashFileSystem, index: number, to: 'payload' | 'next' = 'next'): Promise<void> {
  const records = await recordsOf(disk)
  const at = records.findIndex((record) => record.index === index)
  const { path, offset } = records[at]!
  const end = records[at + 1]?.path === path ? records[at + 1]!.offset : disk.bytesOf(path).length
  disk.bytesOf(path).fill(0, to === 'payload' ? offset + 64 : offset, end)
}

/** Five entries of which the first two are known to be committed. */
async function makeUncommitted(): Promise<CrashFileSystem> {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  for (let index = 1; index <= 5; index++) await ledger.append({ hardState: { term: 1, vote: 2, commit: Math.min(index - 1, 2) }, entries: [testEntry(index)] })
  await ledger.close()
  return disk
}

t.test('committed entries replace all that is not known to be committed, not only what is damaged: what is left before them would be vouched for by them (found by the simulator, seed 200926)', async (t) => {
  const disk = await makeUncommitted()
  await wipe(disk, 5, 'payload')
  const repair = await openRepair(disk)
  t.match(repair.damaged, [{ needFrom: 5, fix: 'copy' }])
  t.equal(repair.replacedFrom, 3)
  await t.rejects(repair.replaceCommitted([testEntry(5, 2)]), { code: 'LEDGER_REPAIR_INCOMPLETE', details: { from: 3, requiredLastIndex: 5 } })
  // A new leader has committed others in place of 3 and 4.
  const committed = [3, 4, 5].map((index) => testEntry(index, 2))
  await repair.replaceCommitted(committed)
  const opened = await repair.finish()
  t.equal(opened.status, 'normal')
  t.same(opened.status === 'normal' ? opened.ledger.entries(1, 6, Number.MAX_SAFE_INTEGER) : undefined, [testEntry(1), testEntry(2), ...committed])
})

t.test('damage that comes while a repair goes on is mended too, and a copy beside an entry that is lost for good is refused (found by the simulator, seed 200557)', async (t) => {
  const disk = await makeUncommitted()
  const committed = [1, 2, 3, 4, 5].map((index) => testEntry(index, index > 2 ? 2 : 1))
  const [first, second] = (await recordsOf(disk)).filter(({ index }) => index === 3 || index === 4)
  // Entry 3 and the vote behind it.
  disk.bytesOf(first!.path).fill(0, first!.offset, second!.offset)
  const repair = await openRepair(disk)
  t.match(repair.damaged, [{ needFrom: 3, fix: 'committed' }])
  await wipe(disk, 4, 'payload')
  await repair.replaceCommitted(committed)
  t.match(repair.damaged, [{ index: 4, fix: 'copy', previousEntry: undefined }], 'nothing was replaced yet')
  await t.rejects(repair.repair(testEntry(4)), { code: 'LEDGER_REPAIR_MISMATCH', details: { rule: /the entry before it/ } })
  await repair.replaceCommitted(committed)
  const opened = await repair.finish()
  t.equal(opened.status, 'normal')
  t.same(opened.status === 'normal' ? opened.ledger.entries(1, 6, Number.MAX_SAFE_INTEGER) : undefined, committed)
})

t.test('damage that comes while a repair goes on and takes what only this node knew ends it', async (t) => {
  const disk = await makeUncommitted()
  await wipe(disk, 3, 'payload')
  const repair = await openRepair(disk)
  const newest = (await recordsOf(disk)).at(-1)!
  for (const offset of [4096, 8192]) disk.bytesOf(newest.path).fill(1, offset, offset + 256)
  await t.rejects(repair.repair(testEntry(3)), { code: 'LEDGER_UNREPAIRABLE' })
})

t.test('an entry lost right before a fill, or before a truncation, is named by its own index', async (t) => {
  const disk = await makeUncommitted()
  const records = await recordsOf(disk)
  const fourth = records.findIndex(({ index }) => index === 4)
  const { path, offset } = records[fourth]!
  const content = contentOf(await openNormal(disk.copy()))
  disk.bytesOf(path).fill(0, records[fourth + 1]!.offset, records[fourth + 2]!.offset)
  const repair = await openRepair(disk)
  t.match(repair.damaged, [{ recordType: 'hardState', fix: 'local' }])
  await repair.repairLocal()
  disk.bytesOf(path).fill(0, offset, records[fourth + 1]!.offset)
  const again = await openLedger(testOptions(), testCollaborators(disk.copy()))
  if (again.status !== 'repair') throw new Error('the lost entry is not missed')
  t.match(again.repair.damaged, [{ offset, index: 4, fix: 'copy', hash: testEntry(4).hash }])
  await again.repair.repair(testEntry(4))
  const opened = await again.repair.finish()
  t.same(opened.status === 'normal' ? contentOf(opened.ledger) : undefined, content)

  const cut = new CrashFileSystem()
  const ledger = await openNormal(cut)
  await ledger.append({ entries: [testEntry(1), testEntry(2), testEntry(3)] })
  await ledger.append({ truncateFrom: 2, entries: [testEntry(2, 2)] })
  await ledger.close()
  await wipe(cut, 3)
  const mended = await openRepair(cut)
  t.match(mended.damaged, [{ index: 3, needFrom: 0, fix: 'local' }], 'what was cut off later is needed by nobody')
  await mended.repairLocal()
  t.match(await mended.finish(), { status: 'normal', ledger: { recovered: { lastIndex: 2 } } })
})

t.test('where a truncation and what it made room for are lost, the entries before them are in doubt with their heights (found by the simulator, seed 500055)', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  const noop = { ...testEntry(2, 2), height: 0, data: new Uint8Array(0) }
  const block = { ...testEntry(3, 2), height: 2 }
  await ledger.append({ hardState: { term: 1, vote: 2, commit: 1 }, entries: [testEntry(1), testEntry(2)] })
  await ledger.append({ hardState: { term: 2, vote: 2, commit: 1 }, truncateFrom: 2, entries: [noop] })
  await ledger.append({ entries: [block] })
  await ledger.close()
  const records = await recordsOf(disk)
  const cut = records.findIndex(({ type }) => type === 'truncate')
  disk.bytesOf(FIRST).fill(0, records[cut]!.offset, records.at(-1)!.offset)
  const repair = await openRepair(disk)
  t.match(repair.damaged, [{ fix: 'committed', needFrom: 2 }])
  await repair.replaceCommitted([noop, block])
  const opened = await repair.finish()
  t.equal(opened.status, 'normal')
  t.same(opened.status === 'normal' ? opened.ledger.entries(1, 4, Number.MAX_SAFE_INTEGER).map(({ height }) => height) : undefined, [1, 0, 2])
})

t.test('any one flipped byte, in records, headers, slots or the zeros between, is reported where it is', async (t) => {
  const { disk, segments } = await makeSmallLedger()
  t.equal((await scanLedger(disk, DIRECTORY)).segments, 2)
  t.same((await scanLedger(disk, DIRECTORY)).damaged, [], 'an intact ledger has nothing to report')
  const missed: string[] = []
  let flips = 0
  for (const [i, path] of segments.entries()) {
    const bytes = disk.bytesOf(path)
    for (const offset of placesToFlip(bytes)) {
      const was = bytes[offset] ?? 0
      bytes[offset] = was ^ (1 << (offset % 8))
      const { damaged } = await scanLedger(disk, DIRECTORY)
      if (!damaged.some((damage) => damage.segment === i + 1 && damage.offset <= offset && offset < damage.offset + damage.bytes)) missed.push(`${path}@${offset}`)
      bytes[offset] = was
      flips++
    }
  }
  t.ok(flips > 4000, `${flips} flips`)
  t.same(missed, [])
})

t.test('after one flipped byte a ledger opens with the same content, or in repair mode from which entries or nothing at all bring it back', async (t) => {
  const { disk, entries, content, segments } = await makeLedger()
  const wrong: string[] = []
  const ways = new Map<string, number>()
  for (const path of segments) {
    for (const offset of placesToFlip(disk.bytesOf(path)).filter((place) => place % 43 === 0)) {
      const copy = disk.copy()
      const bytes = copy.bytesOf(path)
      bytes[offset] = (bytes[offset] ?? 0) ^ 0x40
      let opened = await openLedger(testOptions(), testCollaborators(copy))
      let way: string = opened.status
      if (opened.status === 'repair') {
        const lost = opened.damaged[0]
        way = lost?.fix ?? 'nothing'
        if (lost === undefined) break
        if (lost.fix === 'copy') await opened.repair.repair(entries[(lost.index ?? 0) - 1] ?? testEntry(99))
        else await opened.repair.repairLocal()
        opened = await opened.repair.finish()
      }
      ways.set(way, (ways.get(way) ?? 0) + 1)
      if (opened.status !== 'normal') wrong.push(`${path}@${offset}: still damaged`)
      else {
        const now = contentOf(opened.ledger) as { lastAttestation: { height: number }; refusals: unknown[] }
        if (way !== 'local' && JSON.stringify(now) !== JSON.stringify(content)) wrong.push(`${path}@${offset}: ${way}, content differs`)
        if (now.lastAttestation.height !== 9 || opened.ledger.recovered.hardState.term !== 3 || opened.ledger.recovered.hardState.vote !== 1) wrong.push(`${path}@${offset}: promises lost`)
        await opened.ledger.close()
        if ((await scanLedger(copy, DIRECTORY)).damaged.length > 0) wrong.push(`${path}@${offset}: damage left in the files`)
      }
    }
  }
  t.same(wrong, [])
  t.ok((ways.get('copy') ?? 0) > 100 && (ways.get('local') ?? 0) > 10 && (ways.get('normal') ?? 0) > 10, JSON.stringify([...ways]))
})

t.test('a wrong copy of a lost entry is refused and changes nothing', async (t) => {
  const { disk, entries } = await makeLedger()
  const place = (await recordsOf(disk)).find((record) => record.index === 7)
  t.ok(place)
  const bytes = disk.bytesOf(place?.path ?? '')
  bytes[(place?.offset ?? 0) + 200]! ^= 1
  const repair = await openRepair(disk)
  t.match(repair.damaged, [{ index: 7, height: 7, term: 2, fix: 'copy', recordType: 'entry', hash: testEntry(7, 2).hash }])
  await t.rejects(repair.repair({ ...testEntry(7, 2, 1000), data: new Uint8Array(1000) }), { code: 'LEDGER_REPAIR_MISMATCH' })
  await t.rejects(repair.repair(testEntry(7, 1, 1000)), { code: 'LEDGER_REPAIR_MISMATCH' })
  await t.rejects(repair.repair(testEntry(6, 2, 1000)), { code: 'LEDGER_REPAIR_MISMATCH' })
  t.equal((await repair.finish()).status, 'repair')
  await repair.repair(entries[6] ?? testEntry(7))
  const opened = await repair.finish()
  t.equal(opened.status, 'normal')
})

t.test('two neighbouring lost entries are put back in ascending order', async (t) => {
  const { disk, entries, content } = await makeLedger()
  for (const index of [7, 8]) {
    const place = (await recordsOf(disk)).find((record) => record.index === index)
    disk.bytesOf(place?.path ?? '')[(place?.offset ?? 0) + 100]! ^= 1
  }
  const repair = await openRepair(disk)
  t.match(repair.damaged.map((damage) => damage.index), [7, 8])
  for (const index of [7, 8]) await repair.repair(entries[index - 1] ?? testEntry(99))
  const opened = await repair.finish()
  t.equal(opened.status, 'normal')
  if (opened.status === 'normal') t.same(contentOf(opened.ledger), content)
})

t.test('a stretch of many lost records is replaced by what the cluster has committed, at every crash on the way', async (t) => {
  const { disk, entries } = await makeLedger()
  const records = await recordsOf(disk)
  const from = records.find((record) => record.index === 6)
  const to = records.find((record) => record.index === 7)
  t.equal(from?.path, to?.path)
  disk.bytesOf(from?.path ?? '').fill(0, from?.offset, (to?.offset ?? 0) + 64)
  const first = await openRepair(disk)
  const lost = first.damaged[0]
  t.match(lost, { fix: 'committed', needFrom: 6 }, 'what was committed before the stretch is not in doubt')
  await t.rejects(first.replaceCommitted(entries.slice(1, 10)), { code: 'LEDGER_REPAIR_INCOMPLETE', details: { from: 6, requiredLastIndex: 11 } })
  await t.rejects(first.replaceCommitted(entries.slice(6)), { code: 'LEDGER_REPAIR_INCOMPLETE' })
  await first.close()

  const wrong: string[] = []
  for (let crashAt = 1, crashed = true; crashed; crashAt++) {
    crashed = false
    let now = disk.copy()
    const repair = await openRepair(now)
    now.options = { crashAt: now.calls + crashAt, unsynced: 'some', seed: crashAt }
    try {
      await repair.replaceCommitted(entries.slice(1))
    } catch (error) {
      crashed = true
      if (!(error instanceof Crashed) && codeOf(error) !== 'LEDGER_WRITE_FAILED') throw error
      now = now.crash()
    }
    now.options = {}
    let opened = crashed ? await openLedger(testOptions(), testCollaborators(now)) : await repair.finish()
    if (opened.status === 'repair') {
      await opened.repair.replaceCommitted(entries.slice(1))
      opened = await opened.repair.finish()
    }
    if (opened.status !== 'normal') wrong.push(`crash ${crashAt}: not whole`)
    else {
      const got = opened.ledger.entries(1, opened.ledger.lastIndex() + 1, Number.MAX_SAFE_INTEGER)
      if (got.length !== 11 || got.some((entry, i) => Buffer.compare(entry.data, entries[i]?.data ?? new Uint8Array()) !== 0)) wrong.push(`crash ${crashAt}: entries differ`)
      if (opened.ledger.recovered.hardState.vote !== 1) wrong.push(`crash ${crashAt}: vote lost`)
      await opened.ledger.close()
      if ((await scanLedger(now, DIRECTORY)).damaged.length > 0) wrong.push(`crash ${crashAt}: damage left`)
    }
  }
  t.same(wrong, [])
})

t.test('a crash at any call while an entry is put back leaves the damaged segment or the mended one', async (t) => {
  const { disk, entries, content } = await makeLedger()
  const place = (await recordsOf(disk)).find((record) => record.index === 3)
  disk.bytesOf(FIRST)[(place?.offset ?? 0) + 90]! ^= 1
  for (let crashAt = 1, crashed = true; crashed; crashAt++) {
    crashed = false
    let now = disk.copy()
    const repair = await openRepair(now)
    now.options = { crashAt: now.calls + crashAt, unsynced: 'some', seed: crashAt }
    await repair.repair(entries[2] ?? testEntry(3)).catch(() => { crashed = true })
    if (crashed) now = now.crash()
    now.options = {}
    let opened = crashed ? await openLedger(testOptions(), testCollaborators(now)) : await repair.finish()
    if (opened.status === 'repair') {
      await opened.repair.repair(entries[2] ?? testEntry(3))
      opened = await opened.repair.finish()
    }
    if (opened.status !== 'normal' || JSON.stringify(contentOf(opened.ledger)) !== JSON.stringify(content)) t.fail(`crash ${crashAt}`)
  }
})

t.test('a segment that is gone is refilled from committed blocks', async (t) => {
  const { disk, entries } = await makeLedger()
  disk.lose(`${DIRECTORY}/00000002.segment`)
  const repair = await openRepair(disk)
  t.match(repair.damaged, [{ kind: 'missing', segment: 2, fix: 'committed' }])
  await repair.replaceCommitted(entries)
  const opened = await repair.finish()
  t.equal(opened.status, 'normal')
  if (opened.status === 'normal') t.equal(opened.ledger.lastIndex(), 11)
})

t.test('a durable tail that turned to zeros is missed', async (t) => {
  const { disk, segments } = await makeLedger()
  const last = (await recordsOf(disk)).filter((record) => record.path === segments.at(-1) && record.type === 'entry').at(-1)
  disk.bytesOf(segments.at(-1) ?? '').fill(0, last?.offset)
  const repair = await openRepair(disk)
  t.match(repair.damaged, [{ kind: 'record', durable: true }])
})

t.test('an intact record exchanged for another intact one breaks the chain', async (t) => {
  const one = await makeLedger()
  const other = new CrashFileSystem()
  const ledger = await openNormal(other)
  await ledger.append({ hardState: { term: 1, vote: 2, commit: 0 }, entries: [{ ...testEntry(1), data: new Uint8Array(300).fill(66) }, testEntry(2)] })
  await ledger.close()
  const place = (await recordsOf(one.disk)).find((record) => record.index === 1)
  const start = place?.offset ?? 0
  one.disk.bytesOf(FIRST).set(other.bytesOf(FIRST).subarray(start, start + 64 + 80 + 304), start)
  const repair = await openRepair(one.disk)
  t.match(repair.damaged, [{ index: 1, fix: 'copy' }])
  await repair.repair(one.entries[0] ?? testEntry(1))
  t.equal((await repair.finish()).status, 'normal')
})

t.test('the last record exchanged for another intact one does not fit the slot', async (t) => {
  const disks = [1, 2].map(() => new CrashFileSystem())
  for (const [i, disk] of disks.entries()) {
    const ledger = await openNormal(disk)
    await ledger.append({ entries: [{ ...testEntry(1), data: new Uint8Array(300).fill(i) }] })
    await ledger.close()
  }
  const [own, other] = disks
  if (own === undefined || other === undefined) throw new Error('two disks')
  const start = (await recordsOf(own)).at(-1)?.offset ?? 0
  own.bytesOf(FIRST).set(other.bytesOf(FIRST).subarray(start, start + 64 + 80 + 304), start)
  const repair = await openRepair(own)
  t.match(repair.damaged, [{ index: 1, fix: 'copy' }])
  await repair.repair({ ...testEntry(1), data: new Uint8Array(300).fill(0) })
  t.equal((await repair.finish()).status, 'normal')
})

t.test('with both slots damaged nobody knows what this node promised: rejoin under a new id', async (t) => {
  const { disk, segments } = await makeLedger()
  const bytes = disk.bytesOf(segments.at(-1) ?? '')
  for (const offset of [4096, 8192]) bytes[offset + 20]! ^= 1
  await t.rejects(openLedger(testOptions(), testCollaborators(disk)), { code: 'LEDGER_UNREPAIRABLE' })
})

t.test('bytes inside a block never pass for records', async (t) => {
  const { disk } = await makeLedger()
  const ledger = await openNormal(disk)
  const stolen = disk.bytesOf(FIRST).slice(HEADER_REGION_BYTES, HEADER_REGION_BYTES + 1200)
  await ledger.append({ entries: [{ ...testEntry(12, 3), data: stolen }] })
  await ledger.append({ entries: [testEntry(13, 3)] })
  await ledger.close()
  const place = (await recordsOf(disk)).find((record) => record.index === 12)
  disk.bytesOf(place?.path ?? '')[(place?.offset ?? 0) + 5]! ^= 1
  const { damaged } = await scanLedger(disk, DIRECTORY)
  t.match(damaged, [{ offset: place?.offset, index: 12 }], 'with its header gone, the search does not stop inside the block')
})
