import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'

/** How often a node tells where it stands, and how often what it heard is written down, in ms. */
const TELL_MS = 1_000
export const PRESENCE_BYTES = 20

/** Where a node stands: its start counter, the log entry up to which it has committed, and the last one it holds. */
export interface Presence { readonly boot: number; readonly committed: number; readonly last: number }

export function encodePresence({ boot, committed, last }: Presence): Uint8Array {
  const bytes = new Uint8Array(PRESENCE_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, boot)
  view.setBigUint64(4, BigInt(committed))
  view.setBigUint64(12, BigInt(last))
  return bytes
}

/** `MESSAGE_MALFORMED` for anything else than what `encodePresence` makes. */
export function decodePresence(bytes: Uint8Array): Presence {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const whole = bytes.length === PRESENCE_BYTES ? [view.getBigUint64(4), view.getBigUint64(12)].map(Number) : []
  if (whole.length === 0 || !whole.every(Number.isSafeInteger)) throw new SteleError({ code: 'MESSAGE_MALFORMED', message: 'a consensus message cannot be read', details: { rule: 'a presence has 20 bytes' } })
  return { boot: view.getUint32(0), committed: whole[0]!, last: whole[1]! }
}

/** Why a node that once stood at `before` cannot honestly stand at `now`; undefined when it can. What a node has committed was durable in its log before it said so. */
export function regression(before: Presence, now: Presence): string | undefined {
  if (now.boot < before.boot) return `its start counter fell from ${before.boot} to ${now.boot}`
  if (now.last < before.committed) return `its log ends at ${now.last}, it had committed ${before.committed}`
  return undefined
}

export interface PresencePorts {
  readonly own: () => Presence
  readonly broadcast: (presence: Uint8Array) => void
  /** Nodes that take part; what was kept of others is forgotten, since numbers are never given twice. */
  readonly known: () => readonly number[]
  readonly logger: Logger
}

interface Kept extends Presence { readonly refused?: string }

/**
 * Remembers where every node stood, durably. One that comes back with less was wiped or restored from a backup: it may have forgotten votes and acknowledgements, so under its
 * old number nothing it says counts any more, here (DESIGN §5.4). The members give it a new number.
 */
export class PresenceWatch {
  readonly #path: string
  readonly #ports: PresencePorts
  readonly #kept: Map<number, Kept>
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

  /** Why nothing that this node says counts; undefined for a sound one. */
  refused(node: number): string | undefined { return this.#kept.get(node)?.refused }

  heard(node: number, now: Presence): void {
    const before = this.#kept.get(node)
    if (before?.refused !== undefined) return
    const refused = before === undefined ? undefined : regression(before, now)
    if (refused !== undefined) {
      this.#ports.logger.error({ code: 'NODE_REGRESSED', node, reason: refused }, 'a node came back with less than it had; its votes and acknowledgements are refused under this number')
      this.#kept.set(node, { ...before!, refused })
      this.#dirty = true
      void this.save()
      return
    }
    const committed = Math.max(now.committed, before?.committed ?? 0)
    if (before !== undefined && before.boot === now.boot && before.committed === committed) return
    this.#kept.set(node, { ...now, committed })
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

function readKept(path: string): [number, Kept][] {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as [number, Kept][]
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return []
    throw new SteleError({ code: 'PRESENCE_UNREADABLE', message: 'the record of where other nodes stood cannot be read', details: { path }, cause })
  }
}
