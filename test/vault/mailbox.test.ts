import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { silentLogger } from '../../primitives/ports.ts'
import { Mailbox } from '../../vault/mailbox.ts'
import type { MailboxEntry } from '../../vault/mailbox.ts'
import { MAILBOX_DEFAULTS } from '../../vault/options.ts'
import type { MailboxOptions } from '../../vault/options.ts'
import { createClock, filesBelow, filesWith, random } from './fixtures.ts'

async function createMailbox(directory: string, options: Partial<MailboxOptions> = {}, clock = createClock()): Promise<Mailbox> {
  const mailbox = new Mailbox({ ...MAILBOX_DEFAULTS, directory, ...options }, { clock, logger: silentLogger })
  await mailbox.start()
  return mailbox
}
const address = { request: random.bytes(32), section: 3, kind: 'key' } as const
const entry = { ...address, sealed: Buffer.from('canary-sealed-bytes'), origin: 2, untilMs: null } satisfies Omit<MailboxEntry, 'storedAtMs'>

t.test('empty, oversized and expired entries are refused', async (t) => {
  const clock = createClock()
  const mailbox = await createMailbox(t.testdir({}), { entryBytesMax: 100 }, clock)
  t.teardown(() => mailbox.stop())
  for (const wrong of [{ sealed: new Uint8Array(0) }, { sealed: new Uint8Array(101) }, { untilMs: clock.nowMs() }]) {
    await t.rejects(mailbox.put({ ...entry, ...wrong }), { code: 'MAILBOX_INPUT_INVALID' })
  }
  await t.rejects(mailbox.get(address), { code: 'MAILBOX_NOT_FOUND' })
  t.equal(mailbox.count, 0)
})

t.test('the first bytes stay: the same are a no-op, others a conflict', async (t) => {
  const mailbox = await createMailbox(t.testdir({}))
  t.teardown(() => mailbox.stop())
  t.equal(await mailbox.put(entry), true)
  t.equal(await mailbox.put(entry), false)
  await t.rejects(mailbox.put({ ...entry, sealed: random.bytes(9) }), { code: 'MAILBOX_CONFLICT' })
  t.equal(mailbox.count, 1)
})

t.test('a deleted entry is gone from disk, does not come back, and is not told apart from one that never was', async (t) => {
  const directory = t.testdir({})
  const mailbox = await createMailbox(directory)
  await mailbox.put(entry)
  t.equal(filesWith(directory, 'canary-sealed-bytes').length, 1, 'the search finds what is there')
  t.equal(await mailbox.delete(address), true)
  t.equal(await mailbox.delete(address), false)
  t.same(filesWith(directory, 'canary-sealed-bytes'), [])
  const gone: unknown = await mailbox.get(address).catch((error: unknown) => error)
  const other = { ...address, section: 9 }
  const never: unknown = await mailbox.get(other).catch((error: unknown) => error)
  t.match(gone, { code: 'MAILBOX_NOT_FOUND', message: (never as Error).message })
  await mailbox.stop()
  const again = await createMailbox(directory)
  t.teardown(() => again.stop())
  await t.rejects(again.put(entry), { code: 'MAILBOX_DELETED' })
  t.equal(await again.delete(other), false)
  await t.rejects(again.put({ ...entry, section: 9 }), { code: 'MAILBOX_DELETED' }, 'a deletion that comes first holds too')
})

t.test('an expired entry is not served, and the sweep takes it from disk', async (t) => {
  const directory = t.testdir({})
  const clock = createClock()
  const mailbox = await createMailbox(directory, {}, clock)
  t.teardown(() => mailbox.stop())
  await mailbox.put({ ...entry, untilMs: clock.nowMs() + 300_000 })
  await mailbox.put({ ...entry, kind: 'details' })
  t.equal((await mailbox.get(address)).untilMs, clock.nowMs() + 300_000)
  t.equal(await mailbox.sweep(), 0)
  clock.advance(300_000)
  t.equal(await mailbox.sweep(), 1)
  await t.rejects(mailbox.get(address), { code: 'MAILBOX_NOT_FOUND' })
  t.equal(mailbox.count, 1)
  t.equal(filesBelow(directory).length, 1)
})

t.test('a full mailbox refuses, and takes again once an entry has expired', async (t) => {
  const clock = createClock()
  const mailbox = await createMailbox(t.testdir({}), { entriesMax: 1 }, clock)
  t.teardown(() => mailbox.stop())
  await mailbox.put({ ...entry, untilMs: clock.nowMs() + 1 })
  await t.rejects(mailbox.put({ ...entry, section: 4 }), { code: 'MAILBOX_FULL', retryable: true })
  clock.advance(1)
  await mailbox.sweep()
  t.equal(await mailbox.put({ ...entry, section: 4 }), true)
})

t.test('every flipped byte of a stored entry is found, not served, and may be deleted', async (t) => {
  const directory = t.testdir({})
  const mailbox = await createMailbox(directory)
  t.teardown(() => mailbox.stop())
  await mailbox.put(entry)
  const path = filesBelow(directory)[0]!
  const good = readFileSync(path)
  for (let at = 0; at < good.length; at++) {
    writeFileSync(path, good.map((byte, i) => (i === at ? byte ^ 1 : byte)))
    await t.rejects(mailbox.get(address), { code: 'MAILBOX_DAMAGED' }, `byte ${at}`)
  }
  t.equal(await mailbox.sweep(), 0)
  t.equal(await mailbox.delete(address), true)
  await t.rejects(mailbox.get(address), { code: 'MAILBOX_NOT_FOUND' })
})

t.test('entries survive a restart and are listed by request, section and kind', async (t) => {
  const directory = t.testdir({})
  const clock = createClock(1_700_000_000_000)
  const mailbox = await createMailbox(directory, {}, clock)
  const wanted = [{ section: 0, kind: 'details' }, { section: 0, kind: 'key' }, { section: 11, kind: 'key' }] as const
  for (const at of [...wanted].reverse()) await mailbox.put({ ...entry, ...at, untilMs: at.kind === 'key' ? clock.nowMs() + 1_000 : null })
  await mailbox.put({ ...entry, request: random.bytes(32) })
  await mailbox.stop()
  await t.rejects(mailbox.get(address), { code: 'VAULT_STOPPED' })
  const again = await createMailbox(directory, {}, clock)
  t.teardown(() => again.stop())
  t.equal(again.count, 4)
  const found = await again.list(address.request)
  t.same(found.map(({ section, kind }) => ({ section, kind })), wanted)
  t.match(found[0], { origin: 2, storedAtMs: 1_700_000_000_000, untilMs: null })
  t.same(Buffer.from(found[0]!.sealed), entry.sealed)
  t.same(await again.list(random.bytes(32)), [])
})
