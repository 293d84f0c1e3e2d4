import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { concatBytes, equalBytes, fromHex, toHex } from '../primitives/bytes.ts'
import { bytes, decode, encode, oneOf, optional, struct, u32, u64 } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import { sha256 } from '../primitives/hash.ts'
import { noMetrics } from '../primitives/ports.ts'
import type { Clock, Logger } from '../primitives/ports.ts'
import { diskError, isMissing, namesIn, readExactly, replaceFile, syncDirectory, withFile } from './disk.ts'
import type { VaultErrorCode } from './errors.ts'
import { KeyedLock } from './keyed-lock.ts'
import { createVaultMetrics } from './metrics.ts'
import type { VaultMetrics } from './metrics.ts'
import type { MailboxOptions } from './options.ts'

export const MAILBOX_KINDS = ['key', 'details', 'joint', 'question', 'share', 'answer'] as const
export type MailboxKind = (typeof MAILBOX_KINDS)[number]

/**
 * What an entry waits under: the request's transaction id, the section, and what it is: a sealed key, sealed audit details, a contributor's masked counts for a joint release,
 * or the question, an institution's sealed share, the sealed answer of an aggregate.
 * Of masked counts, `section` holds member and sequence (`jointSection`).
 */
export interface MailboxAddress { readonly request: Uint8Array; readonly section: number; readonly kind: MailboxKind }

export interface MailboxEntry extends MailboxAddress {
  readonly sealed: Uint8Array
  /** Node that took the entry from its author; only it may delete the entry elsewhere. */
  readonly origin: number
  readonly storedAtMs: number
  /** Served before this time; null is served until deleted. */
  readonly untilMs: number | null
}

/** A deleted entry leaves a tombstone this long when its own end is not known, so that a late copy cannot bring it back. */
const TOMBSTONE_MS = 10 * 60 * 1000
/** Bytes of an entry file besides the sealed bytes, at most. */
const FILE_OVERHEAD_BYTES = 256
const LIFETIMES = ['expiring', 'kept'] as const

const fileSchema = struct({
  state: oneOf('entry', 'deleted'), origin: u32, storedAt: u64, until: optional(u64), sealed: bytes({ max: 64 * 1024 }),
})
type Stored = Infer<typeof fileSchema>

/**
 * Sealed keys and sealed audit details waiting for their readers; bytes only holders of the right key can open, deletable for good.
 * The first bytes under an address stay; the same bytes again are a no-op; after a deletion nothing comes back.
 */
export class Mailbox {
  readonly #options: MailboxOptions
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #logger: Logger
  readonly #metrics: VaultMetrics
  readonly #locks = new KeyedLock()
  #count = 0
  #temporary = 0
  #sweeper: NodeJS.Timeout | undefined
  #running = false

  constructor(options: MailboxOptions, { clock, logger, metrics }: { readonly clock: Pick<Clock, 'nowMs'>; readonly logger: Logger; readonly metrics?: VaultMetrics }) {
    this.#metrics = metrics ?? createVaultMetrics(noMetrics)
    this.#options = options
    this.#clock = clock
    this.#logger = logger
  }

  /** Entries and tombstones on disk, expired ones not yet swept included. */
  get count(): number { return this.#count }

  async start(): Promise<void> {
    if (this.#running) return
    this.#count = 0
    this.#running = true
    await this.#disk('open the mailbox', async () => {
      await rm(join(this.#options.directory, 'temporary'), { recursive: true, force: true })
      for (const folder of ['temporary', ...LIFETIMES]) await mkdir(join(this.#options.directory, folder), { recursive: true, mode: 0o700 })
      for (const lifetime of LIFETIMES) for await (const bucket of this.#buckets(lifetime)) this.#count += (await namesIn(bucket)).length
    }).catch((error: unknown) => { this.#running = false; throw error })
    await this.sweep()
    this.#sweeper = setInterval(() => {
      this.sweep().catch((error: unknown) => this.#logger.error({ error }, 'expired mailbox entries could not be removed'))
    }, this.#options.sweepIntervalMs)
    this.#sweeper.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeper)
    this.#running = false
  }

  /**
   * Stores an entry, on disk when this returns; false when the same bytes were there.
   * Throws `MAILBOX_INPUT_INVALID`, `MAILBOX_CONFLICT`, `MAILBOX_DELETED`, `MAILBOX_FULL`.
   */
  async put(entry: Omit<MailboxEntry, 'storedAtMs'>): Promise<boolean> {
    const now = this.#clock.nowMs()
    const { sealed, untilMs } = entry
    if (sealed.length === 0 || sealed.length > this.#options.entryBytesMax) throw this.#error('MAILBOX_INPUT_INVALID', 'an entry is empty or too long', entry, { length: sealed.length, entryBytesMax: this.#options.entryBytesMax })
    if (untilMs !== null && untilMs <= now) throw this.#error('MAILBOX_INPUT_INVALID', 'an entry ends in the past', entry, { untilMs })
    return this.#exclusive(entry, 'post an entry', async () => {
      const found = await this.#find(entry)
      if (found?.stored.state === 'deleted') throw this.#error('MAILBOX_DELETED', 'this entry was deleted', entry)
      if (found !== undefined) {
        if (equalBytes(found.stored.sealed, sealed)) return false
        throw this.#error('MAILBOX_CONFLICT', 'other bytes wait here already', entry)
      }
      await this.#write(entry, { state: 'entry', origin: entry.origin, storedAt: BigInt(now), until: untilMs === null ? null : BigInt(untilMs), sealed })
      return true
    })
  }

  /** `MAILBOX_NOT_FOUND` for what never came, expired or was deleted, alike; `MAILBOX_DAMAGED`. */
  async get(address: MailboxAddress): Promise<MailboxEntry> {
    const found = await this.#exclusive(address, 'read an entry', () => this.#find(address))
    if (found === undefined || found.stored.state === 'deleted') throw this.#error('MAILBOX_NOT_FOUND', 'nothing waits here', address)
    return toEntry(address, found.stored)
  }

  /** Deletes an entry for good: it is not served from now on, and no copy of it is taken again. False when none was there. */
  async delete(address: MailboxAddress): Promise<boolean> {
    return this.#exclusive(address, 'delete an entry', async () => {
      const found = await this.#find(address).catch(whenDamaged)
      const stored = found === undefined || found === 'damaged' ? undefined : found.stored
      if (stored?.state === 'deleted') return false
      const until = stored === undefined ? BigInt(this.#clock.nowMs() + TOMBSTONE_MS) : stored.until
      await this.#write(address, { state: 'deleted', origin: stored?.origin ?? 0, storedAt: BigInt(this.#clock.nowMs()), until, sealed: new Uint8Array(0) })
      return found !== undefined
    })
  }

  /** Entries waiting under one request, by section, then kind. */
  async list(request: Uint8Array): Promise<MailboxEntry[]> {
    const prefix = `${toHex(request)}.`
    const names = await this.#disk('list entries', async () => {
      const found = new Set<string>()
      for (const lifetime of LIFETIMES) {
        for (const name of await namesIn(join(this.#options.directory, lifetime, prefix.slice(0, 2)))) if (name.startsWith(prefix)) found.add(name)
      }
      return found
    })
    const out: MailboxEntry[] = []
    for (const name of names) {
      const address = parseName(name)
      if (address === undefined) continue
      const found = await this.#exclusive(address, 'read an entry', () => this.#find(address))
      if (found?.stored.state === 'entry') out.push(toEntry(address, found.stored))
    }
    return out.sort((a, b) => a.section - b.section || (a.kind < b.kind ? -1 : 1))
  }

  /** Removes expired entries and tombstones from disk; returns how many. */
  async sweep(): Promise<number> {
    let removed = 0
    for await (const bucket of this.#buckets('expiring')) {
      for (const name of await this.#disk('look for expired entries', () => namesIn(bucket))) {
        const address = parseName(name)
        // Finding an entry removes it when its time has passed.
        if (address === undefined || (await this.#exclusive(address, 'remove an expired entry', () => this.#find(address).catch(whenDamaged))) !== undefined) continue
        removed++
      }
    }
    if (removed > 0) this.#logger.debug({ count: removed }, 'expired mailbox entries removed')
    return removed
  }

  async *#buckets(lifetime: (typeof LIFETIMES)[number]): AsyncGenerator<string> {
    const folder = join(this.#options.directory, lifetime)
    for (const bucket of await namesIn(folder)) yield join(folder, bucket)
  }

  #pathOf(lifetime: (typeof LIFETIMES)[number], address: MailboxAddress): string {
    const name = nameOf(address)
    return join(this.#options.directory, lifetime, name.slice(0, 2), name)
  }

  /** The live entry or tombstone at an address; an expired one is removed on sight. */
  async #find(address: MailboxAddress): Promise<{ readonly stored: Stored; readonly path: string } | undefined> {
    for (const lifetime of LIFETIMES) {
      const path = this.#pathOf(lifetime, address)
      const raw = await readSmallFile(path, this.#options.entryBytesMax + FILE_OVERHEAD_BYTES)
      if (raw === undefined) continue
      const stored = parseFile(raw)
      if (stored === undefined) throw this.#error('MAILBOX_DAMAGED', 'a stored entry is damaged', address)
      if (stored.until === null || stored.until > BigInt(this.#clock.nowMs())) return { stored, path }
      await rm(path, { force: true })
      this.#count--
    }
    return undefined
  }

  async #write(address: MailboxAddress, stored: Stored): Promise<void> {
    const before = await this.#find(address).catch(whenDamaged)
    const path = this.#pathOf(stored.until === null ? 'kept' : 'expiring', address)
    if (before === undefined && this.#count >= this.#options.entriesMax) throw this.#error('MAILBOX_FULL', 'the mailbox has too many entries', address, { entriesMax: this.#options.entriesMax })
    const folder = join(path, '..')
    if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await syncDirectory(join(folder, '..'))
    const body = encode(fileSchema, stored)
    await replaceFile(path, join(this.#options.directory, 'temporary', String(++this.#temporary)), concatBytes(body, sha256(body)))
    if (before === undefined) this.#count++
    // A damaged entry may lie in the other folder; two files under one address would be one too many.
    if (before === 'damaged') for (const lifetime of LIFETIMES) if (this.#pathOf(lifetime, address) !== path) await rm(this.#pathOf(lifetime, address), { force: true })
  }

  #error(code: VaultErrorCode, message: string, address: MailboxAddress, details: Readonly<Record<string, unknown>> = {}): SteleError {
    return new SteleError({ code, message, details: { request: toHex(address.request), section: address.section, kind: address.kind, ...details }, retryable: code === 'MAILBOX_FULL' })
  }

  async #exclusive<T>(address: MailboxAddress, operation: string, task: () => Promise<T>): Promise<T> {
    return this.#locks.run(nameOf(address), () => this.#disk(operation, task))
  }

  async #disk<T>(operation: string, task: () => Promise<T>): Promise<T> {
    if (!this.#running) throw new SteleError({ code: 'VAULT_STOPPED', message: 'the mailbox is not running' })
    try {
      return await task()
    } catch (error) {
      throw diskError(error, operation)
    } finally {
      this.#metrics.mailboxEntries.set(this.#count)
    }
  }
}

function nameOf({ request, section, kind }: MailboxAddress): string {
  return `${toHex(request)}.${section}.${kind}`
}

function parseName(name: string): MailboxAddress | undefined {
  const match = /^([0-9a-f]{64})\.(0|[1-9][0-9]{0,9})\.([a-z]+)$/.exec(name)
  const kind = MAILBOX_KINDS.find((each) => each === match?.[3])
  return match === null || kind === undefined ? undefined : { request: fromHex(match[1]!), section: Number(match[2]), kind }
}

function toEntry(address: MailboxAddress, stored: Stored): MailboxEntry {
  return {
    request: address.request, section: address.section, kind: address.kind, sealed: stored.sealed, origin: stored.origin,
    storedAtMs: Number(stored.storedAt), untilMs: stored.until === null ? null : Number(stored.until),
  }
}

/** body ‖ SHA-256(body); undefined when either does not fit. */
function parseFile(raw: Uint8Array): Stored | undefined {
  const body = raw.subarray(0, Math.max(0, raw.length - 32))
  return raw.length > 32 && equalBytes(sha256(body), raw.subarray(raw.length - 32)) ? decode(fileSchema, body) : undefined
}

async function readSmallFile(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  try {
    return await withFile(path, 'r', async (file) => {
      const { size } = await file.stat()
      return (await readExactly(file, 0, Math.min(size, bytesMax))) ?? new Uint8Array(0)
    })
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** A damaged file still takes its place: it is overwritten or kept for the operator, never counted as absent. */
function whenDamaged(error: unknown): 'damaged' {
  if (error instanceof SteleError && error.code === 'MAILBOX_DAMAGED') return 'damaged'
  throw error
}
