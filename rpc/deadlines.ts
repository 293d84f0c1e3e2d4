/** How often deadlines are looked at, in ms: a call may take this much longer than allowed. */
const SWEEP_MS = 50

export interface Deadline {
  readonly dueMs: number
  readonly expire: () => void
}

/**
 * Deadlines of many short calls under one timer. A timer of its own for each call would cost more than the call: nearly all end long before.
 * The timer runs only while deadlines are open.
 */
export class Deadlines {
  readonly #open = new Set<Deadline>()
  #timer: NodeJS.Timeout | undefined

  /** Calls `expire` once, `afterMs` from now or up to 50 ms later, unless `remove` comes first. */
  add(afterMs: number, expire: () => void): Deadline {
    const deadline = { dueMs: performance.now() + afterMs, expire }
    this.#open.add(deadline)
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS)
    return deadline
  }

  /** Safe to call twice. */
  remove(deadline: Deadline): void {
    this.#open.delete(deadline)
  }

  #sweep(): void {
    const nowMs = performance.now()
    for (const deadline of this.#open) {
      if (deadline.dueMs > nowMs) continue
      this.#open.delete(deadline)
      deadline.expire()
    }
    if (this.#open.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
