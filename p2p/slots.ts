/** A number of slots and a bounded, fair queue for them. */
export class Slots {
  readonly #slots: number
  readonly #queueMax: number
  readonly #waiting: (() => void)[] = []
  #taken = 0

  constructor({ slots, queueMax }: { readonly slots: number; readonly queueMax: number }) {
    this.#slots = slots
    this.#queueMax = queueMax
  }

  get unused(): boolean { return this.#taken === 0 }

  /** Takes a slot, waiting in line for it. False when the line is full. Rejects with the signal's reason when it aborts first. */
  async take(signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted()
    if (this.#taken < this.#slots) {
      this.#taken++
      return true
    }
    if (this.#waiting.length >= this.#queueMax) return false
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(resolve), 1)
      reject(signal.reason)
    }
    this.#waiting.push(resolve)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await promise
      return true
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Gives a slot back: to the first in line, if any. */
  give(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#taken--
    else next()
  }
}
