import { toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { noMetrics } from '../primitives/ports.ts'
import type { Clock, Logger } from '../primitives/ports.ts'
import type { Mailbox, MailboxAddress, MailboxEntry } from './mailbox.ts'
import { createVaultMetrics } from './metrics.ts'
import type { VaultMetrics } from './metrics.ts'
import type { VaultRequest } from './messages.ts'
import { reasonOf } from './peer-client.ts'
import type { VaultPeerClient } from './peer-client.ts'
import { whenNotFound } from './peer-handler.ts'

/** Deliveries waiting for members that did not answer, at most; beyond it the oldest is given up, as readers can still collect. */
const WAITING_MAX = 10_000
/** Codes that another attempt does not change. */
const FINAL_REFUSALS = new Set(['MAILBOX_CONFLICT', 'MAILBOX_DELETED', 'MAILBOX_INPUT_INVALID'])
/** A member that lags behind does not know the decision yet and forbids what it will allow; for this long it is asked again. */
const LAG_MS = 60_000

interface Delivery { readonly node: number; readonly request: VaultRequest; readonly untilMs: number | null; readonly sinceMs: number }

/** What became of a posting or deletion at the other members; those in `waiting` are tried again. */
export interface DeliveryReport { readonly delivered: readonly number[]; readonly waiting: readonly number[]; readonly refused: readonly number[] }

/**
 * One mailbox spread over the members: an entry posted here is brought to all of them, so that its reader may ask any; a deletion follows it.
 * The own mailbox is the truth for what was posted here; a member that was away catches up by retries, and a reader by collecting.
 */
export class PostOffice {
  readonly #options: { readonly node: number; readonly retryIntervalMs: number }
  readonly #mailbox: Mailbox
  readonly #client: VaultPeerClient
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #logger: Logger
  readonly #metrics: VaultMetrics
  readonly #waiting = new Map<string, Delivery>()
  #timer: NodeJS.Timeout | undefined
  #retrying: Promise<void> | undefined
  #stopping = new AbortController()

  /** `node` is this node's own id. */
  constructor(options: { readonly node: number; readonly retryIntervalMs: number }, collaborators: { readonly mailbox: Mailbox; readonly client: VaultPeerClient; readonly clock: Pick<Clock, 'nowMs'>; readonly logger: Logger; readonly metrics?: VaultMetrics }) {
    this.#options = options
    this.#mailbox = collaborators.mailbox
    this.#client = collaborators.client
    this.#clock = collaborators.clock
    this.#logger = collaborators.logger
    this.#metrics = collaborators.metrics ?? createVaultMetrics(noMetrics)
  }

  async start(): Promise<void> {
    if (this.#timer !== undefined) return
    this.#stopping = new AbortController()
    this.#timer = setInterval(() => {
      this.#retrying ??= this.retry(this.#stopping.signal).catch((error: unknown) => this.#logger.error({ error }, 'mailbox deliveries could not be retried')).then(() => { this.#retrying = undefined })
    }, this.#options.retryIntervalMs).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#stopping.abort()
    await this.#retrying
  }

  /** Deliveries still to be made. */
  get waiting(): number { return this.#waiting.size }

  /** Keeps an entry here (throws as `Mailbox.put`), then brings it to every other node. */
  async put(entry: Omit<MailboxEntry, 'storedAtMs' | 'origin'>, signal?: AbortSignal): Promise<DeliveryReport> {
    await this.#mailbox.put({ ...entry, origin: this.#options.node })
    const { request, section, kind, sealed, untilMs } = entry
    return this.#toAll({ kind: 'post', value: { request, section, kind, sealed, until: untilMs === null ? null : BigInt(untilMs) } }, untilMs, signal)
  }

  /**
   * Deletes an entry here, then everywhere. A member that does not answer is asked again until the entry would have ended by itself, and may
   * serve it meanwhile: every node that serves a key must therefore check besides that its permit still holds (DESIGN §5.13).
   */
  async delete({ request, section, kind }: MailboxAddress, signal?: AbortSignal): Promise<DeliveryReport & { readonly found: boolean }> {
    const entry = await this.#mailbox.get({ request, section, kind }).catch(whenNotFound)
    const found = await this.#mailbox.delete({ request, section, kind })
    for (const key of [...this.#waiting.keys()]) if (key.endsWith(`/post/${toHex(request)}/${section}/${kind}`)) this.#waiting.delete(key)
    const untilMs = entry?.untilMs ?? null
    return { found, ...(await this.#toAll({ kind: 'erase', value: { request, section, kind } }, untilMs, signal)) }
  }

  /** An entry from here, else from the first member that has it. `MAILBOX_NOT_FOUND`. What a member hands over is opened by its reader or not at all. */
  async get(address: MailboxAddress, signal?: AbortSignal): Promise<MailboxEntry> {
    const { request, section, kind } = address
    const local = await this.#mailbox.get(address).catch(whenNotFound)
    if (local !== undefined) return local
    for (const { node } of this.#client.nodes()) {
      const found = await this.#client.collect(node, address, signal).catch((error: unknown) => {
        signal?.throwIfAborted()
        this.#logger.debug({ node, reason: reasonOf(error) }, 'a member could not be asked for a mailbox entry')
        return null
      })
      if (found === null || (found.until !== null && found.until <= BigInt(this.#clock.nowMs()))) continue
      return { request, section, kind, sealed: found.sealed, origin: found.origin, storedAtMs: Number(found.storedAt), untilMs: found.until === null ? null : Number(found.until) }
    }
    throw new SteleError({ code: 'MAILBOX_NOT_FOUND', message: 'nothing waits here', details: { request: toHex(request), section, kind } })
  }

  /** Tries every waiting delivery once. Runs by itself at intervals after `start`. */
  async retry(signal?: AbortSignal): Promise<void> {
    for (const [key, delivery] of [...this.#waiting]) {
      if (delivery.untilMs !== null && delivery.untilMs <= this.#clock.nowMs()) {
        this.#waiting.delete(key)
        continue
      }
      if (signal?.aborted === true) return
      // A deletion made meanwhile has taken the delivery off the list.
      if (this.#waiting.has(key) && (await this.#deliver(delivery, signal)) !== 'waiting') this.#waiting.delete(key)
    }
  }

  async #toAll(request: VaultRequest, untilMs: number | null, signal: AbortSignal | undefined): Promise<DeliveryReport> {
    const report = { delivered: [] as number[], waiting: [] as number[], refused: [] as number[] }
    await Promise.all(this.#client.nodes().map(async ({ node }) => {
      const delivery = { node, request, untilMs, sinceMs: this.#clock.nowMs() }
      const outcome = await this.#deliver(delivery, signal)
      report[outcome].push(node)
      if (outcome === 'waiting') this.#wait(delivery)
    }))
    this.#metrics.mailboxWaiting.set(this.#waiting.size)
    for (const nodes of Object.values(report)) nodes.sort((a, b) => a - b)
    return report
  }

  async #deliver({ node, request, sinceMs }: Delivery, signal: AbortSignal | undefined): Promise<'delivered' | 'waiting' | 'refused'> {
    try {
      await this.#client.ask(node, request, 'done', signal)
      return 'delivered'
    } catch (error) {
      const reason = reasonOf(error)
      const isFinal = FINAL_REFUSALS.has(reason) || (reason === 'MAILBOX_FORBIDDEN' && this.#clock.nowMs() - sinceMs >= LAG_MS)
      if (!isFinal) return 'waiting'
      this.#logger.warn({ node, request: request.kind, reason }, 'a member refused a mailbox entry')
      return 'refused'
    }
  }

  #wait(delivery: Delivery): void {
    const { node, request } = delivery
    if (request.kind !== 'post' && request.kind !== 'erase') return
    if (this.#waiting.size >= WAITING_MAX) {
      const oldest = this.#waiting.keys().next().value
      if (oldest !== undefined) this.#waiting.delete(oldest)
      this.#logger.warn({ waitingMax: WAITING_MAX }, 'a mailbox delivery was given up')
    }
    this.#waiting.set(`${node}/${request.kind}/${toHex(request.value.request)}/${request.value.section}/${request.value.kind}`, delivery)
  }
}
