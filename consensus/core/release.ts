import { invariant } from '../../primitives/assert.ts'
import type { Index, Message, NodeId } from './message.ts'

/** Where the core puts its answers, and from where they come back when they may leave. `Release` is the one that nodes use. */
export interface Answers {
  /** Newest entry of the present log that this node may have acknowledged to anyone. */
  readonly vouched: Index
  readonly waiting: number
  /** Keeps `message` until `batch` is durable and entry `index` executed. */
  hold(message: Message, batch: number, index: Index): void
  stored(batch: number): void
  /** The log lost `from` and everything above. */
  truncated(from: Index): void
  /** The next answer that may leave; one to the node itself is stepped at once. */
  next(executed: Index): Message | undefined
}

interface Waiting {
  readonly message: Message
  /** Batch that must be durable. */
  readonly batch: number
  /** Entry that must be executed; 0 when the answer vouches for none. */
  readonly index: Index
}

/**
 * Holds back every answer that vouches for something: votes, requests for votes, acknowledgements, the node's own ones included. They leave in
 * the order they came, each once its batch is durable and its entry executed to its root (DESIGN §5.6). Losing one is always safe: it looks like a lost message.
 */
export class Release implements Answers {
  readonly #self: NodeId
  readonly #waitingMax: number
  #queue: Waiting[] = []
  #stored = 0
  #vouched: Index

  /** `vouched`: newest entry that may have been acknowledged before, that is the last stored one. Others' answers beyond `waitingMax` are dropped. */
  constructor(self: NodeId, vouched: Index, waitingMax: number) {
    this.#self = self
    this.#vouched = vouched
    this.#waitingMax = waitingMax
  }

  /** Newest entry of the present log that this node may have acknowledged to anyone. */
  get vouched(): Index { return this.#vouched }
  get waiting(): number { return this.#queue.length }
  get storedBatch(): number { return this.#stored }

  hold(message: Message, batch: number, index: Index): void {
    if (this.#queue.length >= this.#waitingMax && message.to !== this.#self) return
    this.#queue.push({ message, batch, index })
  }

  stored(batch: number): void {
    invariant(batch >= this.#stored, 'batches become durable in order', { batch, stored: this.#stored })
    this.#stored = batch
  }

  /** The log lost `from` and everything above: what vouches for it is void, votes wait for what is left; they were cast on the longer log, so they stay right. */
  truncated(from: Index): void {
    this.#vouched = Math.min(this.#vouched, from - 1)
    this.#queue = this.#queue
      .filter(({ message, index }) => index < from || !vouchesForLog(message))
      .map((waiting) => (waiting.index < from ? waiting : { ...waiting, index: from - 1 }))
  }

  /** The next answer that may leave now, when execution has come to `executed`. */
  next(executed: Index): Message | undefined {
    const head = this.#queue[0]
    if (head === undefined || head.batch > this.#stored || head.index > executed) return undefined
    this.#queue.shift()
    if (vouchesForLog(head.message)) this.#vouched = Math.max(this.#vouched, head.index)
    return head.message
  }
}

/** Whether the receiver counts this node as a holder of its log up to the entry the message waits for. */
function vouchesForLog(message: Message): boolean {
  return message.type === 'appendAck' || message.type === 'appendRefusal'
}
