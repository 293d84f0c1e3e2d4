import t from 'tap'
import { nodeFileSystem, nodeTimers } from '../../state/node-file-system.ts'
import { openLedger } from '../../state/ledger-open.ts'
import { scanLedger } from '../../state/ledger-verify.ts'
import { CrashFileSystem, ManualTimers } from '../helpers/crash-file-system.ts'
import { DIRECTORY, contentOf, openNormal, testCollaborators, testEntry, testOptions } from './ledger-fixture.ts'

const FIRST = `${DIRECTORY}/00000001.segment`

t.test('what cannot be opened is refused with its code', async (t) => {
  await t.rejects(openLedger(testOptions({ create: false }), testCollaborators(new CrashFileSystem())), { code: 'LEDGER_MISSING' })
  await t.rejects(openLedger({ ...testOptions({ create: false }), directory: `${t.testdir()}/none` }, testCollaborators(nodeFileSystem)), { code: 'LEDGER_MISSING' })
  const disk = new CrashFileSystem()
  await (await openNormal(disk)).close()
  await t.rejects(openLedger(testOptions({ chainId: new Uint8Array(32).fill(2) }), testCollaborators(disk)), { code: 'LEDGER_WRONG_CHAIN' })
  await t.rejects(scanLedger(disk, DIRECTORY, undefined, new Uint8Array(32)), { code: 'LEDGER_WRONG_CHAIN' })
  const { encodeSegmentHeader, HEADER_OFFSETS, maybeDecodeSegmentHeader } = await import('../../state/ledger-format.ts')
  const header = maybeDecodeSegmentHeader(disk.bytesOf(FIRST))
  if (header === undefined) throw new Error('no header')
  for (const offset of HEADER_OFFSETS) disk.bytesOf(FIRST).set(encodeSegmentHeader({ ...header, version: 2 }), offset)
  await t.rejects(openLedger(testOptions(), testCollaborators(disk)), { code: 'LEDGER_VERSION_UNSUPPORTED', details: { found: 2, expected: 1 } })
  await t.rejects(openLedger(testOptions(), testCollaborators(disk)), { code: 'LEDGER_VERSION_UNSUPPORTED' }, 'a failed opening gives the lock back')
})

t.test('an append that breaks the log is refused and changes nothing', async (t) => {
  const ledger = await openNormal(new CrashFileSystem())
  await ledger.append({ hardState: { term: 2, vote: 1, commit: 0 }, entries: [testEntry(1), testEntry(2)] })
  await ledger.append({ hardState: { term: 2, vote: 1, commit: 1 } })
  await t.rejects(ledger.append({ entries: [testEntry(4)] }), { code: 'INVARIANT_BROKEN' }, 'gap')
  await t.rejects(ledger.append({ truncateFrom: 1 }), { code: 'INVARIANT_BROKEN' }, 'committed')
  await t.rejects(ledger.append({ hardState: { term: 1, vote: 1, commit: 1 } }), { code: 'INVARIANT_BROKEN' }, 'term falls')
  await t.rejects(ledger.append({ entries: [testEntry(3, 2, 60_000)] }), { code: 'LEDGER_ENTRY_TOO_LARGE' })
  t.throws(() => ledger.appendLazy({ hardState: { term: 3, vote: 1, commit: 1 } }), { code: 'INVARIANT_BROKEN' }, 'votes are not lazy')
  t.throws(() => ledger.entries(0, 1, 1), { code: 'LEDGER_COMPACTED' })
  t.equal(ledger.lastIndex(), 2)
  await ledger.append({ entries: [testEntry(3, 2)] })
  t.equal(ledger.storedLastIndex(), 3)
  await ledger.close()
  await t.rejects(ledger.append({ entries: [testEntry(4, 2)] }), { code: 'LEDGER_CLOSED' })
  await ledger.close()
})

t.test('too many waiting bytes are refused, retryably, and the log goes on afterwards', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk, {}, { queueBytesMax: 1000 })
  const first = ledger.append({ entries: [testEntry(1, 1, 800)] })
  await t.rejects(ledger.append({ entries: [testEntry(2, 1, 800)] }), { code: 'LEDGER_BUSY', retryable: true })
  await first
  await ledger.append({ entries: [testEntry(2, 1, 800)] })
  t.equal(ledger.lastIndex(), 2)
})

t.test('all that was appended is there after a restart, and the start is counted', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  t.match(ledger.recovered, { hardState: { term: 0, vote: 0, commit: 0 }, firstIndex: 1, lastIndex: 0, refusals: [], bootCounter: 1 })
  const root = new Uint8Array(32).fill(4)
  for (let index = 1; index <= 20; index++) await ledger.append({ hardState: { term: 1, vote: 2, commit: index - 1 }, entries: [testEntry(index)] })
  await ledger.append({ refusals: [{ index: 20, term: 1, code: 'ROOT_MISMATCH', root }] })
  await ledger.append({ attestation: { epoch: 1, height: 19, bytes: new Uint8Array(80).fill(3) }, certificate: { height: 18, bytes: new Uint8Array(99) } })
  await ledger.close()
  const again = await openNormal(disk)
  t.match(again.recovered, {
    hardState: { term: 1, vote: 2, commit: 19 }, lastIndex: 20, refusals: [{ index: 20, term: 1, code: 'ROOT_MISMATCH', root }],
    lastAttestation: { epoch: 1, height: 19, bytes: new Uint8Array(80).fill(3) }, newestCertificate: { height: 18, bytes: new Uint8Array(99) }, bootCounter: 2,
  })
  t.same(again.entries(1, 21, Number.MAX_SAFE_INTEGER), Array.from({ length: 20 }, (_, i) => testEntry(i + 1)), 'read from disk, over several segments')
  t.equal(again.refusal(20)?.code, 'ROOT_MISMATCH')
})

t.test('entries are cut at maxBytes but at least one is given', async (t) => {
  const ledger = await openNormal(new CrashFileSystem())
  await ledger.append({ entries: [testEntry(1), testEntry(2), testEntry(3)] })
  t.same(ledger.entries(1, 4, 0).map((entry) => entry.index), [1])
  t.same(ledger.entries(1, 4, 600).map((entry) => entry.index), [1, 2])
  t.same(ledger.entries(2, 3, 1e6).map((entry) => entry.index), [2])
  t.same(ledger.entries(2, 2, 1e6), [])
  t.same([ledger.term(0), ledger.term(3), ledger.term(4)], [0, 1, undefined])
})

t.test('appended entries are seen at once and stored only after the sync; a truncation takes them from both', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  await ledger.append({ entries: [testEntry(1), testEntry(2)] })
  const gate = Promise.withResolvers<void>()
  disk.fault = (call) => (call === 'sync' ? gate.promise : undefined)
  const three = ledger.append({ entries: [testEntry(3), testEntry(4)] })
  t.same([ledger.lastIndex(), ledger.storedLastIndex(), ledger.entry(4)?.index], [4, 2, 4])
  await new Promise((resolve) => setImmediate(resolve))
  const cut = ledger.append({ hardState: { term: 2, vote: 0, commit: 0 }, truncateFrom: 2, entries: [testEntry(2, 2)] })
  t.same([ledger.lastIndex(), ledger.storedLastIndex(), ledger.entry(2)?.term], [2, 1, 2])
  gate.resolve()
  await three
  t.equal(ledger.storedLastIndex(), 1, 'what the queued truncation drops does not count as stored')
  await cut
  t.equal(ledger.storedLastIndex(), 2)
  await ledger.close()
  t.same((await openNormal(disk)).entries(1, 3, 1e6), [testEntry(1), testEntry(2, 2)])
})

t.test('appends during a sync share the next one and resolve in order', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  await ledger.append({ entries: [testEntry(1)] })
  const gate = Promise.withResolvers<void>()
  disk.fault = (call) => (call === 'sync' ? gate.promise : undefined)
  const before = disk.syncs
  const order: number[] = []
  const first = ledger.append({ entries: [testEntry(2, 1, 50)] }).then(() => order.push(2))
  await Promise.resolve()
  await Promise.resolve()
  const rest = [3, 4, 5, 6].map((index) => ledger.append({ entries: [testEntry(index, 1, 50)] }).then(() => order.push(index)))
  gate.resolve()
  await Promise.all([first, ...rest])
  t.same(order, [2, 3, 4, 5, 6])
  t.ok(disk.syncs - before <= 2, `${disk.syncs - before} syncs for 5 appends`)
})

t.test('a lazy record forces no sync; the idle sync takes it along', async (t) => {
  const disk = new CrashFileSystem()
  const timers = new ManualTimers()
  const ledger = await openNormal(disk, { timers })
  timers.fire()
  await ledger.append({ hardState: { term: 1, vote: 1, commit: 0 }, entries: [testEntry(1)] })
  const before = disk.syncs
  ledger.appendLazy({ certificate: { height: 1, bytes: new Uint8Array(70).fill(1) }, hardState: { term: 1, vote: 1, commit: 1 } })
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(disk.syncs, before)
  t.equal(ledger.newestCertificate()?.height, 1)
  timers.fire()
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(disk.syncs, before + 1, 'one sync for slot and lazy record')
  t.equal(timers.count, 0, 'then the disk is left alone')
  const next = await openNormal(disk.crash())
  t.match(next.recovered, { newestCertificate: { height: 1 }, hardState: { commit: 1 } })
})

t.test('heights lead to entries, also past no-ops and after a truncation', async (t) => {
  const ledger = await openNormal(new CrashFileSystem())
  const noop = (index: number, term: number) => ({ index, term, kind: 'normal' as const, height: 0, data: new Uint8Array(0) })
  await ledger.append({ entries: [noop(1, 1), { ...testEntry(2), height: 1 }, { ...testEntry(3), height: 2 }, noop(4, 2), { ...testEntry(5, 2), height: 3 }] })
  t.same([0, 1, 2, 3, 4].map((height) => ledger.indexOfHeight(height)), [undefined, 2, 3, 5, undefined])
  await ledger.append({ truncateFrom: 3, entries: [noop(3, 3), { ...testEntry(4, 3), height: 2 }] })
  t.same([1, 2, 3].map((height) => ledger.indexOfHeight(height)), [2, 4, undefined])
  t.same([ledger.lastHeight(), ledger.heightAt(3)], [2, 1])
})

t.test('a certificate that is not on disk yet is served from memory, not read where nothing is written', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  for (const height of [2, 5, 9]) ledger.appendLazy({ certificate: { height, bytes: new Uint8Array(40).fill(height) } })
  t.same([1, 3, 6].map((height) => ledger.certificateCovering(height)), [2, 5, 9].map((height) => ({ height, bytes: new Uint8Array(40).fill(height) })))
  t.equal(ledger.failure(), undefined)
  await ledger.append({ attestation: { epoch: 1, height: 19, bytes: new Uint8Array(80) } })
  t.equal(ledger.certificateCovering(1)?.height, 2, 'and from the disk once it is there')
  await ledger.close()
})

t.test('a certificate covers its height and all below it', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  for (const height of [2, 5, 9]) await ledger.append({ certificate: { height, bytes: new Uint8Array(40).fill(height) } })
  ledger.appendLazy({ certificate: { height: 4, bytes: new Uint8Array(1) } })
  t.same([1, 2, 3, 5, 6, 9, 10].map((height) => ledger.certificateCovering(height)?.height), [2, 2, 5, 5, 9, 9, undefined])
  await ledger.close()
  t.same((await openNormal(disk)).certificateCovering(3), { height: 5, bytes: new Uint8Array(40).fill(5) })
})

t.test('bytes that changed on disk are never served: the ledger stops and says where', async (t) => {
  const disk = new CrashFileSystem()
  const told: string[] = []
  const ledger = await openNormal(disk, { damaged: (error) => told.push(error.code) }, { cacheBytesMax: 0 })
  await ledger.append({ entries: [testEntry(1), testEntry(2), testEntry(3)] })
  const bytes = disk.bytesOf(FIRST)
  const at = Buffer.from(bytes).indexOf(Buffer.from(testEntry(2).data))
  bytes[at + 10]! ^= 1
  t.equal(ledger.entry(1)?.index, 1)
  t.throws(() => ledger.entries(1, 4, 1e6), { code: 'LEDGER_DAMAGED', details: { segment: 1, index: 2, height: 2 } })
  t.throws(() => ledger.entry(1), { code: 'LEDGER_DAMAGED' }, 'nothing is served any more')
  await t.rejects(ledger.append({ entries: [testEntry(4)] }), { code: 'LEDGER_DAMAGED' })
  t.same(told, ['LEDGER_DAMAGED'])
  await ledger.close()
  const opened = await openLedger(testOptions(), testCollaborators(disk))
  t.match(opened, { status: 'repair', damaged: [{ index: 2, height: 2, fix: 'copy' }] })
})

t.test('a scan tells every record in order and takes no lock', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  await ledger.append({ entries: [testEntry(1), testEntry(2)], attestation: { epoch: 1, height: 1, bytes: new Uint8Array(3) } })
  const types: string[] = []
  const report = await scanLedger(disk, DIRECTORY, (record) => types.push(record.type))
  t.same(types, ['boot', 'entry', 'entry', 'attestation'])
  t.match(report, { segments: 1, records: 4, lastIndex: 2, lastHeight: 2, damaged: [] })
  await t.rejects(scanLedger(disk, '/nowhere'), { code: 'LEDGER_MISSING' })
})

t.test('the same on a real disk', async (t) => {
  const directory = `${t.testdir()}/node/ledger`
  const more = { timers: nodeTimers }
  const ledger = await openNormal(nodeFileSystem, more, { directory })
  await Promise.all(Array.from({ length: 60 }, (_, i) => ledger.append({ entries: [testEntry(i + 1)] })))
  await ledger.append({ truncateFrom: 60, entries: [testEntry(60, 2, 3000)], hardState: { term: 2, vote: 1, commit: 59 } })
  const shown = ledger.entries(1, 61, Number.MAX_SAFE_INTEGER)
  await ledger.close()
  const again = await openNormal(nodeFileSystem, more, { directory })
  t.same(again.entries(1, 61, Number.MAX_SAFE_INTEGER), shown)
  t.match(contentOf(again), { hardState: { term: 2, vote: 1, commit: 59 } })
  await again.close()
  const small = await openNormal(nodeFileSystem, more, { directory, segmentBytes: 16384 + 8192 })
  t.equal(small.lastIndex(), 60, 'a ledger keeps the segment size it was made with')
  await small.close()
})
