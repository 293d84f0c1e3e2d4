import type { GossipVerdict } from '../p2p/gossip.ts'
import { array, bytes, decode, encode, struct } from '../primitives/codec.ts'
import { errorCode } from '../primitives/error.ts'
import type { Clock, Logger } from '../primitives/ports.ts'
import { TRANSACTION_LIMITS } from '../primitives/transaction.ts'
import type { Transaction } from '../primitives/transaction.ts'
import type { Admission } from './admission.ts'

/** A batch on the wire: at most 256 transactions or 384 KiB, sent at once or after 5 ms (DESIGN §5.16). */
const RELAY = { transactionsMax: 256, batchBytesMax: 384 * 1024, delayMs: 5 } as const
const batchSchema = struct({ transactions: array(bytes({ max: TRANSACTION_LIMITS.transactionBytesMax }), { min: 1, max: RELAY.transactionsMax }) })

/** What waits for so long is told to everybody, in ms: the leader may have lost it, leave it out, or soon be another. */
const STALE_MS = 1_000
/** Batches of it that go to the leader in a round: more than it puts into blocks meanwhile, or a leader that was full for a moment would be served slowly ever after. */
const STALE_BATCHES_MAX = 16

export interface RelayPorts {
  readonly admission: Admission
  readonly publish: (data: Uint8Array) => Promise<unknown>
  /** Hands a batch to one node, and waits until it was taken. */
  readonly forward: (node: number, data: Uint8Array) => Promise<unknown>
  /** Counts against a node that handed over what no sound member passes on. */
  readonly blame: (node: number) => void
  readonly leader: () => number
  readonly self: number
  readonly waiting: () => Iterable<Transaction>
  readonly onAdmitted: () => void
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Passes transactions on, in batches, and takes theirs: first to the leader alone, since the others are about to have them inside a block; to everybody by gossip when no leader is known or
 * it does not take them, and when they have waited for a while.
 */
export class Relay {
  readonly #ports: RelayPorts
  #batch: Uint8Array[] = []
  #batchBytes = 0
  #timer: NodeJS.Timeout | undefined
  #lastSentMs = 0
  #stale: NodeJS.Timeout | undefined
  readonly #seenMs = new Map<string, number>()
  #handingOver = false

  constructor(ports: RelayPorts) {
    this.#ports = ports
  }

  start(): void {
    this.#stale ??= setInterval(() => this.#tellStale(), STALE_MS).unref()
  }

  stop(): void {
    clearInterval(this.#stale)
    clearTimeout(this.#timer)
    this.#stale = undefined
    this.#batch = []
  }

  /** Queues a transaction that this node admitted. The first after a pause leaves at once. A leader keeps its own. */
  relay(transaction: Transaction): void {
    if (this.#ports.leader() === this.#ports.self) return
    if (this.#batchBytes + transaction.bytes.length > RELAY.batchBytesMax) this.#flush()
    this.#batch.push(transaction.bytes)
    this.#batchBytes += transaction.bytes.length
    if (this.#batch.length >= RELAY.transactionsMax) this.#flush()
    else this.#timer ??= setTimeout(() => this.#flush(), Math.max(0, Math.min(RELAY.delayMs, RELAY.delayMs - (this.#ports.clock.monotonicMs() - this.#lastSentMs))))
  }

  /** Judges a batch from another node: reject what no sound member sends, ignore what is of no use now. */
  async receive(data: Uint8Array): Promise<GossipVerdict> {
    let transactions: readonly Uint8Array[]
    try {
      transactions = decode(batchSchema, data, { share: true }).transactions
    } catch {
      return 'reject' // Batches are made by nodes, never by clients: a malformed one is the node's fault.
    }
    const verdicts = await Promise.all(transactions.map((bytes) => this.#take(bytes)))
    if (verdicts.includes('reject')) return 'reject'
    return verdicts.includes('accept') ? 'accept' : 'ignore'
  }

  /** Takes a batch that another node handed to this one. Garbage costs it as much as by gossip. */
  async take(from: number, data: Uint8Array): Promise<void> {
    if (await this.receive(data) === 'reject') this.#ports.blame(from)
  }

  async #take(bytes: Uint8Array): Promise<GossipVerdict> {
    try {
      const { known } = await this.#ports.admission.admit(bytes)
      if (known) return 'ignore'
      this.#ports.onAdmitted()
      return 'accept'
    } catch (error) {
      const code = errorCode(error)
      // A sound node verified these before it passed them on; the other codes depend on how far each node is.
      const guilty = code === 'TX_SIGNATURE_INVALID' || code === 'TX_WRONG_CHAIN' || code?.startsWith('CODEC_') === true
      if (code === undefined) this.#ports.logger.error({ error }, 'a relayed transaction could not be judged')
      return guilty ? 'reject' : 'ignore'
    }
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#batch.length === 0) return
    const data = encode(batchSchema, { transactions: this.#batch })
    this.#batch = []
    this.#batchBytes = 0
    this.#lastSentMs = this.#ports.clock.monotonicMs()
    const to = this.#ports.leader()
    if (to === this.#ports.self) return // It leads by now.
    if (to === 0) this.#publish(data)
    else this.#forward(to, data, () => this.#publish(data))
  }

  #forward(to: number, data: Uint8Array, otherwise: () => void): void {
    this.#ports.forward(to, data).catch((error: unknown) => {
      this.#ports.logger.debug({ error, to }, 'transactions could not be handed to the leader')
      otherwise()
    })
  }

  #publish(data: Uint8Array): void {
    this.#ports.publish(data).catch((error: unknown) => this.#ports.logger.debug({ error }, 'transactions could not be relayed'))
  }

  /**
   * What waited here for a whole round goes to the leader once more: it had no room, or lost it. One batch of the oldest goes to everybody too, for whoever leads next: gossip loses what comes
   * all at once.
   */
  #tellStale(): void {
    const { leader, self } = this.#ports
    const to = leader()
    const [oldest, ...others] = this.#stuck().map((transactions) => encode(batchSchema, { transactions }))
    if (oldest === undefined || to === 0) return
    this.#publish(oldest)
    if (to !== self) void this.#handOver(to, [oldest, ...others])
  }

  /** Batches of what waits for longer than a round, oldest first. */
  #stuck(): Uint8Array[][] {
    const now = this.#ports.clock.monotonicMs()
    const batches: Uint8Array[][] = []
    const present = new Set<string>()
    let room = 0
    for (const { key, bytes: envelope } of this.#ports.waiting()) {
      present.add(key)
      const since = this.#seenMs.get(key)
      if (since === undefined) this.#seenMs.set(key, now)
      if (since === undefined || now - since < STALE_MS) continue
      if (envelope.length > room || batches.at(-1)?.length === RELAY.transactionsMax) {
        if (batches.length === STALE_BATCHES_MAX) continue
        batches.push([])
        room = RELAY.batchBytesMax
      }
      batches.at(-1)!.push(envelope)
      room -= envelope.length
    }
    for (const key of this.#seenMs.keys()) if (!present.has(key)) this.#seenMs.delete(key)
    return batches
  }

  /** One after another, and no more once the leader does not answer; one without room answers too, so what it left comes again with the next round, the oldest first. */
  async #handOver(to: number, batches: readonly Uint8Array[]): Promise<void> {
    if (this.#handingOver) return
    this.#handingOver = true
    try {
      for (const data of batches) await this.#ports.forward(to, data)
    } catch (error) {
      this.#ports.logger.debug({ error, to }, 'transactions could not be handed to the leader')
    } finally {
      this.#handingOver = false
    }
  }
}
