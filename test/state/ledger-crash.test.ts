import t from 'tap'
import type { Ledger, LedgerBatch } from '../../state/ledger.ts'
import { openLedger } from '../../state/ledger-open.ts'
import type { OpenedLedger } from '../../state/ledger-open.ts'
import type { Entry, HardState } from '../../state/ledger-record.ts'
import { scanLedger } from '../../state/ledger-verify.ts'
import { Crashed, CrashFileSystem, ManualTimers } from '../helpers/crash-file-system.ts'
import type { CrashOptions } from '../helpers/crash-file-system.ts'
import { DIRECTORY, openNormal, testCollaborators, testEntry, testOptions } from './ledger-fixture.ts'

// Goal: whatever a resolved append held is there after any crash, and a crash alone never leads to repair mode.
// Method: a fixed script of batches (votes, entries, truncations, refusals, attestations, segment changes) runs against a disk in
// memory which dies at its k-th call, for every k, and loses, keeps or tears what was not synced.
const SCRIPT: readonly LedgerBatch[] = [
  { hardState: { term: 1, vote: 2, commit: 0 } },
  { entries: [testEntry(1), testEntry(2)] },
  { entries: [testEntry(3)], refusals: [{ index: 3, term: 1, code: 'ROOT_MISMATCH', root: new Uint8Array(32).fill(3) }] },
  { attestation: { epoch: 1, height: 2, bytes: new Uint8Array(90).fill(2) }, hardState: { term: 1, vote: 2, commit: 2 } },
  { hardState: { term: 2, vote: 0, commit: 2 }, truncateFrom: 3, entries: [testEntry(3, 2, 700), testEntry(4, 2, 700)] },
  { entries: [testEntry(5, 2, 1200)], certificate: { height: 2, bytes: new Uint8Array(50).fill(9) } },
  { hardState: { term: 3, vote: 1, commit: 4 } },
  { entries: [testEntry(6, 3), testEntry(7, 3)] },
  { attestation: { epoch: 1, height: 4, bytes: new Uint8Array(90).fill(4) } },
  { truncateFrom: 6, entries: [testEntry(6, 4, 2000), testEntry(7, 4, 2000)], hardState: { term: 4, vote: 3, commit: 4 } },
]

interface Model { entries: Entry[]; hardState: HardState; attestedHeight: number }

/** The state after the first `count` batches of the script. */
function modelAfter(count: number): Model {
  const model: Model = { entries: [], hardState: { term: 0, vote: 0, commit: 0 }, attestedHeight: 0 }
  for (const batch of SCRIPT.slice(0, count)) {
    if (batch.hardState !== undefined) model.hardState = batch.hardState
    if (batch.truncateFrom !== undefined) model.entries.length = batch.truncateFrom - 1
    model.entries.push(...(batch.entries ?? []))
    model.attestedHeight = batch.attestation?.height ?? model.attestedHeight
  }
  return model
}

/** Appends from batch `from` on, two in flight at a time. Resolves to the number of batches that resolved. */
async function run(ledger: Ledger, timers: ManualTimers, from: number, to = SCRIPT.length): Promise<number> {
  let done = from
  try {
    for (let i = from; i < to; i += 2) {
      const first = ledger.append(SCRIPT[i] ?? {}).then(() => { done++ })
      const second = i + 1 < to ? ledger.append(SCRIPT[i + 1] ?? {}).then(() => { done++ }) : Promise.resolve()
      const [a, b] = await Promise.allSettled([first, second])
      for (const result of [a, b]) if (result.status === 'rejected') throw result.reason
      if (i % 4 === 0) timers.fire()
    }
    await ledger.close()
  } catch (error) {
    if (!isCrash(error)) throw error
  }
  return done
}

function isCrash(error: unknown): boolean {
  return error instanceof Crashed || (error instanceof Error && isCrash(error.cause))
}

/** What is wrong with a recovered ledger, given that `done` batches had resolved and at most two more were on their way. */
function problems(opened: OpenedLedger, done: number): string[] {
  if (opened.status !== 'normal') return ['a crash led to repair mode']
  const { ledger } = opened
  const { hardState, lastAttestation } = ledger.recovered
  const found: string[] = []
  const possible = [done, done + 1, done + 2].filter((count) => count <= SCRIPT.length).map(modelAfter)
  const wanted = modelAfter(done)
  if (!possible.some((model) => model.hardState.term === hardState.term && model.hardState.vote === hardState.vote)) found.push(`term or vote lost: ${JSON.stringify(hardState)}`)
  if ((lastAttestation?.height ?? 0) < wanted.attestedHeight) found.push('attestation lost')
  if (lastAttestation !== undefined && lastAttestation.bytes === undefined) found.push('attestation bytes lost')
  const cut = Math.min(...SCRIPT.slice(done, done + 2).map((batch) => batch.truncateFrom ?? Infinity))
  for (const entry of wanted.entries) {
    if (entry.index >= cut) break
    const got = ledger.entry(entry.index)
    if (got?.term !== entry.term || Buffer.compare(got.data, entry.data) !== 0) found.push(`entry ${entry.index} lost`)
  }
  for (let index = 1; index <= ledger.lastIndex(); index++) {
    const got = ledger.entry(index)
    if (!possible.some((model) => model.entries[index - 1]?.term === got?.term && model.entries[index - 1]?.data.length === got?.data.length)) found.push(`entry ${index} was never written`)
  }
  return found
}

/** One life that crashes, and the look of the next one at what is left. */
async function liveAndDie(options: CrashOptions): Promise<{ calls: number; found: string[]; next: CrashFileSystem }> {
  const { disk, done } = await live(options)
  const next = disk.crash()
  const opened = await openLedger(testOptions(), testCollaborators(next))
  const found = problems(opened, done)
  if (opened.status === 'normal') await opened.ledger.close()
  return { calls: disk.calls, found, next }
}

/** One life up to its end or its crash. */
async function live(options: CrashOptions): Promise<{ disk: CrashFileSystem; done: number }> {
  const disk = new CrashFileSystem()
  disk.options = options
  const timers = new ManualTimers()
  let done = 0
  try {
    const ledger = await openNormal(disk, { timers })
    done = await run(ledger, timers, 0)
  } catch (error) {
    if (!isCrash(error)) throw error
  }
  return { disk, done }
}

t.test('what a resolved append held is there after a crash at any call, whatever becomes of unsynced bytes', async (t) => {
  const { calls } = await liveAndDie({})
  t.ok(calls > 60, `the script makes ${calls} calls`)
  const all: string[] = []
  for (let crashAt = 1; crashAt <= calls; crashAt++) {
    for (const options of [{ unsynced: 'lost' }, { unsynced: 'kept' }, { unsynced: 'some', seed: crashAt }, { unsynced: 'some', seed: 1000 + crashAt }] as const) {
      const { found } = await liveAndDie({ ...options, crashAt })
      all.push(...found.map((problem) => `call ${crashAt}, ${JSON.stringify(options)}: ${problem}`))
    }
  }
  t.same(all, [])
})

t.test('the same check finds losses when the sync of segments does nothing', async (t) => {
  const { calls } = await liveAndDie({})
  let lost = 0
  for (let crashAt = 30; crashAt <= calls; crashAt++) {
    const { found } = await liveAndDie({ crashAt, ignoreSyncOf: '.segment', unsynced: 'lost' })
    if (found.length > 0) lost++
  }
  t.ok(lost > 20, `${lost} crashes lost something`)
})

t.test('what a killed process wrote unsynced is durable before the next start shows it', async (t) => {
  const { calls } = await liveAndDie({})
  const all: string[] = []
  for (let crashAt = 1; crashAt <= calls; crashAt++) {
    const { disk, done } = await live({ crashAt })
    const killed = disk.kill()
    // On a real disk the next spare takes its time; its directory sync must not hide a missing one.
    killed.fault = (call, path) => (call === 'create' && path.endsWith('.spare.new') ? new Promise(() => undefined) : undefined)
    const opened = await openLedger(testOptions(), testCollaborators(killed))
    all.push(...problems(opened, done).map((problem) => `call ${crashAt}: ${problem}`))
    const { lastIndex, bootCounter } = opened.status === 'normal' ? opened.ledger.recovered : { lastIndex: 0, bootCounter: 0 }
    // The power fails the moment the second start has shown its log.
    const { recovered } = await openNormal(killed.crash())
    if (recovered.lastIndex < lastIndex) all.push(`call ${crashAt}: shown to ${lastIndex}, left to ${recovered.lastIndex}`)
    if (recovered.bootCounter <= bootCounter) all.push(`call ${crashAt}: a start was forgotten`)
  }
  t.same(all, [])
})

t.test('a ledger that has recovered from a torn batch goes on and opens again', async (t) => {
  const { calls } = await liveAndDie({})
  for (let crashAt = 40; crashAt <= calls; crashAt += 3) {
    const { next } = await liveAndDie({ crashAt, unsynced: 'some', seed: 77 * crashAt })
    const ledger = await openNormal(next)
    const index = ledger.lastIndex() + 1
    await ledger.append({ hardState: { term: 9, vote: 1, commit: ledger.recovered.hardState.commit }, entries: [testEntry(index, 9), testEntry(index + 1, 9)] })
    const again = await openNormal(next.crash())
    await again.close()
    if (again.recovered.lastIndex !== index + 1 || again.recovered.hardState.term !== 9) t.fail(`call ${crashAt}`)
    t.same((await scanLedger(next.copy(), DIRECTORY)).damaged, [], 'nothing of the torn batch is left')
  }
})

t.test('a full disk or a failed sync ends the ledger for good', async (t) => {
  for (const call of ['write', 'sync'] as const) {
    const disk = new CrashFileSystem()
    const failures: string[] = []
    const ledger = await openNormal(disk, { failed: (error) => failures.push(error.code) })
    await ledger.append({ entries: [testEntry(1)] })
    let broken = true
    disk.fault = (which, path) => {
      if (broken && which === call && path.endsWith('00000001.segment')) throw Object.assign(new Error('no space'), { code: call === 'write' ? 'ENOSPC' : 'EIO' })
    }
    const first = ledger.append({ entries: [testEntry(2)] })
    const second = ledger.append({ entries: [testEntry(3)] })
    await t.rejects(first, { code: 'LEDGER_WRITE_FAILED', cause: { code: call === 'write' ? 'ENOSPC' : 'EIO' } })
    await t.rejects(second, { code: 'LEDGER_WRITE_FAILED' })
    broken = false
    await t.rejects(ledger.append({ entries: [testEntry(4)] }), { code: 'LEDGER_WRITE_FAILED' }, 'a later sync would succeed and say nothing about the lost bytes')
    t.throws(() => ledger.entries(1, 2, 1), { code: 'LEDGER_WRITE_FAILED' })
    t.same(failures, ['LEDGER_WRITE_FAILED'], 'told once')
    await ledger.close()
    const next = await openNormal(disk.crash())
    t.equal(next.recovered.lastIndex, 1)
  }
})

t.test('what a restart shows after a failed sync survives the power cut after it (found by the simulator, seed 65)', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  await ledger.append({ hardState: { term: 1, vote: 1, commit: 0 }, entries: [testEntry(1)] })
  let broken = true
  disk.fault = (which, path) => {
    if (broken && which === 'sync' && path.endsWith('00000001.segment')) throw Object.assign(new Error('input/output error'), { code: 'EIO' })
  }
  await t.rejects(ledger.append({ hardState: { term: 2, vote: 3, commit: 0 }, entries: [testEntry(2, 2)] }), { code: 'LEDGER_WRITE_FAILED' })
  broken = false
  await ledger.close()
  // The process ends, the machine does not: the pages are still shown, and no sync will write them.
  const restarted = disk.kill()
  const again = await openNormal(restarted)
  t.match(again.recovered, { lastIndex: 2, hardState: { term: 2, vote: 3 } })
  const { recovered } = await openNormal(restarted.crash())
  t.match(recovered, { lastIndex: 2, hardState: { term: 2, vote: 3 } }, 'it was counted as durable, so it is')
})

t.test('the same holds where the segment is full, so that the start is counted in the next one (found by the simulator, seed 100042)', async (t) => {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  await ledger.append({ entries: [testEntry(1)] })
  let broken = true
  disk.fault = (which, path) => {
    if (broken && which === 'sync' && path.endsWith('00000001.segment')) throw Object.assign(new Error('input/output error'), { code: 'EIO' })
  }
  // With the boot record (72 bytes) and the first entry (448) this one fills the segment to its last byte.
  await t.rejects(ledger.append({ entries: [testEntry(2, 1, 4096 - 72 - 448 - 144)] }), { code: 'LEDGER_WRITE_FAILED' })
  broken = false
  await ledger.close()
  const restarted = disk.kill()
  const again = await openNormal(restarted)
  t.match(again.recovered, { lastIndex: 2 })
  t.match((await openNormal(restarted.crash())).recovered, { lastIndex: 2 }, 'the sync of the next segment alone would not have kept it')
})

/** A ledger with one entry, whose process has ended after a sync that failed over a vote: the pages still show it. */
async function afterFailedSync(): Promise<CrashFileSystem> {
  const disk = new CrashFileSystem()
  const ledger = await openNormal(disk)
  await ledger.append({ entries: [testEntry(1)] })
  disk.fault = (which) => {
    if (which === 'sync') throw Object.assign(new Error('input/output error'), { code: 'EIO' })
  }
  await ledger.append({ hardState: { term: 2, vote: 3, commit: 0 } }).catch(() => ledger.close())
  return disk.kill()
}

t.test('a boot record does not outlive what it calls durable: a power cut in the start after a failed sync is no damage', async (t) => {
  const disk = await afterFailedSync()
  const order: string[] = []
  disk.fault = (which, path) => { if (path.endsWith('.segment')) order.push(which) }
  await openNormal(disk)
  t.strictSame(order.slice(0, 4), ['write', 'sync', 'write', 'sync'], 'the tail is durable before the boot record is written')
  t.match((await openNormal(disk.crash())).recovered, { hardState: { term: 2, vote: 3 } })
})

t.test('no room for the next spare segment is told while the present segment still has room', async (t) => {
  const disk = new CrashFileSystem()
  disk.fault = (which, path) => {
    if (which === 'create' && path.endsWith('00000002.spare.new')) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
  }
  const failed = Promise.withResolvers<string>()
  await openLedger(testOptions(), testCollaborators(disk, { failed: (error) => failed.resolve(error.code) })).catch((error: unknown) => {
    t.match(error, { code: 'LEDGER_WRITE_FAILED' })
  })
  t.equal(await failed.promise, 'LEDGER_WRITE_FAILED')
})
