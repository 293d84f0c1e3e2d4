import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { Logger, Random } from '../primitives/ports.ts'

/** How often a node tells where it stands, and how often what it heard is written down, in ms. */
const TELL_MS = 1_000
export const PRESENCE_BYTES = 40

/**
 * Where a node stands: its start counter, the log entry up to which it has committed, and the last one it holds. `startTerm` and `startLast`: its term and the last entry of its log as this
 * start found them on disk, which stay the same until the next start. `start`: a random number of this start. A copy that is put back counts on from where it was copied, so its start
 * bears the same number as the one after the copying, and found the same on disk.
 */
export interface Presence { readonly boot: number; readonly committed: number; readonly last: number; readonly startTerm: number; readonly startLast: number; readonly start: number }

/** What a node has promised in the term `term`: never to go back behind it, and, while it stays, to hold the entries up to `index` (0: a vote only). */
export interface Promised { readonly term: number; readonly index: number }

export function encodePresence({ boot, committed, last, startTerm, startLast, start }: Presence): Uint8Array {
  const bytes = new Uint8Array(PRESENCE_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, boot)
  view.setBigUint64(4, BigInt(committed))
  view.setBigUint64(12, BigInt(last))
  view.setUint32(20, startTerm)
  view.setBigUint64(24, BigInt(startLast))
  view.setBigUint64(32, BigInt(start))
  return bytes
}

/** `MESSAGE_MALFORMED` for anything else than what `encodePresence` makes. */
export function decodePresence(bytes: Uint8Array): Presence {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const whole = bytes.length === PRESENCE_BYTES ? [view.getBigUint64(4), view.getBigUint64(12), view.getBigUint64(24), view.getBigUint64(32)].map(Number) : []
  if (whole.length === 0 || !whole.every(Number.isSafeInteger)) throw new SteleError({ code: 'MESSAGE_MALFORMED', message: 'a consensus message cannot be read', details: { rule: 'a presence has 40 bytes' } })
  return { boot: view.getUint32(0), committed: whole[0]!, last: whole[1]!, startTerm: view.getUint32(20), startLast: whole[2]!, start: whole[3]! }
}

/**
 * Why a node that once stood at `before`, and promised what it did, cannot honestly stand at `now`; undefined when it can. What a node has committed was durable in its log before it said so, and
 * so were terms and entries before it voted or acknowledged. Entries may go when a later term's leader takes them back, never while the term stays.
 */
export function regression(before: Pick<Presence, 'boot' | 'committed'> & Partial<Presence>, now: Presence, promised: Promised = { term: 0, index: 0 }): string | undefined {
  if (now.boot < before.boot) return `its start counter fell from ${before.boot} to ${now.boot}`
  if (now.last < before.committed) return `its log ends at ${now.last}, it had committed ${before.committed}`
  if (now.boot === before.boot) return isSameStart(before, now) ? undefined : `two starts bear the number ${now.boot}`
  if (now.startTerm < promised.term) return `it started in term ${now.startTerm}, it had voted or acknowledged in term ${promised.term}`
  if (now.startTerm === promised.term && now.startLast < promised.index) return `it started with a log that ended at ${now.startLast}, it had acknowledged ${promised.index} in that term`
  return undefined
}

/** Whether two of one number may be the same start. What an earlier build wrote down has no random number: then what the start found on disk has to be the same, as far as it was written. */
function isSameStart(before: Partial<Presence>, now: Presence): boolean {
  if (before.start !== undefined) return before.start === now.start
  return before.startTerm === undefined || (before.startTerm === now.startTerm && before.startLast === now.startLast)
}

/** A number that no other start draws. */
export function newStart(random: Random): number {
  const bytes = random.bytes(6)
  return bytes.reduce((number, byte) => number * 256 + byte, 0)
}

export interface PresencePorts {
  readonly own: () => Presence
  readonly broadcast: (presence: Uint8Array) => void
  /** Nodes that take part; what was kept of others is forgotten, since numbers are never given twice. */
  readonly known: () => readonly number[]
  /** What other nodes have acknowledged to this one in its term, as far as it leads. Asked about once a second. */
  readonly acknowledged: () => readonly (Promised & { readonly node: number })[]
  readonly logger: Logger
}

type Kept = Pick<Presence, 'boot' | 'committed' | 'last'> & Partial<Presence> & { readonly promised?: Promised; readonly refused?: string }

/**
 * Remembers where every node stood, durably. One that comes back with less was wiped or restored from a backup: it may have forgotten votes and acknowledgements, so under its
 * old number nothing it says counts any more, here (DESIGN §5.4). The members give it a new number.
 *
 * A sound node must never be refused, so a promise counts against a later start only when it is certain that an earlier one gave it: it was heard on a line on which that start had told of itself,
 * and that line is gone or has lasted a second more. What falls between is not held against anybody.
 */
export class PresenceWatch {
  readonly #path: string
  readonly #ports: PresencePorts
  readonly #kept: Map<number, Kept>
  /** Nodes that told where they stand on the line that is open to them. */
  readonly #told = new Set<number>()
  /** Heard within the last second: it may still turn out to be of a start that has not told of itself. */
  #fresh = new Map<number, Promised>()
  #dirty = false
  #stopped = false
  #saving: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  /** Reads what was remembered; a damaged file is an error, because forgetting is what this is against. */
  constructor(dataDir: string, ports: PresencePorts) {
    this.#path = join(dataDir, 'presence.json')
    this.#ports = ports
    this.#kept = new Map(readKept(this.#path))
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.settle()
      this.tell()
      void this.save()
    }, TELL_MS).unref()
  }

  /** Nothing is written any more once this has resolved. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.save()
    this.#stopped = true
    await this.#saving
  }

  /** Tells everybody where this node stands; first of all on a new connection, before any vote or acknowledgement. */
  tell(): void {
    this.#ports.broadcast(encodePresence(this.#ports.own()))
  }

  /** A line to a node opened or is gone. When it is gone, what the node said on it is certain. */
  changed(node: number, connected: boolean): void {
    if (connected || !this.#told.delete(node)) return
    for (const { node: of, term, index } of this.#acknowledged()) if (of === node) this.#hear(node, { term, index })
    this.#certain(node)
    void this.save()
  }

  /** A node has voted for this one in `term`. */
  voted(node: number, term: number): void {
    if (this.#told.has(node)) this.#hear(node, { term, index: 0 })
  }

  /** What was heard before the last call is certain now; what has been acknowledged since is taken down. */
  settle(): void {
    for (const node of [...this.#fresh.keys()]) this.#certain(node)
    for (const { node, term, index } of this.#acknowledged()) if (this.#told.has(node)) this.#hear(node, { term, index })
  }

  /** A new leader knows its followers before any has answered: who acknowledged nothing has promised nothing in that term. */
  #acknowledged(): readonly (Promised & { readonly node: number })[] {
    return this.#ports.acknowledged().filter(({ index }) => index > 0)
  }

  #hear(node: number, promised: Promised): void {
    this.#fresh.set(node, furthest(this.#fresh.get(node), promised))
  }

  #certain(node: number): void {
    const [before, fresh] = [this.#kept.get(node), this.#fresh.get(node)]
    this.#fresh.delete(node)
    if (before === undefined || fresh === undefined) return
    const promised = furthest(before.promised, fresh)
    if (promised.term === before.promised?.term && promised.index === before.promised.index) return
    this.#kept.set(node, { ...before, promised })
    this.#dirty = true
  }

  /** Why nothing that this node says counts; undefined for a sound one. */
  refused(node: number): string | undefined { return this.#kept.get(node)?.refused }

  heard(node: number, now: Presence): void {
    const before = this.#kept.get(node)
    if (before?.refused !== undefined) return
    if (before?.boot !== now.boot) this.#fresh.delete(node)
    this.#told.add(node)
    const refused = before === undefined ? undefined : regression(before, now, before.promised)
    if (refused !== undefined) {
      this.#ports.logger.error({ code: 'NODE_REGRESSED', node, reason: refused }, 'a node came back with less than it had; its votes and acknowledgements are refused under this number')
      this.#kept.set(node, { ...before!, refused })
      this.#dirty = true
      void this.save()
      return
    }
    const committed = Math.max(now.committed, before?.committed ?? 0)
    if (before !== undefined && before.boot === now.boot && before.committed === committed && before.start !== undefined) return
    this.#kept.set(node, { ...now, committed, ...(before?.promised !== undefined && { promised: before.promised }) })
    this.#dirty = true
  }

  /** Writes what changed; one write at a time. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#save())
    return this.#saving
  }

  async #save(): Promise<void> {
    if (!this.#dirty || this.#stopped) return
    this.#dirty = false
    const known = this.#ports.known()
    for (const node of this.#kept.keys()) if (!known.includes(node)) this.#kept.delete(node)
    try {
      await writeFile(`${this.#path}.new`, JSON.stringify([...this.#kept]), { mode: 0o600, flush: true })
      await rename(`${this.#path}.new`, this.#path)
    } catch (error) {
      this.#dirty = true
      this.#ports.logger.warn({ code: errorCode(error) }, 'what was heard of other nodes could not be written down')
    }
  }
}

function furthest(a: Promised | undefined, b: Promised): Promised {
  if (a === undefined || b.term > a.term) return b
  return b.term === a.term && b.index > a.index ? b : a
}

/** A recovery of the chain takes back what was promised above its height: of every node only a refusal stays remembered. For a stopped node. */
export function forgetPromises(dataDir: string): void {
  const path = join(dataDir, 'presence.json')
  const kept = readKept(path).filter(([, { refused }]) => refused !== undefined)
  writeFileSync(`${path}.new`, JSON.stringify(kept), { mode: 0o600, flush: true })
  renameSync(`${path}.new`, path)
}

function readKept(path: string): [number, Kept][] {
  try {
    const kept: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (!Array.isArray(kept) || !kept.every(isKept)) throw new SteleError({ code: 'PRESENCE_UNREADABLE', message: 'the record of where other nodes stood is of another form', details: { path } })
    return kept
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return []
    throw new SteleError({ code: 'PRESENCE_UNREADABLE', message: 'the record of where other nodes stood cannot be read', details: { path }, cause })
  }
}

/** Numbers where this program compares numbers: what compares with nothing would never refuse anybody. What an earlier build did not write may be absent. */
function isKept(entry: unknown): entry is [number, Kept] {
  if (!Array.isArray(entry) || entry.length !== 2) return false
  const [node, kept] = entry as [unknown, unknown]
  if (!isRecord(kept)) return false
  const { boot, committed, last, startTerm, startLast, start, promised, refused } = kept
  const isPromised = promised === undefined || (isRecord(promised) && [promised['term'], promised['index']].every(Number.isSafeInteger))
  return [node, boot, committed, last].every(Number.isSafeInteger) && [startTerm, startLast, start].every((each) => each === undefined || Number.isSafeInteger(each)) && isPromised && (refused === undefined || typeof refused === 'string')
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
