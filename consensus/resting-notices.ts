import type { Clock, Timers } from '../primitives/ports.ts'
import type { Append } from './core/message.ts'

/** How long the news of a commit may wait for the next block to carry it. */
const REST_MS = 8

/**
 * The leader tells of a commit in an append without entries. When the next block follows within a few milliseconds it carries the same news, and a message to every follower, with all that
 * belongs to receiving it, was for nothing. So while blocks come that fast the news rests; once it rested in vain it leaves at once, until blocks come fast again.
 */
export class RestingNotices {
  readonly #timers: Timers
  readonly #clock: Clock
  readonly #send: (notice: Append) => void
  readonly #resting = new Map<number, Append>()
  #restPays = false
  #lastToldMs = -Infinity
  #cancel: (() => void) | undefined

  constructor(ports: { readonly timers: Timers; readonly clock: Clock; readonly send: (notice: Append) => void }) {
    this.#timers = ports.timers
    this.#clock = ports.clock
    this.#send = ports.send
  }

  /** True when the notice rests here, in the place of an earlier one to the same node; else it is the caller's to send. */
  keep(notice: Append): boolean {
    if (!this.#restPays) {
      this.#lastToldMs = this.#clock.monotonicMs()
      return false
    }
    this.#resting.set(notice.to, notice)
    this.#cancel ??= this.#timers.after(() => this.#tell(), REST_MS)
    return true
  }

  /** A block leaves for `node`, and with it the news. */
  carriedTo(node: number): void {
    this.#resting.delete(node)
    if (!this.#restPays) this.#restPays = this.#clock.monotonicMs() - this.#lastToldMs < REST_MS
    else if (this.#resting.size === 0) this.stop()
  }

  /** Forgets what rests. */
  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#resting.clear()
  }

  #tell(): void {
    this.#cancel = undefined
    this.#restPays = false
    const notices = [...this.#resting.values()]
    this.#resting.clear()
    for (const notice of notices) this.#send(notice)
  }
}
