import { setTimeout as sleep } from 'node:timers/promises'
import { toHex } from '../primitives/bytes.ts'
import type { DecisionEvent } from '../primitives/calls/access.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import type { RpcPermits } from '../primitives/rpc-types.ts'
import type { Chain } from '../client/chain.ts'
import { placeBefore } from './custodian-cursor.ts'
import type { CustodianCursor, PermitPlace } from './custodian-cursor.ts'
import { bundleBytes, releaseKeys, verifyPermit } from './custodian-release.ts'
import type { ReleaseOutcome, ReleaseParts } from './custodian-release.ts'

/** Permits in work or waiting for members to answer; the feed is not read further while there are so many. A permit lives five minutes. */
const OPEN_MAX = 1_000
const AT_ONCE = 8
const PAGE = 100
/** A line of health in the log this often, ms. */
const HEALTH_MS = 60_000

export interface FollowerOptions { readonly waitMs: number; readonly retryMs: number }

/** The feed of final permits of this institution, strictly after a place, in order. */
export type PermitFeed = (after: PermitPlace, limit: number, waitMs: number, signal: AbortSignal) => Promise<RpcPermits>

export interface FollowerParts {
  readonly chain: Chain
  readonly feed: PermitFeed
  /** Learns how the voters changed. True when there was news. */
  readonly followMembers: () => Promise<boolean>
  readonly release: ReleaseParts
  readonly cursor: CustodianCursor
  readonly logger: Logger
}

/** Counts since the start, for the log and the status of the door. */
export interface FollowerCounts { released: number; ended: number; waiting: number; faults: number }

/** Follows final permits and releases keys on each, in no particular order; the saved cursor never passes one that is still open. */
export class CustodianFollower {
  readonly counts: FollowerCounts = { released: 0, ended: 0, waiting: 0, faults: 0 }
  readonly #options: FollowerOptions
  readonly #parts: FollowerParts
  readonly #stop = new AbortController()
  /** Open permits by request, in feed order. */
  readonly #open = new Map<string, PermitPlace>()
  #read: PermitPlace | undefined
  #running: Promise<void> | undefined
  #tasks = new Set<Promise<void>>()
  #slots = AT_ONCE
  readonly #waiters: (() => void)[] = []
  #healthAt = 0
  /** When each kind of fault was last told, by phrase and code: few of either, so it stays small. */
  readonly #told = new Map<string, number>()

  constructor(options: FollowerOptions, parts: FollowerParts) {
    this.#options = options
    this.#parts = parts
  }

  /** Begins to follow after the saved place. Safe to call twice. */
  async start(): Promise<void> {
    if (this.#running !== undefined) return
    this.#read = await this.#parts.cursor.load()
    this.#running = this.#follow()
  }

  /** Stops reading, lets releases under way end, saves the cursor. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
    await Promise.all(this.#tasks)
    await this.#saveCursor()
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        if (this.#open.size >= OPEN_MAX) {
          await sleep(this.#options.retryMs, undefined, { signal })
          continue
        }
        await this.#readPage(signal)
      } catch (error) {
        if (signal.aborted) return
        this.#fault(error, 'the permits could not be read')
        await sleep(this.#options.retryMs, undefined, { signal }).catch(() => undefined) // Cut short by stop, which the loop sees.
      }
      this.#sayHealth()
    }
  }

  async #readPage(signal: AbortSignal): Promise<void> {
    const { items, next } = await this.#parts.feed(this.#read!, PAGE, this.#options.waitMs, signal)
    for (const { height, position, bundle } of items) {
      const permit = await this.#verified(bundle)
      if (permit === undefined) continue
      const request = toHex(permit.request)
      if (this.#open.has(request)) continue
      this.#open.set(request, { height, position })
      const task = this.#work(permit, request).finally(() => this.#tasks.delete(task))
      this.#tasks.add(task)
    }
    this.#read = { height: next.height, position: next.position }
    await this.#saveCursor()
  }

  /** Voters that are not known here yet may have come by the members' votes: then the node shows how, step by step. */
  async #verifyFollowing(bundle: Uint8Array): Promise<DecisionEvent> {
    try {
      return verifyPermit(this.#parts.chain, bundle)
    } catch (error) {
      const code = errorCode(error)
      if ((code !== 'CERTIFICATE_WRONG_MEMBER_SET' && code !== 'HISTORY_INCOMPLETE') || !await this.#parts.followMembers()) throw error
      return verifyPermit(this.#parts.chain, bundle)
    }
  }

  /** A proof that does not hold is the node's fault, not the reader's: said loudly, never acted upon. */
  async #verified(bundle: string): Promise<DecisionEvent | undefined> {
    try {
      return await this.#verifyFollowing(bundleBytes(bundle))
    } catch (error) {
      this.counts.faults++
      this.#parts.logger.error({ error }, 'the node offered a permit that does not prove itself')
      return undefined
    }
  }

  /** Until the keys are in the mailbox, or the permit is over. */
  async #work(permit: DecisionEvent, request: string): Promise<void> {
    const { signal } = this.#stop
    for (let attempt = 1; !signal.aborted; attempt++) {
      const outcome = await this.#attempt(permit)
      if (outcome.state === 'waiting') {
        if (attempt === 1) this.#parts.logger.warn({ request, code: outcome.code }, 'no key released yet')
        this.counts.waiting++
        await sleep(this.#options.retryMs, undefined, { signal }).catch(() => undefined) // Cut short by stop, which the loop sees.
        continue
      }
      this.counts[outcome.state]++
      if (outcome.state === 'released') this.#parts.logger.info({ request, sections: outcome.sections, attempt }, 'keys released')
      else this.#parts.logger.info({ request, code: outcome.code, attempt }, 'no key released')
      this.#open.delete(request)
      await this.#saveCursor().catch((error: unknown) => this.#fault(error, 'the cursor could not be saved'))
      return
    }
  }

  async #attempt(permit: DecisionEvent): Promise<ReleaseOutcome> {
    await this.#takeSlot()
    try {
      return await releaseKeys(this.#parts.release, permit)
    } catch (error) {
      this.#fault(error, 'a release failed')
      return { state: 'waiting', code: errorCode(error) ?? 'UNKNOWN' }
    } finally {
      this.#slots++
      this.#waiters.shift()?.()
    }
  }

  async #takeSlot(): Promise<void> {
    while (this.#slots === 0) await new Promise<void>((resolve) => this.#waiters.push(resolve))
    this.#slots--
  }

  /** The place up to which nothing is open: what a restart goes on from. */
  async #saveCursor(): Promise<void> {
    const [oldest] = this.#open.values()
    const place = oldest === undefined ? this.#read : placeBefore(oldest)
    if (place !== undefined) await this.#parts.cursor.save(place)
  }

  /** A node that is down would otherwise be told twice a second; the count in the health line goes on. */
  #fault(error: unknown, phrase: string): void {
    this.counts.faults++
    const kind = `${phrase} ${errorCode(error) ?? ''}`
    const now = performance.now()
    if (now - (this.#told.get(kind) ?? -Infinity) < HEALTH_MS) return
    this.#told.set(kind, now)
    const passing = error instanceof SteleError && error.retryable
    if (passing) this.#parts.logger.warn({ error }, phrase)
    else this.#parts.logger.error({ error }, phrase)
  }

  #sayHealth(): void {
    if (performance.now() - this.#healthAt < HEALTH_MS) return
    this.#healthAt = performance.now()
    this.#parts.logger.info({ ...this.counts, open: this.#open.size, cursor: this.#read }, 'custodian health')
  }
}
