// Goal: a segment file that is gone, zeroed or cut short never takes acknowledged records with it in silence. Method: every file of ledgers in memory is harmed in every way; the ledger must come back whole, or refuse.
import t from 'tap'
import type { Ledger } from '../../state/ledger.ts'
import { openLedger } from '../../state/ledger-open.ts'
import type { Entry } from '../../state/ledger-record.ts'
import { segmentPath } from '../../state/ledger-segment.ts'
import { scanLedger } from '../../state/ledger-verify.ts'
import { CrashFileSystem } from '../helpers/crash-file-system.ts'
import { DIRECTORY, SMALL_SEGMENT_BYTES, codeOf, contentOf, openNormal, openRepair, testCollaborators, testEntry, testOptions } from './ledger-fixture.ts'

const DATA_OFFSET = 16384
/** An entry that fills a segment of its own. */
const LARGE_BYTES = 3500
const ENTRIES: readonly Entry[] = [testEntry(1), testEntry(2), testEntry(3, 1, LARGE_BYTES), testEntry(4, 1, LARGE_BYTES), testEntry(5, 2), testEntry(6, 2), testEntry(7, 2, LARGE_BYTES)]

/** What each append makes durable: the second segment holds one record alone. */
const BATCHES: readonly Parameters<Ledger['append']>[0][] = [
  { hardState: { term: 1, vote: 2, commit: 0 }, entries: ENTRIES.slice(0, 2) },
  { entries: ENTRIES.slice(2, 3) }, { entries: ENTRIES.slice(3, 4) },
  { hardState: { term: 2, vote: 3, commit: 4 }, entries: ENTRIES.slice(4, 5), attestation: { epoch: 1, height: 4, bytes: new Uint8Array(40).fill(1) } },
  { entries: ENTRIES.slice(5, 6) }, { entries: ENTRIES.slice(6) },
]

/** The disk as it stands after so many appends, each acknowledged; all of them, and closed, unless told. */
async function diskAfter(appends?: number): Promise<CrashFileSystem> {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  for (const batch of BATCHES.slice(0, appends)) await ledger.append(batch)
  if (appends === undefined) await ledger.close()
  // The next segment is prepared behind the acknowledgement; only then does anything tell that the newest one was begun.
  const newest = (await segmentsOf(disk)).at(-1)!
  while (!(await disk.list(DIRECTORY)).includes(`${String(newest + 1).padStart(8, '0')}.spare`)) await new Promise(setImmediate)
  return disk.copy()
}

const segmentsOf = async (disk: CrashFileSystem): Promise<number[]> => (await disk.list(DIRECTORY)).filter((name) => name.endsWith('.segment')).map((name) => Number(name.slice(0, 8)))

/** Leaves repair mode as a node does that can ask others for everything. */
async function mend(disk: CrashFileSystem): Promise<Ledger> {
  let opened = await openLedger(testOptions(), testCollaborators(disk))
  for (let tries = 0; opened.status === 'repair' && tries < 5; tries++) {
    const { repair } = opened
    if (repair.damaged.some(({ fix }) => fix === 'local')) await repair.repairLocal()
    for (const { index } of repair.damaged.filter(({ fix }) => fix === 'copy')) await repair.repair(ENTRIES[index! - 1]!)
    if (repair.damaged.some(({ needFrom }) => needFrom > 0)) await repair.replaceCommitted(ENTRIES.slice(0, repair.requiredLastIndex))
    opened = await repair.finish()
  }
  if (opened.status !== 'normal') throw new Error(`still damaged: ${JSON.stringify(opened.damaged)}`)
  return opened.ledger
}

const HARMS: Readonly<Record<string, (disk: CrashFileSystem, path: string) => void>> = {
  gone: (disk, path) => disk.lose(path),
  zeroed: (disk, path) => { disk.bytesOf(path).fill(0) },
  'without its beginning': (disk, path) => { disk.bytesOf(path).fill(0, 0, DATA_OFFSET) },
  'cut to one page': (disk, path) => disk.truncate(path, 4096),
  'cut to its first slot': (disk, path) => disk.truncate(path, 8192),
  empty: (disk, path) => disk.truncate(path, 0),
}

t.test('a file that is gone, zeroed or cut short is refused or mended, at any moment after any append', async (t) => {
  const ways = new Map<string, number>()
  for (const appends of [0, 1, 2, 3, 4, 5, 6, undefined]) {
    const whole = await openNormal(await diskAfter(appends))
    const acknowledged = contentOf(whole) as { entries: unknown[] }
    for (const [name, harm] of Object.entries(HARMS)) {
      for (const segment of await segmentsOf(await diskAfter(appends))) {
        const disk = await diskAfter(appends)
        harm(disk, segmentPath(DIRECTORY, segment))
        const told = `segment ${segment} ${name} after ${appends ?? 'all'} appends`
        try {
          const ledger = await mend(disk)
          const now = contentOf(ledger) as { entries: unknown[]; hardState: unknown; lastAttestation: { height: number } | undefined }
          t.same(now.entries, acknowledged.entries, told)
          t.match(now, { hardState: { term: whole.recovered.hardState.term, vote: whole.recovered.hardState.vote } }, told)
          t.equal(now.lastAttestation?.height, whole.recovered.lastAttestation?.height, told)
          await ledger.close()
          t.same((await scanLedger(disk, DIRECTORY)).damaged, [], `${told}: mended for good`)
          ways.set('mended', (ways.get('mended') ?? 0) + 1)
        } catch (error) {
          t.equal(codeOf(error), 'LEDGER_UNREPAIRABLE', told)
          ways.set('refused', (ways.get('refused') ?? 0) + 1)
        }
      }
    }
  }
  t.ok(ways.get('mended')! > 50 && ways.get('refused')! > 50, JSON.stringify([...ways]))
})

t.test('the entry of a middle segment whose only record turned to zeros is put back there', async (t) => {
  for (const from of [0, DATA_OFFSET]) {
    const disk = await diskAfter()
    const content = contentOf(await openNormal(disk.copy()))
    disk.bytesOf(segmentPath(DIRECTORY, 2)).fill(0, from)
    const repair = await openRepair(disk)
    t.match(repair.damaged.filter(({ kind }) => kind === 'record'), [{ segment: 2, offset: DATA_OFFSET, index: 3, fix: 'copy' }])
    await repair.repair(ENTRIES[2]!)
    const opened = await repair.finish()
    t.equal(opened.status, 'normal')
    t.same(opened.status === 'normal' ? contentOf(opened.ledger) : undefined, content)
  }
})

t.test('where what stood at the end of a segment and all of the next one is lost, committed entries take its place, and no fill leaves its segment', async (t) => {
  const disk = await diskAfter()
  disk.bytesOf(segmentPath(DIRECTORY, 1)).fill(0, SMALL_SEGMENT_BYTES - 4096 + 1000)
  disk.bytesOf(segmentPath(DIRECTORY, 2)).fill(0, DATA_OFFSET)
  disk.bytesOf(segmentPath(DIRECTORY, 3)).fill(0, DATA_OFFSET)
  const ledger = await mend(disk)
  t.equal(ledger.lastIndex(), 7)
  await ledger.close()
  for (const segment of await segmentsOf(disk)) t.equal(disk.bytesOf(segmentPath(DIRECTORY, segment)).length, SMALL_SEGMENT_BYTES)
})

t.test('a fill may stand before the first record', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  await ledger.append(BATCHES[0]!)
  await ledger.close()
  const content = contentOf(await openNormal(disk.copy()))
  disk.bytesOf(segmentPath(DIRECTORY, 1)).fill(0, DATA_OFFSET)
  const repair = await openRepair(disk)
  t.match(repair.damaged, [{ segment: 1, offset: DATA_OFFSET, firstOrdinal: 1, lastOrdinal: 4, fix: 'committed', needFrom: 1 }])
  await repair.replaceCommitted(ENTRIES.slice(0, 2))
  const opened = await repair.finish()
  t.match(opened.status === 'normal' ? contentOf(opened.ledger) : undefined, { entries: (content as { entries: object[] }).entries, hardState: { term: 1, vote: 2 } })
  const types: string[] = []
  await scanLedger(disk, DIRECTORY, ({ type }) => { types.push(type) })
  t.equal(types[0], 'fill')
  t.same(contentOf(await openNormal(disk.crash())), contentOf(await openNormal(disk.kill())), 'and the ledger opens again')
})

t.test('records that are gone before a fill at the beginning of a segment are missed', async (t) => {
  const disk = await diskAfter()
  // The only record of segment 2 is given up for a fill; then all of segment 1 is lost behind its first record.
  disk.bytesOf(segmentPath(DIRECTORY, 2)).fill(0, DATA_OFFSET)
  const repair = await openRepair(disk)
  await repair.replaceCommitted(ENTRIES)
  t.equal((await repair.finish()).status, 'normal')
  const kept = disk.bytesOf(segmentPath(DIRECTORY, 1))
  kept.fill(0, DATA_OFFSET + 72 + 88)
  const again = await openRepair(disk.copy())
  t.match(again.damaged, [{ segment: 1, firstOrdinal: 3, fix: 'committed', needFrom: 1 }])
})
